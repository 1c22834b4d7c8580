package smtpace

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/smtpace/smtpace/throttle"
)

// gauge counts what is under way, and the most at once.
type gauge struct{ now, most atomic.Int64 }

func (g *gauge) enter() {
	n := g.now.Add(1)
	raise(&g.most, n)
}

func (g *gauge) leave() { g.now.Add(-1) }

// In a storm of calls, errors, changes and contexts that end, every call returns once,
// no number at once is exceeded, and nothing is left in flight.
func TestPacerInvariantsInAStorm(t *testing.T) {
	const callers, calls = 40, 50
	paceTest(t, func(t *testing.T) {
		p := newPacer(t, PacerConfig{
			Process: throttle.Limits{Connections: 12}, Destination: throttle.Limits{Connections: 4},
			Relays: map[string]throttle.Limits{"relay": {Connections: 6}}, Expiry: time.Hour,
		})
		var all, relay gauge
		at := make([]gauge, 5)
		var returned, panics atomic.Int64
		var wg sync.WaitGroup
		for n := range callers {
			random := rand.New(rand.NewPCG(uint64(n), 7))
			var mu sync.Mutex
			roll := func(n int) int {
				mu.Lock()
				defer mu.Unlock()
				return random.IntN(n)
			}
			one := func() {
				d, through := roll(len(at)), roll(2) == 0
				defer func() {
					if recover() != nil {
						panics.Add(1)
					}
					returned.Add(1)
				}()
				fn := func(ctx context.Context) error {
					all.enter()
					at[d].enter()
					defer all.leave()
					defer at[d].leave()
					if through {
						relay.enter()
						defer relay.leave()
					}
					if roll(3) > 0 {
						time.Sleep(time.Duration(roll(200)) * time.Millisecond)
					}
					return []error{
						nil, nil, nil, nil, nil, nil, io.ErrUnexpectedEOF, reply(421, "4.7.0 too many connections"), reply(450, "4.7.1 too much mail"),
						reply(550, "5.1.1 no such user"), reply(451, "4.3.0 busy"), errors.New("odd"),
					}[roll(12)]
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(roll(5000))*time.Millisecond)
				defer cancel()
				to := fmt.Sprintf("u%d@d%d.example", n, d)
				switch kind := roll(20); {
				case kind == 0:
					_ = p.Do(ctx, to, func(context.Context) error { panic("oops") })
				case kind < 8 && through:
					_ = p.DoRequest(ctx, PaceRequest{To: []string{to}, Relay: "relay", Connect: roll(2) == 0, From: "a@b.example"}, func(ctx context.Context, _ []string) error { return fn(ctx) })
				case kind < 14:
					through = false
					_ = p.Do(ctx, to, fn)
				default:
					through = false
					_ = p.Try(ctx, to, fn)
				}
				switch roll(30) {
				case 0:
					p.Pause("d1.example")
					time.Sleep(50 * time.Millisecond)
					p.Resume("d1.example")
				case 1:
					p.Forget("d2.example")
				case 2:
					if err := p.SetLimits(throttle.Scope{Kind: throttle.ScopeDestination, Name: "d3.example"}, throttle.Limits{MessageRate: throttle.Rate{Count: roll(50) + 1, Per: time.Second}}); err != nil {
						t.Error(err)
					}
				case 3:
					p.Stats()
				}
			}
			wg.Go(func() {
				for range calls {
					one()
				}
			})
		}
		wg.Wait()
		if got := returned.Load(); got != callers*calls {
			t.Errorf("%d calls returned, want %d", got, callers*calls)
		}
		if got := all.most.Load(); got > 12 {
			t.Errorf("got %d at once, want 12 at most", got)
		}
		if got := relay.most.Load(); got > 6 {
			t.Errorf("got %d at once through the relay, want 6 at most", got)
		}
		for i := range at {
			if got := at[i].most.Load(); got > 4 {
				t.Errorf("got %d at once at destination %d, want 4 at most", got, i)
			}
		}
		if got := p.Stats(); got.InFlight != 0 || got.Queued != 0 || got.Total.Waiting != 0 {
			t.Errorf("got %d in flight, %d queued and %d that wait at the end, want none", got.InFlight, got.Queued, got.Total.Waiting)
		}
		t.Logf("%d panics, most at once %d", panics.Load(), all.most.Load())
	})
}

// Calls that nothing limits go under tabs, which a limit ends at once.
func TestTabsEndWithALimit(t *testing.T) {
	paceTest(t, func(t *testing.T) {
		p := newPacer(t, PacerConfig{})
		do := func() {
			t.Helper()
			if err := p.Do(t.Context(), "ann@example.com", func(context.Context) error { return nil }); err != nil {
				t.Fatal(err)
			}
		}
		for range 100 {
			do()
		}
		if got := p.Stats(); got.Total.Delivered != 100 || got.Total.Tries != 100 || got.InFlight != 0 || got.Destinations[0].Delivered != 100 {
			t.Errorf("got %+v, want 100 delivered and none in flight", got)
		}
		do()
		if err := p.SetLimits(throttle.Scope{Kind: throttle.ScopeDestination, Name: "example.com"}, throttle.Limits{MessageRate: throttle.Rate{Count: 1, Per: time.Second}}); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		for range 5 {
			do()
		}
		if took := time.Since(start); took < 4*time.Second {
			t.Errorf("5 calls at 1/s took %v, want 4 s at least", took)
		}
	})
}

