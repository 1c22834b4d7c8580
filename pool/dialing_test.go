package pool_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/smtptest"
)

// network is a resolver and what it resolves to: addresses that behave differently.
type network struct {
	ip4, ip6   []netip.Addr
	err4, err6 error
	hosts      map[string]func(context.Context) (net.Conn, error) // by IP address; others are refused

	mu    sync.Mutex
	dials []string // the IP addresses that were dialled
	open  int      // dials under way
	most  int      // of them at once
}

func (n *network) LookupNetIP(ctx context.Context, network, _ string) ([]netip.Addr, error) {
	if network == "ip4" {
		return n.ip4, n.err4
	}
	return n.ip6, n.err6
}

func (n *network) dial(ctx context.Context, _, addr string) (net.Conn, error) {
	ip := netip.MustParseAddrPort(addr).Addr().String()
	n.mu.Lock()
	n.dials = append(n.dials, ip)
	n.open++
	n.most = max(n.most, n.open)
	n.mu.Unlock()
	defer func() {
		n.mu.Lock()
		n.open--
		n.mu.Unlock()
	}()
	if host := n.hosts[ip]; host != nil {
		return host(ctx)
	}
	return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
}

// dialled returns the dials since the last call.
func (n *network) dialled() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	dials := strings.Join(n.dials, " ")
	n.dials = nil
	return dials
}

// unanswered dials an address that answers no SYN.
func unanswered(ctx context.Context) (net.Conn, error) {
	<-ctx.Done()
	return nil, &net.OpError{Op: "dial", Net: "tcp", Err: context.Cause(ctx)}
}

// refusing dials an address with a closed port.
func refusing(context.Context) (net.Conn, error) {
	return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
}

// mute accepts and says nothing.
func mute(context.Context) (net.Conn, error) {
	near, far := net.Pipe()
	_ = far
	return near, nil
}

// after answers a dial after a while.
func after(d time.Duration, dial func(context.Context) (net.Conn, error)) func(context.Context) (net.Conn, error) {
	return func(ctx context.Context) (net.Conn, error) {
		select {
		case <-time.After(d):
			return dial(ctx)
		case <-ctx.Done():
			return unanswered(ctx)
		}
	}
}

func ips(texts ...string) (out []netip.Addr) {
	for _, text := range texts {
		out = append(out, netip.MustParseAddr(text))
	}
	return out
}

// at returns the dial function of a server.
func at(s *smtptest.Server) func(context.Context) (net.Conn, error) {
	return func(ctx context.Context) (net.Conn, error) { return s.DialContext(ctx, "tcp", "") }
}

// newNetRig returns a rig whose endpoint is a name with the addresses of a network, at
// which its server is 192.0.2.1.
func newNetRig(t *testing.T, sc smtptest.Config, n *network) *rig {
	r := newRig(t, sc, pool.Config{Resolver: n})
	r.endpoint.DialContext = nil
	r.pool.DialBy(n.dial)
	if n.hosts == nil {
		n.hosts = make(map[string]func(context.Context) (net.Conn, error))
	}
	n.hosts["192.0.2.1"] = at(r.server)
	return r
}

