package smtpace

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/smtptest"
	"github.com/smtpace/smtpace/throttle"
)

// host returns a receiver of its own, and the relay that leads to it.
func host(t *testing.T, name string) (*smtptest.Server, Relay) {
	t.Helper()
	srv := smtptest.NewServer(smtptest.Config{InMemory: true})
	t.Cleanup(srv.Close)
	return srv, Relay{Name: name, Addr: srv.Addr, TLS: pool.TLSNone, DialContext: srv.DialContext}
}

// received returns the recipients of all messages that a receiver has stored.
func received(srv *smtptest.Server) (to []string) {
	for _, tx := range srv.Transactions() {
		for _, r := range tx.Recipients {
			to = append(to, fmt.Sprint(r))
		}
	}
	return to
}

func bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, f)
}

// TestMailOfEachDomainReachesItsOwnHost has two domains share their limits, and
// messages to one of them and to both.
func TestMailOfEachDomainReachesItsOwnHost(t *testing.T) {
	for _, prompt := range []bool{true, false} {
		t.Run(fmt.Sprint("prompt ", prompt), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				a, ra := host(t, "a")
				b, rb := host(t, "b")
				answer := func(r RouteRequest) (Route, error) {
					route := Via(rb)
					if r.Domain == "a.example" {
						route = Via(ra)
					}
					route.Destination = "one"
					return route, nil
				}
				var router Router = PromptRouterFunc(answer)
				if !prompt {
					router = RouterFunc(func(_ context.Context, r RouteRequest) (Route, error) {
						time.Sleep(time.Second)
						return answer(r)
					})
				}
				limit := throttle.Limits{Connections: 1, MessageRate: throttle.Rate{Count: 10, Per: time.Second}}
				s := newSender(t, Config{Router: router, Destinations: map[string]throttle.Limits{"one": limit}})
				var wg sync.WaitGroup
				start := time.Now()
				for i := range 40 {
					to := []string{"x@a.example"}
					if i%2 == 1 {
						to = []string{"y@b.example"}
					}
					if i == 39 {
						to = []string{"x@a.example", "y@b.example"}
					}
					wg.Go(func() {
						if _, err := s.Send(t.Context(), rendered("m", to...)); err != nil {
							t.Error(err)
						}
					})
				}
				wg.Wait()
				if took := time.Since(start); took < 4*time.Second {
					t.Errorf("41 transactions at 10 a second took %v", took)
				}
				for name, srv := range map[string]*smtptest.Server{"a": a, "b": b} {
					for _, to := range received(srv) {
						if !strings.Contains(to, "@"+name+".example") {
							t.Errorf("host %s got mail for %s", name, to)
						}
					}
				}
				if n := len(received(a)) + len(received(b)); n != 41 {
					t.Errorf("%d recipients got mail, want 41", n)
				}
			})
		})
	}
}

func TestRouteTable(t *testing.T) {
	named := func(name string) Router {
		return PromptRouterFunc(func(RouteRequest) (Route, error) { return Route{Destination: name}, nil })
	}
	table := RouteTable{{"exact.example", named("exact")}, {"*.below.example", named("below")}, {"home.example", nil}, {"*", named("rest")}}
	for domain, want := range map[string]string{
		"exact.example": "exact", "EXACT.example": "exact", "a.below.example": "below", "a.b.below.example": "below",
		"below.example": "rest", "xbelow.example": "rest", "other.example": "rest",
	} {
		r, err, ok := table.RouteNow(RouteRequest{Domain: domain})
		if r.Destination != want || err != nil || !ok {
			t.Errorf("%s goes to %q (%v, %v), want %q", domain, r.Destination, err, ok, want)
		}
		if r, err := table.Route(t.Context(), RouteRequest{Domain: domain}); r.Destination != want || err != nil {
			t.Errorf("%s goes to %q (%v), want %q", domain, r.Destination, err, want)
		}
	}
	if _, err := table.Route(t.Context(), RouteRequest{Domain: "home.example"}); err != ErrUseRelays {
		t.Errorf("a rule without a Router: %v", err)
	}
	if _, err := table[:1].Route(t.Context(), RouteRequest{Domain: "other.example"}); err != ErrUseRelays {
		t.Errorf("no rule: %v", err)
	}
}

// TestPatternsAsTheyAreWritten: the domain of a request has its normal form, and a
// pattern means the same however it is written.
func TestPatternsAsTheyAreWritten(t *testing.T) {
	for pattern, domain := range map[string]string{
		"bücher.example":        "xn--bcher-kva.example",
		"BÜCHER.example":        "xn--bcher-kva.example",
		"xn--BCHER-kva.example": "xn--bcher-kva.example",
		"*.bücher.example":      "mail.xn--bcher-kva.example",
		"a.example.":            "a.example",
		"*.A.example.":          "b.a.example",
		"a_b.Example":           "a_b.example",
		"[IPv6:2001:DB8::1]":    "[IPv6:2001:db8::1]",
	} {
		a, err := parseAddress("x@" + domain)
		if err != nil {
			t.Fatal(err)
		}
		table := RouteTable{{pattern, PromptRouterFunc(func(RouteRequest) (Route, error) { return Route{Destination: "found"}, nil })}}
		if r, err, _ := table.RouteNow(RouteRequest{Domain: a.domain}); r.Destination != "found" || err != nil {
			t.Errorf("%q does not match %s: %v", pattern, a.domain, err)
		}
		if _, err := New(Config{Router: table}); err != nil {
			t.Errorf("%q: %v", pattern, err)
		}
	}
}

