package pool

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/internal/redact"
	"github.com/wneessen/go-mail"
)

// authServer is a server of few words, which answers the lines of a login by a function.
type authServer struct {
	offers string // lines behind the first of the reply to EHLO
	says   func(line string) string

	mu   sync.Mutex
	auth []string // the AUTH lines, without their initial responses
}

func (a *authServer) dial(context.Context, string, string) (net.Conn, error) {
	near, far := net.Pipe()
	go func() {
		defer far.Close()
		fmt.Fprint(far, "220 mx\r\n")
		lines := bufio.NewScanner(far)
		for lines.Scan() {
			line := lines.Text()
			switch verb, arg, _ := strings.Cut(line, " "); verb {
			case "EHLO":
				fmt.Fprintf(far, "250-mx\r\n%s\r\n", a.offers)
				continue
			case "QUIT":
				fmt.Fprint(far, "221 bye\r\n")
				return
			case "AUTH":
				a.mu.Lock()
				a.auth = append(a.auth, strings.Fields(arg)[0])
				a.mu.Unlock()
			}
			fmt.Fprintf(far, "%s\r\n", a.says(line))
		}
	}()
	return near, nil
}

// tried returns the mechanisms tried since the last call.
func (a *authServer) tried() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := strings.Join(a.auth, " ")
	a.auth = nil
	return out
}

func (a *authServer) endpoint() Endpoint {
	return Endpoint{Name: "mx", Addr: "localhost:25", TLS: TLSNone, DialContext: a.dial,
		Credentials: func(context.Context) (string, string, error) { return "u", "pass word", nil }}
}

func newTestPool(t *testing.T) *Pool {
	p, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// knows accepts the right response to PLAIN, in one or two lines, and to LOGIN.
func knows(line string) string {
	switch line {
	case "AUTH PLAIN " + encode("\x00u\x00pass word"), encode("\x00u\x00pass word"), encode("pass word"):
		return "235 ok"
	case "AUTH PLAIN":
		return "334 "
	case "AUTH LOGIN":
		return "334 Username, please"
	case encode("u"):
		return "334 " + encode("Password")
	}
	return "535 5.7.8 Error: authentication failed"
}

func TestLoginsThatOthersManage(t *testing.T) {
	broken := func(mechanism, reply string) func(string) string {
		return func(line string) string {
			if line == "AUTH "+mechanism || line == "*" {
				return reply
			}
			return knows(line)
		}
	}
	cram := "250 AUTH CRAM-MD5 PLAIN LOGIN"
	tests := []struct {
		name, offers string
		says         func(string) string
		auth         mail.SMTPAuthType
		tried        string
	}{
		{"CRAM-MD5 answered with 504", cram, broken("CRAM-MD5", "504 5.7.4 Unrecognized authentication type"), "", "CRAM-MD5 PLAIN"},
		{"with 500", cram, broken("CRAM-MD5", "500 what"), "", "CRAM-MD5 PLAIN"},
		{"with a 535 about the mechanism", cram, broken("CRAM-MD5", "535 5.7.8 authentication failure: no mechanism available"), "", "CRAM-MD5 PLAIN"},
		{"with 538", cram, broken("CRAM-MD5", "538 5.7.11 encryption required"), "", "CRAM-MD5 PLAIN"},
		{"with a challenge that is not base64", cram, func(line string) string {
			if line == "AUTH CRAM-MD5" {
				return "334 <1@mx>"
			}
			if line == "*" {
				return "501 5.7.0 cancelled"
			}
			return knows(line)
		}, "", "CRAM-MD5 PLAIN"},
		{"LOGIN in plain text", "250 AUTH LOGIN", knows, "", "LOGIN"},
		{"PLAIN only when asked", "250 AUTH PLAIN", func(line string) string {
			if strings.HasPrefix(line, "AUTH") {
				return "334 go ahead"
			}
			return knows(line)
		}, "", "PLAIN"},
		{"no initial response", "250 AUTH PLAIN", func(line string) string {
			if strings.HasPrefix(line, "AUTH PLAIN ") {
				return "501 5.5.4 Syntax: AUTH mechanism"
			}
			return knows(line)
		}, "", "PLAIN PLAIN"},
		{"several AUTH lines", "250-AUTH NTLM\r\n250-AUTH=GSSAPI\r\n250 AUTH PLAIN", knows, "", "PLAIN"},
		{"AUTH= alone", "250 AUTH=LOGIN", knows, "", "LOGIN"},
		{"already logged in", "250 AUTH PLAIN", func(string) string { return "503 5.5.1 already authenticated" }, "", "PLAIN"},
		{"already logged in, in other words", "250 AUTH PLAIN", func(string) string { return "503 5.5.0 Already logged in" }, "", "PLAIN"},
		{"already identified", "250 AUTH LOGIN", func(string) string { return "503 You are already identified" }, "", "LOGIN"},
		{"separated by commas", "250 AUTH CRAM,PLAIN", knows, "", "PLAIN"},
		{"OAUTHBEARER", "250 AUTH OAUTHBEARER", func(line string) string {
			if line == "AUTH OAUTHBEARER "+encode("n,a=u,\x01host=localhost\x01port=25\x01auth=Bearer pass word\x01\x01") {
				return "235 ok"
			}
			return "535 no"
		}, AuthOAuthBearer, "OAUTHBEARER"},
		{"EXTERNAL", "250 AUTH EXTERNAL", func(line string) string {
			if line == "AUTH EXTERNAL "+encode("u") {
				return "235 ok"
			}
			return "535 no"
		}, AuthExternal, "EXTERNAL"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newTestPool(t)
				defer p.Close()
				a := &authServer{offers: tt.offers, says: tt.says}
				e := a.endpoint()
				e.Auth = tt.auth
				if err := p.Verify(t.Context(), e); err != nil {
					t.Errorf("got %v", err)
				}
				if got := a.tried(); got != tt.tried {
					t.Errorf("tried %s, want %s", got, tt.tried)
				}
				if err := p.Verify(t.Context(), e); err != nil { // what was found broken comes last
					t.Errorf("again: got %v", err)
				}
				if got, last := a.tried(), tt.tried[strings.LastIndexByte(tt.tried, ' ')+1:]; !strings.HasPrefix(got, last) {
					t.Errorf("again: tried %s, want %s first", got, last)
				}
			})
		})
	}
}

