package smtpace

import (
	"fmt"
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
// and gives the next when one is reported. Its mail goes as fast as if nobody waited
// for reports: a connection without work, or the last Result of all, ends the pause.
func TestNoConnectionWaitsForAReport(t *testing.T) {
	for _, window := range []int{1, 2, 4, 8} {
		t.Run(fmt.Sprint(window), func(t *testing.T) {
			inWorld(t, smtptest.Config{Latency: 20 * time.Microsecond}, func(t *testing.T, srv *smtptest.Server) {
				const messages = 400
				four := throttle.Limits{Connections: 4}
				s := newSender(t, Config{Relays: []Relay{relayTo(srv)}, Process: four, Destination: four})
				free := make(chan struct{}, window)
				start := time.Now()
				err := s.SendAll(t.Context(), func(yield func(Message) bool) {
					for i := range messages {
						free <- struct{}{}
						if !yield(rendered(fmt.Sprint(i), "a@x.example")) {
							return
						}
					}
				}, func(*Result) { <-free })
				if err != nil {
					t.Error(err)
				}
				if took := time.Since(start); took > messages*reportPause/2 {
					t.Errorf("%d messages took %v", messages, took)
				}
			})
		})
	}
}
