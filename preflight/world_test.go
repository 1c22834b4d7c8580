package preflight

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-msgauth/dkim"
	"github.com/foxcpp/go-mockdns"
	"github.com/smtpace/smtpace"
	"github.com/smtpace/smtpace/smtptest"
)

// servfail is a resolver's error when nobody answers.
var servfail = &net.DNSError{Err: "server misbehaving", IsTemporary: true}

// testKey signs the samples.
var testKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// shortKey returns a public key of so many bits, of which nobody has the private half.
func shortKey(bits uint) *rsa.PublicKey {
	n := new(big.Int).Lsh(big.NewInt(1), bits-1)
	return &rsa.PublicKey{N: n.SetBit(n, 0, 1), E: 65537}
}

// plainSample is a message that keeps to all rules, before it is signed.
const plainSample = "From: News <news@kept.example>\r\n" +
	"To: ann@example.net\r\n" +
	"Subject: News\r\n" +
	"Date: Mon, 02 Nov 2026 10:00:00 +0000\r\n" +
	"Message-ID: <1@kept.example>\r\n" +
	"List-Unsubscribe: <https://kept.example/u?id=1>, <mailto:u@kept.example>\r\n" +
	"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" +
	"\r\n" +
	"Hello\r\n"

// signed returns a message with a signature that covers the given fields; none means
// all.
func signed(t testing.TB, domain, text string, fields ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	err := dkim.Sign(&b, strings.NewReader(text), &dkim.SignOptions{
		Domain: domain, Selector: "s1", Signer: testKey(), Hash: crypto.SHA256, HeaderKeys: fields,
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// world is a sender and all that it is asked about.
type world struct {
	t       testing.TB
	zones   map[string]mockdns.Zone
	sender  Sender
	options Options
	hosts   map[string]*smtptest.Server // by host:port
	dialErr error                       // for every other host
	policy  func() (*http.Response, error)
}

// testPolicy answers with a text.
func testPolicy(status int, text string) func() (*http.Response, error) {
	return func() (*http.Response, error) {
		header := http.Header{"Location": {"https://other.example/"}} // for those who follow
		return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(text))}, nil
	}
}

// RoundTrip is the web.
func (w *world) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.String() != "https://mta-sts.kept.example/.well-known/mta-sts.txt" {
		w.t.Errorf("asked for %s", r.URL)
	}
	return w.policy()
}