// TestExternalWithoutCredentials logs in by a certificate alone: the empty response is "=".
func TestExternalWithoutCredentials(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newTestPool(t)
		defer p.Close()
		a := &authServer{offers: "250 AUTH EXTERNAL", says: func(line string) string {
			return map[bool]string{true: "235 ok", false: "535 no"}[line == "AUTH EXTERNAL ="]
		}}
		e := a.endpoint()
		e.Credentials, e.Auth = nil, AuthExternal
		if err := p.Verify(t.Context(), e); err != nil {
			t.Error(err)
		}
	})
}

// TestARefusedLoginIsNotRepeated probes a server once a second for a day with a wrong
// password.
func TestARefusedLoginIsNotRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newTestPool(t)
		defer p.Close()
		secret := "wrong one"
		a := &authServer{offers: "250 AUTH PLAIN LOGIN", says: func(line string) string {
			if line == "AUTH PLAIN "+encode("\x00u\x00right one") {
				return "235 ok"
			}
			return "535 5.7.8 Error: authentication failed"
		}}
		e := a.endpoint()
		e.Credentials = func(context.Context) (string, string, error) { return "u", secret, nil }
		logins := func(d time.Duration) int {
			for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(time.Second) {
				err := p.Verify(t.Context(), e)
				if r, ok := errors.AsType[*classify.Reply](err); !ok || r.Code != 535 || strings.Contains(err.Error(), secret) {
					t.Fatalf("got %v, want the 535", err)
				}
			}
			return len(strings.Fields(a.tried()))
		}
		for _, step := range []struct {
			d        time.Duration
			min, max int
		}{{10 * time.Second, 1, 1}, {10 * time.Minute, 2, 3}, {24 * time.Hour, 20, 26}} {
			if got := logins(step.d); got < step.min || got > step.max {
				t.Errorf("%d logins in %v, want %d to %d", got, step.d, step.min, step.max)
			}
		}
		secret = "right one" // offered at once
		if err := p.Verify(t.Context(), e); err != nil {
			t.Error(err)
		}
		count := 0 // a new wrong token at each call, as a token service makes them
		e.Credentials = func(context.Context) (string, string, error) {
			count++
			secret = fmt.Sprint("token ", count)
			return "u", secret, nil
		}
		a.tried()
		if got := logins(9 * time.Minute); got > maxRefusals {
			t.Errorf("%d different logins in 9 minutes, want at most %d", got, maxRefusals)
		}
	})
}

// TestALoginThatEveryMechanismIsRefused in words that speak of the mechanism is not
// offered again at every probe: the secret was shown each time.
func TestALoginThatEveryMechanismIsRefused(t *testing.T) {
	for reply, most := range map[string]int{
		"535 5.7.8 Error: authentication failed: no mechanism available":                              6,
		"535 5.7.3 Authentication unsuccessful, basic login is not supported":                         6,
		"535-5.7.8 Wrong password\r\n535 5.7.8 see https://mx.test/ for other authentication methods": 6,
		"534 5.7.9 Authentication mechanism is too weak":                                              6,
		"504 5.7.4 Unrecognized authentication type":                                                  30, // the login was not judged
	} {
		synctest.Test(t, func(t *testing.T) {
			p := newTestPool(t)
			defer p.Close()
			a := &authServer{offers: "250 AUTH CRAM-MD5 PLAIN LOGIN", says: func(string) string { return reply }}
			start, gap := time.Now(), time.Second
			for time.Since(start) < 5*time.Minute {
				if err := p.Verify(t.Context(), a.endpoint()); err == nil || !strings.Contains(err.Error(), reply[:3]) {
					t.Errorf("got %v, want the %s", err, reply[:3])
				}
				time.Sleep(gap)
				gap *= 2
			}
			if n := len(strings.Fields(a.tried())); n == 0 || n > most {
				t.Errorf("%q: %d logins in five minutes, want %d at most", reply, n, most)
			}
			a.says = knows // but CRAM-MD5
			time.Sleep(time.Hour)
			for probe := range 2 {
				if err := p.Verify(t.Context(), a.endpoint()); probe == 1 && err != nil {
					t.Errorf("%q: an hour later: %v", reply, err)
				}
			}
		})
	}
}

