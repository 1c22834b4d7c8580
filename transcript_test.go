package smtpace

import (
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/smtpace/smtpace/smtptest"
)

// closingLog is a sink of a transcript that notes its Close.
type closingLog struct {
	logged
	closed bool
}

func (l *closingLog) Close() error { l.closed = true; return nil }

func TestTranscriptOfTheSender(t *testing.T) {
	for _, form := range []LogAddresses{LogAddressesAsGiven, LogAddressesMasked} {
		inWorld(t, smtptest.Config{}, func(t *testing.T, srv *smtptest.Server) {
			var mu sync.Mutex
			out := map[uint64]*closingLog{}
			began := time.Now()
			s := newSender(t, Config{Relays: []Relay{relayTo(srv)}, LogAddresses: form, Transcript: func(c Connection) io.Writer {
				if c.Relay != srv.Addr || !c.Began.Equal(began) || !c.Time.Equal(began) {
					t.Errorf("%+v", c)
				}
				mu.Lock()
				defer mu.Unlock()
				out[c.ID] = new(closingLog)
				return out[c.ID]
			}})
			if err := s.Verify(t.Context()); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Send(t.Context(), rendered("m", "secretive@x.example")); err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			mu.Lock()
			defer mu.Unlock()
			verify, mail := out[1].String(), out[2].String()
			if len(out) != 2 || !out[1].closed || !out[2].closed || !strings.Contains(verify, "C: QUIT") || strings.Contains(verify, "C: MAIL") {
				t.Errorf("%d transcripts; that of Verify:\n%s", len(out), verify)
			}
			if want := "C: RCPT TO:<" + form.address("secretive@x.example") + ">\n"; !strings.Contains(mail, want) || strings.Contains(mail, "dot m") || strings.Contains(mail, "secretive") != (form == LogAddressesAsGiven) {
				t.Errorf("no %q in:\n%s", want, mail)
			}
		})
	}
}

// A nil writer means no transcript of the connection, in whatever form addresses appear. Without
// Transcript there is none at all.
func TestNoTranscript(t *testing.T) {
	for _, form := range []LogAddresses{LogAddressesAsGiven, LogAddressesMasked, LogAddressesHashed} {
		c := Config{LogAddresses: form, Transcript: func(Connection) io.Writer { return nil }}
		if out := c.transcript()("relay", 1); out != nil {
			t.Errorf("form %d: got %v", form, out)
		}
		if c := (Config{LogAddresses: form}); c.transcript() != nil {
			t.Errorf("form %d: a transcript that nobody wants", form)
		}
	}
}

// A writer is closed with its transcript, if it can be, and what that says is told.
func TestTranscriptCloses(t *testing.T) {
	broken := errors.New("broken")
	for _, want := range []error{nil, broken} {
		closed := 0
		w := &hidingWriter{writeCloser{writerFunc(nil), func() error { closed++; return want }}, LogAddressesMasked}
		if err := w.Close(); err != want || closed != 1 {
			t.Errorf("got %v, closed %d times", err, closed)
		}
	}
	if err := (&hidingWriter{writerFunc(nil), LogAddressesMasked}).Close(); err != nil {
		t.Errorf("of a writer that cannot be closed: %v", err)
	}
}

// writeCloser is a writer with a function for its Close.
type writeCloser struct {
	io.Writer
	close func() error
}

func (w writeCloser) Close() error { return w.close() }

// A writer that never returns keeps no mail, and neither Close nor Shutdown.
func TestTranscriptHoldsNobody(t *testing.T) {
	for _, end := range []func(*Sender, *testing.T) error{
		func(s *Sender, _ *testing.T) error { return s.Close() },
		func(s *Sender, t *testing.T) error { return s.Shutdown(t.Context()) },
	} {
		inWorld(t, smtptest.Config{}, func(t *testing.T, srv *smtptest.Server) {
			hang := make(chan struct{})
			defer close(hang)
			s := newSender(t, Config{Relays: []Relay{relayTo(srv)}, LogAddresses: LogAddressesHashed, Transcript: func(Connection) io.Writer {
				return writerFunc(func([]byte) (int, error) { <-hang; return 0, nil })
			}})
			start := time.Now()
			var got results
			if err := s.SendAll(t.Context(), newsletter(500, "x.example"), got.done); err != nil || got.count(Delivered) != 500 {
				t.Fatalf("%d delivered, %v", got.count(Delivered), err)
			}
			within(t, start, 0)
			if err := end(s, t); err != nil {
				t.Error(err)
			}
			within(t, start, 100*time.Millisecond)
		})
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// A transcript whose addresses are hidden is shorter or longer than what was said. What its
// writer does not take whole is an error all the same.
func TestTranscriptWithHiddenAddressesIsWrittenWhole(t *testing.T) {
	line := []byte("C: RCPT TO:<ann@example.com>\n")
	broken := errors.New("broken")
	for name, tt := range map[string]struct {
		takes int // octets that the writer does not take
		fails error
		want  error
	}{
		"whole": {0, nil, nil}, "all but one": {1, nil, io.ErrShortWrite}, "all but one, and says why": {1, broken, broken}, "whole, with an error": {0, broken, broken},
	} {
		w := &hidingWriter{writerFunc(func(p []byte) (int, error) { return len(p) - tt.takes, tt.fails }), LogAddressesHashed}
		n, err := w.Write(line)
		if !errors.Is(err, tt.want) || (tt.want == nil) != (n == len(line)) {
			t.Errorf("%s: got %d of %d and %v, want %v", name, n, len(line), err, tt.want)
		}
	}
}