// TestPatternsThatMatchNothing: New names each rule whose pattern no domain can match.
func TestPatternsThatMatchNothing(t *testing.T) {
	for _, pattern := range []string{"", "*.", "a..example", "x@a.example", "a*.example", "*.*.example", "a.example, b.example", "*.*", "[192.0.2.1"} {
		inner := RouteTable{{"a.example", nil}, {pattern, nil}}
		for want, table := range map[string]RouteTable{
			"smtpace: Config.Router[1].Pattern: ":           inner,
			"smtpace: Config.Router[0].Router[1].Pattern: ": {{"*", inner}},
		} {
			_, err := New(Config{Router: table})
			if err == nil || !strings.Contains(err.Error(), want+strconv.Quote(pattern)) {
				t.Errorf("%q: error %v, want %s", pattern, err, want)
			}
		}
		if _, err, ok := inner.RouteNow(RouteRequest{Domain: "b.example"}); err != ErrUseRelays || !ok {
			t.Errorf("%q: %v, %v", pattern, err, ok)
		}
	}
}

// TestLimitsOfARelayThatComesAgain sets limits for the relay of a Router. They hold when
// it was forgotten for want of mail and when its Routes give other limits, until they are
// taken back.
func TestLimitsOfARelayThatComesAgain(t *testing.T) {
	perMinute := func(n int) throttle.Limits {
		return throttle.Limits{MessageRate: throttle.Rate{Count: n, Per: time.Minute}}
	}
	for name, own := range map[string]throttle.Limits{"none of its own": {}, "its own": perMinute(60)} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				_, ra := host(t, "a")
				ra.Limits = own
				s := newSender(t, Config{Router: PromptRouterFunc(func(RouteRequest) (Route, error) { return Via(ra), nil })})
				four := func(when string, want time.Duration) {
					t.Helper()
					start := time.Now()
					for range 4 {
						if _, err := s.Send(t.Context(), rendered("m", "x@a.example")); err != nil {
							t.Fatal(err)
						}
					}
					if took := time.Since(start); took < want || took > want+5*time.Second {
						t.Errorf("%s: four messages took %v, want %v", when, took, want)
					}
					time.Sleep(time.Hour) // the relay is forgotten
				}
				of := throttle.Scope{Kind: throttle.ScopeEndpoint, Name: "a"}
				four("before", 0)
				if err := s.SetLimits(of, perMinute(1)); err != nil {
					t.Fatal(err)
				}
				four("set", 3*time.Minute)
				four("made again", 3*time.Minute)
				ra.Limits = perMinute(30)
				four("with other limits of its own", 3*time.Minute)
				if err := s.SetLimits(of, throttle.Limits{}); err != nil {
					t.Fatal(err)
				}
				four("taken back", 6*time.Second)
			})
		})
	}
}

// TestRouterIsAskedOnceForEachDomain of a message, in whatever order its recipients are.
func TestRouterIsAskedOnceForEachDomain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, relay := host(t, "a")
		asked := map[string]int{}
		s := newSender(t, Config{Router: PromptRouterFunc(func(r RouteRequest) (Route, error) {
			asked[r.Domain]++
			return Via(relay), nil
		})})
		if _, err := s.Send(t.Context(), rendered("m", "1@a.example", "2@a.example", "3@b.example", "4@a.example", "5@c.example", "6@b.example", "7@c.example", "8@c.example")); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(asked); got != "map[a.example:1 b.example:1 c.example:1]" {
			t.Errorf("asked %v", got)
		}
	})
}

// panicsAtOnce is a Router that panics where it is asked for what it knows.
type panicsAtOnce struct{ RouterFunc }

func (panicsAtOnce) RouteNow(RouteRequest) (Route, error, bool) { panic("boom") }

// TestPanicOfAPromptRouterIsNotNow: the Router is asked again a second later, and no sooner.
func TestPanicOfAPromptRouterIsNotNow(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, relay := host(t, "a")
		start := time.Now()
		s := newSender(t, Config{Router: panicsAtOnce{func(context.Context, RouteRequest) (Route, error) {
			if waited := time.Since(start); waited < time.Second || waited > 2*time.Second {
				t.Errorf("asked again after %v", waited)
			}
			return Via(relay), nil
		}}})
		if _, err := s.Send(t.Context(), rendered("m", "a@x.example")); err != nil {
			t.Error(err)
		}
	})
}

func TestFollowingRecipientsOfADomain(t *testing.T) {
	all := []answer{{domain: "a"}, {domain: "a"}, {domain: "b"}, {domain: "a"}}
	for i, want := range []int{2, 1, 0, 1, 0} {
		if got := sameDomain(all[i:], "a"); got != want {
			t.Errorf("from recipient %d on: got %d, want %d", i, got, want)
		}
	}
}