// TestADigestThatIsAlwaysRefused: the server has no secrets for CRAM-MD5. The other kind of
// mechanism gets its turn a second later, and later connections use it at once.
func TestADigestThatIsAlwaysRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newTestPool(t)
		defer p.Close()
		a := &authServer{offers: "250 AUTH CRAM-MD5 PLAIN LOGIN", says: func(line string) string {
			if line == "AUTH CRAM-MD5" {
				return "334 " + encode("<1@mx>")
			}
			return knows(line)
		}}
		if err := p.Verify(t.Context(), a.endpoint()); err == nil || a.tried() != "CRAM-MD5" {
			t.Errorf("got %v, want no second mechanism behind a refusal", err)
		}
		start := time.Now()
		for range 2 {
			if err := p.Verify(t.Context(), a.endpoint()); err != nil || a.tried() != "PLAIN" {
				t.Errorf("got %v", err)
			}
		}
		if took := time.Since(start); took != switchGap {
			t.Errorf("took %v", took)
		}
	})
}

// TestABindingThatIsRefused: where TLS ends in front of the server, the proof over the
// channel is wrong although the secret is right. The same mechanism without the binding
// gets its turn a second later, and then what sends the secret.
func TestABindingThatIsRefused(t *testing.T) {
	const bound, digest, older, plain = mail.SMTPAuthSCRAMSHA256PLUS, mail.SMTPAuthSCRAMSHA256, mail.SMTPAuthSCRAMSHA1, mail.SMTPAuthPlain
	all := []mail.SMTPAuthType{bound, digest, mail.SMTPAuthSCRAMSHA1PLUS, older, plain}
	l, id, now := new(logins), newIdentity("u", "p"), time.Now()
	var got []mail.SMTPAuthType
	var gaps []time.Duration
	for range 3 {
		m := l.rank(now, id, all)[0]
		l.refuse(now, id, m, all, errLoginRefused)
		got, gaps = append(got, m), append(gaps, l.notBefore(id).Sub(now))
		now = l.notBefore(id)
	}
	if want := []mail.SMTPAuthType{bound, digest, plain}; !slices.Equal(got, want) {
		t.Errorf("offered by %v, want %v", got, want)
	}
	if want := []time.Duration{switchGap, switchGap, refusalGaps[0]}; !slices.Equal(gaps, want) {
		t.Errorf("gaps of %v, want %v", gaps, want)
	}
}

// TestAnErrorOfSCRAMIsHeardOut: a server may name the error (RFC 5802 5.1, "e=") before it
// refuses. That is a refusal of the secret, which is not shown again at each probe.
func TestAnErrorOfSCRAMIsHeardOut(t *testing.T) {
	for _, said := range []string{"invalid-proof", "channel-bindings-dont-match", "other-error"} {
		server := &scramServer{t: t, secret: "another one"}
		lines := 0
		err := dialogue(t, mail.SMTPAuthSCRAMSHA256, "hunter2!", func(line string) string {
			switch due := server.line(line); {
			case server.step < 3:
				return due
			case server.step == 3:
				return "334 " + encode("e="+said)
			}
			lines++
			if line != "" {
				t.Errorf("%s: answered with %q, want an empty line", said, line)
			}
			return "535 5.7.8 " + said
		})
		if r, ok := errors.AsType[*classify.Reply](err); !ok || r.Code != 535 || lines != 1 {
			t.Errorf("%s: got %v after %d lines, want the 535", said, err, lines)
		}
	}
}

// TestWhatFollowsALoginUnasked: lines behind the 235 answer nothing, as nothing is due then.
// A refusal among them, or a farewell, counts.
func TestWhatFollowsALoginUnasked(t *testing.T) {
	for said, works := range map[string]bool{
		"235 ok": true, "235 ok\r\n\r\n": true,
		"235 ok\r\n235 2.7.0 welcome": true, "235 ok\r\n250 last login yesterday": true, "235 ok\r\nYou have no mail": true,
		"235 ok\r\n250-one\r\n250 two\r\nthree\r\n": true,
		"235 ok\r\n421 4.3.2 closing":               false, "235 ok\r\n221 bye": false, "235 ok\r\n535 5.7.8 no": false, "235 ok\r\n454 4.7.0 not now": false,
		"235 ok\r\n250 hello\r\n550 5.7.1 blocked": false,
	} {
		synctest.Test(t, func(t *testing.T) {
			p := newTestPool(t)
			defer p.Close()
			a := &authServer{offers: "250 AUTH PLAIN", says: func(line string) string {
				switch verb, _, _ := strings.Cut(line, " "); verb {
				case "AUTH":
					return said
				case "RSET", "MAIL":
					return "250 ok"
				}
				return "500 what"
			}}
			err := p.Verify(t.Context(), a.endpoint(), "a@x.test")
			if (err == nil) != works {
				t.Errorf("%q: got %v", said, err)
			}
		})
	}
}

