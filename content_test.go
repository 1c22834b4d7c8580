package smtpace

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/smtpace/smtpace/smtptest"
	"github.com/wneessen/go-mail"
)

// unsteady is a Msg that renders differently every time until it is steady.
func unsteady(t *testing.T, differs *atomic.Bool, to string) *mail.Msg {
	t.Helper()
	m, n := newMsg(t, to), 0
	m.SetBodyWriter(mail.TypeTextPlain, func(w io.Writer) (int64, error) {
		if differs.Load() {
			n++
		}
		k, err := fmt.Fprintf(w, "rendering %d\r\n", n)
		return int64(k), err
	})
	return m
}

// lf is a message whose Data has to be copied for its line ends.
func lf(id string, to ...string) Message {
	m := rendered(id, to...)
	m.Data = []byte(strings.ReplaceAll(string(m.Data), "\r\n", "\n"))
	return m
}

// putOff refuses the first n dots of all messages, with a reply that has them
// wait for long.
func putOff(n int) smtptest.Config {
	return smtptest.Config{Fault: func(ev smtptest.Event) *smtptest.Fault {
		if ev.Stage == smtptest.StageDot && n > 0 {
			n--
			return &smtptest.Fault{Reply: "451 4.3.0 not now"}
		}
		return nil
	}}
}

// sums are the hashes of all that a receiver was given.
func sums(srv *smtptest.Server) map[[sha256.Size]byte]int {
	by := map[[sha256.Size]byte]int{}
	for _, tx := range srv.Transactions() {
		by[tx.SHA256]++
	}
	return by
}

func heldBytes(s *Sender) int64 { return s.sched.Stats(time.Now()).HeldBytes }
func held(s *Sender) int        { return s.sched.Stats(time.Now()).Held }

// Bytes are dropped when the next try is far, and the next try sends the same.
func TestBytesAreDroppedAndMadeAgain(t *testing.T) {
	var steady atomic.Bool // false: it does not differ
	for name, m := range map[string]func(t *testing.T) Message{
		"Data":           func(*testing.T) Message { return rendered("m", "a@x.example") },
		"Data with LF":   func(*testing.T) Message { return lf("m", "a@x.example") },
		"Msg":            func(t *testing.T) Message { return Message{Msg: newMsg(t, "a@x.example"), ID: "m"} },
		"steady Msg":     func(t *testing.T) Message { return Message{Msg: unsteady(t, &steady, "a@x.example"), ID: "m"} },
		"multipart Msg":  func(t *testing.T) Message { return Message{Msg: multipart(t, "a@x.example"), ID: "m"} },
		"two recipients": func(*testing.T) Message { return lf("m", "a@x.example", "b@y.example") },
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, putOff(2), func(t *testing.T, srv *smtptest.Server) {
				s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
				var got results
				if _, err := s.Submit(t.Context(), m(t), got.done); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Second)
				if n, bytes := held(s), heldBytes(s); n != 0 || bytes != 0 {
					t.Errorf("%d messages of %d bytes are held while they wait", n, bytes)
				}
				time.Sleep(time.Hour)
				if r := got.of("m"); r == nil || !r.Delivered() {
					t.Fatalf("%+v", r)
				}
				if by := sums(srv); len(by) != 1 {
					t.Errorf("%d different messages were sent", len(by))
				}
			})
		})
	}
}

// A Msg that fails when it is to be rendered again is local trouble: it is sent
// when that is over.
func TestRenderingAgainIsTriedAgain(t *testing.T) {
	inWorld(t, putOff(1), func(t *testing.T, srv *smtptest.Server) {
		s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
		var fails atomic.Bool
		m := newMsg(t, "a@x.example")
		m.SetBodyWriter(mail.TypeTextPlain, func(w io.Writer) (int64, error) {
			if fails.Load() {
				return 0, errors.New("too many open files")
			}
			n, err := io.WriteString(w, "text\r\n")
			return int64(n), err
		})
		var got results
		if _, err := s.Submit(t.Context(), Message{Msg: m, ID: "m"}, got.done); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		fails.Store(true)
		time.Sleep(20 * time.Minute)
		if r := got.of("m"); r != nil {
			t.Fatalf("settled by local trouble: %+v", r)
		}
		fails.Store(false)
		time.Sleep(longestFailureGap + time.Second)
		if r := got.of("m"); r == nil || !r.Delivered() || len(sums(srv)) != 1 {
			t.Fatalf("%+v, %d different messages", r, len(sums(srv)))
		}
	})
}

// Before a transaction was begun a Msg may come out differently.
func TestBytesAreFreeUntilTheFirstTransaction(t *testing.T) {
	inWorld(t, smtptest.Config{}, func(t *testing.T, srv *smtptest.Server) {
		s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
		var differs atomic.Bool
		differs.Store(true)
		sub := &Submission{sender: s, message: Message{Msg: unsteady(t, &differs, "a@x.example")}, open: 1}
		d := &delivery{sub: sub, route: route{destination: "x.example"}}
		first, err := sub.render()
		sub.startLocked(d, first)
		sub.finishLocked(false)
		sub.drop()
		if _, ok := sub.rendered(); ok || held(s) != 0 {
			t.Fatal("the bytes are not dropped")
		}
		second, err2 := sub.render()
		if err != nil || err2 != nil || bytes.Equal(first.Bytes(), second.Bytes()) {
			t.Errorf("%v, %v: the same bytes", err, err2)
		}
	})
}