// sick returns the ways in which an address can give no session.
func sick(t *testing.T) map[string]func(context.Context) (net.Conn, error) {
	says := func(banner string) func(context.Context) (net.Conn, error) {
		s := smtptest.NewServer(smtptest.Config{InMemory: true, Hostname: "mx.test", StartTLS: true,
			Fault: smtptest.Rules(smtptest.Rule{Stage: smtptest.StageConnect, Fault: smtptest.Fault{Reply: banner, End: smtptest.Close}})})
		t.Cleanup(s.Close)
		return at(s)
	}
	stage := func(c smtptest.Config) func(context.Context) (net.Conn, error) {
		c.InMemory = true
		s := smtptest.NewServer(c)
		t.Cleanup(s.Close)
		return at(s)
	}
	return map[string]func(context.Context) (net.Conn, error){
		"refuses the connection":  nil,
		"answers no SYN":          unanswered,
		"is silent":               mute,
		"greets with 421":         says("421 4.3.2 shutting down"),
		"greets with 451":         says("451 4.3.0 local error"),
		"greets with 554":         says("554 5.3.2 no SMTP service here"),
		"greets with nonsense":    says("hello"),
		"closes before greeting":  stage(smtptest.Config{Fault: smtptest.Rules(smtptest.Rule{Stage: smtptest.StageConnect, Fault: smtptest.Fault{End: smtptest.Close}})}),
		"refuses EHLO":            stage(smtptest.Config{Fault: smtptest.Rules(smtptest.Rule{Stage: smtptest.StageHelo, Fault: smtptest.Fault{Reply: "550 5.7.1 go away"}})}),
		"lacks STARTTLS":          stage(smtptest.Config{}),
		"has another certificate": stage(smtptest.Config{StartTLS: true}),
		"breaks off the handshake": stage(smtptest.Config{StartTLS: true, Fault: smtptest.Rules(
			smtptest.Rule{Stage: smtptest.StageHandshake, Fault: smtptest.Fault{End: smtptest.Close}})}),
		"is silent in the handshake": stage(smtptest.Config{StartTLS: true, Fault: smtptest.Rules(
			smtptest.Rule{Stage: smtptest.StageHandshake, Fault: smtptest.Fault{Silent: true, End: smtptest.Stall}})}),
	}
}

// TestTheNextAddressIsTriedAtOnce has a first address that gives no session. The next
// one gives it, on the same connection of the user's, and later connections leave the
// first alone.
func TestTheNextAddressIsTriedAtOnce(t *testing.T) {
	for name := range sick(t) {
		bubble(t, name, func(t *testing.T) {
			n := &network{ip4: ips("192.0.2.9", "192.0.2.1")}
			r := newNetRig(t, smtptest.Config{StartTLS: true}, n)
			defer r.close()
			n.hosts["192.0.2.9"] = sick(t)[name]
			if err := r.pool.Verify(never, r.endpoint); err != nil {
				t.Fatal(err)
			}
			if got := n.dialled(); got != "192.0.2.9 192.0.2.1" {
				t.Errorf("dialled %s", got)
			}
			for range 4 {
				if err := r.pool.Verify(never, r.endpoint); err != nil {
					t.Fatal(err)
				}
			}
			if got := n.dialled(); strings.Contains(got, "192.0.2.9") {
				t.Errorf("while it rests: dialled %s", got)
			}
		})
	}
}

// TestANamedLimitIsNotMetAgainAtOnce: a greeting that names a limit is the answer of the
// host, and moves the mail to no other address before the user decides so.
func TestANamedLimitIsNotMetAgainAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{ip4: ips("192.0.2.9", "192.0.2.1")}
		r := newNetRig(t, smtptest.Config{}, n)
		defer r.close()
		full := smtptest.NewServer(smtptest.Config{InMemory: true, Limits: smtptest.Limits{Connections: smtptest.Cap{Max: 0}}, Fault: smtptest.Rules(
			smtptest.Rule{Stage: smtptest.StageConnect, Fault: smtptest.Fault{Reply: "421 4.7.0 Error: too many connections from 192.0.2.77", End: smtptest.Close}})})
		defer full.Close()
		n.hosts["192.0.2.9"] = at(full)
		err := r.pool.Verify(never, r.endpoint)
		if e := asError(t, err); e.Verdict.Limit != classify.LimitConnections || n.dialled() != "192.0.2.9" {
			t.Errorf("got %v", err)
		}
		if err := r.pool.Verify(never, r.endpoint); err != nil || n.dialled() != "192.0.2.1" {
			t.Errorf("got %v, want the other address next", err)
		}
	})
}

