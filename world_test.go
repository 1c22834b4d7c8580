package smtpace

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smtpace/smtpace/internal/race"
	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/smtptest"
	"github.com/wneessen/go-mail"
)

// inWorld runs a test in a bubble with virtual time and an in-memory receiver.
func inWorld(t *testing.T, receiver smtptest.Config, test func(t *testing.T, srv *smtptest.Server)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		receiver.InMemory = true
		srv := smtptest.NewServer(receiver)
		defer srv.Close()
		test(t, srv)
	})
}

// brief reports whether a test is to play less than all: with -short, and under the race
// detector, which makes everything ten times as slow and looks at the kinds of steps, not
// at their number. "go test" without either plays all.
func brief() bool { return testing.Short() || race.Enabled }

// relayTo returns a relay in clear text to an in-memory receiver.
func relayTo(srv *smtptest.Server) Relay {
	return Relay{Addr: srv.Addr, TLS: pool.TLSNone, DialContext: srv.DialContext}
}

// newSender makes a Sender that is closed at the end of the bubble's test. Without
// a Logger it logs nothing.
func newSender(t *testing.T, cfg Config) *Sender {
	t.Helper()
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func newMsg(t *testing.T, to ...string) *mail.Msg {
	t.Helper()
	m := mail.NewMsg()
	if err := m.From("from@sender.example"); err != nil {
		t.Fatal(err)
	}
	if err := m.To(to...); err != nil {
		t.Fatal(err)
	}
	m.Subject("test")
	m.SetBodyString(mail.TypeTextPlain, "hello\n.\nbye")
	return m
}

// rendered returns a message in bytes, whose text names it.
func rendered(id string, to ...string) Message {
	return Message{
		From: "from@sender.example", To: to, ID: id,
		Data: []byte("From: from@sender.example\r\nSubject: " + id + "\r\n\r\n.dot " + id + "\r\n"),
	}
}

// results collects what done is called with, by ID.
type results struct {
	mu    sync.Mutex
	by    map[any]*Result
	calls int
}

func (r *results) done(result *Result) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.by == nil {
		r.by = map[any]*Result{}
	}
	r.by[result.ID] = result
	r.calls++
}

// of returns the result of one message, nil when it is not settled.
func (r *results) of(id any) *Result {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.by[id]
}

func (r *results) count(s Status) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, result := range r.by {
		for i := range result.Recipients {
			if result.Recipients[i].Status == s {
				n++
			}
		}
	}
	return n
}

// accepted counts how often a receiver took each recipient of each message.
func accepted(srv *smtptest.Server) map[string]int {
	got := map[string]int{}
	for _, tx := range srv.Transactions() {
		if !tx.Accepted {
			continue
		}
		id, _, _ := strings.Cut(string(tx.Data[strings.Index(string(tx.Data), "Subject: ")+9:]), "\r\n")
		for _, to := range tx.To() {
			got[id+" "+to]++
		}
	}
	return got
}

// intact checks that every message that was taken is byte for byte what was
// given.
func intact(t *testing.T, srv *smtptest.Server, messages ...Message) {
	t.Helper()
	want := map[[32]byte]bool{}
	for _, m := range messages {
		want[sha256.Sum256(m.Data)] = true
	}
	for _, tx := range srv.Transactions() {
		if tx.Accepted && !want[sha256.Sum256(tx.Data)] {
			t.Errorf("the receiver took a message that nobody rendered: %q", tx.Data)
		}
	}
}

// unreachable returns a DialContext that fails while down says so.
func unreachable(down func() bool, dial func(context.Context, string, string) (net.Conn, error)) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		if down() {
			return nil, &net.OpError{Op: "dial", Net: network, Err: fmt.Errorf("connection refused")}
		}
		return dial(ctx, network, addr)
	}
}

// within fails the test when more than limit of (virtual) time has passed.
func within(t *testing.T, start time.Time, limit time.Duration) {
	t.Helper()
	if took := time.Since(start); took > limit {
		t.Errorf("took %v, want at most %v", took, limit)
	}
}

// raise makes a number that several goroutines raise at least n.
func raise[N int32 | int64, A interface {
	Load() N
	CompareAndSwap(old, new N) bool
}](a A, n N) {
	for was := a.Load(); n > was && !a.CompareAndSwap(was, n); was = a.Load() {
	}
}
