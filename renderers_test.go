package smtpace

import (
	"context"
	"fmt"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smtpace/smtpace/smtptest"
	"github.com/wneessen/go-mail"
)

// TestRenderersRest: goroutines that have rendered wait for more, a few of them and
// not for long, and end with the Sender. One that hangs in a writer of a Msg holds
// up neither the others nor Close.
func TestRenderersRest(t *testing.T) {
	inWorld(t, smtptest.Config{}, func(t *testing.T, srv *smtptest.Server) {
		s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
		hang := make(chan struct{})
		defer close(hang)
		submit := func(n int, write func(io.Writer) (int64, error)) {
			for i := range n {
				m := newMsg(t, fmt.Sprintf("r%d@x.example", i))
				m.SetBodyWriter(mail.TypeTextPlain, write)
				go s.Submit(context.Background(), Message{Msg: m}, nil)
			}
			synctest.Wait()
		}
		resting := func() int {
			s.renderers.mu.Lock()
			defer s.renderers.mu.Unlock()
			return len(s.renderers.resting)
		}
		together := make(chan struct{})
		submit(3*mostResting, func(w io.Writer) (int64, error) {
			<-together
			n, err := w.Write([]byte("hello\r\n"))
			return int64(n), err
		})
		close(together)
		synctest.Wait()
		if got := resting(); got != mostResting {
			t.Errorf("%d goroutines wait for something to render, want %d", got, mostResting)
		}
		submit(1, func(io.Writer) (int64, error) { <-hang; return 0, io.ErrClosedPipe })
		if got := resting(); got != mostResting-1 {
			t.Errorf("%d goroutines wait while one renders, want %d", got, mostResting-1)
		}
		time.Sleep(3 * renderRest)
		if got := resting(); got != 0 {
			t.Errorf("%d goroutines wait after %v without work", got, 3*renderRest)
		}
		submit(1, func(w io.Writer) (int64, error) { return 0, nil })
		if got := resting(); got != 1 {
			t.Errorf("%d goroutines wait after one more message, want 1", got)
		}
		start := time.Now()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if took := time.Since(start); took > 2*abandonAfter || resting() != 0 {
			t.Errorf("Close took %v, and %d goroutines wait", took, resting())
		}
	})
}