// TestSilentAddressesCostLittle has several addresses accept connections and say nothing.
// A first session comes about within seconds for each of them.
func TestSilentAddressesCostLittle(t *testing.T) {
	for count := range 9 {
		bubble(t, fmt.Sprint(count), func(t *testing.T) {
			n := &network{hosts: map[string]func(context.Context) (net.Conn, error){}}
			for i := range count {
				n.ip4 = append(n.ip4, ips(fmt.Sprint("192.0.2.", 10+i))...)
				n.hosts[n.ip4[i].String()] = mute
			}
			n.ip4 = append(n.ip4, ips("192.0.2.1")...)
			r := newNetRig(t, smtptest.Config{}, n)
			defer r.close()
			start := time.Now()
			for r.pool.Verify(never, r.endpoint) != nil {
				time.Sleep(time.Second)
			}
			want := time.Duration(count) * 15 * time.Second
			if count > 6 { // the next connection is more patient
				want += 16 * time.Second
			}
			if took := time.Since(start); took > want+time.Second {
				t.Errorf("the first session came about after %v, want %v", took, want)
			}
			slow := 0
			for range 5 {
				start := time.Now()
				if err := r.pool.Verify(never, r.endpoint); err != nil {
					t.Error(err)
				}
				if time.Since(start) > time.Second {
					slow++
				}
			}
			if slow > max(0, count-7) { // one that nobody has tried yet
				t.Errorf("while the others rest: %d of 5 connections were slow", slow)
			}
		})
	}
}

// TestAddressesThatKeepClientsWaiting greet after a while, all of them. Sessions come
// about, and the next one waits for no other address.
func TestAddressesThatKeepClientsWaiting(t *testing.T) {
	for _, count := range []int{2, 3, 8, 20} {
		for _, delay := range []time.Duration{10 * time.Second, 20 * time.Second, 50 * time.Second} {
			bubble(t, fmt.Sprint(count, " ", delay), func(t *testing.T) {
				n := &network{hosts: map[string]func(context.Context) (net.Conn, error){}}
				for i := range count {
					n.ip4 = append(n.ip4, ips(fmt.Sprint("192.0.2.", 1+i))...)
				}
				r := newNetRig(t, smtptest.Config{Fault: smtptest.Rules(smtptest.Rule{Stage: smtptest.StageConnect, Fault: smtptest.Fault{Delay: delay}})}, n)
				defer r.close()
				for _, ip := range n.ip4 {
					n.hosts[ip.String()] = at(r.server)
				}
				start := time.Now()
				for r.pool.Verify(never, r.endpoint) != nil {
					time.Sleep(time.Second)
				}
				if took := time.Since(start); took > delay+4*time.Minute {
					t.Errorf("the first session came about after %v", took)
				}
				n.dialled()
				for range 5 {
					start := time.Now()
					if err := r.pool.Verify(never, r.endpoint); err != nil || time.Since(start) > delay+time.Second {
						t.Errorf("later: %v after %v, dialled %s", err, time.Since(start), n.dialled())
					}
				}
			})
		}
	}
}

// TestErrorsNameTheAddress where the host has several, and only there.
func TestErrorsNameTheAddress(t *testing.T) {
	for addresses, want := range map[string]string{
		"192.0.2.1":           "pool: mx: EHLO: 550 5.7.1 go away",
		"192.0.2.9 192.0.2.1": "pool: mx: EHLO: 192.0.2.1: 550 5.7.1 go away",
	} {
		bubble(t, addresses, func(t *testing.T) {
			r := newNetRig(t, smtptest.Config{Fault: smtptest.Rules(smtptest.Rule{Stage: smtptest.StageHelo, Fault: reply("550 5.7.1 go away")})}, &network{ip4: ips(strings.Fields(addresses)...)})
			defer r.close()
			if err := r.pool.Verify(never, r.endpoint); err == nil || err.Error() != want {
				t.Errorf("got %v, want %s", err, want)
			}
		})
	}
}

// TestRefusalsAreNoSilence: where addresses refused, one that is silent later costs no
// more than it did before.
func TestRefusalsAreNoSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{ip4: ips("192.0.2.9", "192.0.2.1")}
		r := newNetRig(t, smtptest.Config{}, n)
		defer r.close()
		well := n.hosts["192.0.2.1"]
		n.hosts["192.0.2.1"] = refusing
		for range 3 {
			if err := r.pool.Verify(never, r.endpoint); err == nil {
				t.Fatal("somebody answered")
			}
			time.Sleep(time.Hour)
		}
		n.hosts["192.0.2.1"], n.hosts["192.0.2.9"] = well, mute
		for range 2 { // one of them begins with the address that is silent
			start := time.Now()
			if err := r.pool.Verify(never, r.endpoint); err != nil || time.Since(start) > 16*time.Second {
				t.Errorf("got %v after %v, want a session after 15 s at most", err, time.Since(start))
			}
		}
	})
}

func TestAnAddressThatRestsComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{ip4: ips("192.0.2.9", "192.0.2.1")}
		r := newNetRig(t, smtptest.Config{}, n)
		defer r.close()
		tries := func(d time.Duration) (count int) {
			for range int(d / time.Second) {
				if err := r.pool.Verify(never, r.endpoint); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Second)
			}
			return strings.Count(n.dialled(), "192.0.2.9")
		}
		if got := tries(10 * time.Second); got < 3 || got > 5 {
			t.Errorf("%d tries in the first 10 s, want gaps of 1, 2, 4 s", got)
		}
		if got := tries(time.Hour); got < 8 || got > 20 {
			t.Errorf("%d tries in an hour, want gaps up to 5 minutes", got)
		}
		n.hosts["192.0.2.9"] = at(r.server)
		time.Sleep(10 * time.Minute)
		if got := tries(20 * time.Second); got < 8 || got > 12 {
			t.Errorf("%d of 20 connections to the address that is back, want half", got)
		}
	})
}

func TestIfAllAddressesRestTheLeastBadIsTried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{ip4: ips("192.0.2.8", "192.0.2.9")}
		r := newNetRig(t, smtptest.Config{}, n)
		defer r.close()
		n.hosts["192.0.2.8"] = mute
		if err := r.pool.Verify(never, r.endpoint); err == nil || n.dialled() != "192.0.2.8 192.0.2.9" {
			t.Fatalf("got %v", err)
		}
		err := r.pool.Verify(never, r.endpoint)
		if got := n.dialled(); err == nil || got != "192.0.2.9" {
			t.Errorf("dialled %s, want the one that was refused and not the silent one; %v", got, err)
		}
	})
}

func TestAddressesShareTheConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{ip4: ips("192.0.2.1", "192.0.2.2", "192.0.2.3")}
		r := newNetRig(t, smtptest.Config{}, n)
		defer r.close()
		n.hosts["192.0.2.2"], n.hosts["192.0.2.3"] = at(r.server), at(r.server)
		for range 30 {
			if err := r.pool.Verify(never, r.endpoint); err != nil {
				t.Fatal(err)
			}
		}
		dials := strings.Fields(n.dialled())
		for _, ip := range n.ip4 {
			count := 0
			for _, d := range dials {
				if d == ip.String() {
					count++
				}
			}
			if count != 10 {
				t.Errorf("%d connections to %s, want 10 of 30", count, ip)
			}
		}
	})
}

func TestTheFamilyThatWorkedGoesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{ip4: ips("192.0.2.9"), ip6: ips("2001:db8::1")}
		r := newNetRig(t, smtptest.Config{}, n)
		defer r.close()
		n.hosts["2001:db8::1"] = at(r.server)
		for i, want := range []string{"192.0.2.9 2001:db8::1", "2001:db8::1", "2001:db8::1"} {
			if err := r.pool.Verify(never, r.endpoint); err != nil {
				t.Fatal(err)
			}
			if got := n.dialled(); got != want {
				t.Errorf("connection %d dialled %s, want %s", i+1, got, want)
			}
			time.Sleep(10 * time.Minute)
		}
	})
}

// limited is a rig that counts dials, and allows them or not.
type limited struct {
	*rig
	again, beside bool
	asked         []string
	besides       int
}

func (l *limited) DialAgain(*pool.Conn) bool { l.asked = append(l.asked, "again"); return l.again }
func (l *limited) DialBeside(*pool.Conn) bool {
	l.asked = append(l.asked, "beside")
	if l.beside {
		l.besides++
	}
	return l.beside
}
func (l *limited) DialedBeside(*pool.Conn) { l.besides-- }

// openLimited opens one connection and returns how it ended; "" if it is open.
func (l *limited) openLimited(t *testing.T) string {
	t.Helper()
	if err := l.pool.Open(l.endpoint, l); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	for !l.isOpen() && len(l.ended()) == 0 && time.Since(start) < time.Hour {
		time.Sleep(10 * time.Millisecond)
	}
	if ends := l.ended(); len(ends) > 0 {
		return fmt.Sprint(ends[0])
	}
	return ""
}

