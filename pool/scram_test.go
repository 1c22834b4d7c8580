package pool

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha1"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/wneessen/go-mail"
)

// TestSCRAMOfRFC5802 runs the exchange of RFC 5802 5, whose messages are fixed by the
// client's nonce.
func TestSCRAMOfRFC5802(t *testing.T) {
	s := newSCRAM(mail.SMTPAuthSCRAMSHA1, "user", "pencil", nil, nil)
	if name, initial, err := s.Start(); name != "SCRAM-SHA-1" || initial != nil || err != nil {
		t.Errorf("got %q, %q, %v", name, initial, err)
	}
	s.nonce = "fyko+d2lbbFgONRv9qkxdawL"
	for _, step := range []struct{ challenge, want string }{
		{"", "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL"},
		{"r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
			"c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts="},
		{"v=rmF9pqV8S7suAoZWja4dJRkFsKQ=", ""},
	} {
		for _, wrong := range []string{"", "e=other-error", "v=", "v=AAAA", "rmF9pqV8S7suAoZWja4dJRkFsKQ=", "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=!"} {
			if err := s.verify([]byte(wrong)); s.signature != nil && err != errNoProof {
				t.Errorf("%q is taken for a proof: %v", wrong, err)
			}
		}
		if got, err := s.Next([]byte(step.challenge)); string(got) != step.want || err != nil {
			t.Errorf("to %q: got %q, %v; want %q", step.challenge, got, err, step.want)
		}
	}
	if err := s.proved(); err != nil {
		t.Error(err)
	}
	if _, err := s.Next(nil); !errors.Is(err, ErrProtocol) {
		t.Errorf("a challenge more: got %v", err)
	}
}

// TestSCRAMChallenges has the server say what it may not.
func TestSCRAMChallenges(t *testing.T) {
	nonce := "fyko+d2lbbFgONRv9qkxdawL"
	for _, challenge := range []string{
		"", "r=" + nonce + "x", "r=" + nonce + "x,s=QSXC", "s=QSXC,r=" + nonce + "x,i=4096", "r=" + nonce + "x,i=4096,s=QSXC",
		"m=ext,r=" + nonce + "x,s=QSXC,i=4096",
		"r=" + nonce + "x,s=,i=4096", "r=" + nonce + "x,s=***,i=4096", "r=" + nonce + "x,s=QSXC,i=4095", "r=" + nonce + "x,s=QSXC,i=600001",
		"r=" + nonce + "x,s=QSXC,i=", "r=" + nonce + ",s=QSXC,i=4096", "r=other,s=QSXC,i=4096",
	} {
		s := newSCRAM(mail.SMTPAuthSCRAMSHA256, "user", "pencil", nil, nil)
		s.nonce, s.step = nonce, 1
		if got, err := s.Next([]byte(challenge)); !errors.Is(err, ErrProtocol) || got != nil {
			t.Errorf("%q: got %q, %v", challenge, got, err)
		}
	}
	s := newSCRAM(mail.SMTPAuthSCRAMSHA256, "user", "pencil", nil, nil)
	s.nonce, s.step = nonce, 1
	if _, err := s.Next([]byte("r=" + nonce + "x,s=QSXC,i=4096,ext=1")); err != nil {
		t.Errorf("with an extension: got %v", err)
	}
	if err := s.proved(); err == nil {
		t.Error("there was no proof")
	}
}

// TestSCRAMNames are written as RFC 5802 5.1 and RFC 8265 want them, or not at all.
func TestSCRAMNames(t *testing.T) {
	for user, want := range map[string]string{"a=b,c": "a=3Db=2Cc", "ﬁ\u00a0": "ﬁ "} {
		s := newSCRAM(mail.SMTPAuthSCRAMSHA256, user, "pencil", nil, nil)
		s.nonce = "x"
		if got, err := s.Next(nil); err != nil || string(got) != "n,,n="+want+",r=x" {
			t.Errorf("%q: got %q, %v", user, got, err)
		}
	}
	s := newSCRAM(mail.SMTPAuthSCRAMSHA256, "a\x00", "pencil", nil, nil)
	if _, err := s.Next(nil); err == nil || !strings.Contains(err.Error(), "user") {
		t.Errorf("got %v for a user with NUL", err)
	}
	s = newSCRAM(mail.SMTPAuthSCRAMSHA256, "a", "pen\x00cil", nil, nil)
	s.nonce, s.step = "x", 1
	if _, err := s.Next([]byte("r=xy,s=QSXC,i=4096")); err == nil || !strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "cil") {
		t.Errorf("got %v for a secret with NUL", err)
	}
}

