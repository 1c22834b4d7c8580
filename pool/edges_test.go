package pool

import (
	"bufio"
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wneessen/go-mail"
)

// TestFirstResponses compares the first response of each mechanism, with a user and
// without.
func TestFirstResponses(t *testing.T) {
	o := &opening{session: &session{}, endpoint: Endpoint{Addr: "mx.test:587"}}
	for _, tt := range []struct {
		m          mail.SMTPAuthType
		user, want string
	}{
		{mail.SMTPAuthPlain, "me", "\x00me\x00token"}, {mail.SMTPAuthPlain, "", "\x00\x00token"}, {AuthExternal, "me", "me"}, {AuthExternal, "", ""},
		{mail.SMTPAuthXOAUTH2, "me", "user=me\x01auth=Bearer token\x01\x01"},
		{AuthOAuthBearer, "me=a,b", "n,a=me=3Da=2Cb,\x01host=mx.test\x01port=587\x01auth=Bearer token\x01\x01"},
		{AuthOAuthBearer, "", "n,,\x01host=mx.test\x01port=587\x01auth=Bearer token\x01\x01"},
	} {
		name, initial, err := o.newMechanism(tt.m, tt.user, "token", nil).Start()
		if name != string(tt.m) || string(initial) != tt.want || initial == nil || err != nil {
			t.Errorf("%s of %q: got %q, %q, %v; want %q", tt.m, tt.user, name, initial, err, tt.want)
		}
	}
}

// TestNoLoginWithoutTLS: whatever leads there, no secret is sent in clear text.
func TestNoLoginWithoutTLS(t *testing.T) {
	near, far := net.Pipe()
	defer far.Close()
	o := &opening{endpoint: Endpoint{Addr: "mx.test:25", Credentials: noCredentials}, session: &session{extensions: map[string]string{"AUTH": "PLAIN"}}}
	o.wire, o.r, o.w = newWire(near), bufio.NewReader(near), bufio.NewWriter(near)
	if err := o.login(t.Context()); err != ErrNoTLS || o.loggedIn || o.wire.sent > 0 {
		t.Errorf("got %v, logged in %v, %d bytes sent", err, o.loggedIn, o.wire.sent)
	}
}

// TestSCRAMThatIsStopped ends its computation.
func TestSCRAMThatIsStopped(t *testing.T) {
	stop := make(chan struct{})
	close(stop)
	s := newSCRAM(mail.SMTPAuthSCRAMSHA256, "me", "pencil", nil, stop)
	s.nonce, s.step = "x", 1
	if got, err := s.Next([]byte("r=xy,s=QSXC,i=600000")); !errors.Is(err, context.Canceled) || got != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

// TestLoginsAtOnce: of two connections that log in at once, the second does not offer what
// the first was refused meanwhile.
func TestLoginsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newTestPool(t)
		defer p.Close()
		a := &authServer{offers: "250 AUTH PLAIN", says: func(string) string { return "535 5.7.8 no" }}
		slow := a.endpoint()
		slow.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			time.Sleep(time.Second)
			return a.dial(ctx, network, addr)
		}
		second := make(chan error)
		go func() { second <- p.Verify(t.Context(), slow) }()
		if err := p.Verify(t.Context(), a.endpoint()); err == nil || errors.Is(err, errLoginRefused) {
			t.Errorf("the first: got %v", err)
		}
		if err := <-second; !errors.Is(err, errLoginRefused) || a.tried() != "PLAIN" {
			t.Errorf("the second: got %v, want that it is not offered again", err)
		}
	})
}

// TestAWaitForAnotherMechanismEnds with its context.
func TestAWaitForAnotherMechanismEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newTestPool(t)
		defer p.Close()
		a := &authServer{offers: "250 AUTH CRAM-MD5 PLAIN", says: func(line string) string {
			if line == "AUTH CRAM-MD5" {
				return "535 5.7.8 no"
			}
			return knows(line)
		}}
		if err := p.Verify(t.Context(), a.endpoint()); err == nil {
			t.Fatal("CRAM-MD5 was not refused")
		}
		why := errors.New("enough")
		ctx, cancel := context.WithTimeoutCause(t.Context(), 100*time.Millisecond, why)
		defer cancel()
		start := time.Now()
		if err := p.Verify(ctx, a.endpoint()); !errors.Is(err, why) || time.Since(start) != 100*time.Millisecond {
			t.Errorf("got %v after %v", err, time.Since(start))
		}
		a.tried()
		if err := p.Verify(t.Context(), a.endpoint()); err != nil || time.Since(start) != switchGap || a.tried() != "PLAIN" {
			t.Errorf("got %v after %v, want a login by PLAIN after %v", err, time.Since(start), switchGap)
		}
	})
}