func TestASecondDialNeedsLeave(t *testing.T) {
	tests := []struct {
		name           string
		first, second  func(context.Context) (net.Conn, error) // nil: refused; second "ok": the server
		again, beside  bool
		asked, dialled string
		most           int
		opens          bool
		within         time.Duration
	}{
		{"refused, and allowed", nil, nil, true, false, "again", "192.0.2.9 192.0.2.1", 1, true, time.Millisecond},
		{"refused, and not allowed", nil, nil, false, true, "again", "192.0.2.9", 1, false, time.Millisecond},
		{"unanswered, and a place is free", unanswered, nil, false, true, "beside", "192.0.2.9 192.0.2.1", 2, true, 300 * time.Millisecond},
		{"unanswered, and none is", unanswered, nil, true, false, "beside again", "192.0.2.9 192.0.2.1", 1, true, 31 * time.Second},
		{"answered late", after(300*time.Millisecond, mute), unanswered, false, true, "beside again", "192.0.2.9 192.0.2.1", 2, false, 61 * time.Second},
		{"unanswered, and the one beside is refused", after(10*time.Second, mute), after(time.Second, refusing), true, true, "beside", "192.0.2.9 192.0.2.1", 2, false, 311 * time.Second},
		{"answered soon", after(200*time.Millisecond, nil), nil, false, true, "", "192.0.2.9", 1, true, 300 * time.Millisecond},
	}
	for _, tt := range tests {
		bubble(t, tt.name, func(t *testing.T) {
			n := &network{ip4: ips("192.0.2.9", "192.0.2.1")}
			l := &limited{rig: newNetRig(t, smtptest.Config{}, n), again: tt.again, beside: tt.beside}
			defer l.close()
			n.hosts["192.0.2.9"] = tt.first
			if tt.name == "answered soon" {
				n.hosts["192.0.2.9"] = after(200*time.Millisecond, at(l.server))
			}
			if tt.second != nil {
				n.hosts["192.0.2.1"] = tt.second
			}
			start := time.Now()
			end := l.openLimited(t)
			if took := time.Since(start); (end == "") != tt.opens || took > tt.within+20*time.Millisecond {
				t.Errorf("ended with %q after %v", end, took)
			}
			if got := strings.Join(l.asked, " "); got != tt.asked || l.besides != 0 {
				t.Errorf("asked %q, want %q; %d dials beside are left", got, tt.asked, l.besides)
			}
			if got := n.dialled(); got != tt.dialled || n.most != tt.most {
				t.Errorf("dialled %s, %d at once; want %s, %d", got, n.most, tt.dialled, tt.most)
			}
		})
	}
}

// TestTheLoserIsClosedUnread: both addresses answer, and one connection is left, of
// whose greeting nothing was read.
func TestTheLoserIsClosedUnread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{ip4: ips("192.0.2.9", "192.0.2.1")}
		l := &limited{rig: newNetRig(t, smtptest.Config{}, n), beside: true}
		defer l.close()
		late := smtptest.NewServer(smtptest.Config{InMemory: true})
		defer late.Close()
		n.hosts["192.0.2.9"] = func(context.Context) (net.Conn, error) { // does not see the cancellation
			time.Sleep(400 * time.Millisecond)
			return late.DialContext(never, "tcp", "")
		}
		if end := l.openLimited(t); end != "" {
			t.Fatal(end)
		}
		synctest.Wait()
		if got, other := l.server.Stats().Open, late.Stats().Open; got != 1 || other != 0 {
			t.Errorf("%d connections open at the winner, %d at the loser", got, other)
		}
	})
}

