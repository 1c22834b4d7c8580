package smtpace

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/smtpace/smtpace/smtptest"
)

// TestGreylistingThatLasts greylists all mail, at RCPT or at the dot, for longer than the
// messages wait between their tries. Each is tried once and few are tried again until one
// is accepted; then the others go soon. The usual greylisting costs one try a message.
func TestGreylistingThatLasts(t *testing.T) {
	const n = 1000
	for _, stage := range []smtptest.Stage{smtptest.StageRcpt, smtptest.StageData, smtptest.StageDot} {
		for _, c := range []struct {
			lasts, within time.Duration
			tries         int // those after the first of each message
		}{{4 * time.Minute, 8 * time.Minute, n}, {3 * time.Hour, 3*time.Hour + 50*time.Minute, n + 300}, {48 * time.Hour, 24*time.Hour + time.Minute, 500}} {
			t.Run(fmt.Sprint(stage, " ", c.lasts), func(t *testing.T) {
				var mu sync.Mutex
				var start time.Time
				inWorld(t, smtptest.Config{
					Latency: 5 * time.Millisecond, ServiceTime: 20 * time.Millisecond, StatsOnly: true,
					Fault: func(ev smtptest.Event) *smtptest.Fault {
						mu.Lock()
						defer mu.Unlock()
						if ev.Stage != stage || time.Since(start) > c.lasts {
							return nil
						}
						return &smtptest.Fault{Reply: "450 4.2.0 Greylisted, please try again later"}
					},
				}, func(t *testing.T, srv *smtptest.Server) {
					mu.Lock()
					start = time.Now()
					mu.Unlock()
					s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
					var got results
					if err := s.SendAll(t.Context(), func(yield func(Message) bool) {
						for i := 0; i < n && yield(rendered(fmt.Sprint(i), fmt.Sprintf("u%d@d%d.example", i, i%3))); i++ {
						}
					}, got.done); err != nil {
						t.Error(err)
					}
					want := n
					if c.lasts > 24*time.Hour {
						want = 0
					}
					if d := got.count(Delivered); d != want || got.count(GaveUp) != n-want {
						t.Errorf("%d of %d were delivered", d, n)
					}
					if tries, took := got.tries()-n, time.Since(start); tries > c.tries || took > c.within {
						t.Errorf("%d further tries, %v", tries, took)
					}
				})
			})
		}
	}
}
