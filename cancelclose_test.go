package smtpace

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/smtpace/smtpace/smtptest"
)

// slowToClose is a connection of a user whose Close takes 2 s.
type slowToClose struct{ net.Conn }

func (c slowToClose) Close() error {
	time.Sleep(2 * time.Second)
	return c.Conn.Close()
}

// TestSlowCloseHoldsUpNoSend cancels a Send at every stage of its transaction,
// over a connection that takes 2 s to close. Send returns within 100 ms.
func TestSlowCloseHoldsUpNoSend(t *testing.T) {
	for _, tt := range []struct {
		stage smtptest.Stage
		want  Status
	}{
		{smtptest.StageConnect, NotTried},
		{smtptest.StageHelo, NotTried},
		{smtptest.StageMail, NotTried},
		{smtptest.StageRcpt, NotTried},
		{smtptest.StageData, NotTried},
		{smtptest.StageDot, Unknown},
	} {
		t.Run(string(tt.stage), func(t *testing.T) { testSlowCloseHoldsUpNoSend(t, tt.stage, tt.want) })
	}
}

func testSlowCloseHoldsUpNoSend(t *testing.T, stage smtptest.Stage, want Status) {
	stall := smtptest.Fault{Silent: true, End: smtptest.Stall}
	inWorld(t, smtptest.Config{Fault: smtptest.Rules(smtptest.Rule{Stage: stage, Conn: 1, Fault: stall})}, func(t *testing.T, srv *smtptest.Server) {
		relay := relayTo(srv)
		relay.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := srv.DialContext(ctx, network, addr)
			return slowToClose{conn}, err
		}
		s := newSender(t, Config{Relays: []Relay{relay}})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		result, err := s.Send(ctx, rendered("cancelled", "a@x.example"))
		if took := time.Since(start); took > 1100*time.Millisecond {
			t.Errorf("Send returned after %v, want at most 100 ms after the end of its context", took)
		}
		if got := result.Recipients[0].Status; got != want || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, %v; want %v and the end of the context", got, err, want)
		}
	})
}
