package smtpace

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/smtptest"
	"github.com/smtpace/smtpace/throttle"
)

// moody is a Router that changes its mind at every question: the hosts and their order,
// names, logins, limits, destination, parents and validity, and whether it answers at all.
// Mail for the domain number i may go to the hosts i and i+1 alone, with the login of i.
type moody struct {
	mu      sync.Mutex
	rand    *rand.Rand
	servers []*smtptest.Server
	calm    bool // from now on it answers always
	asked   int
}

const moodyHosts, moodyDomains = 4, 8

// owner returns the number of a domain.
func (m *moody) owner(domain string) (i int) {
	fmt.Sscanf(domain, "d%d.example", &i)
	return i
}

func (m *moody) answer(r RouteRequest) (Route, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked++
	draw := m.rand.IntN
	if !m.calm {
		switch draw(10) {
		case 0:
			return Route{}, errors.New("the resolver is down")
		case 1:
			return Route{}, nil
		case 2:
			panic("a mistake of the Router's")
		}
	}
	i := m.owner(r.Domain)
	user := fmt.Sprint("u", i%2)
	hop := func(k int) Hop {
		srv := m.servers[k%moodyHosts]
		relay := Relay{
			Name: fmt.Sprintf("host%d as %s, %d", k%moodyHosts, user, draw(3)), Addr: srv.Addr, TLS: pool.TLSNone, DialContext: srv.DialContext, AllowInsecureLogin: true,
			Credentials: func(context.Context) (string, string, error) { return user, "secret " + user, nil },
		}
		if draw(3) == 0 {
			relay.Limits = throttle.Limits{Connections: 1 + draw(4), MessageRate: throttle.Rate{Count: 1 + draw(20), Per: time.Second}}
		}
		if !m.calm && draw(20) == 0 { // it contradicts what is known of the name
			relay.HELO = "other.example"
		}
		return Hop{Relay: relay, Weight: draw(3)}
	}
	route := Route{Destination: []string{"", "shared", r.Domain}[draw(3)]}
	switch first, second := hop(i), hop(i+1); draw(4) {
	case 0:
		route.Levels = [][]Hop{{first}}
	case 1:
		route.Levels = [][]Hop{{second}, {first}}
	case 2:
		route.Levels = [][]Hop{{first, second}}
	case 3:
		route.Levels, route.Overflow = [][]Hop{{second}, {first}}, throttle.OverflowFull
	}
	if draw(3) == 0 {
		route.Parents = []throttle.Scope{{Kind: throttle.ScopeTenant, Name: fmt.Sprint("t", draw(3))}}
	}
	switch draw(5) {
	case 0:
		route.Until = time.Now().Add(-time.Hour)
	case 1, 2:
		route.Until = time.Now().Add(time.Duration(draw(90)) * time.Second)
	}
	return route, nil
}

// TestRouterThatChangesItsMind has messages to several domains wait, be tried, put off,
// paused, rerouted and drained while each question to the Router has another answer.
// Nothing is lost, nothing is doubled, and nothing goes to a host or under a login that
// is not its domain's.
func TestRouterThatChangesItsMind(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			bubble(t, func(t *testing.T) { changesItsMind(t, seed) })
		})
	}
}

func changesItsMind(t *testing.T, seed uint64) {
	c := newChaos(seed)
	m := &moody{rand: rand.New(rand.NewPCG(seed, 2))}
	for range moodyHosts {
		srv := smtptest.NewServer(smtptest.Config{
			InMemory: true, Latency: 5 * time.Millisecond, RequireAuth: true, Users: map[string]string{"u0": "secret u0", "u1": "secret u1"},
			Fault: func(ev smtptest.Event) *smtptest.Fault {
				if f := c.fault(ev); f != nil && ev.Stage != smtptest.StageDot {
					return f
				}
				return nil
			},
		})
		t.Cleanup(srv.Close)
		m.servers = append(m.servers, srv)
	}
	var router Router = PromptRouterFunc(m.answer)
	if seed%2 == 1 {
		router = RouterFunc(func(ctx context.Context, r RouteRequest) (Route, error) {
			m.mu.Lock()
			wait := time.Duration(m.rand.IntN(3000)) * time.Millisecond
			m.mu.Unlock()
			time.Sleep(wait)
			return m.answer(r)
		})
	}
	s := newSender(t, Config{Router: router, Expiry: 48 * time.Hour})
	draw := rand.New(rand.NewPCG(seed, 3)).IntN
	got := &results{}
	var messages []Message
	for i := range 150 {
		to := map[string]bool{}
		for range 1 + draw(6) {
			to[fmt.Sprintf("a%d@d%d.example", draw(9), draw(moodyDomains))] = true
		}
		message := rendered(fmt.Sprint("m", i), slices.Sorted(maps.Keys(to))...)
		messages = append(messages, message)
		if _, err := s.Submit(t.Context(), message, got.done); err != nil {
			t.Fatal(err)
		}
		domain := fmt.Sprintf("d%d.example", draw(moodyDomains))
		switch draw(12) {
		case 0:
			s.Pause(domain)
		case 1, 2:
			s.Resume(domain)
		case 3:
			s.RetryNow(domain)
		case 4:
			if err := s.SetLimits(throttle.Scope{Kind: throttle.ScopeTenant, Name: fmt.Sprint("t", draw(3))}, throttle.Limits{Connections: 1 + draw(3)}); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Duration(draw(3000)) * time.Millisecond)
	}
	time.Sleep(10 * time.Minute)
	m.mu.Lock()
	m.calm = true
	m.mu.Unlock()
	for i := range moodyDomains {
		s.Resume(fmt.Sprintf("d%d.example", i))
	}
	s.Resume("shared")
	ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
	defer cancel()
	if err := s.Drain(ctx); err != nil {
		t.Errorf("Drain: %v", err)
	}
	m.check(t, c, messages, got)
}

// check compares the results with what the hosts have.
func (m *moody) check(t *testing.T, c *chaos, messages []Message, got *results) {
	t.Helper()
	copies := map[string]int{}
	for k, srv := range m.servers {
		for _, tx := range srv.Transactions() {
			for _, to := range tx.To() {
				i := m.owner(domainOf(to))
				if k != i%moodyHosts && k != (i+1)%moodyHosts || tx.User != fmt.Sprint("u", i%2) {
					t.Errorf("host %d, login %s, got mail for %s", k, tx.User, to)
				}
			}
		}
		for what, n := range accepted(srv) {
			copies[what] += n
		}
	}
	if got.calls != len(messages) {
		t.Errorf("done was called %d times for %d messages", got.calls, len(messages))
	}
	for _, message := range messages {
		r := got.of(message.ID)
		if r == nil || len(r.Recipients) != len(message.To) {
			t.Fatalf("%v: %+v", message.ID, r)
		}
		for _, to := range r.Recipients {
			n := copies[fmt.Sprint(message.ID, " ", to.Address)]
			switch want := map[bool]Status{true: Refused, false: Delivered}[c.never[to.Address]]; {
			case to.Status == Unknown && to.Ambiguous >= defaultAmbiguousTries && n <= to.Ambiguous: // its dots met three resets by chance
			case to.Status != want:
				t.Errorf("%v %s: %v, want %v: %v", message.ID, to.Address, to.Status, want, to.Err)
			case want == Refused && n > 0, want == Delivered && (n < 1 || n > 1+to.Ambiguous):
				t.Errorf("%v %s: %d copies, %v, %d ambiguous", message.ID, to.Address, n, to.Status, to.Ambiguous)
			}
		}
	}
}
