package main

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/smtpace/smtpace/smtptest"
)

// identity is a certificate that is its own authority, with its files.
type identity struct {
	certificate         tls.Certificate
	cert, key, together string // paths
}

func newIdentity(t *testing.T) identity {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	cert := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	keyText := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return identity{
		certificate: tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf},
		cert:        writeFile(t, "cert.pem", cert), key: writeFile(t, "key.pem", keyText), together: writeFile(t, "both.pem", cert+keyText),
	}
}

// roots gives a pool of this authority.
func (i identity) roots() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(i.certificate.Leaf)
	return pool
}

// A relay with a certificate of its own authority is trusted with -ca, and asks
// for a certificate that -cert has.
func TestCertificates(t *testing.T) {
	server, client := newIdentity(t), newIdentity(t)
	srv := newServer(t, smtptest.Config{StartTLS: true, RequireTLS: true, TLSConfig: &tls.Config{
		Certificates: []tls.Certificate{server.certificate}, ClientCAs: client.roots(), ClientAuth: tls.RequireAndVerifyClientCert,
	}})
	for name, c := range map[string]struct {
		flags []string
		want  string // on stderr; "" is delivered
	}{
		"both":       {[]string{"-ca", server.cert, "-cert", client.together}, ""},
		"own key":    {[]string{"-ca", server.cert, "-cert", client.cert, "-cert-key", client.key}, ""},
		"no ca":      {[]string{"-cert", client.together}, "certificate"},
		"no cert":    {[]string{"-ca", server.cert}, "certificate"},
		"no key":     {[]string{"-ca", server.cert, "-cert", client.cert}, "must have a certificate and its key in PEM"},
		"key alone":  {[]string{"-cert-key", client.key}, "-cert-key needs -cert"},
		"no PEM":     {[]string{"-ca", client.key}, "has no certificate in PEM"},
		"not there":  {[]string{"-ca", client.key + "x"}, "-ca: open "},
		"without it": {[]string{"-ca", server.cert, "-tls", "none"}, "-ca and -cert need TLS"},
	} {
		t.Run(name, func(t *testing.T) {
			j := job{list: "ann@example.com\n", message: plainMessage, flags: append([]string{"-tls", "mandatory"}, c.flags...)}
			got := j.run(t, srv.Addr)
			if c.want == "" {
				got.want(t, "delivered=1")
			} else if got.status != 2 || !strings.Contains(got.stderr, c.want) {
				t.Errorf("status %d, stderr %q, want %q", got.status, got.stderr, c.want)
			}
		})
	}
}

// The authorities of -ca are trusted beside those of the system.
func TestAuthoritiesOfTheSystemToo(t *testing.T) {
	own := newIdentity(t)
	want, err := x509.SystemCertPool()
	if err != nil {
		t.Skip("the system tells no authorities: ", err)
	}
	want.AddCert(own.certificate.Leaf)
	if got, err := readRoots(own.cert); err != nil || !got.Equal(want) {
		t.Errorf("got others than those of the system and of the file; %v", err)
	}
}

// spoken records what clients say in a stage.
type spoken struct {
	stage smtptest.Stage
	mu    sync.Mutex
	lines []string
}

func (s *spoken) fault(ev smtptest.Event) *smtptest.Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ev.Stage == s.stage && !slices.Contains(s.lines, ev.Line) {
		s.lines = append(s.lines, ev.Line)
	}
	return nil
}

func TestHELOAndAuth(t *testing.T) {
	t.Setenv("BULK_TEST_PASSWORD", "canary")
	helo, auth := &spoken{stage: smtptest.StageHelo}, &spoken{stage: smtptest.StageAuth}
	srv := newServer(t, smtptest.Config{Users: map[string]string{"u": "canary"}, Fault: func(ev smtptest.Event) *smtptest.Fault {
		helo.fault(ev)
		return auth.fault(ev)
	}})
	j := job{list: "ann@example.com\n", message: plainMessage, flags: []string{
		"-helo", "news.sender.example", "-auth", "login", "-user", "u", "-password-env", "BULK_TEST_PASSWORD",
	}}
	j.run(t, srv.Addr).want(t, "delivered=1")
	if !slices.Equal(helo.lines, []string{"EHLO news.sender.example"}) {
		t.Errorf("the client said %q", helo.lines)
	}
	if len(auth.lines) == 0 || !strings.HasPrefix(auth.lines[0], "AUTH LOGIN") {
		t.Errorf("the client said %q", auth.lines)
	}
}

// With -auth external the certificate of -cert is the login.
func TestAuthExternal(t *testing.T) {
	server, client := newIdentity(t), newIdentity(t)
	auth := &spoken{stage: smtptest.StageAuth}
	srv := newServer(t, smtptest.Config{
		StartTLS: true, Users: map[string]string{"u": "canary"},
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{server.certificate}, ClientAuth: tls.RequireAnyClientCert},
		Fault: func(ev smtptest.Event) *smtptest.Fault {
			auth.fault(ev)
			switch ev.Stage {
			case smtptest.StageHelo:
				return &smtptest.Fault{Reply: "250-relay\r\n250-STARTTLS\r\n250 AUTH EXTERNAL"}
			case smtptest.StageAuth:
				return &smtptest.Fault{Reply: "235 2.7.0 ok"}
			case smtptest.StageMail:
				return &smtptest.Fault{Reply: "250 2.1.0 ok"}
			}
			return nil
		},
	})
	for name, c := range map[string]struct {
		flags []string
		want  string
	}{"certificate": {nil, "AUTH EXTERNAL ="}, "identity": {[]string{"-user", "u"}, "AUTH EXTERNAL dQ=="}} {
		auth.lines = nil
		j := job{list: "ann@example.com\n", message: plainMessage, flags: append([]string{
			"-tls", "mandatory", "-ca", server.cert, "-cert", client.together, "-auth", "external",
		}, c.flags...)}
		j.run(t, srv.Addr)
		if !slices.Equal(auth.lines, []string{c.want}) {
			t.Errorf("%s: the client said %q, want %q", name, auth.lines, c.want)
		}
	}
}

