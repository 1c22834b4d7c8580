package pool

import (
	"bufio"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/internal/redact"
	"github.com/wneessen/go-mail"
)

func TestChoose(t *testing.T) {
	tests := []struct {
		offered string
		auth    mail.SMTPAuthType
		tls     bool
		want    mail.SMTPAuthType // "": none
	}{
		{"PLAIN LOGIN CRAM-MD5 SCRAM-SHA-1 SCRAM-SHA-256 SCRAM-SHA-256-PLUS", "", true, "SCRAM-SHA-256-PLUS"},
		{"PLAIN LOGIN CRAM-MD5 SCRAM-SHA-1 SCRAM-SHA-256 SCRAM-SHA-256-PLUS", "", false, "SCRAM-SHA-256"},
		{"PLAIN SCRAM-SHA-1 SCRAM-SHA-1-PLUS", "AUTODISCOVER", true, "SCRAM-SHA-1-PLUS"},
		{"plain login", "", true, "PLAIN"},
		{"LOGIN", "", true, "LOGIN"},
		{"XOAUTH2 NTLM", "", true, ""},
		{"XOAUTH2 PLAIN", "XOAUTH2", true, "XOAUTH2"},
		{"PLAIN", "LOGIN", true, ""},
		{"SCRAM-SHA-256-PLUS", "SCRAM-SHA-256-PLUS", false, ""},
		{"PLAIN-CLIENTTOKEN", "PLAIN", true, ""},
		{"", "", true, ""},
	}
	for _, tt := range tests {
		o := &opening{session: &session{}, endpoint: Endpoint{Auth: tt.auth}}
		if tt.tls {
			o.setTLS(tls.ConnectionState{})
		}
		var got mail.SMTPAuthType
		if chosen := o.choose(tt.offered); len(chosen) > 0 {
			got = chosen[0]
		}
		if got != tt.want {
			t.Errorf("%q of %q, TLS %v: got %q, want %q", tt.auth, tt.offered, tt.tls, got, tt.want)
		}
	}
}

// dialogue runs a login against a peer that answers each line by the function.
func dialogue(t *testing.T, m mail.SMTPAuthType, secret string, peer func(line string) string) error {
	t.Helper()
	o := &opening{endpoint: Endpoint{Addr: "localhost:25"}, session: &session{secrets: redact.New("me", secret)}}
	return talk(t, o, o.newMechanism(m, "me", secret, t.Context().Done()), peer)
}

// converse runs the login of a mechanism against such a peer.
func converse(t *testing.T, own SASL, peer func(line string) string) error {
	t.Helper()
	return talk(t, &opening{endpoint: Endpoint{Addr: "localhost:25"}, session: &session{}}, own, peer)
}

// talk runs a login of an opening.
func talk(t *testing.T, o *opening, by SASL, peer func(line string) string) error {
	t.Helper()
	client, server := net.Pipe()
	defer client.Close()
	go func() {
		defer server.Close()
		lines := bufio.NewScanner(server)
		for lines.Scan() {
			fmt.Fprintf(server, "%s\r\n", peer(lines.Text()))
		}
	}()
	o.wire, o.r, o.w = newWire(client), bufio.NewReader(client), bufio.NewWriter(client)
	return o.authenticate(t.Context(), by)
}

// scramServer is the server's side of SCRAM-SHA-256 (RFC 7677), line by line.
type scramServer struct {
	t      *testing.T
	secret string
	step   int
	auth   string // the messages that are signed
}

func (s *scramServer) line(line string) string {
	s.step++
	said, _ := base64.StdEncoding.DecodeString(line)
	switch s.step {
	case 1:
		return "334 " // asks for the first message
	case 2:
		_, bare, _ := strings.Cut(string(said), "n=")
		_, nonce, _ := strings.Cut(bare, "r=")
		first := "r=" + nonce + "server,s=" + encode("salt") + ",i=4096"
		s.auth = "n=" + bare + "," + first
		return "334 " + encode(first)
	case 3:
		final, proof, _ := strings.Cut(string(said), ",p=")
		s.auth += "," + final
		if !s.proves(proof) {
			return "535 5.7.8 no"
		}
		return "334 " + encode("v="+base64.StdEncoding.EncodeToString(s.sign("Server Key")))
	case 4:
		if line != "" {
			s.t.Errorf("got %q, want an empty line", line)
		}
		return "235 2.7.0 welcome"
	}
	return "503 5.5.1 what"
}

// salted returns the salted secret.
func (s *scramServer) salted() []byte {
	salted, err := pbkdf2.Key(sha256.New, s.secret, []byte("salt"), 4096, sha256.Size)
	if err != nil {
		s.t.Error(err)
	}
	return salted
}

// sign returns the signature of the dialogue by a key that is derived from the secret.
func (s *scramServer) sign(key string) []byte {
	derived := hmac.New(sha256.New, s.salted())
	derived.Write([]byte(key))
	mac := hmac.New(sha256.New, derived.Sum(nil))
	mac.Write([]byte(s.auth))
	return mac.Sum(nil)
}

func (s *scramServer) proves(proof string) bool {
	mac := hmac.New(sha256.New, s.salted())
	mac.Write([]byte("Client Key"))
	key := mac.Sum(nil)
	stored := sha256.Sum256(key)
	mac = hmac.New(sha256.New, stored[:])
	mac.Write([]byte(s.auth))
	for i, b := range mac.Sum(nil) {
		key[i] ^= b
	}
	return proof == base64.StdEncoding.EncodeToString(key)
}

