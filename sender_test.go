package smtpace

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"testing"
	"time"

	"github.com/smtpace/smtpace/smtptest"
)

// Invariant 1, and with it 3, 4 and 5: under random faults at every stage every
// recipient ends exactly once, what was taken is intact, and only ambiguous
// tries make second copies.
func TestInvariant1EveryRecipientEndsOnce(t *testing.T) {
	for seed := range 20 {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			chaos := newChaos(uint64(seed))
			inWorld(t, smtptest.Config{Fault: chaos.fault}, func(t *testing.T, srv *smtptest.Server) {
				s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
				var got results
				var messages []Message
				for i := range 150 {
					messages = append(messages, rendered(fmt.Sprintf("m%d", i), fmt.Sprintf("a%d@d%d.example", i, i%7), fmt.Sprintf("b%d@d%d.example", i, i%5)))
				}
				if err := s.SendAll(t.Context(), slices.Values(messages), got.done); err != nil {
					t.Fatal(err)
				}
				chaos.check(t, srv, messages, &got)
				intact(t, srv, messages...)
			})
		})
	}
}

// Invariant 2: errors of the line, of TLS, of the login and 503 refuse nothing.
func TestInvariant2FaultsOfTheLineRefuseNothing(t *testing.T) {
	for name, fault := range map[string]smtptest.Rule{
		"503 at MAIL":      {Stage: smtptest.StageMail, Times: 3, Fault: smtptest.Fault{Reply: "503 5.5.1 nested MAIL"}},
		"reset at DATA":    {Stage: smtptest.StageData, Times: 3, Fault: smtptest.Fault{End: smtptest.Reset}},
		"close at MAIL":    {Stage: smtptest.StageMail, Times: 3, Fault: smtptest.Fault{Silent: true, End: smtptest.Close}},
		"550 banner":       {Stage: smtptest.StageConnect, Times: 3, Fault: smtptest.Fault{Reply: "554 5.7.1 go away", End: smtptest.Close}},
		"dial refused":     {Stage: smtptest.StageDial, Times: 3, Fault: smtptest.Fault{End: smtptest.Close}},
		"garbage at RCPT":  {Stage: smtptest.StageRcpt, Times: 3, Fault: smtptest.Fault{Raw: "\x00\xffwhat\r\n"}},
		"body interrupted": {Stage: smtptest.StageBody, Times: 3, Fault: smtptest.Fault{End: smtptest.Reset}},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, smtptest.Config{Fault: smtptest.Rules(fault)}, func(t *testing.T, srv *smtptest.Server) {
				s := newSender(t, Config{Relays: []Relay{relayTo(srv)}, FailFast: FailFastNever})
				r, err := s.SendMail(t.Context(), newMsg(t, "a@x.example", "b@x.example"))
				if err != nil {
					t.Fatalf("%v; %+v", err, r)
				}
				if n := srv.Stats().Messages; n != 1 {
					t.Errorf("%d copies", n)
				}
			})
		})
	}
}

// Invariant 4: the reply to the dot is lost; by default the same bytes go again,
// else the recipient is reported as unknown.
func TestInvariant4LostReplyIsAmbiguous(t *testing.T) {
	lost := smtptest.Rule{Stage: smtptest.StageDot, Times: 1, Fault: smtptest.Fault{Stored: true, Silent: true, End: smtptest.Reset}}
	t.Run("retry", func(t *testing.T) {
		inWorld(t, smtptest.Config{Fault: smtptest.Rules(lost)}, func(t *testing.T, srv *smtptest.Server) {
			s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
			start := time.Now()
			r, err := s.SendMail(t.Context(), newMsg(t, "a@x.example"))
			if err != nil || r.Recipients[0].Ambiguous != 1 || r.Recipients[0].Tries != 2 {
				t.Fatalf("%+v, %v", r, err)
			}
			if wait := time.Since(start); wait < time.Second || wait > 2*time.Second {
				t.Errorf("tried again after %v, want a second or a little more", wait)
			}
			tx := srv.Transactions()
			if len(tx) != 2 || !bytes.Equal(tx[0].Data, tx[1].Data) {
				t.Error("the second try sent other bytes")
			}
		})
	})
	t.Run("report", func(t *testing.T) {
		inWorld(t, smtptest.Config{Fault: smtptest.Rules(lost)}, func(t *testing.T, srv *smtptest.Server) {
			s := newSender(t, Config{Relays: []Relay{relayTo(srv)}, AmbiguousTries: 1})
			r, err := s.SendMail(t.Context(), newMsg(t, "a@x.example"))
			if err == nil || r.Recipients[0].Status != Unknown || r.Recipients[0].Ambiguous != 1 {
				t.Fatalf("%+v, %v", r, err)
			}
			if n := srv.Stats().Messages; n != 1 {
				t.Errorf("%d copies", n)
			}
		})
	})
}

