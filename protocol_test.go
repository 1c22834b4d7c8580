package smtpace

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/big"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/smtptest"
)

// TestProtocolErrorsWaitShort: one bad reply is mended by another connection, so that
// it costs about a second.
func TestProtocolErrorsWaitShort(t *testing.T) {
	for _, stage := range []smtptest.Stage{smtptest.StageMail, smtptest.StageRcpt, smtptest.StageData} {
		for _, says := range []string{"unreadable\r\n", "250-a\r\n550 b\r\n", "354-a\r\n250 b\r\n", "199 wait\r\n", strings.Repeat("x", 70_000)} {
			t.Run(fmt.Sprintf("%s/%.12q", stage, says), func(t *testing.T) {
				inWorld(t, smtptest.Config{Fault: smtptest.Rules(
					smtptest.Rule{Stage: stage, Conn: 1, Times: 1, Fault: smtptest.Fault{Raw: says}},
				)}, func(t *testing.T, srv *smtptest.Server) {
					s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
					start := time.Now()
					r, err := s.Send(t.Context(), rendered("one", "a@receiver.test"))
					if err != nil || r.Recipients[0].Status != Delivered || time.Since(start) > 3*time.Second {
						t.Errorf("got %v, %v after %v", r, err, time.Since(start))
					}
				})
			})
		}
	}
}

// TestCertificateNamesReachNobodyRaw looks at all that a Sender tells of a certificate
// with escape sequences in its name.
func TestCertificateNamesReachNobodyRaw(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<33, 0),
		DNSNames: []string{"\x1b]0;PWNED\a\r\n{\"delivered\":2}\r\n", strings.Repeat("long.", 10_000)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	certificate := tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	inWorld(t, smtptest.Config{StartTLS: true, TLSConfig: &tls.Config{Certificates: []tls.Certificate{certificate}}}, func(t *testing.T, srv *smtptest.Server) {
		var mu sync.Mutex
		var told []string
		tell := func(what any) {
			mu.Lock()
			defer mu.Unlock()
			told = append(told, fmt.Sprint(what))
		}
		relay := relayTo(srv)
		relay.TLS = pool.TLSMandatory
		s := newSender(t, Config{Relays: []Relay{relay}, Expiry: time.Hour, Observers: []Observer{{Closed: func(c Connection) { tell(c.Err) }}}})
		var got results
		if _, err := s.Submit(t.Context(), rendered("one", "a@receiver.test"), got.done); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		tell(s.Stats().Relays[0].Fault)
		tell(s.Explain("receiver.test"))
		verified := s.Verify(t.Context())
		tell(verified)
		time.Sleep(2 * time.Hour)
		result, err := json.Marshal(got.of("one"))
		if err != nil {
			t.Fatal(err)
		}
		tell(string(result))
		tell(got.of("one").Recipients[0].Err)
		if v := classify.Of(classify.StageStartTLS, verified); v.Class != classify.ClassTLS {
			t.Errorf("got class %v", v.Class)
		}
		for _, text := range told {
			if strings.ContainsFunc(text, unicode.IsControl) || strings.Contains(text, `\u001b`) || len(text) > 4<<10 {
				t.Errorf("got %d bytes: %.300q", len(text), text)
			}
		}
	})
}

// TestServersThatLeaveWith221 behind a message, with a reply to a command that was
// not QUIT, cost no attempts and little time.
func TestServersThatLeaveWith221(t *testing.T) {
	for name, fault := range map[string]smtptest.Rule{
		"behind the dot":        {Stage: smtptest.StageDot, Fault: smtptest.Fault{Reply: "250 2.0.0 Ok\n221 2.0.0 bye", End: smtptest.Close}},
		"instead of MAIL":       {Stage: smtptest.StageMail, Message: 2, Fault: smtptest.Fault{Reply: "221 2.0.0 bye", End: smtptest.Close}},
		"while it is idle":      {Stage: smtptest.StageIdle, Message: 1, Fault: smtptest.Fault{Reply: "221 2.0.0 bye", End: smtptest.Close}},
		"and stays nonetheless": {Stage: smtptest.StageMail, Message: 2, Fault: smtptest.Fault{Reply: "221 2.0.0 bye"}},
	} {
		for _, omit := range [][]string{nil, {"PIPELINING"}} {
			t.Run(fmt.Sprint(name, " ", omit), func(t *testing.T) {
				inWorld(t, smtptest.Config{Omit: omit, Fault: smtptest.Rules(fault)}, func(t *testing.T, srv *smtptest.Server) {
					s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
					var got results
					for i := range 40 {
						if _, err := s.Submit(t.Context(), rendered(fmt.Sprint(i), "a@receiver.test"), got.done); err != nil {
							t.Fatal(err)
						}
					}
					// A message that meets the 221 again and again waits in the end, as after
					// any answer that repeats.
					time.Sleep(time.Minute)
					if n := got.count(Delivered); n != 40 {
						t.Fatalf("%d of 40 are delivered after a minute", n)
					}
					got.mu.Lock()
					defer got.mu.Unlock()
					for id, r := range got.by {
						if x := r.Recipients[0]; x.Attempts != 1 || x.Ambiguous != 0 {
							t.Errorf("%v: %d attempts, %d tries", id, x.Attempts, x.Tries)
						}
					}
				})
			})
		}
	}
}

// TestRefusedLoginIsJudgedBeforeItsSecretIsRemoved: the password is a word of the
// refusal, which names a limit. Then no warning is due.
func TestRefusedLoginIsJudgedBeforeItsSecretIsRemoved(t *testing.T) {
	inWorld(t, smtptest.Config{StartTLS: true, Users: map[string]string{"user": "connections"}, Fault: smtptest.Rules(
		smtptest.Rule{Stage: smtptest.StageAuth, Conn: 2, Fault: smtptest.Fault{Reply: "421 4.7.0 too many connections from your host", End: smtptest.Close}},
	)}, func(t *testing.T, srv *smtptest.Server) {
		var log strings.Builder
		relay := Relay{Addr: srv.Addr, DialContext: srv.DialContext, TLSConfig: srv.ClientTLS(),
			Credentials: func(context.Context) (string, string, error) { return "user", "connections", nil }}
		s := newSender(t, Config{Relays: []Relay{relay}, Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn}))})
		for i := range 2 { // the second on another connection
			if r, err := s.Send(t.Context(), rendered(fmt.Sprint(i), "a@receiver.test")); err != nil || r.Recipients[0].Status != Delivered {
				t.Errorf("got %v, %v", r, err)
			}
			time.Sleep(time.Minute)
		}
		if srv.Stats().Connections != 3 || log.Len() > 0 {
			t.Errorf("%d connections, warnings: %s", srv.Stats().Connections, log.String())
		}
	})
}