// keptWorld returns a sender that does all as it should, straight to the receivers.
func keptWorld(t testing.TB) *world {
	w := &world{t: t, hosts: map[string]*smtptest.Server{}, dialErr: errors.New("connection refused")}
	w.zones = map[string]mockdns.Zone{
		"kept.example.": {TXT: []string{"v=spf1 ip4:192.0.2.10 -all", "some-verification=1"},
			MX: []net.MX{{Host: "mx.kept.example.", Pref: 10}}, A: []string{"192.0.2.80"}},
		"mx.kept.example.":                   {A: []string{"192.0.2.25"}},
		"mail.kept.example.":                 {A: []string{"192.0.2.10"}},
		"10.2.0.192.in-addr.arpa.":           {PTR: []string{"mail.kept.example."}},
		"s1._domainkey.kept.example.":        {TXT: []string{keyRecord(testKey().Public())}},
		"_dmarc.kept.example.":               {TXT: []string{"v=DMARC1; p=reject; rua=mailto:dmarc@kept.example"}},
		"_mta-sts.kept.example.":             {TXT: []string{"v=STSv1; id=1"}},
		"_smtp._tls.kept.example.":           {TXT: []string{"v=TLSRPTv1; rua=mailto:tls@kept.example"}},
		"default._bimi.kept.example.":        {TXT: []string{"v=BIMI1; l=https://kept.example/logo.svg; a=;"}},
		"2.0.0.127.bl.example.":              {A: []string{"127.0.0.2"}},
		"dbltest.com.dbl.example.":           {A: []string{"127.0.1.2"}},
		"receiver.example.":                  {MX: []net.MX{{Host: "mx.receiver.example."}}},
		"other.example.":                     {MX: []net.MX{{Host: "mx.other.example."}}},
		"kept.example._report._dmarc.to.me.": {TXT: []string{"v=DMARC1"}},
	}
	mx := smtptest.NewServer(smtptest.Config{InMemory: true})
	t.Cleanup(mx.Close)
	w.hosts["mx.kept.example:25"], w.hosts["mx.receiver.example:25"], w.hosts["mx.other.example:25"] = mx, mx, mx
	w.policy = testPolicy(200, "version: STSv1\r\nmode: enforce\r\nmx: mx.kept.example\r\nmax_age: 604800\r\n")
	w.sender = Sender{
		From: "News <news@kept.example>", Sources: []netip.Addr{netip.MustParseAddr("192.0.2.10")}, HELO: "mail.kept.example",
		DKIMSelector: "s1", Sample: signed(t, "kept.example", plainSample),
	}
	w.options = Options{
		BulkSender: true, Receivers: []string{"receiver.example", "other.example"}, HTTP: &http.Client{Transport: w},
		DNSBLs: []DNSBL{{Zone: "bl.example", Delist: "https://bl.example/remove"},
			{Zone: "dbl.example", Domains: true, Listed: "dbltest.com", Unlisted: "example.com"}},
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			if srv := w.hosts[addr]; srv != nil {
				return srv.DialContext(ctx, network, srv.Addr)
			}
			return nil, w.dialErr
		},
	}
	return w
}

// check runs Check in the world.
func (w *world) check() []Finding {
	w.options.Resolver = &mockdns.Resolver{Zones: w.zones}
	return Check(w.t.Context(), w.sender, w.options)
}

// txt replaces the TXT records of a name.
func (w *world) txt(name string, records ...string) {
	z := w.zones[name+"."]
	z.TXT, z.Err = records, nil
	w.zones[name+"."] = z
}

// breaks makes DNS fail for a name.
func (w *world) breaks(name string) { w.zones[name+"."] = mockdns.Zone{Err: servfail} }

// server replaces what answers at a host and port.
func (w *world) server(addr string, cfg smtptest.Config) {
	cfg.InMemory = true
	srv := smtptest.NewServer(cfg)
	w.t.Cleanup(srv.Close)
	w.hosts[addr] = srv
}

// sample replaces parts of the message and signs it again.
func (w *world) sample(pairs ...string) {
	w.sender.Sample = signed(w.t, "kept.example", strings.NewReplacer(pairs...).Replace(plainSample))
}

// relay sends through a relay that has a name and a login.
func (w *world) relay(cfg smtptest.Config, change func(*smtpace.Relay)) {
	w.zones["relay.example."] = mockdns.Zone{A: []string{"192.0.2.10"}}
	cfg.InMemory = true
	srv := smtptest.NewServer(cfg)
	w.t.Cleanup(srv.Close)
	config := srv.ClientTLS()
	relay := &smtpace.Relay{Addr: "relay.example:587", TLSConfig: config,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return srv.DialContext(ctx, network, srv.Addr)
		}}
	if cfg.Users != nil {
		relay.Credentials = func(context.Context) (string, string, error) { return "ann", "right", nil }
	}
	if change != nil {
		change(relay)
	}
	w.sender.Relay, w.sender.Sources, w.sender.HELO = relay, nil, ""
}

// certificate returns the configuration of a server whose certificate ends after a
// time, and what trusts it.
func certificate(t testing.TB, name string, left time.Duration) (*tls.Config, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	form := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{name}, NotBefore: time.Now().Add(-90 * 24 * time.Hour), NotAfter: time.Now().Add(left),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	raw, err := x509.CreateCertificate(rand.Reader, form, form, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	parsed, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	roots.AddCert(parsed)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{raw}, PrivateKey: key}}}, roots
}