// TestAFarServerIsNotDialledTwice: where every address takes 400 ms, a second dial at 250 ms
// would double the connections for nothing.
func TestAFarServerIsNotDialledTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{ip4: ips("192.0.2.9", "192.0.2.1")}
		l := &limited{rig: newNetRig(t, smtptest.Config{}, n), beside: true}
		defer l.close()
		n.hosts["192.0.2.9"] = after(400*time.Millisecond, at(l.server))
		n.hosts["192.0.2.1"] = after(400*time.Millisecond, at(l.server))
		l.openLimited(t)
		n.dialled()
		l.asked = nil
		if err := l.pool.Open(l.endpoint, l); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if got := n.dialled(); len(strings.Fields(got)) != 1 || len(l.asked) > 0 {
			t.Errorf("dialled %s, asked %v", got, l.asked)
		}
	})
}

// TestTimeoutsEndTheDialing: every address costs 15 s, so that not all of many are tried
// on one connection.
func TestTimeoutsEndTheDialing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{hosts: map[string]func(context.Context) (net.Conn, error){}}
		for i := range 9 {
			ip := fmt.Sprintf("192.0.2.%d", 10+i)
			n.ip4 = append(n.ip4, netip.MustParseAddr(ip))
			n.hosts[ip] = unanswered
		}
		r := newNetRig(t, smtptest.Config{}, n)
		defer r.close()
		start := time.Now()
		err := r.pool.Verify(never, r.endpoint)
		if e := asError(t, err); e.Stage != classify.StageConnect || time.Since(start) != 7*15*time.Second {
			t.Errorf("got %v after %v", err, time.Since(start))
		}
	})
}

func TestResolving(t *testing.T) {
	notFound := &net.DNSError{Err: "no such host", IsNotFound: true}
	timeout := &net.DNSError{Err: "timeout", IsTimeout: true, IsTemporary: true}
	refused := &net.DNSError{Err: "server misbehaving"}
	tests := []struct {
		name string
		n    *network
		want string // dialled
		err  error
	}{
		{"both", &network{ip4: ips("192.0.2.1"), ip6: ips("2001:db8::9")}, "192.0.2.1", nil},
		{"A alone", &network{ip4: ips("192.0.2.1"), err6: notFound}, "192.0.2.1", nil},
		{"A, and AAAA fails", &network{ip4: ips("192.0.2.1"), err6: timeout}, "192.0.2.1", nil},
		{"no A, and AAAA fails", &network{err4: notFound, err6: timeout}, "", timeout},
		{"A is refused", &network{err4: refused, err6: notFound}, "", refused},
		{"neither", &network{err4: notFound, err6: notFound}, "", notFound},
		{"nothing at all", &network{}, "", nil},
		{"mapped and twice", &network{ip4: ips("::ffff:192.0.2.1", "192.0.2.1")}, "192.0.2.1", nil},
	}
	for _, tt := range tests {
		bubble(t, tt.name, func(t *testing.T) {
			n := tt.n
			r := newNetRig(t, smtptest.Config{}, n)
			defer r.close()
			err := r.pool.Verify(never, r.endpoint)
			if got := n.dialled(); got != tt.want || tt.err != nil && !errors.Is(err, tt.err) || (err == nil) != (tt.want != "") {
				t.Errorf("dialled %q, got %v", got, err)
			}
			if err != nil && asError(t, err).Stage != classify.StageConnect {
				t.Errorf("got %v", err)
			}
		})
	}
}

// slowly is a resolver that takes its time for each family.
type slowly struct {
	*network
	takes4, takes6 time.Duration
}