// TestInvariant8ALoginCanBeCancelled has the server demand the most iterations that are
// taken, and more.
func TestInvariant8ALoginCanBeCancelled(t *testing.T) {
	done := make(chan struct{})
	close(done)
	s := newSCRAM(mail.SMTPAuthSCRAMSHA256, "u", "p", nil, done)
	if _, err := s.saltSecret("p", []byte("salt"), maxIterations); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	s.Start()
	s.Next(nil)
	for _, i := range []string{"600001", "30000000", "4294967296", "9223372036854775807", "99999999999999999999", "4095", "1", "0", "-1", ""} {
		s.step = 1
		_, err := s.Next([]byte("r=" + s.nonce + "x,s=" + encode("salt") + ",i=" + i))
		if !errors.Is(err, ErrProtocol) {
			t.Errorf("i=%s: got %v, want ErrProtocol", i, err)
		}
	}
}

// TestSCRAMWithoutProof: a server that accepts without a proof, or with a wrong one, does
// not know the secret.
func TestSCRAMWithoutProof(t *testing.T) {
	for _, says := range []map[int]string{
		{1: "235 ok"}, {2: "235 ok"}, {3: "235 ok"}, {1: "503 already authenticated"},
		{3: "334 " + encode("v="+base64.StdEncoding.EncodeToString(make([]byte, sha256.Size)))}, {3: "334 " + encode("e=other-error")},
	} {
		server := &scramServer{t: t, secret: "hunter2!"}
		step := 0
		err := dialogue(t, mail.SMTPAuthSCRAMSHA256, "hunter2!", func(line string) string {
			step++
			due := server.line(line)
			if said, ok := says[step]; ok {
				return said
			}
			return due
		})
		if _, refused := errors.AsType[*classify.Reply](err); !refused && !errors.Is(err, errNoProof) && !errors.Is(err, errLoginEnded) || errors.Is(err, errLoginEnded) {
			t.Errorf("%v: got %v, want the reply, or that there is no proof", says, err)
		}
	}
}

// ownLogin is a mechanism of the user's.
type ownLogin struct{ hang bool }

func (o ownLogin) Start() (string, []byte, error) { return "X-OWN", []byte("user\x00secret-1"), nil }
func (o ownLogin) Next(challenge []byte) ([]byte, error) {
	if o.hang {
		select {}
	}
	return append([]byte("secret-2 "), challenge...), nil
}

func TestOwnSASL(t *testing.T) {
	a := &authServer{offers: "250 AUTH X-OWN PLAIN", says: func(line string) string {
		switch line {
		case "AUTH X-OWN " + encode("user\x00secret-1"):
			return "334 " + encode("nonce")
		case encode("secret-2 nonce"):
			return "235 ok"
		}
		return "535 5.7.8 secret-1 and " + line
	}}
	p := newTestPool(t)
	defer p.Close()
	e := a.endpoint()
	e.Credentials = nil
	e.SASL = func(context.Context) (SASL, error) { return ownLogin{}, nil }
	if err := p.Verify(t.Context(), e); err != nil {
		t.Error(err)
	}
	e.SASL = func(context.Context) (SASL, error) { return ownLogin{hang: true}, nil }
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.Verify(ctx, e) }()
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v from a mechanism that hangs", err)
	}
	b := &authServer{offers: a.offers, says: func(string) string { return "535 5.7.8 no secret-1, " + encode("user\x00secret-1") }}
	e.DialContext = b.dial
	err := p.Verify(t.Context(), e)
	if err == nil || strings.Contains(err.Error(), "secret-1") || strings.Contains(err.Error(), encode("user\x00secret-1")) {
		t.Errorf("got %v", err)
	}
}

// FuzzLogin has the peer answer each line by one of the script, and refuse at its end. A
// line of the script that is no whole reply stalls, so that the peer closes behind the
// last one.
func FuzzLogin(f *testing.F) {
	f.Add("SCRAM-SHA-256", "334 \n334 "+encode("r=x,s=eA==,i=4096")+"\n235 ok")
	f.Add("CRAM-MD5", "334 PDEyMzQ+\n235 ok")
	f.Add("LOGIN", "334 x\n334-y\n334 z\n235 ok")
	f.Add("PLAIN", "501 no\n334 \n503 already authenticated")
	f.Add("NTLM", "334 "+encode("NTLMSSP\x00")+"\n221 bye")
	f.Fuzz(func(t *testing.T, mechanism, script string) {
		replies := strings.Split(script, "\n")
		lines := 0
		err := dialogue(t, mail.SMTPAuthType(mechanism), "hunter2!", func(line string) string {
			lines++
			if len(replies) == 0 {
				return "535 5.7.8 " + line
			}
			said := replies[0]
			replies = replies[1:]
			if len(said) > 3 && said[3] == '-' {
				said += "\r\n" + said[:3] + " end"
			}
			return said
		})
		if lines > maxChallenges+4 {
			t.Errorf("%d lines", lines)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2!") && !strings.Contains(script, "hunter2!") {
			t.Errorf("got %v", err)
		}
		if strings.HasPrefix(mechanism, "SCRAM-") && len(mechanism) < 19 && err == nil {
			t.Error("a server without the secret was believed")
		}
	})
}