// Invariant 7: waiting for limits, ours or the receiver's, costs no attempt.
func TestInvariant7LimitsCostNoAttempt(t *testing.T) {
	limits := smtptest.Limits{
		Connections: smtptest.Cap{Max: 2},
		MessageRate: smtptest.Rate{Count: 20, Burst: 5},
	}
	inWorld(t, smtptest.Config{Limits: limits, Latency: 5 * time.Millisecond}, func(t *testing.T, srv *smtptest.Server) {
		s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
		var got results
		if err := s.SendAll(t.Context(), newsletter(200, "x.example"), got.done); err != nil {
			t.Fatal(err)
		}
		tries := 0
		for id, r := range got.by {
			if rcpt := r.Recipients[0]; rcpt.Status != Delivered || rcpt.Attempts != 1 {
				t.Errorf("%v: %+v", id, rcpt)
			}
			tries += r.Recipients[0].Tries
		}
		st := srv.Stats()
		t.Logf("200 messages in %v: %d tries, %d replies named a limit", time.Since(epoch), tries, st.Throttled)
		if st.Messages != 200 || st.Throttled == 0 {
			t.Errorf("%+v", st)
		}
	})
}

// epoch is the time at which every bubble begins.
var epoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

func newsletter(n int, domain string) iter.Seq[Message] {
	return func(yield func(Message) bool) {
		for i := range n {
			if !yield(rendered(fmt.Sprintf("%s-%d", domain, i), fmt.Sprintf("u%d@%s", i, domain))) {
				return
			}
		}
	}
}

// Invariant 8: whatever the receiver is doing, a cancelled Send returns within
// 100 ms, and the next message is not affected.
func TestInvariant8CancelEndsTheCall(t *testing.T) {
	for _, stage := range []smtptest.Stage{
		smtptest.StageDial, smtptest.StageConnect, smtptest.StageHelo, smtptest.StageMail, smtptest.StageRcpt,
		smtptest.StageData, smtptest.StageDot,
	} {
		t.Run(string(stage), func(t *testing.T) {
			fault := smtptest.Rules(smtptest.Rule{Stage: stage, Times: 1, Fault: smtptest.Fault{Silent: true, End: smtptest.Stall}})
			inWorld(t, smtptest.Config{Fault: fault}, func(t *testing.T, srv *smtptest.Server) {
				s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
				why := errors.New("changed my mind")
				ctx, cancel := context.WithCancelCause(t.Context())
				time.AfterFunc(time.Second, func() { cancel(why) })
				start := time.Now()
				r, err := s.SendMail(ctx, newMsg(t, "a@x.example"))
				within(t, start, 1100*time.Millisecond)
				if !errors.Is(err, why) {
					t.Errorf("error is %v", err)
				}
				want := NotTried
				if stage == smtptest.StageDot {
					want = Unknown
				}
				if r.Recipients[0].Status != want {
					t.Errorf("%+v, want %v", r.Recipients[0], want)
				}
				if stage != smtptest.StageDot {
					if _, err := s.SendMail(t.Context(), newMsg(t, "b@x.example")); err != nil {
						t.Errorf("the next message: %v", err)
					}
				}
			})
		})
	}
}

func TestShutdownFinishesTheWireAndKeepsNothing(t *testing.T) {
	inWorld(t, smtptest.Config{ServiceTime: 2 * time.Second}, func(t *testing.T, srv *smtptest.Server) {
		s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
		var got results
		ended := make(chan error, 1)
		go func() { ended <- s.SendAll(t.Context(), newsletter(100, "x.example"), got.done) }()
		time.Sleep(5 * time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		start := time.Now()
		if err := s.Shutdown(ctx); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
		within(t, start, 3*time.Second)
		if err := <-ended; err != nil && !errors.Is(err, ErrClosed) {
			t.Errorf("SendAll: %v", err)
		}
		delivered, notTried := got.count(Delivered), got.count(NotTried)
		if delivered != srv.Stats().Messages || delivered == 0 || delivered+notTried != 100 {
			t.Errorf("%d delivered, %d not tried, receiver has %d", delivered, notTried, srv.Stats().Messages)
		}
		if _, err := s.Submit(t.Context(), rendered("late", "a@x.example"), got.done); !errors.Is(err, ErrClosed) {
			t.Errorf("Submit after Shutdown: %v", err)
		}
		if err := errors.Join(s.Shutdown(t.Context()), s.Close()); err != nil {
			t.Errorf("again: %v", err)
		}
	})
}

func TestCloseStopsNow(t *testing.T) {
	inWorld(t, smtptest.Config{ServiceTime: time.Hour}, func(t *testing.T, srv *smtptest.Server) {
		s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
		var got results
		for m := range newsletter(5, "x.example") {
			if _, err := s.Submit(t.Context(), m, got.done); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Second)
		start := time.Now()
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		within(t, start, 100*time.Millisecond)
		if got.count(Unknown) != 1 || got.count(NotTried) != 4 {
			t.Errorf("%d unknown, %d not tried", got.count(Unknown), got.count(NotTried))
		}
	})
}
