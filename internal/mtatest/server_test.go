package mtatest_test

import (
	"bytes"
	"fmt"
	"net"
	"net/textproto"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/smtpace/smtpace/internal/mtatest"
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
	m.SetDate()
	m.SetMessageID()
	m.SetBodyString(mail.TypeTextPlain, "Hello.\n.dot\n")
	return m
}

func newClient(t *testing.T, s *mtatest.Server, opts ...mail.Option) *mail.Client {
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

// forEachKind runs test once for every kind of server.
func forEachKind(t *testing.T, test func(*testing.T, mtatest.Kind)) {
	t.Parallel()
	for _, kind := range mtatest.Kinds {
		t.Run(kind.String(), func(t *testing.T) {
			t.Parallel()
			test(t, kind)
		})
	}
}

func TestServerDeliversEveryRecipientOnce(t *testing.T) {
	forEachKind(t, func(t *testing.T, kind mtatest.Kind) {
		s := mtatest.Start(t, kind, mtatest.Config{})
		c := newClient(t, s, mail.WithTLSPolicy(mail.NoTLS))
		want := map[string][]byte{} // text by recipient and Message-ID
		for i := range 5 {
			to := []string{fmt.Sprintf("a%d@one.test", i), fmt.Sprintf("b%d@two.test", i)}
			m := newMessage(t, to...)
			if err := c.DialAndSend(m); err != nil {
				t.Fatal(err)
			}
			if i == 2 {
				s.Restart(t)
			}
			var text bytes.Buffer
			if _, err := m.WriteTo(&text); err != nil {
				t.Fatal(err)
			}
			for _, recipient := range to {
				want[recipient+m.GetMessageID()] = text.Bytes()
			}
		}
		// A crash between a delivery and the note of it makes the server deliver
		// once more: the same transaction, the same text.
		arrived, transactions := map[string]bool{}, map[string]bool{}
		for _, got := range s.Copies(t, 20*time.Second) {
			key := got.Recipient + "<" + got.MessageID + ">"
			if !bytes.Equal(got.Text, want[key]) {
				t.Errorf("%s: got %q, want %q", key, got.Text, want[key])
			}
			arrived[key], transactions[got.Transaction] = true, true
		}
		if len(arrived) != len(want) || len(transactions) != 5 {
			t.Errorf("got %d copies in %d transactions, want %d in 5", len(arrived), len(transactions), len(want))
		}
	})
}

func TestServerRefusesOneMailbox(t *testing.T) {
	forEachKind(t, func(t *testing.T, kind mtatest.Kind) {
		s := mtatest.Start(t, kind, mtatest.Config{})
		conn := dial(t, s.Addr)
		expect(t, conn, 220, "")
		expect(t, conn, 250, "EHLO client.test")
		expect(t, conn, 250, "MAIL FROM:<a@one.test>")
		expect(t, conn, 550, "RCPT TO:<"+mtatest.Refused+"@two.test>")
		expect(t, conn, 250, "RCPT TO:<some"+mtatest.Refused+"@two.test>")
	})
}

func TestServerOffersPipelining(t *testing.T) {
	forEachKind(t, func(t *testing.T, kind mtatest.Kind) {
		for _, lockStep := range []bool{false, true} {
			s := mtatest.Start(t, kind, mtatest.Config{LockStep: lockStep})
			conn := dial(t, s.Addr)
			expect(t, conn, 220, "")
			offer := strings.Split(expect(t, conn, 250, "EHLO client.test"), "\n")
			got, want := slices.Contains(offer, "PIPELINING"), kind.Pipelines() && !lockStep
			if got != want {
				t.Errorf("LockStep %v: PIPELINING in %q: got %v, want %v", lockStep, offer, got, want)
			}
			if slices.Contains(offer, "STARTTLS") {
				t.Errorf("STARTTLS in %q: got it, want none without Config.TLS", offer)
			}
		}
	})
}

func TestServerOffersVerifiableTLS(t *testing.T) {
	forEachKind(t, func(t *testing.T, kind mtatest.Kind) {
		s := mtatest.Start(t, kind, mtatest.Config{TLS: true})
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
		if got := len(s.Copies(t, 20*time.Second)); got != 1 {
			t.Errorf("copies: got %d, want 1", got)
		}
	})
}

// Servers that outlive their test would pile up on the machine of whoever runs
// the tests.
func TestServerEndsWithItsTest(t *testing.T) {
	forEachKind(t, func(t *testing.T, kind mtatest.Kind) {
		var addr string
		t.Run("test", func(t *testing.T) {
			addr = mtatest.Start(t, kind, mtatest.Config{}).Addr
		})
		if addr == "" {
			t.Skip("no server")
		}
		if conn, err := net.Dial("tcp", addr); err == nil {
			conn.Close()
			t.Errorf("%s: somebody still listens", addr)
		}
	})
}

func TestServerRefusesConnectionsBeyondItsLimit(t *testing.T) {
	t.Parallel()
	s := mtatest.Start(t, mtatest.Postfix, mtatest.Config{Connections: 2})
	for _, code := range []int{220, 220, 421} {
		expect(t, dial(t, s.Addr), code, "")
	}
	expectRefusals(t, s, mtatest.Refusals{Connections: 1})
}

func TestServerRefusesMessagesBeyondItsLimit(t *testing.T) {
	t.Parallel()
	s := mtatest.Start(t, mtatest.Postfix, mtatest.Config{Messages: 3, Window: 30 * time.Second})
	c := newClient(t, s, mail.WithTLSPolicy(mail.NoTLS))
	for i := range 4 {
		err := c.DialAndSend(newMessage(t, "a@one.test"))
		if refused := err != nil && strings.Contains(err.Error(), "too much mail"); refused != (i == 3) {
			t.Errorf("message %d: got %v, want a 450 for message 3 only", i, err)
		}
	}
	if got := len(s.Copies(t, 20*time.Second)); got != 3 {
		t.Errorf("copies: got %d, want 3", got)
	}
	expectRefusals(t, s, mtatest.Refusals{Messages: 1})
}

func TestServerRefusesABareHELO(t *testing.T) {
	t.Parallel()
	s := mtatest.Start(t, mtatest.Postfix, mtatest.Config{FullHELO: true})
	for name, code := range map[string]int{"client": 504, "client.test": 250, "[127.0.0.1]": 250} {
		conn := dial(t, s.Addr)
		expect(t, conn, 220, "")
		expect(t, conn, 250, "EHLO "+name)
		expect(t, conn, 250, "MAIL FROM:<a@one.test>")
		expect(t, conn, code, "RCPT TO:<b@one.test>")
	}
	conn := dial(t, s.Addr)
	expect(t, conn, 220, "")
	expect(t, conn, 503, "MAIL FROM:<a@one.test>")
}

func TestServerRefusesPipeliningThatIsNotAllowed(t *testing.T) {
	t.Parallel()
	s := mtatest.Start(t, mtatest.Postfix, mtatest.Config{Synchronized: true})
	const envelope = "EHLO client.test\r\nMAIL FROM:<a@one.test>\r\nRCPT TO:<b@one.test>\r\nDATA"
	for _, test := range []struct {
		name, written string
		codes         []int
	}{
		{"behind EHLO", envelope, []int{554}},
		{"behind DATA", "EHLO client.test", []int{250}},
	} {
		conn := dial(t, s.Addr)
		expect(t, conn, 220, "")
		expect(t, conn, test.codes[0], test.written)
		if test.name == "behind DATA" {
			expect(t, conn, 250, "MAIL FROM:<a@one.test>\r\nRCPT TO:<b@one.test>\r\nDATA\r\nSubject: ahead\r\n.")
			expect(t, conn, 250, "")
			if _, _, err := conn.ReadResponse(354); err == nil {
				t.Errorf("%s: got a 354, want a refusal", test.name)
			}
		}
	}
	waitLogged(t, s, 2, "improper command pipelining")
}

func TestServerKillsSessionsAtMail(t *testing.T) {
	t.Parallel()
	s := mtatest.Start(t, mtatest.Postfix, mtatest.Config{KillAtMail: 3})
	c := newClient(t, s, mail.WithTLSPolicy(mail.NoTLS))
	for i := range 6 {
		err := c.DialAndSend(newMessage(t, "a@one.test"))
		if lost := err != nil; lost != (i%3 == 2) {
			t.Errorf("message %d: got %v, want an error at every third only", i, err)
		}
	}
	if got := len(s.Copies(t, 20*time.Second)); got != 4 {
		t.Errorf("copies: got %d, want 4", got)
	}
	if got := s.Killed(); got != 2 {
		t.Errorf("killed: got %d, want 2", got)
	}
}

func TestServerKillsAllSessions(t *testing.T) {
	t.Parallel()
	s := mtatest.Start(t, mtatest.Postfix, mtatest.Config{})
	for range 2 {
		var open []*textproto.Conn
		for range 3 {
			conn := dial(t, s.Addr)
			expect(t, conn, 220, "")
			open = append(open, conn)
		}
		s.KillSessions(t, func() bool { return false })
		for _, conn := range open {
			if line, err := conn.ReadLine(); err == nil {
				t.Errorf("got %q, want the connection lost", line)
			}
		}
	}
}

// waitLogged gives the log a moment, as expectRefusals does.
func waitLogged(t *testing.T, s *mtatest.Server, want int, text string) {
	t.Helper()
	got := s.Logged(t, text)
	for end := time.Now().Add(5 * time.Second); got != want && time.Now().Before(end); got = s.Logged(t, text) {
		time.Sleep(10 * time.Millisecond)
	}
	if got != want {
		t.Errorf("lines of the log with %q: got %d, want %d", text, got, want)
	}
}

// expectRefusals gives the log a moment: it is written by a process of its own.
func expectRefusals(t *testing.T, s *mtatest.Server, want mtatest.Refusals) {
	t.Helper()
	got := s.Refusals(t)
	for end := time.Now().Add(5 * time.Second); got != want && time.Now().Before(end); got = s.Refusals(t) {
		time.Sleep(10 * time.Millisecond)
	}
	if got != want {
		t.Errorf("refusals: got %+v, want %+v", got, want)
	}
}

// dial opens a connection that lasts as long as the test.
func dial(t *testing.T, addr string) *textproto.Conn {
	t.Helper()
	conn, err := textproto.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// expect sends a command, unless it is empty, and checks the code of the reply.
func expect(t *testing.T, conn *textproto.Conn, code int, command string) (text string) {
	t.Helper()
	if command != "" {
		if err := conn.PrintfLine("%s", command); err != nil {
			t.Fatal(err)
		}
	}
	_, text, err := conn.ReadResponse(code)
	if err != nil {
		t.Fatalf("%q: got %v, want %d", command, err, code)
	}
	return text
}

func TestMissingServer(t *testing.T) {
	if testing.Short() {
		t.Skip("-short starts no server at all")
	}
	t.Setenv("SMTPACE_SERVERS", t.TempDir())
	for _, test := range []struct {
		name, ci        string
		skipped, failed bool
	}{
		{name: "at home: skipped", skipped: true},
		{name: "in CI: failed", ci: "true", failed: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("CI", test.ci)
			probe := &recorder{TB: t}
			done := make(chan struct{})
			go func() {
				defer close(done)
				mtatest.Start(probe, mtatest.Exim, mtatest.Config{})
			}()
			<-done
			if testing.Short() { // CI or not
				if !probe.skipped || probe.failed || !strings.Contains(probe.said, "-short") {
					t.Errorf("got skipped %v, failed %v, %q, want skipped for -short", probe.skipped, probe.failed, probe.said)
				}
				return
			}
			if probe.skipped != test.skipped || probe.failed != test.failed || !strings.Contains(probe.said, ".ci/servers") {
				t.Errorf("got skipped %v, failed %v, %q, want %v, %v, the name of the script",
					probe.skipped, probe.failed, probe.said, test.skipped, test.failed)
			}
		})
	}
}

// recorder is a test that only notes how it ended.
type recorder struct {
	testing.TB
	skipped, failed bool
	said            string
}

func (r *recorder) Helper() {}

func (r *recorder) Skipf(format string, args ...any) {
	r.skipped, r.said = true, fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.failed, r.said = true, fmt.Sprintf(format, args...)
	runtime.Goexit()
}