// TestOwnSASLThatFails has the user's mechanism return what it should not.
func TestOwnSASLThatFails(t *testing.T) {
	refused := "535 5.7.8 no"
	for _, tt := range []struct {
		name, offers string
		sasl         func(context.Context) (SASL, error)
		says, want   string // want is in the error
	}{
		{"nil", "250 AUTH X", func(context.Context) (SASL, error) { return nil, nil }, "", "SASL returned nil"},
		{"an error", "250 AUTH X", func(context.Context) (SASL, error) { return nil, errors.New("no ticket") }, "", "no login mechanism: no ticket"},
		{"no name", "250 AUTH X", given("", nil, nil), "", "is not a name"},
		{"a name that is two", "250 AUTH X", given("X Y", nil, nil), "", "is not a name"},
		{"an error at the start", "250 AUTH X", given("X", nil, errors.New("no key")), "", "no key"},
		{"a mechanism that is not offered", "250 AUTH Y", given("X", nil, nil), "", "want \"X\", offered: \"Y\""},
		{"refused", "250 AUTH X", given("X", nil, nil), refused, "535"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newTestPool(t)
				defer p.Close()
				a := &authServer{offers: tt.offers, says: func(string) string { return tt.says }}
				e := a.endpoint()
				e.Credentials, e.SASL = nil, tt.sasl
				if err := p.Verify(t.Context(), e); err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("got %v, want %q", err, tt.want)
				}
				if got := a.tried(); (got != "") != (tt.says != "") {
					t.Errorf("tried %q", got)
				}
				if tt.says != refused {
					return
				}
				if err := p.Verify(t.Context(), e); !errors.Is(err, errLoginRefused) || a.tried() != "" {
					t.Errorf("a second later: got %v, want no second login", err)
				}
				time.Sleep(time.Minute)
				if err := p.Verify(t.Context(), e); errors.Is(err, errLoginRefused) || a.tried() != "X" {
					t.Errorf("a minute later: got %v", err)
				}
			})
		})
	}
}

// TestALoginThatEndsOtherwise: a mechanism that is put off, and not refused, comes last
// on the next connection, if it has not worked before.
func TestALoginThatEndsOtherwise(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newTestPool(t)
		defer p.Close()
		a := &authServer{offers: "250 AUTH CRAM-MD5 PLAIN", says: func(line string) string {
			if line == "AUTH CRAM-MD5" {
				return "454 4.7.0 the directory is down"
			}
			return knows(line)
		}}
		if err := p.Verify(t.Context(), a.endpoint()); err == nil || a.tried() != "CRAM-MD5" {
			t.Errorf("got %v, want the 454 and no second mechanism behind it", err)
		}
		if err := p.Verify(t.Context(), a.endpoint()); err != nil || a.tried() != "PLAIN" {
			t.Errorf("on the next connection: got %v", err)
		}
		a.says = func(string) string { return "454 4.7.0 the directory is down" }
		for range 2 {
			if err := p.Verify(t.Context(), a.endpoint()); err == nil || a.tried() != "PLAIN" {
				t.Errorf("where it has worked: got %v, want PLAIN first", err)
			}
		}
	})
}

// TestAMechanismThatCannotGoOn tells its error where that is the end of a context or of
// the protocol, else its text alone, quoted.
func TestAMechanismThatCannotGoOn(t *testing.T) {
	o := &opening{session: &session{secrets: redact.New("u", "hunter2!")}}
	for _, err := range []error{context.Canceled, context.DeadlineExceeded, ErrProtocol} {
		if got := o.unable(fmt.Errorf("no: %w", err)); !errors.Is(got, err) {
			t.Errorf("%v: got %v", err, got)
		}
	}
	why := errors.New("the \x1b server said hunter2!")
	if got := o.unable(why); errors.Is(got, why) || !strings.Contains(got.Error(), `"the \x1b server said [secret]"`) {
		t.Errorf("got %v", got)
	}
}

// given returns a mechanism of the user's that starts so.
func given(name string, initial []byte, err error) func(context.Context) (SASL, error) {
	return func(context.Context) (SASL, error) { return starter{name, initial, err}, nil }
}

type starter struct {
	name    string
	initial []byte
	err     error
}

func (s starter) Start() (string, []byte, error) { return s.name, s.initial, s.err }
func (s starter) Next([]byte) ([]byte, error)    { return nil, nil }

// TestCredentialsThatFail does not dial again before there are some.
func TestCredentialsThatFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newTestPool(t)
		defer p.Close()
		a := &authServer{offers: "250 AUTH PLAIN", says: knows}
		why := errors.New("the token service is down")
		e := a.endpoint()
		e.Credentials = func(context.Context) (string, string, error) { return "u", "hunter2!", why }
		if err := p.Verify(t.Context(), e); !errors.Is(err, why) || a.tried() != "" {
			t.Errorf("got %v", err)
		}
		e.Credentials = func(context.Context) (string, string, error) {
			return "u", "hunter2!", errors.New("hunter2! is over")
		}
		if err := p.Verify(t.Context(), e); err == nil || strings.Contains(err.Error(), "hunter2!") {
			t.Errorf("got %v", err)
		}
		e.Credentials = func(ctx context.Context) (string, string, error) {
			<-ctx.Done()
			return "", "", context.Cause(ctx)
		}
		start := time.Now()
		if err := p.Verify(t.Context(), e); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != p.config.Timeouts.Command {
			t.Errorf("got %v after %v, want the end of Timeouts.Command", err, time.Since(start))
		}
	})
}

