package smtpace

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/smtpace/smtpace/smtptest"
)

// TestCloseWaitsForDoneFunctionsThatReturn ends a Sender with many messages that
// wait. As long as the done functions return quickly, Close lets all of them be
// called, however many there are. It waits five seconds for those that take their
// time, and names them.
func TestCloseWaitsForDoneFunctionsThatReturn(t *testing.T) {
	for name, c := range map[string]struct {
		waiting    int
		takes      time.Duration
		least      time.Duration
		most       time.Duration
		unreported bool
	}{
		"many and quick":      {40_000, 190 * time.Microsecond, 7600 * time.Millisecond, 7700 * time.Millisecond, false},
		"few and slow":        {100, 40 * time.Millisecond, 4 * time.Second, 4100 * time.Millisecond, false},
		"many and slow":       {1000, 40 * time.Millisecond, 4900 * time.Millisecond, 5100 * time.Millisecond, true},
		"many, neither":       {40_000, 300 * time.Microsecond, 4900 * time.Millisecond, 5100 * time.Millisecond, true},
		"one that hangs":      {100, time.Hour, 60 * time.Millisecond, 100 * time.Millisecond, true},
		"nothing to wait for": {100, 0, 0, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, smtptest.Config{}, func(t *testing.T, srv *smtptest.Server) {
				s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
				s.Pause("x.example")
				var called atomic.Int64
				for m := range newsletter(c.waiting, "x.example") {
					if _, err := s.Submit(t.Context(), m, func(*Result) { called.Add(1); time.Sleep(c.takes) }); err != nil {
						t.Fatal(err)
					}
				}
				start := time.Now()
				err := s.Close()
				if took := time.Since(start); took < c.least || took > c.most {
					t.Errorf("Close took %v, want %v to %v", took, c.least, c.most)
				}
				left := len(s.Unreported())
				time.Sleep(2 * time.Hour) // the last call returns
				if called := int(called.Load()); called+left != c.waiting || left > 0 != c.unreported {
					t.Errorf("%d are reported, %d not, of %d", called, left, c.waiting)
				}
				if hangs := errors.Is(err, ErrHanging) && strings.Contains(err.Error(), "a done function"); hangs != c.unreported || !hangs && err != nil {
					t.Errorf("Close: %v", err)
				}
			})
		})
	}
}
