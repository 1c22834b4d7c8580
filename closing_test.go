package smtpace

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/smtpace/smtpace/smtptest"
	"github.com/wneessen/go-mail"
)

// TestConnectionsThatWeEnd: their end has no error, whether the Sender closes, the message
// is withdrawn or the connection is idle. One that the server ends has an error.
func TestConnectionsThatWeEnd(t *testing.T) {
	recipient := smtptest.Rules(smtptest.Rule{Stage: smtptest.StageRcpt, Fault: smtptest.Fault{Delay: time.Hour}})
	stuck := smtptest.Rules(smtptest.Rule{Stage: smtptest.StageDot, Fault: smtptest.Fault{Delay: time.Hour}})
	for name, tt := range map[string]struct {
		fault func(smtptest.Event) *smtptest.Fault
		end   func(s *Sender, sub *Submission)
		wrong bool
	}{
		"idle, closed":           {nil, func(s *Sender, _ *Submission) { _ = s.Close() }, false},
		"idle, shut down":        {nil, func(s *Sender, _ *Submission) { _ = s.Shutdown(context.Background()) }, false},
		"idle for long":          {nil, func(*Sender, *Submission) { time.Sleep(time.Minute) }, false},
		"in a message, closed":   {stuck, func(s *Sender, _ *Submission) { _ = s.Close() }, false},
		"in a message, ended":    {recipient, func(_ *Sender, sub *Submission) { sub.withdraw(ErrWithdrawn, true) }, false},
		"by the server, at DATA": {smtptest.Rules(smtptest.Rule{Stage: smtptest.StageData, Fault: smtptest.Fault{End: smtptest.Close}}), func(*Sender, *Submission) {}, true},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, smtptest.Config{Fault: tt.fault}, func(t *testing.T, srv *smtptest.Server) {
				var mu sync.Mutex
				var ends []error
				s := newSender(t, Config{Relays: []Relay{relayTo(srv)}, Observers: []Observer{{Closed: func(c Connection) {
					mu.Lock()
					defer mu.Unlock()
					ends = append(ends, c.Err)
				}}}})
				sub, err := s.Submit(t.Context(), rendered("m", "a@x.example"), nil)
				if err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Second)
				tt.end(s, sub)
				time.Sleep(time.Second)
				mu.Lock()
				defer mu.Unlock()
				if len(ends) == 0 || (ends[0] != nil) != tt.wrong {
					t.Errorf("got the ends %v, want one, with an error: %v", ends, tt.wrong)
				}
			})
		})
	}
}

// stuckConn is a connection whose Close takes an hour.
type stuckConn struct{ net.Conn }

func (c stuckConn) Close() error {
	err := c.Conn.Close()
	time.Sleep(time.Hour)
	return err
}

// TestConnectionThatDoesNotClose: Shutdown and Close give up after five seconds and name
// the DialContext that it comes from.
func TestConnectionThatDoesNotClose(t *testing.T) {
	for _, ctxTime := range []time.Duration{0, time.Second} {
		inWorld(t, smtptest.Config{}, func(t *testing.T, srv *smtptest.Server) {
			relay := relayTo(srv)
			relay.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
				c, err := srv.DialContext(ctx, network, addr)
				return stuckConn{c}, err
			}
			s, err := New(Config{Relays: []Relay{relay}, Logger: newSender(t, Config{Relays: []Relay{relay}}).cfg.Logger})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.Send(t.Context(), rendered("m", "a@x.example")); err != nil {
				t.Fatal(err)
			}
			start := time.Now()
			err = endWithin(s, ctxTime)
			within(t, start, ctxTime+5100*time.Millisecond)
			if !errors.Is(err, ErrHanging) || !strings.Contains(err.Error(), "Relay.DialContext") || errors.Is(err, context.DeadlineExceeded) != (ctxTime > 0) {
				t.Errorf("after %v: got %v", ctxTime, err)
			}
			time.Sleep(3 * time.Hour)
		})
	}
}

// TestUnreportedResultsAreTaken: before the end there are none, whatever waits for a done
// function that hangs. After the end they are those that wait, and done never gets them.
func TestUnreportedResultsAreTaken(t *testing.T) {
	inWorld(t, smtptest.Config{}, func(t *testing.T, srv *smtptest.Server) {
		s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
		var reported []string
		bulk := make(chan error)
		go func() {
			all := newsletterTo(4, "a@x.example")
			all = append(all, Message{ID: "invalid"})
			bulk <- s.SendAll(context.Background(), func(yield func(Message) bool) {
				for _, m := range all {
					if !yield(m) {
						return
					}
				}
			}, func(r *Result) {
				reported = append(reported, fmt.Sprint(r.ID))
				time.Sleep(time.Hour)
			})
		}()
		time.Sleep(time.Second)
		if got := s.Unreported(); got != nil {
			t.Errorf("before the end: got %d Results", len(got))
		}
		if err := s.Close(); !errors.Is(err, ErrHanging) {
			t.Errorf("Close: got %v", err)
		}
		taken := map[string]Status{}
		for _, r := range s.Unreported() {
			taken[fmt.Sprint(r.ID)] = r.Recipients[0].Status
		}
		<-bulk
		time.Sleep(10 * time.Hour)
		if len(reported) != 1 || len(taken) != 4 {
			t.Errorf("done was given %v, and Unreported %v; want one, and the other four", reported, taken)
		}
		for id, status := range taken {
			if want := map[bool]Status{true: Refused, false: Delivered}[id == "invalid"]; status != want || id == reported[0] {
				t.Errorf("message %s: got %v, want %v", id, status, want)
			}
		}
	})
}

// TestWriterOfAWithdrawnMessage: what it writes next fails, so that the parts behind it are
// not made.
func TestWriterOfAWithdrawnMessage(t *testing.T) {
	inWorld(t, smtptest.Config{}, func(t *testing.T, srv *smtptest.Server) {
		s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
		m := newMsg(t, "a@x.example")
		var parts atomic.Int32
		write := func(w io.Writer) (int64, error) {
			parts.Add(1)
			time.Sleep(time.Minute)
			n, err := io.WriteString(w, "hello")
			return int64(n), err
		}
		m.SetBodyWriter(mail.TypeTextPlain, write)
		m.AddAlternativeWriter(mail.TypeTextHTML, write)
		sub, err := submitLater(t, s, Message{Msg: m}, nil)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if taken := sub.Withdraw(nil); taken != 1 {
			t.Errorf("took %d recipients", taken)
		}
		<-sub.Done()
		time.Sleep(10 * time.Minute)
		if n := parts.Load(); n != 1 {
			t.Errorf("%d parts of the message are made, though nobody wants it", n)
		}
	})
}