// TestCredentialsThatNoLoginCarries: a control character would move the fields of PLAIN and
// XOAUTH2, and is a password's own in no mechanism. Nothing is offered, whatever the
// mechanism, and the error tells neither the name nor the secret.
func TestCredentialsThatNoLoginCarries(t *testing.T) {
	for name, c := range map[string]struct{ user, secret, says string }{
		"NUL in the user":           {"some\x00body", "hunter2!", "the user name contains the control character U+0000"},
		"NUL in the secret":         {"somebody", "hunter\x002!", "the secret contains the control character U+0000"},
		"line break behind":         {"somebody", "hunter2!\n", "the secret ends with a line break"},
		"CR LF behind the user":     {"somebody\r\n", "hunter2!", "the user name ends with a line break"},
		"line break within":         {"somebody", "hunter\r2!", "the secret contains the control character U+000D"},
		"separator of XOAUTH2":      {"somebody", "hunter\x012!", "the secret contains the control character U+0001"},
		"DEL":                       {"some\x7fbody", "hunter2!", "the user name contains the control character U+007F"},
		"tab in a secret of Latin1": {"somebody", "h\xfcnter\t2!", "the secret contains the control character U+0009"},
	} {
		for _, m := range []mail.SMTPAuthType{mail.SMTPAuthPlain, mail.SMTPAuthLogin, mail.SMTPAuthCramMD5, mail.SMTPAuthSCRAMSHA1, mail.SMTPAuthSCRAMSHA256, mail.SMTPAuthXOAUTH2, AuthOAuthBearer, mail.SMTPAuthNTLM, AuthExternal} {
			synctest.Test(t, func(t *testing.T) {
				p := newTestPool(t)
				defer p.Close()
				a := &authServer{offers: "250 AUTH " + string(m), says: knows}
				e := a.endpoint()
				e.Auth = m
				e.Credentials = func(context.Context) (string, string, error) { return c.user, c.secret, nil }
				err := p.Verify(t.Context(), e)
				if !errors.Is(err, ErrCredentials) || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "hunter") || strings.Contains(err.Error(), "some") {
					t.Errorf("%s, %s: got %v, want %q", name, m, err, c.says)
				}
				if tried := a.tried(); tried != "" {
					t.Errorf("%s: %s was offered", name, tried)
				}
			})
		}
	}
}

// TestOddCredentialsThatWork have no control characters.
func TestOddCredentialsThatWork(t *testing.T) {
	for _, secret := range []string{" ", "p\u00e4ss w\u00f6rd ", "p\xe4ss", "\u200b", ""} {
		a := &authServer{offers: "250 AUTH PLAIN", says: func(line string) string {
			if line == "AUTH PLAIN "+encode("\x00u@x.example\x00"+secret) {
				return "235 ok"
			}
			return "535 no"
		}}
		p := newTestPool(t)
		e := a.endpoint()
		e.Credentials = func(context.Context) (string, string, error) { return "u@x.example", secret, nil }
		if err := p.Verify(t.Context(), e); err != nil {
			t.Errorf("%q: got %v", secret, err)
		}
		p.Close()
	}
}

// TestRank puts mechanisms into the order in which they are tried.
func TestRank(t *testing.T) {
	me, you := newIdentity("me", "secret"), newIdentity("you", "secret")
	all := []mail.SMTPAuthType{"A", "B", "C", "D"}
	start := time.Now()
	for _, tt := range []struct {
		name string
		do   func(l *logins)
		at   time.Duration
		want string
	}{
		{"nothing is known", func(*logins) {}, 0, "A B C D"},
		{"one has worked", func(l *logins) { l.accepted("C") }, 0, "C A B D"},
		{"one tripped", func(l *logins) { l.tripped(start, me, "A") }, 0, "B C D A"},
		{"one tripped with another login", func(l *logins) { l.tripped(start, you, "A") }, 0, "A B C D"},
		{"one that has worked tripped", func(l *logins) { l.accepted("B"); l.tripped(start, me, "B") }, 0, "B A C D"},
		{"one is broken, one tripped", func(l *logins) { l.broke(start, "A"); l.tripped(start, me, "B") }, 0, "C D B A"},
		{"the longest ago first", func(l *logins) { l.broke(start.Add(time.Second), "A"); l.broke(start, "B") }, time.Second, "C D B A"},
		{"nearly a day later", func(l *logins) { l.broke(start, "A") }, 24*time.Hour - 1, "B C D A"},
		{"a day later", func(l *logins) { l.broke(start, "A") }, 24 * time.Hour, "A B C D"},
		{"it works again", func(l *logins) { l.broke(start, "A"); l.accepted("A") }, 0, "A B C D"},
	} {
		l := new(logins)
		tt.do(l)
		var got []string
		for _, m := range l.rank(start.Add(tt.at), me, all) {
			got = append(got, string(m))
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%s: got %v, want %s", tt.name, got, tt.want)
		}
	}
}