// panicking is a login whose functions panic.
type panicking struct{ start bool }

func (p panicking) Start() (string, []byte, error) {
	if p.start {
		panic("boom")
	}
	return "X", nil, nil
}
func (panicking) Next([]byte) ([]byte, error) { panic("boom") }

// TestPanicsOfTheUsersFunctions become errors that name the function.
func TestPanicsOfTheUsersFunctions(t *testing.T) {
	own := func(start bool) func(*Endpoint) {
		return func(e *Endpoint) {
			e.Credentials, e.SASL = nil, func(context.Context) (SASL, error) { return panicking{start}, nil }
		}
	}
	for name, set := range map[string]func(e *Endpoint){
		"Credentials": func(e *Endpoint) { e.Credentials = func(context.Context) (string, string, error) { panic("boom") } },
		"DialContext": func(e *Endpoint) {
			e.DialContext = func(context.Context, string, string) (net.Conn, error) { panic("boom") }
		},
		"Endpoint.SASL": func(e *Endpoint) { e.Credentials, e.SASL = nil, func(context.Context) (SASL, error) { panic("boom") } },
		"SASL.Start":    own(true),
		"SASL.Next":     own(false),
	} {
		t.Run(name, func(t *testing.T) {
			p := newTestPool(t)
			defer p.Close()
			a := &authServer{offers: "250 AUTH PLAIN X", says: func(string) string { return "334 " }}
			e := a.endpoint()
			set(&e)
			if err := p.Verify(t.Context(), e); err == nil || !strings.Contains(err.Error(), name+" has panicked: boom") {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestDefaultResolver finds the own machine.
func TestDefaultResolver(t *testing.T) {
	p := newTestPool(t)
	defer p.Close()
	var dialled string
	why := errors.New("enough")
	p.DialBy(func(_ context.Context, _, addr string) (net.Conn, error) { dialled = addr; return nil, why })
	if err := p.Verify(t.Context(), Endpoint{Addr: "localhost:25", TLS: TLSNone}); !errors.Is(err, why) || dialled != "127.0.0.1:25" && dialled != "[::1]:25" {
		t.Errorf("got %v after a dial of %q", err, dialled)
	}
}

// TestLinesWithoutEnds are told when the connection ends.
func TestLinesWithoutEnds(t *testing.T) {
	for what, tt := range map[string]struct {
		do   func(x *tap)
		want []string
	}{
		"a message":           {func(x *tap) { x.beginBody(); x.say([]byte("Subject: a\r\n")); x.say([]byte("\r\nb")) }, []string{"C: [15 bytes of a message without its end]"}},
		"a command":           {func(x *tap) { x.say([]byte("NOOP\r\nMAIL FROM")) }, []string{"C: NOOP", "C: MAIL FROM"}},
		"a reply":             {func(x *tap) { x.hear([]byte("250 yes\r\n250 n")) }, []string{"S: 250 yes", "S: 250 n [without a line end]"}},
		"a blank line":        {func(x *tap) { x.hear([]byte("\r\n250 yes\r\n")) }, []string{"S: ", "S: 250 yes"}},
		"nothing":             {func(x *tap) { x.say([]byte("NOOP\r\n")); x.hear([]byte("250 yes\r\n")) }, []string{"C: NOOP", "S: 250 yes"}},
		"a reply and a login": {func(x *tap) { x.beginLogin(); x.say([]byte("AUTH X abcd")); x.hear([]byte("334 abcd")) }, []string{"C: AUTH X [4 bytes]", "S: 334 [4 bytes] [without a line end]"}},
	} {
		got := transcribeOf(func(x *tap) { tt.do(x); x.flush() })
		ok := len(got) == len(tt.want)
		for i := range min(len(got), len(tt.want)) {
			ok = ok && strings.HasSuffix(got[i], tt.want[i]+"\n")
		}
		if !ok {
			t.Errorf("%s: got %q, want %q", what, got, tt.want)
		}
	}
}
