package conformance_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/smtpace/smtpace"
	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/throttle"
)

// sendTimeout bounds each test, generously.
const sendTimeout = 30 * time.Second

// TestGoSMTP sends through go-smtp v0.20.2, which wants a login and forgets it
// with the next EHLO (RFC 4954 4 does not ask for one after a login without a
// security layer).
func TestGoSMTP(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name     string
		starttls bool
		verify   bool
	}{
		{name: "clear text"},
		{name: "clear text, verified before", verify: true},
		{name: "STARTTLS", starttls: true},
		{name: "STARTTLS, verified before", starttls: true, verify: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			mailboxes, relay := startGoSMTP(t, test.starttls)
			relay.Limits = throttle.Limits{Connections: 3, MessagesPerConnection: 7}
			sender, err := smtpace.New(smtpace.Config{Relays: []smtpace.Relay{relay}, Expiry: sendTimeout})
			if err != nil {
				t.Fatal(err)
			}
			defer sender.Close()
			ctx, cancel := context.WithTimeout(t.Context(), sendTimeout)
			defer cancel()
			if test.verify {
				if err := sender.Verify(ctx); err != nil {
					t.Fatal(err)
				}
			}
			sendNotes(t, ctx, sender, mailboxes)
		})
	}
}

// TestGoSMTPWrongLogin expects Verify to tell, and the mail to wait.
func TestGoSMTPWrongLogin(t *testing.T) {
	t.Parallel()
	mailboxes, relay := startGoSMTP(t, true)
	relay.Credentials = func(context.Context) (user, secret string, err error) { return "news", "wrong", nil }
	sender, err := smtpace.New(smtpace.Config{Relays: []smtpace.Relay{relay}})
	if err != nil {
		t.Fatal(err)
	}
	defer sender.Close()
	if err := sender.Verify(t.Context()); err == nil {
		t.Error("Verify: got nil, want the refused login")
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	result, err := sender.Send(ctx, note(0))
	if err == nil || result.Recipients[0].Status != smtpace.NotTried {
		t.Errorf("Send: got %+v, %v, want not tried", result, err)
	}
	if n := len(mailboxes.copies); n != 0 {
		t.Errorf("copies: got %d, want none", n)
	}
}

// sendNotes sends notes in bulk and expects each to arrive once and unaltered.
func sendNotes(t *testing.T, ctx context.Context, sender *smtpace.Sender, mailboxes *mailboxes) {
	t.Helper()
	const notes = 50
	messages := func(yield func(smtpace.Message) bool) {
		for i := range notes {
			if !yield(note(i)) {
				return
			}
		}
	}
	results := 0
	err := sender.SendAll(ctx, messages, func(r *smtpace.Result) {
		results++
		if err := r.Err(); err != nil {
			t.Error(err)
		}
	})
	if err != nil || results != notes {
		t.Errorf("SendAll: got %d results and %v, want %d and none", results, err, notes)
	}
	if err := sender.Shutdown(ctx); err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	mailboxes.mu.Lock()
	defer mailboxes.mu.Unlock()
	for i := range notes {
		m := note(i)
		for _, to := range m.To {
			if copies := mailboxes.copies[to]; len(copies) != 1 || !bytes.Equal(copies[0], m.Data) {
				t.Fatalf("%s: got %q, want one copy of %q", to, copies, m.Data)
			}
		}
	}
}

// note makes a message for two recipients, one of whom needs SMTPUTF8.
func note(i int) smtpace.Message {
	return smtpace.Message{
		From: "news@sender.example",
		To:   []string{fmt.Sprintf("reader%d@one.example", i), fmt.Sprintf("jörg%d@two.example", i)},
		Data: fmt.Appendf(nil, "Message-ID: <%d@sender.example>\r\nSubject: note\r\n\r\n.Hello %d.\r\n", i, i),
	}
}

// startGoSMTP starts a server that ends with the test, and returns the relay
// that reaches it with the right login.
func startGoSMTP(t *testing.T, starttls bool) (*mailboxes, smtpace.Relay) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m := &mailboxes{copies: map[string][][]byte{}}
	server := smtp.NewServer(m)
	server.Domain, server.EnableSMTPUTF8 = "mx.test", true
	relay := smtpace.Relay{
		Addr: listener.Addr().String(), HELO: "client.test",
		Credentials: func(context.Context) (user, secret string, err error) { return "news", "secret", nil },
	}
	if starttls {
		server.TLSConfig, relay.TLSConfig = certificate(t)
	} else {
		server.AllowInsecureAuth, relay.TLS = true, pool.TLSNone
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return m, relay
}

// certificate borrows that of net/http's test server, which is for 127.0.0.1.
func certificate(t *testing.T) (server, client *tls.Config) {
	t.Helper()
	s := httptest.NewTLSServer(nil)
	defer s.Close()
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	return &tls.Config{Certificates: s.TLS.Certificates}, &tls.Config{RootCAs: roots}
}

// mailboxes is a backend that keeps what it accepts, by recipient.
type mailboxes struct {
	mu     sync.Mutex
	copies map[string][][]byte
}

// NewSession begins a session without a login.
func (m *mailboxes) NewSession(*smtp.Conn) (smtp.Session, error) { return &session{mailboxes: m}, nil }

// session is one connection, from one EHLO to the next.
type session struct {
	mailboxes *mailboxes
	loggedIn  bool
	to        []string
}

// AuthPlain checks a login.
func (s *session) AuthPlain(user, secret string) error {
	if user != "news" || secret != "secret" {
		return smtp.ErrAuthFailed
	}
	s.loggedIn = true
	return nil
}

// Mail refuses who is not logged in.
func (s *session) Mail(string, *smtp.MailOptions) error {
	if !s.loggedIn {
		return smtp.ErrAuthRequired
	}
	return nil
}

// Rcpt notes a recipient.
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.to = append(s.to, to)
	return nil
}

// Data stores the message for all recipients.
func (s *session) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	s.mailboxes.mu.Lock()
	defer s.mailboxes.mu.Unlock()
	for _, to := range s.to {
		s.mailboxes.copies[to] = append(s.mailboxes.copies[to], text)
	}
	return nil
}

// Reset forgets the recipients.
func (s *session) Reset() { s.to = nil }

// Logout has nothing to end.
func (s *session) Logout() error { return nil }
