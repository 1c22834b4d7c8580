package smtpace

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smtpace/smtpace/smtptest"
)

// TestSlowDoneStopsNoConnection has a batch whose done takes a second, or hangs.
// Its messages that were taken in, single mail and other batches go on.
func TestSlowDoneStopsNoConnection(t *testing.T) {
	for _, takes := range []time.Duration{time.Second, 24 * time.Hour} {
		inWorld(t, smtptest.Config{Latency: 5 * time.Millisecond}, func(t *testing.T, srv *smtptest.Server) {
			s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
			var slow, running atomic.Int32
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() {
				ended <- s.SendAll(ctx, newsletter(300, "slow.example"), func(r *Result) {
					if running.Add(1) > 1 {
						t.Error("done is called concurrently")
					}
					time.Sleep(takes)
					running.Add(-1)
					slow.Add(1)
				})
			}()
			time.Sleep(3 * time.Second)
			if n := srv.Stats().Messages; n != 300 {
				t.Errorf("%d of 300 messages were sent while done took %v", n, takes)
			}
			start := time.Now()
			for i := range 50 {
				if _, err := s.Send(t.Context(), rendered(fmt.Sprint(i), "a@slow.example")); err != nil {
					t.Error(err)
				}
			}
			if err := s.SendAll(t.Context(), newsletter(300, "quick.example"), func(*Result) {}); err != nil {
				t.Error(err)
			}
			within(t, start, 5*time.Second)
			if n := slow.Load(); n > 10 {
				t.Errorf("%d of the slow calls have returned", n)
			}
			if err := <-ended; err != nil || slow.Load() != 300 {
				t.Errorf("%v, done was called %d times", err, slow.Load())
			}
			cancel()
		})
	}
}

// TestSlowDoneBoundsTheBatch has a done that hangs. So many Results wait for it and
// no more; the end of the context ends the taking in.
func TestSlowDoneBoundsTheBatch(t *testing.T) {
	inWorld(t, smtptest.Config{StatsOnly: true, Latency: time.Millisecond}, func(t *testing.T, srv *smtptest.Server) {
		s := newSender(t, Config{Relays: []Relay{relayTo(srv)}, MaxQueued: 100})
		ctx, cancel := context.WithCancelCause(t.Context())
		why := errors.New("enough")
		var pulled atomic.Int32
		hang, ended := make(chan struct{}), make(chan error, 1)
		calls := 0
		go func() {
			ended <- s.SendAll(ctx, countPulled(newsletter(100_000, "x.example"), &pulled), func(*Result) { calls++; <-hang })
		}()
		time.Sleep(time.Hour)
		synctest.Wait()
		if n := pulled.Load(); n < maxUnreported || n > maxUnreported+110 {
			t.Errorf("%d messages were taken in, want some more than %d", n, maxUnreported)
		}
		cancel(why)
		close(hang)
		if err := <-ended; !errors.Is(err, why) || calls != int(pulled.Load()) {
			t.Errorf("%v, %d calls of done for %d messages", err, calls, pulled.Load())
		}
	})
}

// Done functions of messages that settle on different connections are called at once: one
// may wait for another. While the Sender shuts down they are called one by one.
func TestDoneFunctionsRunSideBySide(t *testing.T) {
	for _, stops := range []bool{false, true} {
		inWorld(t, smtptest.Config{ServiceTime: time.Second}, func(t *testing.T, srv *smtptest.Server) {
			s := newSender(t, Config{Router: PromptRouterFunc(func(r RouteRequest) (Route, error) {
				relay := relayTo(srv)
				relay.Name = "of " + r.Domain
				return Via(relay), nil
			})})
			var running, most atomic.Int64
			for i := range 2 {
				_, err := s.Submit(t.Context(), rendered(fmt.Sprint(i), fmt.Sprintf("u@d%d.example", i)), func(*Result) {
					running.Add(1)
					time.Sleep(time.Minute)
					most.Store(max(most.Load(), running.Load()))
					time.Sleep(time.Minute)
					running.Add(-1)
				})
				if err != nil {
					t.Fatal(err)
				}
			}
			if stops {
				time.Sleep(500 * time.Millisecond)
				if err := s.Shutdown(t.Context()); err != nil {
					t.Error(err)
				}
			} else {
				time.Sleep(10 * time.Minute)
			}
			if want := map[bool]int64{false: 2, true: 1}[stops]; most.Load() != want || len(srv.Messages()) != 2 {
				t.Errorf("stopping %v: %d done functions ran at once, want %d; %d messages arrived", stops, most.Load(), want, len(srv.Messages()))
			}
		})
	}
}
