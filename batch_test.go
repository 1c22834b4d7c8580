package smtpace

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smtpace/smtpace/smtptest"
	"github.com/smtpace/smtpace/throttle"
)

// TestCloseResultsAreReportedTogether has Results that come close upon each other
// reported with one wake of the goroutine, not one each, and none of them late.
func TestCloseResultsAreReportedTogether(t *testing.T) {
	inWorld(t, smtptest.Config{}, func(t *testing.T, srv *smtptest.Server) {
		const messages, apart = 2000, 20 * time.Microsecond
		s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
		start := time.Now()
		var settled []time.Time
		calls := map[time.Time]int{} // by the time at which they were made
		b := s.newBatch(func(r *Result) {
			if late := time.Since(r.Settled); late > reportPause {
				t.Errorf("a Result was reported %v late", late)
			}
			calls[time.Now()]++
		})
		for range messages {
			b.begin()
		}
		for range messages {
			settled = append(settled, time.Now())
			b.add(unreported{nil, &Result{Settled: time.Now()}})
			synctest.Wait()
			time.Sleep(apart)
		}
		b.pending.Wait()
		took := settled[len(settled)-1].Sub(start)
		if last := start.Add(took); calls[last] == 0 {
			t.Error("the last Result was not reported at once")
		}
		if first := settled[0]; calls[first] != 1 {
			t.Errorf("%d Results were reported at the time of the first, want 1", calls[first])
		}
		if most := int(took/reportPause) + 3; len(calls) > most {
			t.Errorf("the goroutine was woken %d times for %d Results within %v, want %d at most", len(calls), messages, took, most)
		}
		s.endBatch(b)
	})
}

// TestDistantResultsAreReportedAtOnce has Results that come by one and two reported
// when they come.
func TestDistantResultsAreReportedAtOnce(t *testing.T) {
	inWorld(t, smtptest.Config{}, func(t *testing.T, srv *smtptest.Server) {
		s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
		calls := 0
		b := s.newBatch(func(r *Result) {
			if calls++; !r.Settled.Equal(time.Now()) {
				t.Errorf("Result %d was reported %v late", calls, time.Since(r.Settled))
			}
		})
		for range 100 {
			b.begin()
		}
		for i := range 50 {
			b.add(unreported{nil, &Result{Settled: time.Now()}})
			synctest.Wait()
			if calls != i+1 {
				t.Fatalf("%d calls after %d Results", calls, i+1)
			}
			time.Sleep(reportPause / 10)
			if i%2 > 0 {
				time.Sleep(3 * reportPause)
			}
		}
		for range 50 {
			b.end()
		}
		s.endBatch(b)
	})
}

// TestNoConnectionWaitsForAReport has a caller that keeps so many messages under way
// and gives the next when one is reported, while one of them takes long. The others go
// as fast as if nobody waited for reports: a connection without work ends the pause.
func TestNoConnectionWaitsForAReport(t *testing.T) {
	slow := smtptest.Rules(smtptest.Rule{Stage: smtptest.StageRcpt, Recipient: "slow@x.example", Fault: smtptest.Fault{Delay: time.Minute}})
	for _, concurrency := range []int{2, 4, 8} {
		t.Run(fmt.Sprint(concurrency), func(t *testing.T) {
			inWorld(t, smtptest.Config{Latency: 20 * time.Microsecond, Fault: slow}, func(t *testing.T, srv *smtptest.Server) {
				const messages = 400
				s := newSender(t, Config{Relays: []Relay{relayTo(srv)}, Process: throttle.Limits{Connections: 4}})
				free, reported := make(chan struct{}, concurrency), 0
				ended := make(chan error, 1)
				go func() {
					ended <- s.SendAll(t.Context(), func(yield func(Message) bool) {
						for i := range messages {
							if i == messages/8 { // the connections are open
								yield(rendered("slow", "slow@x.example"))
							}
							free <- struct{}{}
							if !yield(rendered(fmt.Sprint(i), "a@x.example")) {
								return
							}
						}
					}, func(r *Result) {
						if r.ID != "slow" {
							reported++
							<-free
						}
					})
				}()
				time.Sleep(messages * reportPause / 8)
				synctest.Wait()
				if reported != messages {
					t.Errorf("%d of %d messages are reported", reported, messages)
				}
				if err := <-ended; err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// Whoever waits for room goes on when there is some, when the Sender ends, or with its
// context.
func TestRoomForFurtherMessages(t *testing.T) {
	errOwn := errors.New("ours")
	for name, test := range map[string]struct {
		waiting int64
		happens func(b *batch, end func(), cancel context.CancelCauseFunc)
		want    error
		waits   time.Duration
	}{
		"few wait":             {maxUnreported - 1, nil, nil, 0},
		"the Sender ends":      {maxUnreported, func(_ *batch, end func(), _ context.CancelCauseFunc) { end() }, ErrClosed, time.Second},
		"the context ends":     {maxUnreported, func(_ *batch, _ func(), cancel context.CancelCauseFunc) { cancel(errOwn) }, errOwn, time.Second},
		"some are reported":    {maxUnreported, func(b *batch, _ func(), _ context.CancelCauseFunc) { b.free() }, nil, time.Second},
		"some were taken back": {maxUnreported, func(b *batch, _ func(), _ context.CancelCauseFunc) { b.takeUnsent() }, nil, time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := &batch{}
			b.waiting.Store(test.waiting)
			b.begin()
			b.queue = []unreported{{sub: &Submission{}}, {result: &Result{}}}
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			closing := make(chan struct{})
			if test.happens != nil {
				time.AfterFunc(time.Second, func() { test.happens(b, func() { close(closing) }, cancel) })
			}
			start := time.Now()
			if err := b.room(ctx, closing); err != test.want || time.Since(start) != test.waits {
				t.Errorf("%s: got %v after %v, want %v after %v", name, err, time.Since(start), test.want, test.waits)
			}
			b.free() // nobody waits any more
		})
	}
}

// Of the Results that wait, those of messages that were not accepted can be taken back;
// they do not count any more.
func TestUnsentResultsAreTakenBack(t *testing.T) {
	b := &batch{}
	b.waiting.Store(3)
	for range 3 {
		b.begin()
	}
	sent := &Submission{}
	first, last := &Result{ID: 1}, &Result{ID: 3}
	b.queue = []unreported{{result: first}, {sub: sent}, {result: last}}
	if got := b.takeUnsent(); !slices.Equal(got, []*Result{first, last}) {
		t.Errorf("got %v, want the first and the last", got)
	}
	if len(b.queue) != 1 || b.queue[0].sub != sent || b.queue[:3][2] != (unreported{}) || b.waiting.Load() != 1 || b.given.Load() != 1 {
		t.Errorf("%v is left, %d wait and %d are given, want the one that was sent", b.queue, b.waiting.Load(), b.given.Load())
	}
	b.end()
	b.pending.Wait()
}