// handshakeOf returns what both ends know of a TLS connection.
func handshakeOf(t *testing.T, version uint16, set ...func(*tls.Config)) (client, server tls.ConnectionState) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	s := tls.Server(far, &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}})
	config := &tls.Config{InsecureSkipVerify: true, MaxVersion: version}
	for _, f := range set {
		f(config)
	}
	c := tls.Client(near, config)
	done := make(chan error)
	go func() { done <- s.Handshake() }()
	if err := errors.Join(c.Handshake(), <-done); err != nil {
		t.Fatal(err)
	}
	return c.ConnectionState(), s.ConnectionState()
}

// TestSCRAMBindsToTheChannel checks the binding, and the proof over it, as a server
// does: by what it knows of its own end.
func TestSCRAMBindsToTheChannel(t *testing.T) {
	for version, kind := range map[uint16]string{tls.VersionTLS13: "tls-exporter", tls.VersionTLS12: "tls-unique"} {
		client, server := handshakeOf(t, version)
		binding := server.TLSUnique
		if kind == "tls-exporter" {
			var err error
			if binding, err = server.ExportKeyingMaterial("EXPORTER-Channel-Binding", nil, 32); err != nil {
				t.Fatal(err)
			}
		}
		s := newSCRAM(mail.SMTPAuthSCRAMSHA1PLUS, "user", "pencil", &client, nil)
		if name, _, err := s.Start(); name != "SCRAM-SHA-1-PLUS" || err != nil {
			t.Fatalf("got %q, %v", name, err)
		}
		first, err := s.Next(nil)
		header, bare, ok := strings.Cut(string(first), ",,")
		if err != nil || !ok || header != "p="+kind {
			t.Fatalf("%s: got %q, %v", kind, first, err)
		}
		challenge := "r=" + s.nonce + "x,s=" + encode("salt") + ",i=4096"
		final, err := s.Next([]byte(challenge))
		message, proof, _ := strings.Cut(string(final), ",p=")
		if want := "c=" + encode(header+",,"+string(binding)) + ",r=" + s.nonce + "x"; err != nil || message != want {
			t.Errorf("%s: got %q, %v; want %q", kind, final, err, want)
		}
		salted, err := pbkdf2.Key(sha1.New, "pencil", []byte("salt"), 4096, sha1.Size)
		if err != nil {
			t.Fatal(err)
		}
		mac := func(key []byte, text string) []byte {
			h := hmac.New(sha1.New, key)
			h.Write([]byte(text))
			return h.Sum(nil)
		}
		key := mac(salted, "Client Key")
		stored := sha1.Sum(key)
		for i, b := range mac(stored[:], bare+","+challenge+","+message) {
			key[i] ^= b
		}
		if proof != base64.StdEncoding.EncodeToString(key) {
			t.Errorf("%s: the proof is wrong", kind)
		}
	}
	client, _ := handshakeOf(t, tls.VersionTLS13)
	plain := newSCRAM(mail.SMTPAuthSCRAMSHA256, "user", "pencil", &client, nil)
	plain.Start()
	if first, err := plain.Next(nil); err != nil || !strings.HasPrefix(string(first), "n,,n=user,r=") {
		t.Errorf("without -PLUS: got %q, %v", first, err)
	}
}

// TestSCRAMWithoutABinding: where the user's TLSConfig allows renegotiation, crypto/tls has
// no material to bind to. Nothing is sent, and the next mechanism has its turn.
func TestSCRAMWithoutABinding(t *testing.T) {
	client, _ := handshakeOf(t, tls.VersionTLS13, func(c *tls.Config) { c.Renegotiation = tls.RenegotiateOnceAsClient })
	near, far := net.Pipe()
	defer far.Close()
	o := &opening{session: &session{tls: &client, wire: newWire(near)}}
	err := o.authenticate(t.Context(), o.newMechanism(mail.SMTPAuthSCRAMSHA256PLUS, "me", "pencil", nil))
	if !errors.Is(err, errLoginEnded) || !strings.Contains(err.Error(), "no channel binding") || o.wire.sent > 0 {
		t.Errorf("got %v after %d bytes", err, o.wire.sent)
	}
}

// TestSCRAMBoundsIterations takes the least and the largest number, and none beyond
// them: a server must not weaken the password's hash, nor keep the processor busy.
func TestSCRAMBoundsIterations(t *testing.T) {
	for n, ok := range map[int]bool{minIterations - 1: false, minIterations: true, maxIterations: true, maxIterations + 1: false, 0: false, -4096: false} {
		nonce, salt, iterations, err := parseServerFirst(fmt.Sprintf("r=abc,s=QSXCR+Q6sek8bf92,i=%d,x=more,y=yet more", n))
		if ok && (err != nil || nonce != "abc" || len(salt) != 12 || iterations != n) {
			t.Errorf("%d iterations: got %q, %d bytes of salt, %d, %v", n, nonce, len(salt), iterations, err)
		}
		if !ok && !errors.Is(err, ErrProtocol) {
			t.Errorf("%d iterations: got %v, want ErrProtocol", n, err)
		}
	}
}