func (s slowly) LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error) {
	takes := map[string]time.Duration{"ip4": s.takes4, "ip6": s.takes6}[network]
	select {
	case <-time.After(takes):
		return s.network.LookupNetIP(ctx, network, host)
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// TestResolvingWaitsForTheOtherFamily for 50 ms where one has addresses, else until
// it answers or Timeouts.Dial is over.
func TestResolvingWaitsForTheOtherFamily(t *testing.T) {
	four, six := ips("192.0.2.1"), ips("2001:db8::1")
	notFound := &net.DNSError{Err: "no such host", IsNotFound: true}
	for _, tt := range []struct {
		name           string
		n              *network
		takes4, takes6 time.Duration
		want           string // dialled
		takes          time.Duration
	}{
		{"both in time", &network{ip4: four, ip6: six}, 0, 49 * time.Millisecond, "192.0.2.1 2001:db8::1", 49 * time.Millisecond},
		{"AAAA is late", &network{ip4: four, ip6: six}, 0, time.Second, "192.0.2.1", 50 * time.Millisecond},
		{"A is late", &network{ip4: four, ip6: six}, time.Second, 0, "2001:db8::1", 50 * time.Millisecond},
		{"A is late, and there is no AAAA", &network{ip4: four, err6: notFound}, time.Second, 0, "192.0.2.1", time.Second},
		{"A is late, and AAAA is empty", &network{ip4: four}, time.Second, 0, "192.0.2.1", time.Second},
		{"neither answers", &network{ip4: four, ip6: six}, time.Hour, time.Hour, "", 30 * time.Second},
	} {
		bubble(t, tt.name, func(t *testing.T) {
			p, err := pool.New(pool.Config{Resolver: slowly{tt.n, tt.takes4, tt.takes6}})
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			p.DialBy(tt.n.dial)
			start := time.Now()
			err = p.Verify(never, pool.Endpoint{Addr: "mx.test:25"})
			if took := time.Since(start); took != tt.takes {
				t.Errorf("took %v, want %v", took, tt.takes)
			}
			if got := tt.n.dialled(); got != tt.want || asError(t, err).Stage != classify.StageConnect {
				t.Errorf("dialled %q, got %v", got, err)
			}
		})
	}
}

// TestOneTryAfterARest: when the rest of an address is over, one connection tries it,
// and those that are opened meanwhile go elsewhere.
func TestOneTryAfterARest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{ip4: ips("192.0.2.9", "192.0.2.1")}
		r := newNetRig(t, smtptest.Config{}, n)
		defer r.close()
		n.hosts["192.0.2.9"] = unanswered
		if err := r.pool.Verify(never, r.endpoint); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour) // the rest is over
		n.dialled()
		var all sync.WaitGroup
		for range 6 {
			all.Go(func() {
				if err := r.pool.Verify(never, r.endpoint); err != nil {
					t.Error(err)
				}
			})
			time.Sleep(time.Second)
		}
		all.Wait()
		if got := strings.Count(n.dialled(), "192.0.2.9"); got != 1 {
			t.Errorf("the address was tried %d times at once, want once", got)
		}
	})
}

// TestARefusedLoginIsTheSameElsewhere: the other addresses of a server know the same
// logins, and the one that refused is well.
func TestARefusedLoginIsTheSameElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{ip4: ips("192.0.2.1", "192.0.2.9")}
		r := newNetRig(t, loginConfig, n)
		defer r.close()
		n.hosts["192.0.2.9"] = at(r.server)
		withLogin(r, "me", "not-"+canary)
		if e := asError(t, r.pool.Verify(never, r.endpoint)); e.Stage != classify.StageAuth || n.dialled() != "192.0.2.1" {
			t.Errorf("got %v", e)
		}
		withLogin(r, "me", canary)
		for _, want := range []string{"192.0.2.9", "192.0.2.1"} { // neither rests
			if err := r.pool.Verify(never, r.endpoint); err != nil {
				t.Error(err)
			}
			if got := n.dialled(); got != want {
				t.Errorf("dialled %s, want %s", got, want)
			}
		}
	})
}

// TestTroubleOfOurOwnIsNoAddress: a machine that is out of sockets blames no address.
func TestTroubleOfOurOwnIsNoAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{ip4: ips("192.0.2.9", "192.0.2.1")}
		r := newNetRig(t, smtptest.Config{}, n)
		defer r.close()
		out := true
		n.hosts["192.0.2.9"] = func(ctx context.Context) (net.Conn, error) {
			if out {
				return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.EMFILE}
			}
			return at(r.server)(ctx)
		}
		if err := r.pool.Verify(never, r.endpoint); !errors.Is(err, syscall.EMFILE) || n.dialled() != "192.0.2.9" {
			t.Errorf("got %v", err)
		}
		out = false
		r.pool.Verify(never, r.endpoint)
		if err := r.pool.Verify(never, r.endpoint); err != nil || !slices.Contains(strings.Fields(n.dialled()), "192.0.2.9") {
			t.Errorf("got %v", err)
		}
	})
}
