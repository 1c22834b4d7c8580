package smtpace

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smtpace/smtpace/smtptest"
)

// One recipient is in a transaction, one is put off, one is queued behind it: the
// first ends as its transaction ends, the others at once.
func TestWithdrawTakesWhatIsNotOnTheWire(t *testing.T) {
	why := errors.New("wrong price")
	fault := smtptest.Rules(
		smtptest.Rule{Stage: smtptest.StageRcpt, Recipient: "later@busy.example", Fault: smtptest.Fault{Reply: "451 4.3.0 try later"}},
		smtptest.Rule{Stage: smtptest.StageDot, Recipient: "@slow.example", Fault: smtptest.Fault{Delay: time.Minute}},
	)
	inWorld(t, smtptest.Config{Fault: fault}, func(t *testing.T, srv *smtptest.Server) {
		s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
		s.Pause("paused.example")
		var got results
		m := rendered("m", "later@busy.example", "a@slow.example", "b@paused.example", "c@paused.example")
		h, err := s.Submit(t.Context(), m, got.done)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if r := h.Result(); r != nil {
			t.Fatalf("settled: %+v", r)
		}
		if n := h.Withdraw(why); n != 3 {
			t.Errorf("took %d recipients, want 3", n)
		}
		if n := h.Withdraw(why); n != 0 {
			t.Errorf("took %d recipients at the second time", n)
		}
		<-h.Done()
		r := h.Result()
		if r == nil || r != got.of("m") {
			t.Fatalf("Result is %p, done was given %p", r, got.of("m"))
		}
		for i, want := range []Status{GaveUp, Delivered, NotTried, NotTried} {
			rcpt := r.Recipients[i]
			if rcpt.Status != want || want != Delivered && !errors.Is(rcpt.Err, why) {
				t.Errorf("%+v, want %v", rcpt, want)
			}
		}
		if n := h.Withdraw(nil); n != 0 {
			t.Errorf("took %d recipients of a settled message", n)
		}
	})
}

// What is in a transaction and put off there gets no further try.
func TestWithdrawAllowsNoFurtherTry(t *testing.T) {
	fault := smtptest.Rules(smtptest.Rule{Stage: smtptest.StageDot, Fault: smtptest.Fault{Delay: time.Minute, Reply: "451 4.3.0 try later"}})
	inWorld(t, smtptest.Config{Fault: fault}, func(t *testing.T, srv *smtptest.Server) {
		s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
		h, err := s.Submit(t.Context(), rendered("m", "a@x.example"), nil)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if n := h.Withdraw(nil); n != 0 {
			t.Errorf("took %d recipients", n)
		}
		start := time.Now()
		<-h.Done()
		within(t, start, time.Minute)
		if r := h.Result().Recipients[0]; r.Status != GaveUp || r.Tries != 1 || !errors.Is(r.Err, ErrWithdrawn) {
			t.Errorf("%+v", r)
		}
	})
}

func TestWithdrawWhileTheMessageIsRendered(t *testing.T) {
	inWorld(t, smtptest.Config{}, func(t *testing.T, srv *smtptest.Server) {
		s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
		m := newMsg(t, "a@x.example", "b@x.example")
		(&flaky{failures: 1, err: slowly{}}).attachTo(m)
		h, err := s.Submit(t.Context(), Message{Msg: m}, nil)
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if n := h.Withdraw(nil); n != 2 {
			t.Errorf("took %d recipients", n)
		}
		<-h.Done()
		time.Sleep(2 * time.Second) // until the writer of the Msg returns
		if n := srv.Stats().Messages; n != 0 {
			t.Errorf("%d messages were sent", n)
		}
	})
}

// slowly is an error that takes a second to be told.
type slowly struct{}

func (slowly) Error() string {
	time.Sleep(time.Second)
	return "slow"
}

