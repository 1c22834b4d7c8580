package smtpace

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/smtpace/smtpace/smtptest"
)

// manyDomains returns an address at each of n domains.
func manyDomains(n int) (to []string) {
	for i := range n {
		to = append(to, fmt.Sprintf("u@d%d.example", i))
	}
	return to
}

// TestRefusalsOfOneMessageStopNoRelay: a breaker opens for refusals of several messages. One
// message that is refused at each of its destinations does not hold up others.
func TestRefusalsOfOneMessageStopNoRelay(t *testing.T) {
	fault := func(ev smtptest.Event) *smtptest.Fault {
		if ev.Stage == smtptest.StageRcpt && ev.From == "one@sender.example" {
			return &smtptest.Fault{Reply: "554 5.7.1 Relay access denied"}
		}
		return nil
	}
	inWorld(t, smtptest.Config{Fault: fault}, func(t *testing.T, srv *smtptest.Server) {
		s := newSender(t, Config{Relays: []Relay{oneConnection(srv)}})
		m := rendered("one", manyDomains(20)...)
		m.From = "one@sender.example"
		if _, err := s.Submit(t.Context(), m, nil); err != nil {
			t.Fatal(err)
		}
		time.Sleep(500 * time.Millisecond)
		if n := srv.Stats().Mails; n < 20 {
			t.Fatalf("%d transactions, want one for each destination", n)
		}
		if r := s.Stats().Relays[0]; r.RestingUntil != nil {
			t.Errorf("the relay rests until %v: %s", r.RestingUntil, r.Fault)
		}
		start := time.Now()
		if _, err := s.Send(t.Context(), rendered("other", "u@x.example")); err != nil || time.Since(start) > 100*time.Millisecond {
			t.Errorf("another message: %v after %v", err, time.Since(start))
		}
	})
}

// TestRefusalsOfOneCallStopNoRelay: the same of a Pacer.
func TestRefusalsOfOneCallStopNoRelay(t *testing.T) {
	paceTest(t, func(t *testing.T) {
		p := newPacer(t, PacerConfig{})
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		calls := 0
		err := p.DoRequest(ctx, PaceRequest{To: manyDomains(20), From: "one@sender.example", Relay: "relay"}, func(context.Context, []string) error {
			calls++
			return reply(554, "5.7.1 Relay access denied")
		})
		if err == nil || calls < 20 {
			t.Fatalf("got %v after %d calls, want one for each destination", err, calls)
		}
		start := time.Now()
		err = p.DoRequest(t.Context(), PaceRequest{To: []string{"u@x.example"}, Relay: "relay"}, func(context.Context, []string) error { return nil })
		if err != nil || time.Since(start) > 100*time.Millisecond {
			t.Errorf("another call: %v after %v", err, time.Since(start))
		}
	})
}
