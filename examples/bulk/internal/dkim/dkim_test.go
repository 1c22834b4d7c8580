package dkim

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// The public keys and the signed message of RFC 8463, appendix A.
const (
	rfcEd25519 = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
	rfcRSA     = "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB"
	rfcMessage = `DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=brisbane; t=1528637909; h=from : to :
 subject : date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus
 Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==
DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=test; t=1528637909; h=from : to : subject :
 date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3
 DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2Jz
 dA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8=
From: Joe SixPack <joe@football.example.com>
To: Suzie Q <suzie@shopping.example.net>
Subject: Is dinner ready?
Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)
Message-ID: <20030712040037.46341.5F8J@football.example.com>

Hi.

We lost the game.  Are you hungry yet?

Joe.
`
)

// verify checks the signature that stands at index n of a message, as RFC 6376 6
// says and with nothing of the code under test.
func verify(message string, n int, key crypto.PublicKey) error {
	head, body, _ := strings.Cut(message, "\r\n\r\n")
	fields := regexp.MustCompile(`(?s)\r\n([^ \t])`).ReplaceAllString(head, "\x00$1")
	list := strings.Split(fields, "\x00")
	signature := list[n]
	relax := func(f string) string {
		name, value, _ := strings.Cut(f, ":")
		return strings.ToLower(strings.TrimSpace(name)) + ":" + strings.Join(strings.Fields(value), " ")
	}
	tag := func(name string) string {
		m := regexp.MustCompile(`(?s)[:;]\s*` + name + `=([^;]*)`).FindStringSubmatch(signature)
		if m == nil {
			return ""
		}
		return strings.Join(strings.Fields(m[1]), "")
	}
	if tag("v") != "1" || tag("c") != "relaxed/relaxed" || tag("d") == "" || tag("s") == "" {
		return fmt.Errorf("tags of %q", signature)
	}
	lines := strings.Split(body, "\r\n")
	for i := range lines {
		lines[i] = strings.TrimRight(regexp.MustCompile(`[ \t]+`).ReplaceAllString(lines[i], " "), " ")
	}
	for len(lines) > 0 && lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	canonical := strings.Join(append(lines, ""), "\r\n")
	if len(lines) == 0 {
		canonical = ""
	}
	if sum := sha256.Sum256([]byte(canonical)); base64.StdEncoding.EncodeToString(sum[:]) != tag("bh") {
		return errors.New("the hash of the body")
	}
	var data strings.Builder
	used := map[int]bool{n: true}
	for _, name := range strings.Split(tag("h"), ":") {
		for i := len(list) - 1; i >= 0; i-- {
			if !used[i] && strings.HasPrefix(relax(list[i]), strings.ToLower(name)+":") {
				used[i] = true
				data.WriteString(relax(list[i]) + "\r\n")
				break
			}
		}
	}
	data.WriteString(regexp.MustCompile(`(; b=)[^;]*`).ReplaceAllString(relax(signature), "$1"))
	raw, err := base64.StdEncoding.DecodeString(tag("b"))
	if err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(data.String()))
	switch key := key.(type) {
	case ed25519.PublicKey:
		if tag("a") != "ed25519-sha256" || !ed25519.Verify(key, sum[:], raw) {
			return errors.New("the signature of Ed25519")
		}
		return nil
	case *rsa.PublicKey:
		if tag("a") != "rsa-sha256" {
			return errors.New("the algorithm")
		}
		return rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], raw)
	}
	return errors.New("no key")
}

// The verifier takes the examples of the RFC, and notices a change.
func TestVerifierOfTheRFC(t *testing.T) {
	ed, err := base64.StdEncoding.DecodeString(rfcEd25519)
	if err != nil {
		t.Fatal(err)
	}
	der, err := base64.StdEncoding.DecodeString(rfcRSA)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		t.Fatal(err)
	}
	message := strings.ReplaceAll(rfcMessage, "\n", "\r\n")
	for n, key := range []crypto.PublicKey{ed25519.PublicKey(ed), public} {
		if err := verify(message, n, key); err != nil {
			t.Errorf("signature %d: %v", n, err)
		}
		if verify(strings.Replace(message, "dinner", "lunch", 1), n, key) == nil || verify(message+"x", n, key) == nil {
			t.Errorf("signature %d: a change was not noticed", n)
		}
	}
}

// encodeKey gives a private key in PEM.
func encodeKey(t testing.TB, key any) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

func keys(t testing.TB) (*rsa.PrivateKey, ed25519.PrivateKey) {
	t.Helper()
	r, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	_, e, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return r, e
}

