package smtpace_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/smtpace/smtpace"
	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/internal/mtatest"
	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/throttle"
	"github.com/wneessen/go-mail"
)

// What Postfix allows in these tests. 500 messages need at least two windows,
// so whoever sends them as fast as it can is refused.
var postfixLimits = mtatest.Config{Connections: 8, Messages: 400, Window: 10 * time.Second}

func TestPostfixGetsEveryMessageOnce(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		limits throttle.Limits
		quiet  bool // nothing may be refused
	}{
		{
			name: "our limits 15 % below Postfix's",
			limits: throttle.Limits{
				Connections: postfixLimits.Connections * 85 / 100,
				MessageRate: throttle.Rate{Count: postfixLimits.Messages * 85 / 100, Per: postfixLimits.Window},
			},
			quiet: true,
		},
		{
			name: "our limits too high",
			limits: throttle.Limits{
				Connections: postfixLimits.Connections * 3,
				MessageRate: throttle.Rate{Count: postfixLimits.Messages * 5, Per: postfixLimits.Window},
			},
		},
		{
			name: "no limits of ours",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			server := mtatest.Start(t, mtatest.Postfix, postfixLimits)
			var seen sightings
			relay := smtpace.Relay{Addr: server.Addr, TLS: pool.TLSNone, Limits: test.limits}
			list := postfixList(t, 500)

			start := time.Now()
			sendAllToPostfix(t, smtpace.Config{
				Relays:      []smtpace.Relay{relay},
				Destination: throttle.Limits{Connections: test.limits.Connections},
				Observers:   []smtpace.Observer{seen.observer()},
			}, list)
			took := time.Since(start)

			expectCopies(t, server.Copies(t, 30*time.Second), list)
			refused := server.Refusals(t)
			t.Logf("%d messages in %.1f s; Postfix refused %d connections and %d messages; replies seen: %v; connections that failed: %d",
				len(list), took.Seconds(), refused.Connections, refused.Messages, seen.replies, len(seen.failed))
			if test.quiet {
				seen.expectNone(t)
				if refused != (mtatest.Refusals{}) {
					t.Errorf("refused, by Postfix's log: got %+v, want none", refused)
				}
			} else if refused == (mtatest.Refusals{}) {
				t.Error("refused, by Postfix's log: got none, so this test has not tested anything")
			}
		})
	}
}

func TestPostfixOverVerifiedTLS(t *testing.T) {
	t.Parallel()
	server := mtatest.Start(t, mtatest.Postfix, mtatest.Config{TLS: true})
	relay := smtpace.Relay{Addr: server.Addr, TLSConfig: server.ClientTLS()}
	list := postfixList(t, 20)
	sendAllToPostfix(t, smtpace.Config{Relays: []smtpace.Relay{relay}}, list)
	expectCopies(t, server.Copies(t, 30*time.Second), list)
	if server.Logged(t, "TLS connection established") == 0 {
		t.Error("Postfix's log tells of no TLS connection")
	}
}

func TestPostfixWithACertificateNobodySigned(t *testing.T) {
	t.Parallel()
	server := mtatest.Start(t, mtatest.Postfix, mtatest.Config{TLS: true})
	sender, err := smtpace.New(smtpace.Config{Relays: []smtpace.Relay{{Addr: server.Addr}}})
	if err != nil {
		t.Fatal(err)
	}
	defer sender.Close()
	err = sender.Verify(t.Context())
	fault, ok := errors.AsType[*pool.Error](err)
	if !ok || fault.Stage != classify.StageStartTLS {
		t.Errorf("Verify: got %v, want a *pool.Error of stage %v", err, classify.StageStartTLS)
	}
}

// postfixList makes n messages of one recipient each, at five domains.
func postfixList(t *testing.T, n int) []*mail.Msg {
	t.Helper()
	list := make([]*mail.Msg, n)
	for i := range list {
		m := mail.NewMsg()
		if err := errors.Join(m.From("news@sender.example"), m.To(fmt.Sprintf("reader%d@d%d.example", i, i%5))); err != nil {
			t.Fatal(err)
		}
		m.Subject("News")
		m.SetMessageID()
		m.SetBodyString(mail.TypeTextPlain, "Hello.\n")
		list[i] = m
	}
	return list
}

// sendAllToPostfix sends list and checks that every result says delivered.
func sendAllToPostfix(t *testing.T, cfg smtpace.Config, list []*mail.Msg) {
	t.Helper()
	sender, err := smtpace.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer sender.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	messages := func(yield func(smtpace.Message) bool) {
		for _, m := range list {
			if !yield(smtpace.Message{Msg: m}) {
				return
			}
		}
	}
	results := 0
	err = sender.SendAll(ctx, messages, func(r *smtpace.Result) {
		results++
		if err := r.Err(); err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Errorf("SendAll: %v", err)
	}
	if err := sender.Shutdown(ctx); err != nil { // says QUIT everywhere
		t.Errorf("Shutdown: %v", err)
	}
	if results != len(list) {
		t.Errorf("results: got %d, want %d", results, len(list))
	}
}

// expectCopies checks that every message of list arrived once.
func expectCopies(t *testing.T, got []mtatest.Copy, list []*mail.Msg) {
	t.Helper()
	type parcel struct{ id, to string }
	surplus := map[parcel]int{}
	for _, c := range got {
		surplus[parcel{c.MessageID, c.Recipient}]++
	}
	for _, m := range list {
		to, err := m.GetRecipients()
		if err != nil {
			t.Fatal(err)
		}
		surplus[parcel{strings.Trim(m.GetMessageID(), "<>"), strings.Trim(to[0], "<>")}]--
	}
	for p, n := range surplus {
		if n != 0 {
			t.Errorf("%s for %s: got %d copies, want 1", p.id, p.to, n+1)
		}
	}
}

// sightings are the refusals that an Observer was told of.
type sightings struct {
	mu      sync.Mutex
	replies map[int]int // by code, 4yz and 5yz
	failed  []error     // why connections ended
}

func (s *sightings) observer() smtpace.Observer {
	s.replies = map[int]int{}
	return smtpace.Observer{
		Reply: func(r smtpace.ReplyRead) {
			s.mu.Lock()
			defer s.mu.Unlock()
			if r.Reply.Code >= 400 {
				s.replies[r.Reply.Code]++
			}
		},
		Closed: func(c smtpace.Connection) {
			s.mu.Lock()
			defer s.mu.Unlock()
			if c.Err != nil {
				s.failed = append(s.failed, c.Err)
			}
		},
	}
}

// expectNone fails when there was any. It is called after the Sender was closed, so
// nothing is added any more.
func (s *sightings) expectNone(t *testing.T) {
	t.Helper()
	if len(s.replies) > 0 {
		t.Errorf("refusals seen, by code: got %v, want none", s.replies)
	}
	if len(s.failed) > 0 {
		t.Errorf("connections that did not end in order: got %d, want none; the first: %v", len(s.failed), s.failed[0])
	}
}
