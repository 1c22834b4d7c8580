package smtpace

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/smtpace/smtpace/smtptest"
	"github.com/wneessen/go-mail"
)

// TestEndedDeliveriesKeepNothing: what ends without another try lets go of its path and of its
// room, and is no delivery of its message any more, also while others of the message go on.
func TestEndedDeliveriesKeepNothing(t *testing.T) {
	for name, end := range map[string]func(sub *Submission, d *delivery){
		"ended":   func(sub *Submission, d *delivery) { sub.endAllLocked(d, ErrExpired, false) },
		"refused": func(sub *Submission, d *delivery) { sub.refuseAllLocked(d, ErrInvalid) },
	} {
		inWorld(t, smtptest.Config{}, func(t *testing.T, srv *smtptest.Server) {
			s := newSender(t, Config{Router: PromptRouterFunc(func(r RouteRequest) (Route, error) {
				relay := relayTo(srv)
				relay.Name = "of " + r.Domain
				return Via(relay), nil
			})})
			s.Pause("a.example")
			s.Pause("b.example")
			sub, err := s.Submit(t.Context(), rendered("m", "u@a.example", "u@b.example"), nil)
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
			sub.mu.Lock()
			d, other := sub.deliveries[0], sub.deliveries[1]
			if !s.sched.Remove(time.Now(), d.item) {
				t.Fatal("it is not queued")
			}
			end(sub, d)
			if d.state != stateEnded || len(sub.deliveries) != 1 || sub.deliveries[0] != other || other.pos != 0 {
				t.Errorf("%s: its state is %d, %d are left", name, d.state, len(sub.deliveries))
			}
			if n := sub.admitted.of(d.destination).deliveries; n != 0 || sub.admitted.of(other.destination).deliveries != 1 {
				t.Errorf("%s: %d deliveries count at its destination", name, n)
			}
			sub.finish()
			time.Sleep(time.Minute)
			s.mu.Lock()
			if s.endpoints["of a.example"] != nil || s.endpoints["of b.example"] == nil {
				t.Errorf("%s: %d relays are in use, want that of the other alone", name, len(s.endpoints))
			}
			s.mu.Unlock()
			s.Resume("b.example")
			<-sub.Done()
			if of := sub.Result().Recipients; of[0].Status == Delivered || of[1].Status != Delivered {
				t.Errorf("%s: got %+v", name, of)
			}
		})
	}
}

// TestEndsNameTheirOwnTrouble: messages that could not be rendered end with the reason of each,
// however many end at once.
func TestEndsNameTheirOwnTrouble(t *testing.T) {
	inWorld(t, smtptest.Config{}, func(t *testing.T, srv *smtptest.Server) {
		s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
		var subs []*Submission
		for i := range 3 {
			m := newMsg(t, "a@x.example")
			m.SetBodyWriter(mail.TypeTextPlain, func(io.Writer) (int64, error) { return 0, fmt.Errorf("file %d is away", i) })
			sub, err := submitLater(t, s, Message{Msg: m}, nil)
			if err != nil {
				t.Fatal(err)
			}
			subs = append(subs, sub)
		}
		time.Sleep(time.Minute)
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		for i, sub := range subs {
			<-sub.Done()
			want := fmt.Sprintf("not_tried: %v; %v: rendering the message: ", ErrClosed, ErrLocal)
			if err := sub.Result().Err(); !errors.Is(err, ErrClosed) || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), fmt.Sprintf("file %d is away", i)) {
				t.Errorf("message %d: got %v", i, err)
			}
		}
	})
}

// TestEndsAreReportedOneByOne: while a Sender shuts down, one goroutine calls the functions of
// the user's.
func TestEndsAreReportedOneByOne(t *testing.T) {
	inWorld(t, smtptest.Config{}, func(t *testing.T, srv *smtptest.Server) {
		s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
		s.Pause("x.example")
		var at, most atomic.Int32
		var subs []*Submission
		for i := range 20 {
			sub, err := s.Submit(t.Context(), rendered(fmt.Sprint(i), "a@x.example"), func(*Result) {
				most.Store(max(most.Load(), at.Add(1)))
				time.Sleep(time.Millisecond)
				at.Add(-1)
			})
			if err != nil {
				t.Fatal(err)
			}
			subs = append(subs, sub)
		}
		_ = s.Close() // it may not wait for all
		for _, sub := range subs {
			<-sub.Done()
		}
		if most.Load() != 1 {
			t.Errorf("%d functions were called at once", most.Load())
		}
	})
}
