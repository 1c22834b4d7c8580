package main

import (
	"bytes"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smtpace/smtpace"
	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/smtptest"
)

// lockedBuffer takes the records of many goroutines.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// What a Sender logs is read as it is: 10 messages are delivered, and each of 3
// recipients is refused.
func TestLogOfARealSender(t *testing.T) {
	for _, level := range []slog.Level{slog.LevelDebug, slog.LevelInfo} {
		for name, handler := range map[string]func(*lockedBuffer) slog.Handler{
			"text": func(l *lockedBuffer) slog.Handler {
				return slog.NewTextHandler(l, &slog.HandlerOptions{Level: level})
			},
			"JSON": func(l *lockedBuffer) slog.Handler {
				return slog.NewJSONHandler(l, &slog.HandlerOptions{Level: level})
			},
		} {
			t.Run(fmt.Sprintf("%s at %v", name, level), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var log lockedBuffer
					sendLogged(t, slog.New(handler(&log)))
					stdout, stderr, status := execute(t, log.b.String(), "-log", "auto")
					if status != statusDone || stderr != "" {
						t.Fatalf("status %d, stderr %q, log\n%s", status, stderr, log.b.String())
					}
					if level == slog.LevelInfo { // it does not name the relay
						mustHave(t, stdout, "example.net: 10 answers, 0 refused\n", "example.org: 3 answers, 3 refused\n  classes   bad-mailbox 3\n")
						return
					}
					mustHave(t, stdout, "mx.test (2 domains): 13 answers, 3 refused\n  classes   ok 10, bad-mailbox 3\n")
				})
			})
		}
	}
}

// sendLogged sends 13 messages with a logger.
func sendLogged(t *testing.T, logger *slog.Logger) {
	server := smtptest.NewServer(smtptest.Config{InMemory: true, Fault: smtptest.Rules(
		smtptest.Rule{Stage: smtptest.StageRcpt, Recipient: "@example.org", Fault: smtptest.Fault{Reply: "550 5.1.1 no such user"}},
	)})
	defer server.Close()
	sender, err := smtpace.New(smtpace.Config{
		Relays: []smtpace.Relay{{Addr: server.Addr, DialContext: server.DialContext, TLS: pool.TLSNone}},
		Logger: logger,
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 13 {
		domain := "example.net"
		if i >= 10 {
			domain = "example.org"
		}
		m := smtpace.Message{From: "news@example.com", To: []string{fmt.Sprintf("ann%d@%s", i, domain)}, Data: []byte("Subject: News\r\n\r\nText\r\n")}
		if _, err := sender.Submit(t.Context(), m, nil); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(time.Minute)
	sender.Close()
}