func TestLoginWithSCRAM(t *testing.T) {
	if err := dialogue(t, mail.SMTPAuthSCRAMSHA256, "hunter2!", (&scramServer{t: t, secret: "hunter2!"}).line); err != nil {
		t.Errorf("right secret: got %v", err)
	}
	err := dialogue(t, mail.SMTPAuthSCRAMSHA256, "wrong-one", (&scramServer{t: t, secret: "hunter2!"}).line)
	if r, ok := errors.AsType[*classify.Reply](err); !ok || r.Code != 535 {
		t.Errorf("wrong secret: got %v, want the 535", err)
	}
}

// TestRefusedLoginEnds proves that nothing follows a refusal: neither a "*" nor
// anything else that a server could count as one more bad try.
func TestRefusedLoginEnds(t *testing.T) {
	var got []string
	err := dialogue(t, mail.SMTPAuthPlain, "hunter2!", func(line string) string {
		got = append(got, line)
		return "535 5.7.8 no"
	})
	if err == nil || len(got) != 1 {
		t.Errorf("got %v after %q", err, got)
	}
}

func TestLoginAgainstAnOddServer(t *testing.T) {
	tests := []struct {
		name, says string
		mechanism  mail.SMTPAuthType
		want       string // in the error
	}{
		{"challenges for ever", "334 ", mail.SMTPAuthSCRAMSHA256, "unreadable challenge of SCRAM"},
		{"challenges for ever that nobody reads", "334 " + encode("r=hunter2!"), mail.SMTPAuthXOAUTH2, "more than 8 challenges"},
		{"challenge is not base64", "334 ***", mail.SMTPAuthSCRAMSHA256, "not base64"},
		{"challenge where none is due", "334 " + encode("r=hunter2!"), mail.SMTPAuthPlain, "a second challenge to PLAIN"},
		{"the same for EXTERNAL", "334 " + encode("r=hunter2!"), AuthExternal, "a second challenge to EXTERNAL"},
		{"third challenge of LOGIN", "334 " + encode("hunter2!"), mail.SMTPAuthLogin, "a third challenge to LOGIN"},
		{"closing", "221 bye", mail.SMTPAuthPlain, "reply 221 to a login"},
		{"another 3yz", "354 go ahead", mail.SMTPAuthPlain, "reply 354 to a login"},
		{"nonsense", "hello", mail.SMTPAuthSCRAMSHA256, `unreadable reply "hello"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := dialogue(t, tt.mechanism, "hunter2!", func(string) string { return tt.says })
			if !errors.Is(err, ErrProtocol) || strings.Contains(err.Error(), "hunter2!") || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// TestCodesOfALogin tries the codes at the bounds of what accepts, goes on and refuses.
func TestCodesOfALogin(t *testing.T) {
	for code, want := range map[int]string{
		200: "ok", 235: "ok", 299: "ok", 221: "protocol", 300: "protocol", 333: "protocol", 335: "protocol", 399: "protocol",
		400: "400", 454: "454", 535: "535", 599: "599",
	} {
		err := dialogue(t, mail.SMTPAuthPlain, "hunter2!", func(string) string { return fmt.Sprint(code, " says I") })
		got := "ok"
		if r, ok := errors.AsType[*classify.Reply](err); ok {
			got = fmt.Sprint(r.Code)
		} else if errors.Is(err, ErrProtocol) {
			got = "protocol"
		} else if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%d: got %s, want %s", code, got, want)
		}
	}
}

// TestChallengesAreBounded: eight are answered, which no mechanism needs, and no more.
func TestChallengesAreBounded(t *testing.T) {
	for challenges, works := range map[int]bool{7: true, 8: false} {
		said := 0
		own := &endless{}
		err := converse(t, own, func(string) string {
			if said++; said > challenges {
				return "235 ok"
			}
			return "334 " + encode("more")
		})
		if (err == nil) != works || err != nil && !errors.Is(err, ErrProtocol) {
			t.Errorf("%d challenges: got %v after %d answers", challenges, err, own.answers)
		}
	}
}

// endless is a mechanism that answers everything.
type endless struct{ answers int }

func (e *endless) Start() (string, []byte, error) { return "X", nil, nil }
func (e *endless) Next([]byte) ([]byte, error)    { e.answers++; return []byte("answer"), nil }

// TestWhereASecretMayBeSent: in clear text only to the own machine with TLSNone, or where
// the user allows it.
func TestWhereASecretMayBeSent(t *testing.T) {
	encrypted := &session{tls: &tls.ConnectionState{}}
	for _, tt := range []struct {
		name string
		o    opening
		want bool
	}{
		{"over TLS", opening{session: encrypted, endpoint: Endpoint{Addr: "mx.test:25"}}, true},
		{"over TLS, as may be", opening{session: encrypted, endpoint: Endpoint{Addr: "mx.test:25", TLS: TLSOpportunistic}}, true},
		{"allowed", opening{session: &session{}, endpoint: Endpoint{Addr: "mx.test:25", TLS: TLSNone, AllowInsecureLogin: true}}, true},
		{"own machine without TLS", opening{session: &session{}, endpoint: Endpoint{Addr: "localhost:25", TLS: TLSNone}}, true},
		{"own machine, TLS was to be", opening{session: &session{}, endpoint: Endpoint{Addr: "localhost:25", TLS: TLSMandatory}}, false},
		{"own machine, TLS may be", opening{session: &session{}, endpoint: Endpoint{Addr: "127.0.0.1:25", TLS: TLSOpportunistic}}, false},
		{"another machine without TLS", opening{session: &session{}, endpoint: Endpoint{Addr: "mx.test:25", TLS: TLSNone}}, false},
		{"another machine", opening{session: &session{}, endpoint: Endpoint{Addr: "mx.test:25"}}, false},
		{"no address", opening{session: &session{}, endpoint: Endpoint{Addr: "localhost", TLS: TLSNone}}, false},
	} {
		if got := tt.o.mayLogin(); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}