func TestSign(t *testing.T) {
	r, e := keys(t)
	now := time.Unix(1800000000, 0)
	for name, message := range map[string]string{
		"small":        "From: a@example.com\r\n\r\nHi\r\n",
		"no body":      "From: a@example.com\r\nSubject: x\r\n\r\n",
		"empty lines":  "From: a@example.com\r\n\r\n\r\n\r\n",
		"blanks":       "FROM :\ta@example.com \r\nSubject:  a \t b\r\n  c\r\n\r\n \t a  b\t \r\n\r\n x \r\n\r\n\r\n",
		"no last line": "From: a@example.com\r\n\r\nHi",
		"twice":        "From: a@example.com\r\nList-Help: <x:1>\r\nX-A: y\r\nList-Help: <x:2>\r\nList-Unsubscribe: <https://x.example>\r\n\r\nHi\r\n",
		"rfc":          strings.ReplaceAll(rfcMessage, "\n", "\r\n"),
	} {
		for algorithm, key := range map[string]crypto.Signer{"rsa": r, "ed25519": e} {
			t.Run(name+" "+algorithm, func(t *testing.T) {
				s, err := NewSigner("example.com", "s1", encodeKey(t, key))
				if err != nil {
					t.Fatal(err)
				}
				signature, err := s.Sign([]byte(message), now)
				if err != nil {
					t.Fatal(err)
				}
				if err := verify(string(signature)+message, 0, key.Public()); err != nil {
					t.Errorf("%v: %s", err, signature)
				}
				for _, added := range []string{"From: evil@example.com", "Subject: evil"} {
					if verify(string(signature)+added+"\r\n"+message, 0, key.Public()) == nil {
						t.Errorf("%s could be added", added)
					}
				}
				if !bytes.Contains(signature, []byte("; t=1800000000;")) && !bytes.Contains(signature, []byte(" t=1800000000;")) {
					t.Errorf("no time in %s", signature)
				}
				for line := range bytes.SplitSeq(signature, []byte("\r\n")) {
					if len(line) > 98 {
						t.Errorf("line of %d octets: %s", len(line), line)
					}
				}
			})
		}
	}
	s, err := NewSigner("example.com", "s1", encodeKey(t, e))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Sign([]byte("Subject: x\r\n\r\n"), now); err == nil {
		t.Error("a message without From was signed")
	}
}

func TestNewSignerErrors(t *testing.T) {
	r, e := keys(t)
	pkcs1 := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(r)})
	if _, err := NewSigner("example.com", "s1", pkcs1); err != nil {
		t.Errorf("PKCS #1: %v", err)
	}
	good := encodeKey(t, e)
	public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: []byte("x")})
	if _, err := NewSigner("example.com", "s1", slices.Concat([]byte("\xef\xbb\xbf"), public, good)); err != nil {
		t.Errorf("byte order mark, and another block in front: %v", err)
	}
	encrypted := map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-128-CBC,00"}
	for name, c := range map[string]struct {
		domain, selector string
		key              []byte
		want             string
	}{
		"domain":   {"exa mple.com", "s", good, "domain"},
		"selector": {"example.com", "s;t", good, "selector"},
		"no PEM":   {"example.com", "s", []byte("x"), "no private key in PEM"},
		"public":   {"example.com", "s", public, `"PUBLIC KEY"`},
		"password": {"example.com", "s", pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte("x")}), "encrypted"},
		"DEK-Info": {"example.com", "s", pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Headers: encrypted, Bytes: []byte("x")}), "encrypted"},
		"broken":   {"example.com", "s", pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: []byte("x")}), "dkim:"},
	} {
		if _, err := NewSigner(c.domain, c.selector, c.key); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

func TestCovers(t *testing.T) {
	_, key := keys(t)
	s, err := NewSigner("mail.example.com", "s1", encodeKey(t, key))
	if err != nil {
		t.Fatal(err)
	}
	for from, want := range map[string]bool{"Example.com": true, "a.mail.example.COM": true, "news.example.com": false, "": true, "example.org": false, "myexample.com": false} {
		if s.Covers(from) != want {
			t.Errorf("%q: %t", from, !want)
		}
	}
}

// Whatever the message, its signature can be verified.
func FuzzSign(f *testing.F) {
	_, key := keys(f)
	s, err := NewSigner("example.com", "s1", encodeKey(f, key))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(" x \t\n\n\n", "a  b")
	f.Fuzz(func(t *testing.T, body, subject string) {
		if strings.ContainsAny(subject, "\r\n\x00\v\f\u0085\u00a0") || strings.ContainsAny(body, "\r\v\f") || !isPlain(subject) {
			return
		}
		message := "From: a@example.com\r\nSubject: " + subject + "\r\n\r\n" + strings.ReplaceAll(body, "\n", "\r\n")
		signature, err := s.Sign([]byte(message), time.Unix(1, 0))
		if err != nil {
			t.Fatal(err)
		}
		if err := verify(string(signature)+message, 0, key.Public()); err != nil {
			t.Fatalf("%v: %q", err, message)
		}
	})
}

// isPlain reports whether s is printable ASCII.
func isPlain(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) < 0
}