// TestARefusalOfTheSecretIsOneForAllThatSendIt: a new password that one mechanism has
// shown to be wrong is not shown by another one, however that one failed before.
func TestARefusalOfTheSecretIsOneForAllThatSendIt(t *testing.T) {
	const plain, login, digest = mail.SMTPAuthPlain, mail.SMTPAuthLogin, mail.SMTPAuthCramMD5
	all := []mail.SMTPAuthType{plain, login, digest}
	first, second := newIdentity("u", "old"), newIdentity("u", "new")
	now := time.Now()
	for name, before := range map[string]func(l *logins){
		"neither has failed":         func(*logins) {},
		"both failed with the old":   func(l *logins) { l.refuse(now.Add(-time.Hour), first, plain, all, errLoginRefused) },
		"the other one broke":        func(l *logins) { l.broke(now.Add(-time.Hour), login) },
		"the digest failed with it":  func(l *logins) { l.tripped(now.Add(-time.Hour), second, digest) },
		"the other one failed alone": func(l *logins) { l.tripped(now.Add(-time.Hour), first, login) },
	} {
		l := &logins{}
		before(l)
		l.refuse(now, second, plain, all, errLoginRefused)
		ranked := l.rank(now, second, all)
		if ranked[0] != digest {
			t.Errorf("%s: got %v, want the digest first", name, ranked)
		}
		if f := l.failures[login]; f.of != second && !f.broken {
			t.Errorf("%s: LOGIN is not known to fail with the new password: %+v", name, f)
		}
		if f := l.failures[digest]; name == "neither has failed" && f.of == second {
			t.Errorf("%s: the digest is held to fail, which was not tried", name)
		}
	}
}

// TestALoginIsOfferedByTurns: where a secret is refused for all that send it, the next
// offer, after the gap, is by another of them: one of them may be what does not work.
func TestALoginIsOfferedByTurns(t *testing.T) {
	offers := func(l *logins, id identity, all ...mail.SMTPAuthType) (got []string) {
		for now := time.Now(); len(got) < 4; now = now.Add(2 * time.Hour) {
			m := l.rank(now, id, all)[0]
			got = append(got, string(m))
			l.refuse(now, id, m, all, errLoginRefused)
		}
		return got
	}
	id := newIdentity("u", "p")
	if got := offers(new(logins), id, mail.SMTPAuthPlain, mail.SMTPAuthLogin); !slices.Equal(got, []string{"PLAIN", "LOGIN", "PLAIN", "LOGIN"}) {
		t.Errorf("got %v", got)
	}
	if got := offers(new(logins), id, mail.SMTPAuthCramMD5, mail.SMTPAuthPlain, mail.SMTPAuthLogin); !slices.Equal(got, []string{"CRAM-MD5", "PLAIN", "CRAM-MD5", "LOGIN"}) {
		t.Errorf("with a digest: got %v", got)
	}
}

// TestGapsBetweenRefusedLogins: a minute, 5, 15, an hour, and an hour from then on.
func TestGapsBetweenRefusedLogins(t *testing.T) {
	l, id, reply := new(logins), newIdentity("me", "secret"), errors.New("535 no")
	now := time.Now()
	only := []mail.SMTPAuthType{mail.SMTPAuthPlain, mail.SMTPAuthLogin}
	for _, gap := range []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, time.Hour} {
		l.refuse(now, id, mail.SMTPAuthPlain, only, reply)
		now = now.Add(gap)
		if err := l.mayOffer(now.Add(-1), id); !errors.Is(err, errLoginRefused) || !errors.Is(err, reply) {
			t.Errorf("before %v have passed: got %v", gap, err)
		}
		if err := l.mayOffer(now, id); err != nil {
			t.Errorf("after %v: got %v", gap, err)
		}
	}
	for range maxRefusals { // of others
		l.refuse(now, newIdentity("me", now.String()), mail.SMTPAuthPlain, only, reply)
		now = now.Add(time.Second)
	}
	other := newIdentity("me", "another secret")
	end := now.Add(refusalsWithin - maxRefusals*time.Second)
	if l.mayOffer(end.Add(-1), other) == nil || l.mayOffer(end, other) != nil {
		t.Error("four refusals of any login must lie within ten minutes")
	}
}

func FuzzParseTarget(f *testing.F) {
	for _, addr := range []string{"mx.test:25", "mx.test:submission", "[::1]:smtps", "unix:///run/smtp.sock", "unix://x", ":25", "a:b:c", "[fe80::1%lo]:25"} {
		f.Add(addr)
	}
	f.Fuzz(func(t *testing.T, addr string) {
		got, err := parseTarget(addr)
		if err != nil {
			return
		}
		if (got.path == "") == (got.host == "") || got.host != "" && got.port == 0 || strings.ContainsAny(got.path+got.host, "\r\n\x00 ") {
			t.Errorf("%q: got %+v", addr, got)
		}
		got.network()
	})
}