// What was learned is there at the next run, and what is known of receivers is
// kept to.
func TestMemoryAndProfiles(t *testing.T) {
	srv := newServer(t, smtptest.Config{Domains: map[string]smtptest.Domain{"slow.example": {MessageRate: smtptest.Rate{Count: 50, Burst: 2}}}})
	memory := filepath.Join(t.TempDir(), "learned.json")
	own := writeFile(t, "own.toml", "[[profile]]\nname = \"ours\"\ndomains = [\"example.com\"]\n\n[[profile.figure]]\nlimits = \"connections:1\"\nsource = \"a test\"\n")
	j := job{list: addresses(8, "slow.example") + addresses(5, "example.com"), message: plainMessage, flags: []string{"-memory", memory, "-profiles", own}}
	got := j.run(t, srv.Addr)
	got.want(t, "delivered=13")
	text, err := os.ReadFile(memory)
	if err != nil || !json.Valid(text) || !strings.Contains(string(text), "slow.example") {
		t.Errorf("memory %.300s, %v", text, err)
	}
	o, err := parseOptions(j.args(t, srv.Addr), &buffer{})
	if err != nil || o.profiles.ByDomain("example.com") == nil || o.profiles.ByDomain("gmail.com") == nil {
		t.Errorf("profiles %v, %v", o.profiles, err)
	}
	if _, err := parseOptions([]string{"-profiles", own + "x"}, &buffer{}); err == nil || !strings.Contains(err.Error(), `"builtin" is what is built in`) {
		t.Errorf("no file: %v", err)
	}
	j = job{list: "ann@example.com\n", message: plainMessage, flags: []string{"-memory", memory, "-profiles", "builtin"}}
	j.run(t, srv.Addr).want(t, "delivered=1")
}

// Each copy is signed for what it is.
func TestRunSigns(t *testing.T) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	path := writeFile(t, "dkim.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))
	srv := newServer(t, smtptest.Config{})
	j := job{
		list:    "email,name\nann@example.com,Ann\nbob@example.com,Jörg\n",
		message: "DKIM-Signature: v=1; old\nFrom: News <news@bücher.example>\nSubject: Hi {{.name}}\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\nHi {{.name}}\n",
		flags:   []string{"-dkim-selector", "s1", "-dkim-key", path},
	}
	j.run(t, srv.Addr).want(t, "delivered=2")
	for _, m := range srv.Messages() {
		header, _ := parse(t, string(m.Data))
		signature := header.Get("DKIM-Signature")
		if len(header["Dkim-Signature"]) != 1 || !isASCII(string(m.Data)) ||
			!strings.HasPrefix(signature, "v=1; a=ed25519-sha256; c=relaxed/relaxed; d=xn--bcher-kva.example; s=s1; t=") {
			t.Errorf("message %q", m.Data)
		}
	}
	for name, c := range map[string]struct {
		flags []string
		want  string
	}{
		"no key":        {[]string{"-dkim-selector", "s1"}, "-dkim-selector needs -dkim-key"},
		"no selector":   {[]string{"-dkim-key", path}, "need -dkim-selector"},
		"no such key":   {[]string{"-dkim-selector", "s1", "-dkim-key", path + "x"}, "-dkim-key: open "},
		"no domain":     {[]string{"-dkim-selector", "s1", "-dkim-key", path, "-dkim-domain", "a b"}, `the domain "a b" is no domain name`},
		"another table": {[]string{"-dkim-selector", "s1", "-dkim-key", writeFile(t, "x", "x")}, "no private key in PEM"},
	} {
		t.Run(name, func(t *testing.T) {
			j := job{list: "ann@example.com\n", message: plainMessage, flags: c.flags}
			if got := j.run(t, srv.Addr); got.status != 2 || !strings.Contains(got.stderr, c.want) {
				t.Errorf("status %d, stderr %q, want %q", got.status, got.stderr, c.want)
			}
		})
	}
}

// All that is wrong with a command line is said at once.
func TestAllMistakesAtOnce(t *testing.T) {
	var stdout, stderr buffer
	status := run(t.Context(), []string{"-relay", "x", "-tls", "maybe", "-rate", "fast", "-helo", "a b", "-auth", "none", "-expire", "1"}, &stdout, &stderr, nil)
	for _, want := range []string{"-relay", "-tls", "-rate", "-helo", "-auth", "-expire", "-from is missing", "-to is missing", "-message is missing"} {
		if status != 2 || !strings.Contains(stderr.String(), want) {
			t.Errorf("status %d, want %q in %s", status, want, stderr.String())
		}
	}
}
