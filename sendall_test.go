package smtpace

import (
	"context"
	"errors"
	"iter"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smtpace/smtpace/smtptest"
	"github.com/smtpace/smtpace/throttle"
)

func TestSendAllReportsInvalidMessagesAndSendsTheOthers(t *testing.T) {
	inWorld(t, smtptest.Config{}, func(t *testing.T, srv *smtptest.Server) {
		s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
		messages := []Message{
			rendered("good", "a@x.example"), rendered("bad", "a@@"), {ID: "empty"}, rendered("also good", "b@x.example"),
		}
		var got results
		if err := s.SendAll(t.Context(), slices.Values(messages), got.done); err != nil {
			t.Fatal(err)
		}
		for id, want := range map[string]Status{"good": Delivered, "bad": Refused, "empty": Refused, "also good": Delivered} {
			r := got.by[id]
			if r == nil || r.Recipients[0].Status != want || want == Refused && !errors.Is(r.Err(), ErrInvalid) {
				t.Errorf("%s: %+v", id, r)
			}
		}
	})
}

// A cancelled SendAll settles everything within 100 ms and stops taking.
func TestInvariant8CancelEndsSendAll(t *testing.T) {
	inWorld(t, smtptest.Config{ServiceTime: 10 * time.Second}, func(t *testing.T, srv *smtptest.Server) {
		s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
		why := errors.New("enough")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(5*time.Second, func() { cancel(why) })
		endless := iter.Seq[Message](func(yield func(Message) bool) {
			for yield(rendered("m", "a@x.example")) {
			}
		})
		byStatus := map[Status]int{}
		start := time.Now()
		s.bulk.places = 50
		err := s.SendAll(ctx, endless, func(r *Result) { byStatus[r.Recipients[0].Status]++ })
		within(t, start, 5100*time.Millisecond)
		if !errors.Is(err, why) {
			t.Errorf("SendAll: %v", err)
		}
		if byStatus[Unknown] != 1 || byStatus[NotTried] != 33 {
			t.Errorf("%v", byStatus)
		}
	})
}

// A message with more recipients than one transaction may have goes in several.
func TestManyRecipientsAreSplit(t *testing.T) {
	receiver := smtptest.Config{Limits: smtptest.Limits{RecipientsPerMessage: smtptest.Cap{Max: 7}}}
	for name, limits := range map[string]throttle.Limits{"configured": {RecipientsPerMessage: 5}, "learned": {}} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, receiver, func(t *testing.T, srv *smtptest.Server) {
				s := newSender(t, Config{Relays: []Relay{relayTo(srv)}, Destination: limits})
				var to []string
				for i := range 23 {
					to = append(to, string(rune('a'+i))+"@x.example")
				}
				r, err := s.SendMail(t.Context(), newMsg(t, to...))
				if err != nil {
					t.Fatal(err)
				}
				for _, rcpt := range r.Recipients {
					if rcpt.Attempts > 1 {
						t.Errorf("%+v", rcpt)
					}
				}
				if st := srv.Stats(); st.Recipients != 23 || name == "configured" && (st.Throttled > 0 || st.Messages != 5) {
					t.Errorf("%+v", st)
				}
			})
		})
	}
}

// One mailbox that gets mail too fast is held, and no other.
func TestHotMailboxHoldsItselfOnly(t *testing.T) {
	receiver := smtptest.Config{Domains: map[string]smtptest.Domain{"x.example": {MailboxRate: smtptest.Rate{Count: 1, Per: time.Minute}}}}
	inWorld(t, receiver, func(t *testing.T, srv *smtptest.Server) {
		s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
		messages := []Message{rendered("hot1", "hot@x.example"), rendered("hot2", "hot@x.example")}
		messages = append(messages, slices.Collect(newsletter(20, "x.example"))...)
		var got results
		start := time.Now()
		if err := s.SendAll(t.Context(), slices.Values(messages), got.done); err != nil {
			t.Fatal(err)
		}
		for id, r := range got.by {
			if r.Recipients[0].Status != Delivered {
				t.Errorf("%v: %+v", id, r.Recipients[0])
			}
			if id != "hot1" && id != "hot2" && r.Settled.Sub(start) > time.Second {
				t.Errorf("%v waited %v", id, r.Settled.Sub(start))
			}
		}
	})
}

// A SendAll that its sequence leaves by a panic has its messages reported all the same,
// the ones that are settled later too, and leaves no goroutine behind.
func TestSendAllWhoseSequencePanics(t *testing.T) {
	inWorld(t, smtptest.Config{ServiceTime: time.Second}, func(t *testing.T, srv *smtptest.Server) {
		s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
		var got results
		func() {
			defer func() {
				if recover() == nil {
					t.Error("SendAll has returned")
				}
			}()
			s.SendAll(t.Context(), func(yield func(Message) bool) {
				yield(rendered("first", "a@x.example"))
				time.Sleep(time.Minute) // it is reported
				yield(rendered("second", "b@x.example"))
				panic("the sequence is at its end")
			}, got.done)
		}()
		for _, later := range []time.Duration{0, time.Minute} {
			time.Sleep(later)
			if r := got.of("first"); r == nil || !r.Delivered() {
				t.Errorf("the first message is %+v", r)
			}
		}
		if r := got.of("second"); r == nil || !r.Delivered() {
			t.Errorf("the second message is %+v", r)
		}
	})
}

// The goroutine that calls the done function keeps nothing of what it has reported.
func TestReportedResultsAreNotKept(t *testing.T) {
	inWorld(t, smtptest.Config{}, func(t *testing.T, srv *smtptest.Server) {
		s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
		s.SendAll(t.Context(), func(yield func(Message) bool) {
			for range 3 * reportedAtOnce {
				yield(rendered("m", "a@x.example"))
			}
			time.Sleep(time.Minute)
			synctest.Wait()
			for b := range s.batches {
				if b.taken != [reportedAtOnce]unreported{} || b.few != [reportedAtOnce]unreported{} {
					t.Error("what was reported is kept")
				}
			}
		}, func(*Result) {})
	})
}