// Every message is settled once whatever withdraws, closes and delivers it at
// the same time, and no recipient is both taken and delivered.
func TestWithdrawRaces(t *testing.T) {
	for round := range 20 {
		t.Run(fmt.Sprint(round), func(t *testing.T) {
			srv := smtptest.NewServer(smtptest.Config{InMemory: true})
			defer srv.Close()
			s, err := New(Config{Relays: []Relay{relayTo(srv)}})
			if err != nil {
				t.Fatal(err)
			}
			var got results
			var taken, submitted atomic.Int64
			var wg sync.WaitGroup
			for g := range 4 {
				wg.Go(func() {
					for i := range 25 {
						h, err := s.Submit(t.Context(), rendered(fmt.Sprintf("m%d-%d", g, i), "a@x.example", "b@y.example"), got.done)
						if err != nil {
							if !errors.Is(err, ErrClosed) {
								t.Error(err)
							}
							return
						}
						submitted.Add(1)
						for range 2 {
							wg.Go(func() {
								runtime.Gosched()
								taken.Add(int64(h.Withdraw(nil)))
								<-h.Done()
								if h.Result() == nil {
									t.Error("done without a result")
								}
							})
						}
					}
				})
			}
			if round%2 == 1 {
				wg.Go(func() { _ = s.Close() })
			}
			wg.Wait()
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			if int64(got.calls) != submitted.Load() || got.calls != len(got.by) {
				t.Errorf("%d messages, done was called %d times for %d", submitted.Load(), got.calls, len(got.by))
			}
			ended := int64(got.count(Delivered) + got.count(NotTried) + got.count(GaveUp) + got.count(Unknown))
			if ended != 2*submitted.Load() || taken.Load() > ended-int64(got.count(Delivered)) {
				t.Errorf("%d recipients, %d ended, %d taken, %d delivered", 2*submitted.Load(), ended, taken.Load(), got.count(Delivered))
			}
		})
	}
}

// What a connection was given and has not begun to send is taken back, once.
func TestWithdrawWhileTheRouteIsRenewed(t *testing.T) {
	inWorld(t, smtptest.Config{}, func(t *testing.T, srv *smtptest.Server) {
		relay, taken := relayTo(srv), []int{}
		relay.Name = "relay"
		var h *Submission
		s := newSender(t, Config{Router: PromptRouterFunc(func(RouteRequest) (Route, error) {
			if h != nil {
				taken = append(taken, h.Withdraw(nil), h.Withdraw(nil))
			}
			route := Via(relay)
			route.Until = time.Now().Add(time.Minute)
			return route, nil
		})})
		s.Pause("x.example")
		sub, err := s.Submit(t.Context(), rendered("m", "a@x.example", "b@x.example"), nil)
		if err != nil {
			t.Fatal(err)
		}
		h = sub
		time.Sleep(time.Hour)
		s.sched.Resume(time.Now(), "x.example")
		s.dispatcher.drive()
		<-h.Done()
		if len(taken) != 2 || taken[0] != 2 || taken[1] != 0 || srv.Stats().Messages != 0 {
			t.Errorf("took %v recipients, and %d messages were sent", taken, srv.Stats().Messages)
		}
		time.Sleep(time.Hour)
		if relays := s.Stats().Relays; len(relays) != 0 || len(s.endpoints) != 0 {
			t.Errorf("the relay is not forgotten: %+v", relays)
		}
	})
}

// A delivery that is neither queued nor with a connection at the moment, as while its bytes
// are made, ends at once where transactions are interrupted, and else when it goes on.
func TestWithdrawBetweenQueueAndConnection(t *testing.T) {
	for _, interrupt := range []bool{true, false} {
		inWorld(t, smtptest.Config{}, func(t *testing.T, srv *smtptest.Server) {
			s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
			s.Pause("x.example")
			sub, err := s.Submit(t.Context(), rendered("m", "a@x.example"), nil)
			if err != nil {
				t.Fatal(err)
			}
			sub.mu.Lock()
			d := sub.deliveries[0]
			if !s.sched.Remove(time.Now(), d.item) {
				t.Fatal("it is not queued")
			}
			d.state = statePending
			sub.mu.Unlock()
			why := errors.New("wrong price")
			if taken := sub.withdraw(why, interrupt); taken != 1 || (sub.Result() != nil) != interrupt {
				t.Errorf("interrupted %v: %d recipients taken, and the result is %+v", interrupt, taken, sub.Result())
			}
			s.Resume("x.example")
			s.push(d, time.Time{})
			<-sub.Done()
			if r := sub.Result().Recipients[0]; r.Status != NotTried || !errors.Is(r.Err, why) || len(srv.Messages()) > 0 {
				t.Errorf("interrupted %v: got %+v", interrupt, r)
			}
		})
	}
}