func TestParseTarget(t *testing.T) {
	for addr, want := range map[string]target{
		"mx.test:25": {host: "mx.test", port: 25}, "mx.test:smtp": {host: "mx.test", port: 25}, "mx.test:Submission": {host: "mx.test", port: 587},
		"[2001:db8::1]:submissions": {host: "2001:db8::1", port: 465}, "unix:///run/a b.sock": {path: "/run/a b.sock"}, "unix:///run/a\tb.sock": {}, "a b:25": {}, "unix:///run/smtp.sock": {path: "/run/smtp.sock"},
		"mx.test:pop3": {host: "mx.test", port: 110}, "mx.test:SMTPS": {host: "mx.test", port: 465}, "mx.test:1": {host: "mx.test", port: 1}, "mx.test:65535": {host: "mx.test", port: 65535},
		"mx.test:65536": {}, "mx.test:nosuchservice": {}, ":25": {}, "mx.test": {}, "a\x7f:25": {},
		"unix://smtp.sock": {}, "mx.test:": {}, "mx.test:+25": {}, "mx.test:0": {},
	} {
		if got, err := parseTarget(addr); got != want || (err == nil) != (want != target{}) {
			t.Errorf("%s: got %+v, %v", addr, got, err)
		}
	}
}

func TestUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "smtp")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Skip(err)
	}
	defer os.Remove(path)
	defer l.Close()
	a := &authServer{offers: "250 AUTH PLAIN", says: knows}
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		peer, _ := a.dial(t.Context(), "", "")
		go func() { defer conn.Close(); bufio.NewReader(peer).WriteTo(conn) }()
		bufio.NewReader(conn).WriteTo(peer)
	}()
	p := newTestPool(t)
	defer p.Close()
	e := a.endpoint()
	e.Addr, e.DialContext, e.TLS = "unix://"+path, nil, tlsDefault
	if err := p.Verify(t.Context(), e); err != nil {
		t.Error(err)
	}
}

func TestHELOName(t *testing.T) {
	for name, want := range map[string]bool{
		"mail.example.com": true, "mail.example.com.": true, "mail": false, "localhost": false, "localhost.localdomain": false, "": false,
		"my_host.example.com": false, "192.0.2.1": false, "host.local": false, "a..b": false, "-a.example": false, "a b.example": false,
	} {
		if got := isFullyQualified(name); got != want {
			t.Errorf("%q: got %v", name, got)
		}
	}
	for addr, want := range map[net.Addr]string{
		&net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 9}:          "[192.0.2.1]",
		&net.TCPAddr{IP: net.ParseIP("2001:db8::1"), Zone: "eth0"}: "[IPv6:2001:db8::1]",
		&net.TCPAddr{IP: net.ParseIP("::ffff:192.0.2.1")}:          "[192.0.2.1]",
		&net.UnixAddr{Name: "@", Net: "unix"}:                      "[127.0.0.1]", &net.TCPAddr{}: "[127.0.0.1]",
	} {
		if got := addressLiteral(addr); got != want {
			t.Errorf("%v: got %s, want %s", addr, got, want)
		}
	}
}

// TestBrokenMechanisms are told from wrong secrets by code, or by text.
func TestBrokenMechanisms(t *testing.T) {
	for text, want := range map[string]bool{
		"500 x": true, "501 x": true, "502 x": true, "503 x": true, "504 x": true, "538 x": true, "505 x": false, "534 x": false, "535 x": false, "539 x": false, "550 x": false,
		"535 no such mechanism": true, "535 Auth Type unknown": true, "499 unsupported": false, "454 mechanism down": false, "535 not implemented": true,
	} {
		r, err := classify.ParseReply(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := isBroken(r); got != want {
			t.Errorf("%s: got %v", text, got)
		}
	}
}

// chatter is a mechanism of the user's whose second step is a function.
type chatter func() ([]byte, error)

func (chatter) Start() (string, []byte, error) { return "X", nil, nil }
func (c chatter) Next([]byte) ([]byte, error)  { return c() }

// TestLoginsThatAreCutShort end with an error that says why, and with no login.
func TestLoginsThatAreCutShort(t *testing.T) {
	why := errors.New("nobody waits")
	for name, own := range map[string]bool{"a mechanism of the user's": true, "one of ours": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newTestPool(t)
				defer p.Close()
				ctx, cancel := context.WithCancelCause(t.Context())
				a := &authServer{offers: "250 AUTH X PLAIN", says: func(string) string {
					cancel(why)
					synctest.Wait()
					return "535 5.7.8 no"
				}}
				e := a.endpoint()
				if own {
					e.Credentials, e.SASL = nil, func(context.Context) (SASL, error) { return chatter(nil), nil }
				}
				if err := p.Verify(ctx, e); !errors.Is(err, why) {
					t.Errorf("got %v, want %v", err, why)
				}
			})
		})
	}
	for _, why := range []error{context.Canceled, context.DeadlineExceeded, ErrProtocol} {
		synctest.Test(t, func(t *testing.T) {
			p := newTestPool(t)
			defer p.Close()
			a := &authServer{offers: "250 AUTH X", says: func(line string) string {
				if line == "*" {
					return "501 5.7.0 cancelled"
				}
				return "334 "
			}}
			e := a.endpoint()
			e.Credentials = nil
			e.SASL = func(context.Context) (SASL, error) { return chatter(func() ([]byte, error) { return nil, why }), nil }
			if err := p.Verify(t.Context(), e); !errors.Is(err, why) {
				t.Errorf("got %v, want %v", err, why)
			}
		})
	}
}
