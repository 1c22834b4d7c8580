package smtpace

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/smtptest"
	"github.com/wneessen/go-mail"
)

// flaky is an attachment that cannot be opened for a while.
type flaky struct {
	failures int // further attempts that fail
	err      error
	at       []time.Time
}

func (f *flaky) attachTo(m *mail.Msg) {
	m.SetAttachments([]*mail.File{{Name: "report.pdf", Header: map[string][]string{}, ContentType: mail.TypeAppOctetStream, Enc: mail.EncodingB64,
		Writer: func(w io.Writer) (int64, error) {
			f.at = append(f.at, time.Now())
			if f.failures > 0 {
				f.failures--
				return 0, f.err
			}
			n, err := io.WriteString(w, "contents")
			return int64(n), err
		}}})
}

var tooManyFiles = &fs.PathError{Op: "open", Path: "report.pdf", Err: syscall.EMFILE}

func TestLocalTroubleIsTriedAgain(t *testing.T) {
	inWorld(t, smtptest.Config{}, func(t *testing.T, srv *smtptest.Server) {
		s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
		m, f := newMsg(t, "a@one.example"), &flaky{failures: 11, err: tooManyFiles}
		f.attachTo(m)
		r, err := s.SendMail(t.Context(), m)
		if err != nil || r.Recipients[0].Tries != 1 || r.Recipients[0].Attempts != 1 {
			t.Fatalf("%+v, %v", r, err)
		}
		var gaps []time.Duration
		for i := range f.at[1:] {
			gaps = append(gaps, f.at[i+1].Sub(f.at[i]).Round(time.Second))
		}
		want := []time.Duration{1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300}
		for i := range want {
			want[i] *= time.Second
		}
		if !slices.Equal(gaps, want) {
			t.Errorf("gaps %v, want %v", gaps, want)
		}
		if n := srv.Stats().Messages; n != 1 {
			t.Errorf("%d messages", n)
		}
	})
}

// What could not be rendered at first counts as held once it is rendered.
func TestBytesCountAfterLocalTrouble(t *testing.T) {
	inWorld(t, smtptest.Config{ServiceTime: time.Minute}, func(t *testing.T, srv *smtptest.Server) {
		s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
		m := newMsg(t, "a@one.example")
		(&flaky{failures: 1, err: tooManyFiles}).attachTo(m)
		if _, err := s.Submit(t.Context(), Message{Msg: m}, nil); err != nil {
			t.Fatal(err)
		}
		time.Sleep(500 * time.Millisecond)
		if st := s.Stats(); st.Held != 0 || st.HeldBytes != 0 {
			t.Errorf("%d messages of %d bytes count before one is rendered", st.Held, st.HeldBytes)
		}
		time.Sleep(10 * time.Second)
		if st := s.Stats(); st.InFlight != 1 || st.Held != 1 || st.HeldBytes == 0 {
			t.Errorf("%d messages of %d bytes count while %d waits for the reply to its dot", st.Held, st.HeldBytes, st.InFlight)
		}
	})
}

// Local trouble to the end leaves every recipient as not tried, with the cause,
// and neither SendAll nor DialAndSend hides it.
func TestLocalTroubleRefusesNothing(t *testing.T) {
	for _, fault := range []error{tooManyFiles, &fs.PathError{Op: "open", Path: "x", Err: fs.ErrNotExist}, syscall.ENOSPC, errors.New("database is away")} {
		inWorld(t, smtptest.Config{}, func(t *testing.T, srv *smtptest.Server) {
			s := newSender(t, Config{Relays: []Relay{relayTo(srv)}, Expiry: time.Hour})
			m := newMsg(t, "a@one.example", "b@two.example")
			(&flaky{failures: 1 << 30, err: fault}).attachTo(m)
			var got results
			start := time.Now()
			if err := s.SendAll(t.Context(), slices.Values([]Message{{Msg: m, ID: "m"}, rendered("n", "c@one.example")}), got.done); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(start); took != time.Hour {
				t.Errorf("ended after %v, want its Expiry of an hour", took)
			}
			for _, r := range got.of("m").Recipients {
				if r.Status != NotTried || !r.SafeToResend() || !errors.Is(r.Err, ErrLocal) || !errors.Is(r.Err, ErrExpired) || !errors.Is(r.Err, fault) || errors.Is(r.Err, ErrInvalid) {
					t.Errorf("%v: %+v", fault, r)
				}
			}
			if got.count(Delivered) != 1 {
				t.Error("the other message was not delivered")
			}
		})
	}
}

func TestLocalTroubleEndsWithTheContext(t *testing.T) {
	inWorld(t, smtptest.Config{}, func(t *testing.T, srv *smtptest.Server) {
		s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
		m := newMsg(t, "a@one.example")
		(&flaky{failures: 1 << 30, err: tooManyFiles}).attachTo(m)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		start := time.Now()
		r, err := s.SendMail(ctx, m)
		within(t, start, time.Minute+100*time.Millisecond)
		if r.Recipients[0].Status != NotTried || !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, syscall.EMFILE) || !errors.Is(err, ErrLocal) {
			t.Errorf("%+v, %v", r, err)
		}
		synctest.Wait()
		if st := s.Stats(); st.Queued != 0 || st.InFlight != 0 || st.Held != 0 {
			t.Errorf("%+v", st)
		}
	})
}

func TestMistakesInAMessageAreRefused(t *testing.T) {
	for _, fault := range []error{fmt.Errorf("%w: no such customer", ErrInvalid), mail.ErrNoFromAddress} {
		inWorld(t, smtptest.Config{}, func(t *testing.T, srv *smtptest.Server) {
			s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
			m := newMsg(t, "a@one.example")
			(&flaky{failures: 1 << 30, err: fault}).attachTo(m)
			start := time.Now()
			r, err := s.SendMail(t.Context(), m)
			within(t, start, time.Second)
			if r.Recipients[0].Status != Refused || !errors.Is(err, ErrInvalid) || errors.Is(err, ErrLocal) {
				t.Errorf("%+v, %v", r, err)
			}
		})
	}
}

// TestBytesOfAGrantThatWasTooSmall are kept for the next one, count as held, and are the
// message's from then on.
func TestBytesOfAGrantThatWasTooSmall(t *testing.T) {
	inWorld(t, smtptest.Config{}, func(t *testing.T, srv *smtptest.Server) {
		s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
		s.Pause("x.example")
		sub, err := submitLater(t, s, rendered("1", "a@x.example"), nil)
		if err != nil {
			t.Fatal(err)
		}
		d := sub.deliveries[0]
		body, err := pool.NewBody([]byte("Subject: other\r\n\r\nbytes\r\n"))
		if err != nil {
			t.Fatal(err)
		}
		if sub.renderedOnce || sub.counted || !d.sized(body) {
			t.Fatalf("made before: %v, counted: %v, or withdrawn", sub.renderedOnce, sub.counted)
		}
		if !sub.renderedOnce || !sub.counted || !d.renewed || sub.size != int64(body.Len()) || d.state != statePending {
			t.Errorf("made: %v, counted: %v as %d bytes, in front: %v, state %v", sub.renderedOnce, sub.counted, sub.size, d.renewed, d.state)
		}
		if d.sized(pool.Body{}); sub.body.Len() != body.Len() {
			t.Errorf("of %d bytes %d are kept, want those of the first time", body.Len(), sub.body.Len())
		}
		sub.withdraw(ErrClosed, false)
		if d.sized(body) || d.state != stateEnded {
			t.Errorf("withdrawn: it is asked for again, in state %v", d.state)
		}
	})
}
