package smtpace

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/smtpace/smtpace/smtptest"
	"github.com/smtpace/smtpace/throttle"
)

// TestTryThatTheEndTurnsAway: a call that waits when the Pacer ends learns no time to come
// back to it.
func TestTryThatTheEndTurnsAway(t *testing.T) {
	paceTest(t, func(t *testing.T) {
		p := newPacer(t, PacerConfig{Destination: throttle.Limits{MessageRate: throttle.Rate{Count: 1, Per: time.Minute}}})
		mustGo(t, p)
		time.AfterFunc(time.Second, func() { _ = p.Close() })
		r := PaceRequest{To: []string{"ann@example.com"}, MaxWait: time.Hour}
		err := p.TryRequest(t.Context(), r, func(context.Context, []string) error { return nil })
		end, ok := errors.AsType[*TryError](err)
		if !ok || !errors.Is(err, ErrClosed) || !end.RetryAt.IsZero() || end.Called || len(end.Left) != 1 {
			t.Errorf("got %v, %+v; want ErrClosed without a time", err, end)
		}
	})
}

// TestDialThatWaitsForTheFirst ends with its context, and has sent nothing.
func TestDialThatWaitsForTheFirst(t *testing.T) {
	inWorld(t, smtptest.Config{}, func(t *testing.T, srv *smtptest.Server) {
		c := newPacer(t, PacerConfig{}).Client(goMailTo(t, srv))
		c.dials <- struct{}{} // the first is under way
		why := errors.New("enough")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(why) })
		start := time.Now()
		_, err := c.dial(ctx)
		if _, certain := errors.AsType[*notSentError](err); !certain || !errors.Is(err, why) || time.Since(start) != time.Second {
			t.Errorf("after %v: got %v, want the cause, with nothing sent", time.Since(start), err)
		}
		<-c.dials
		if s, err := c.dial(t.Context()); err != nil || s.Close() != nil || len(c.dials) != 0 || !c.dialed.Load() {
			t.Errorf("the first: got %v, %d dials are under way", err, len(c.dials))
		}
	})
}

// TestLimitsOfAScopeThatIsNone are a mistake, of a Sender and of a Pacer.
func TestLimitsOfAScopeThatIsNone(t *testing.T) {
	inWorld(t, smtptest.Config{}, func(t *testing.T, srv *smtptest.Server) {
		s, p := newSender(t, Config{Relays: []Relay{relayTo(srv)}}), newPacer(t, PacerConfig{})
		for _, of := range []throttle.Scope{
			{Kind: throttle.ScopeSource, Name: "no address"}, {Kind: throttle.ScopeSender, Name: "no address"}, {Kind: throttle.ScopeSenderDomain, Name: "-"},
		} {
			if s.SetLimits(of, throttle.Limits{Connections: 1}) == nil || p.SetLimits(of, throttle.Limits{Connections: 1}) == nil {
				t.Errorf("%v: the limits are taken", of)
			}
		}
		of := throttle.Scope{Kind: throttle.ScopeDestination, Name: "x.example"}
		if s.SetLimits(of, throttle.Limits{Connections: -7}) == nil || p.SetLimits(of, throttle.Limits{Connections: -7}) == nil {
			t.Error("limits that are none are taken")
		}
	})
}