// A paused destination holds calls that went under a tab before.
func TestTabsEndWithAPause(t *testing.T) {
	paceTest(t, func(t *testing.T) {
		p := newPacer(t, PacerConfig{})
		nothing := func(context.Context) error { return nil }
		for range 3 {
			if err := p.Do(t.Context(), "example.com", nothing); err != nil {
				t.Fatal(err)
			}
		}
		p.Pause("example.com")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := p.Do(ctx, "example.com", nothing); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want the end of the context", err)
		}
	})
}

// A million destinations leave nothing behind that grows with them.
func TestPacerForgetsDestinations(t *testing.T) {
	const n = 12_000
	paceTest(t, func(t *testing.T) {
		p := newPacer(t, PacerConfig{})
		for i := range n {
			if err := p.Do(t.Context(), fmt.Sprintf("a@d%d.example", i), func(context.Context) error { return nil }); err != nil {
				t.Fatal(err)
			}
		}
		if got := len(p.Stats().Destinations); got > 2*maxCounted+1 {
			t.Errorf("got %d destinations, want them forgotten", got)
		}
		time.Sleep(time.Minute)
		s := p.Stats()
		if s.Connections != 0 || len(s.Relays) > 0 || len(p.lines.direct) > maxLines || len(p.lines.places) > 0 || len(p.tabs.by) > 0 {
			t.Errorf("got %d connections, %d relays, %d lines and %d places a minute later, want next to nothing", s.Connections, len(s.Relays), len(p.lines.direct), len(p.lines.places))
		}
	})
}

// A refusal of one connection too many leaves one place fewer, also where the connections
// are a pool of the caller's and refused at once.
func TestPlacesEndWithTheirConnections(t *testing.T) {
	const allowed, messages = 3, 200
	paceTest(t, func(t *testing.T) {
		p := newPacer(t, PacerConfig{})
		var under gauge
		refused := 0
		var mu sync.Mutex
		var wg sync.WaitGroup
		for i := range messages {
			wg.Go(func() {
				err := p.DoRequest(t.Context(), PaceRequest{To: []string{fmt.Sprintf("u%d@example.com", i)}, Relay: "relay"}, func(context.Context, []string) error {
					under.enter()
					defer under.leave()
					if under.now.Load() > allowed {
						mu.Lock()
						refused++
						mu.Unlock()
						return reply(421, "4.7.0 too many connections")
					}
					time.Sleep(40 * time.Millisecond)
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		t.Logf("%d refused", refused)
		if refused > 10 {
			t.Errorf("%d of %d were refused, want 10 at most", refused, messages)
		}
	})
}

// Whoever meets more destinations than there are calls at once does not wait until the
// places of those before have been idle for long.
func TestPlacesGoToOtherDestinations(t *testing.T) {
	for _, busy := range []time.Duration{0, time.Millisecond} {
		paceTest(t, func(t *testing.T) {
			p := newPacer(t, PacerConfig{Process: throttle.Limits{Connections: 5}})
			start := time.Now()
			for i := range 50 {
				to := fmt.Sprintf("u@d%d.example", i)
				if err := p.Do(t.Context(), to, func(context.Context) error { time.Sleep(busy); return nil }); err != nil {
					t.Fatal(err)
				}
			}
			var wg sync.WaitGroup
			for i := range 50 {
				wg.Go(func() {
					_ = p.Do(t.Context(), fmt.Sprintf("u@e%d.example", i), func(context.Context) error { time.Sleep(busy); return nil })
				})
			}
			wg.Wait()
			if took := time.Since(start); took > time.Second {
				t.Errorf("100 messages to as many destinations took %v, want less than a second", took)
			}
		})
	}
}

// TestPacerForgetsRelays names a relay for each of many messages, as a caller does that
// sends to MX hosts. Those that are configured stay.
func TestPacerForgetsRelays(t *testing.T) {
	paceTest(t, func(t *testing.T) {
		p := newPacer(t, PacerConfig{Relays: map[string]throttle.Limits{"own:25": {Connections: 2}}})
		send := func(relay string) {
			r := PaceRequest{To: []string{"a@example.com"}, Relay: relay, Connect: true}
			if err := p.DoRequest(t.Context(), r, func(context.Context, []string) error { return nil }); err != nil {
				t.Fatal(err)
			}
		}
		send("own:25")
		slow := throttle.Limits{MessageRate: throttle.Rate{Count: 1, Per: time.Hour}}
		if err := p.SetLimits(throttle.Scope{Kind: throttle.ScopeEndpoint, Name: "slow:25"}, slow); err != nil {
			t.Fatal(err)
		}
		for i := range 2*maxLines + 100 {
			send(fmt.Sprintf("mx%d.example:25", i))
		}
		start := time.Now()
		send("slow:25")
		send("slow:25")
		if took := time.Since(start); took < 59*time.Minute {
			t.Errorf("the limits of a relay are forgotten: two messages took %v", took)
		}
		if n := len(p.lines.relays); n > maxLines+1 || p.lines.relays["own:25"] == nil {
			t.Errorf("%d relays are kept, want %d at most, and the one that is configured: %v", n, maxLines+1, p.lines.relays["own:25"] != nil)
		}
		time.Sleep(48 * time.Hour)
		if n := len(p.Stats().Relays); n > maxLines+1 {
			t.Errorf("%d relays are in Stats after two days without mail", n)
		}
	})
}
