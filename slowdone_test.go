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
