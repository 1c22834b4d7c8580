package smtpace

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestRouterCallsAtOnce: 64 at most, whatever the number of domains, and the others follow
// as soon as some return.
func TestRouterCallsAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, relay := host(t, "a")
		hang := make(chan struct{})
		var running atomic.Int32
		s := newSender(t, Config{Router: RouterFunc(func(ctx context.Context, r RouteRequest) (Route, error) {
			running.Add(1)
			defer running.Add(-1)
			select {
			case <-hang:
			case <-ctx.Done():
			}
			return Via(relay), nil
		})})
		for i := range 3 * maxRouterCalls {
			if _, err := s.Submit(t.Context(), rendered("m", fmt.Sprintf("x@d%d.example", i)), nil); err != nil {
				t.Fatal(err)
			}
		}
		for done := range 2 * maxRouterCalls {
			synctest.Wait()
			if n := running.Load(); n != 64 {
				t.Fatalf("after %d answers: %d calls run, want 64", done, n)
			}
			hang <- struct{}{}
		}
		close(hang)
	})
}

// TestLooksForRoutesOutOfDate: the more deliveries one asks about, the later comes the next.
func TestLooksForRoutesOutOfDate(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, relay := host(t, "a")
		relay.DialContext = func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("no network") }
		var asked atomic.Int64
		s := newSender(t, Config{Router: PromptRouterFunc(func(RouteRequest) (Route, error) {
			asked.Add(1)
			route := Via(relay)
			route.Until = time.Now().Add(time.Second)
			return route, nil
		})})
		for i := range 5 {
			if _, err := s.Submit(t.Context(), rendered(fmt.Sprint(i), "x@d.example"), nil); err != nil {
				t.Fatal(err)
			}
		}
		if n := asked.Load(); n != 5 {
			t.Fatalf("asked %d times at first", n)
		}
		time.Sleep(refreshDelay + time.Second)
		if n, last := asked.Load(), s.refresher.last.Load(); n != 10 || last != 5 {
			t.Errorf("asked %d times after a minute, and %d in one look; want 10 and 5", n, last)
		}
	})
	bubble(t, func(t *testing.T) {
		for last, want := range map[int64]time.Duration{0: time.Minute, 5: time.Minute, 200_000: time.Minute, 1_000_000: 5 * time.Minute} {
			start, looked := time.Now(), make(chan time.Duration, 1)
			var r refresher
			r.do = func() { looked <- time.Since(start) }
			r.last.Store(last)
			r.failed()
			if got := <-looked; got != want {
				t.Errorf("after a look that has asked about %d: the next comes after %v, want %v", last, got, want)
			}
		}
	})
}
