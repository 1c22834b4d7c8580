package postfixtest_test

import (
	"fmt"
	"net"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/smtpace/smtpace/internal/postfixtest"
	"github.com/wneessen/go-mail"
)

// The fixture is proven with go-mail's own client, so that the tests that use
// it fail for the sender's faults only.

func newMessage(t *testing.T, to ...string) *mail.Msg {
	t.Helper()
	m := mail.NewMsg()
	if err := m.From("sender@example.test"); err != nil {
		t.Fatal(err)
	}
	if err := m.To(to...); err != nil {
		t.Fatal(err)
	}
	m.Subject("fixture")
	m.SetMessageID()
	m.SetBodyString(mail.TypeTextPlain, "Hello.\n")
	return m
}

func newClient(t *testing.T, s *postfixtest.Server, opts ...mail.Option) *mail.Client {
	t.Helper()
	host, port, err := net.SplitHostPort(s.Addr)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	opts = append([]mail.Option{mail.WithPort(n), mail.WithHELO("client.test")}, opts...)
	c, err := mail.NewClient(host, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestServerDeliversEveryRecipientOnce(t *testing.T) {
	t.Parallel()
	s := postfixtest.Start(t, postfixtest.Config{})
	c := newClient(t, s, mail.WithTLSPolicy(mail.NoTLS))
	var want []postfixtest.Copy
	for i := range 5 {
		to := []string{fmt.Sprintf("a%d@one.test", i), fmt.Sprintf("b%d@two.test", i)}
		m := newMessage(t, to...)
		if err := c.DialAndSend(m); err != nil {
			t.Fatal(err)
		}
		for _, recipient := range to {
			want = append(want, postfixtest.Copy{Recipient: recipient, MessageID: strings.Trim(m.GetMessageID(), "<>")})
		}
	}
	got := s.Copies(t, len(want), 20*time.Second)
	byRecipient := func(a, b postfixtest.Copy) int { return strings.Compare(a.Recipient, b.Recipient) }
	slices.SortFunc(got, byRecipient)
	slices.SortFunc(want, byRecipient)
	if !slices.Equal(got, want) {
		t.Errorf("copies: got %v, want %v", got, want)
	}
	expectRefusals(t, s, postfixtest.Refusals{})
}

func TestServerRefusesConnectionsBeyondItsLimit(t *testing.T) {
	t.Parallel()
	s := postfixtest.Start(t, postfixtest.Config{Connections: 2})
	first, second := greeting(t, s.Addr), greeting(t, s.Addr)
	third := greeting(t, s.Addr)
	if first != 220 || second != 220 || third != 421 {
		t.Errorf("greetings: got %d, %d, %d, want 220, 220, 421", first, second, third)
	}
	expectRefusals(t, s, postfixtest.Refusals{Connections: 1})

}

func TestServerRefusesMessagesBeyondItsLimit(t *testing.T) {
	t.Parallel()
	s := postfixtest.Start(t, postfixtest.Config{Messages: 3, Window: 30 * time.Second})
	c := newClient(t, s, mail.WithTLSPolicy(mail.NoTLS))
	for i := range 4 {
		err := c.DialAndSend(newMessage(t, "a@one.test"))
		if refused := err != nil && strings.Contains(err.Error(), "too much mail"); refused != (i == 3) {
			t.Errorf("message %d: got %v, want a 450 for message 3 only", i, err)
		}
	}
	if got := len(s.Copies(t, 3, 20*time.Second)); got != 3 {
		t.Errorf("copies: got %d, want 3", got)
	}
	expectRefusals(t, s, postfixtest.Refusals{Messages: 1})
}

// expectRefusals gives the log a moment: it is written by a process of its own.
func expectRefusals(t *testing.T, s *postfixtest.Server, want postfixtest.Refusals) {
	t.Helper()
	got := s.Refusals(t)
	for end := time.Now().Add(5 * time.Second); got != want && time.Now().Before(end); got = s.Refusals(t) {
		time.Sleep(10 * time.Millisecond)
	}
	if got != want {
		t.Errorf("refusals: got %+v, want %+v", got, want)
	}
}

// greeting opens a connection that lasts as long as the test, and returns the
// code of its greeting.
func greeting(t *testing.T, addr string) int {
	t.Helper()
	conn, err := textproto.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	code, _, err := conn.ReadResponse(0)
	if err != nil && code == 0 {
		t.Fatal(err)
	}
	return code
}

func TestServerOffersVerifiableTLS(t *testing.T) {
	t.Parallel()
	s := postfixtest.Start(t, postfixtest.Config{TLS: true})
	stranger := newClient(t, s, mail.WithTLSPolicy(mail.TLSMandatory))
	if err := stranger.DialAndSend(newMessage(t, "a@one.test")); err == nil {
		t.Error("a client that does not know the certificate: got no error, want one")
	}
	config := s.ClientTLS()
	config.ServerName = "127.0.0.1"
	c := newClient(t, s, mail.WithTLSPolicy(mail.TLSMandatory), mail.WithTLSConfig(config))
	if err := c.DialAndSend(newMessage(t, "a@one.test")); err != nil {
		t.Fatal(err)
	}
	if got := len(s.Copies(t, 1, 20*time.Second)); got != 1 {
		t.Errorf("copies: got %d, want 1", got)
	}
	if got := s.Logged(t, "TLS connection established"); got != 1 {
		t.Errorf("TLS connections in the log: got %d, want 1", got)
	}
}
