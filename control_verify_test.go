package smtpace

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/smtptest"
	"github.com/smtpace/smtpace/throttle"
)

// TestStatsOfWhatIsNotUsed: a relay that was never opened tells of no TLS and no fault,
// and a destination without mail of its counts alone.
func TestStatsOfWhatIsNotUsed(t *testing.T) {
	inWorld(t, smtptest.Config{}, func(t *testing.T, srv *smtptest.Server) {
		first, spare := relayTo(srv), relayTo(srv)
		first.Name, spare.Name = "first", "spare"
		s := newSender(t, Config{Relays: []Relay{spare, first}, Router: PromptRouterFunc(func(RouteRequest) (Route, error) { return Via(first, spare), nil })})
		if st := s.Stats(); len(st.Relays) != 2 || st.Relays[0].Name != "first" || st.Relays[0].TLS != "" || st.Total.Waiting != 0 {
			t.Errorf("before: %+v", st)
		}
		for _, to := range []string{"b@b.example", "a@a.example"} {
			if _, err := s.Send(t.Context(), rendered(to, to)); err != nil {
				t.Fatal(err)
			}
			synctest.Wait() // until its connection is idle, or the next message may have another opened
		}
		st := s.Stats()
		if st.Relays[0].TLS != "clear text" || st.Relays[0].Opened != 1 || st.Relays[0].Delivered != 2 || st.Relays[1].TLS != "" || st.Relays[1].Opened != 0 || st.Relays[1].Fault != "" {
			t.Errorf("relays: %+v", st.Relays)
		}
		time.Sleep(24 * time.Hour) // the Scheduler has forgotten the destinations
		st = s.Stats()
		if len(st.Destinations) != 2 || st.Destinations[0].Name != "a.example" || st.Destinations[1].Name != "b.example" || st.Destinations[1].Delivered != 1 || st.Total.Delivered != 2 {
			t.Errorf("destinations: %+v", st.Destinations)
		}
	})
}

// TestVerifyWaitsForTheLimits of connections, until its context ends or the Sender
// does.
func TestVerifyWaitsForTheLimits(t *testing.T) {
	inWorld(t, smtptest.Config{}, func(t *testing.T, srv *smtptest.Server) {
		r := relayTo(srv)
		r.Limits.ConnectionRate = throttle.Rate{Count: 1, Per: time.Minute}
		s := newSender(t, Config{Relays: []Relay{r}})
		start := time.Now()
		if err := s.Verify(t.Context()); err != nil || time.Since(start) > time.Second {
			t.Errorf("first: got %v after %v", err, time.Since(start))
		}
		if err := s.Verify(t.Context()); err != nil || time.Since(start).Round(time.Second) != time.Minute {
			t.Errorf("second: got %v after %v, want a minute", err, time.Since(start))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var fault *pool.Error
		if err := s.Verify(ctx); !errors.As(err, &fault) || fault.Stage != classify.StageConnect || !errors.Is(err, context.DeadlineExceeded) || fault.Endpoint != srv.Addr {
			t.Errorf("third: got %v", err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if err := s.Verify(t.Context()); !errors.Is(err, ErrClosed) {
			t.Errorf("closed: got %v", err)
		}
	})
}

// TestVerifyWaitsForAPlace: where an idle connection has the only place, Verify waits
// until it has ended.
func TestVerifyWaitsForAPlace(t *testing.T) {
	inWorld(t, smtptest.Config{Latency: 50 * time.Millisecond}, func(t *testing.T, srv *smtptest.Server) {
		s := newSender(t, Config{Relays: []Relay{oneConnection(srv)}, IdleTimeout: 2 * time.Second})
		if _, err := s.Send(t.Context(), rendered("m", "a@x.example")); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if err := s.Verify(t.Context()); err != nil || time.Since(start) < time.Second || time.Since(start) > 10*time.Second || srv.Stats().Peak > 1 {
			t.Errorf("got %v after %v, %d connections at once", err, time.Since(start), srv.Stats().Peak)
		}
	})
}

// TestLateRouteFindsTheWarmUpFull: the Router answers when the day's ceiling of the
// destination has been reached; the recipient ends as if it had known at once.
func TestLateRouteFindsTheWarmUpFull(t *testing.T) {
	inWorld(t, smtptest.Config{}, func(t *testing.T, srv *smtptest.Server) {
		relay := relayTo(srv)
		relay.Name = "relay"
		s := newSender(t, Config{
			Router: RouterFunc(func(context.Context, RouteRequest) (Route, error) {
				time.Sleep(time.Second)
				return Via(relay), nil
			}),
			WarmUps: map[string]throttle.WarmUp{"new.example": {Start: time.Now().Add(-time.Hour), Table: []int{1, 1}, Refuse: true}},
			Memory:  File(t.TempDir() + "/memory"),
		})
		var got results
		for _, id := range []string{"1", "2"} { // both come before the Router has answered
			if _, err := s.Submit(t.Context(), rendered(id, id+"@new.example"), got.done); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Minute)
		if got.count(Delivered) != 1 || got.count(NotTried) != 1 || srv.Stats().Messages != 1 {
			t.Fatalf("%d were delivered and %d not tried, want one of each", got.count(Delivered), got.count(NotTried))
		}
		for _, id := range []string{"1", "2"} {
			if r := got.of(id); !r.Delivered() && !errors.Is(r.Err(), ErrWarmUp) {
				t.Errorf("got %v, want ErrWarmUp", r.Err())
			}
		}
	})
}

// Verify without relays of its own has nothing to verify. A scope that is none has no
// limits.
func TestSettingsOfASenderWithARouterAlone(t *testing.T) {
	s := newSender(t, Config{Router: RouterFunc(func(context.Context, RouteRequest) (Route, error) {
		t.Error("the Router was asked")
		return Route{}, nil
	})})
	if err := s.Verify(t.Context(), "no address"); err != nil {
		t.Errorf("Verify: %v", err)
	}
	for name, of := range map[string]throttle.Scope{
		"address": {Kind: throttle.ScopeSender, Name: "no address"},
		"domain":  {Kind: throttle.ScopeSenderDomain, Name: "no domain"},
		"source":  {Kind: throttle.ScopeSource, Name: "no source"},
	} {
		if err := s.SetLimits(of, throttle.Limits{Connections: 1}); err == nil || !strings.Contains(err.Error(), "scope") {
			t.Errorf("%s: got %v, want an error that names the scope", name, err)
		}
	}
	for name, of := range map[string]throttle.Scope{
		"no sender": {Kind: throttle.ScopeSender}, "no domain": {Kind: throttle.ScopeSenderDomain},
	} {
		if _, err := normalScope(of); err != nil {
			t.Errorf("%s: got %v, want none: it is that of mail without one", name, err)
		}
	}
}
