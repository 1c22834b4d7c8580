package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/foxcpp/go-mockdns"
	"github.com/smtpace/smtpace/preflight"
	"github.com/smtpace/smtpace/smtptest"
)

// key returns a private key in a file, and its record.
func key(t *testing.T) (path, record string) {
	t.Helper()
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(private.Public())
	if err != nil {
		t.Fatal(err)
	}
	path = write(t, "key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(private)})))
	return path, "v=DKIM1; p=" + base64.StdEncoding.EncodeToString(public)
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const mail = "From: News <news@kept.example>\nTo: a@example.net\nSubject: News\nDate: Mon, 02 Nov 2026 10:00:00 +0000\nMessage-ID: <1@kept.example>\n" +
	"List-Unsubscribe: <https://kept.example/u>\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\n\nHello\n"

// zones returns the DNS of a sender that is in order.
func zones(record string) map[string]mockdns.Zone {
	return map[string]mockdns.Zone{
		"kept.example.":               {TXT: []string{"v=spf1 ip4:192.0.2.10 -all"}, MX: []net.MX{{Host: "mx.kept.example."}}},
		"mx.kept.example.":            {A: []string{"192.0.2.25"}},
		"mail.kept.example.":          {A: []string{"192.0.2.10"}},
		"10.2.0.192.in-addr.arpa.":    {PTR: []string{"mail.kept.example."}},
		"_dmarc.kept.example.":        {TXT: []string{"v=DMARC1; p=reject; rua=mailto:d@kept.example"}},
		"s1._domainkey.kept.example.": {TXT: []string{record}},
		"receiver.example.":           {MX: []net.MX{{Host: "mx.receiver.example."}}},
	}
}

// play runs the program in a world.
func play(t *testing.T, dns map[string]mockdns.Zone, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	srv := smtptest.NewServer(smtptest.Config{InMemory: true})
	defer srv.Close()
	var out, errs bytes.Buffer
	status = run(t.Context(), args, &out, &errs, func(o *preflight.Options) {
		o.Resolver = &mockdns.Resolver{Zones: dns}
		o.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return srv.DialContext(ctx, network, srv.Addr)
		}
	})
	return status, out.String(), errs.String()
}

// The exit status is the worst that was found, and warnings count with -strict.
func TestExitStatus(t *testing.T) {
	path, record := key(t)
	base := []string{"-from", "news@kept.example", "-source", "192.0.2.10", "-helo", "mail.kept.example", "-message", write(t, "m.eml", mail),
		"-dkim-selector", "s1", "-dkim-key", path, "-dnsbl", "none", "-receivers", "receiver.example"}
	warns, fails, broken := zones(record), zones(record), zones(record)
	warns["_dmarc.kept.example."] = mockdns.Zone{TXT: []string{"v=DMARC1; p=none; rua=mailto:d@kept.example"}}
	delete(fails, "_dmarc.kept.example.")
	for name := range broken {
		broken[name] = mockdns.Zone{Err: &net.DNSError{Err: "server misbehaving", IsTemporary: true}}
	}
	for name, c := range map[string]struct {
		dns  map[string]mockdns.Zone
		args []string
		want int
	}{
		"in order":             {zones(record), nil, 0},
		"in order, strict":     {zones(record), []string{"-strict"}, 0},
		"warnings":             {warns, nil, 0},
		"warnings, strict":     {warns, []string{"-strict"}, 1},
		"failures":             {fails, nil, 2},
		"failures, strict":     {fails, []string{"-strict"}, 2},
		"nobody knows":         {broken, []string{"-strict"}, 0},
		"key of another":       {zones("v=DKIM1; k=ed25519; p=" + base64.StdEncoding.EncodeToString(make([]byte, ed25519.PublicKeySize))), nil, 2},
		"a flag misspelt":      {nil, []string{"-sauce", "x"}, 3},
		"a file is missing":    {nil, []string{"-message", "/nowhere"}, 3},
		"an address malformed": {nil, []string{"-source", "192.0.2"}, 3},
		"a word too many":      {nil, []string{"gmail.com"}, 3},
		"rules misspelt":       {nil, []string{"-rules", "some"}, 3},
	} {
		t.Run(name, func(t *testing.T) {
			status, stdout, stderr := play(t, c.dns, append(base, c.args...)...)
			if status != c.want {
				t.Errorf("status %d, want %d\n%s%s", status, c.want, stdout, stderr)
			}
			if c.want == 3 && (stdout != "" || !strings.Contains(stderr, "-h explains the flags")) {
				t.Errorf("%q, %q", stdout, stderr)
			}
			if strings.Contains(stdout+stderr, "\x1b") {
				t.Error("control sequences without a terminal")
			}
		})
	}
}

// For people each failure has what to do and the record below it; for programs all is
// JSON.
func TestOutput(t *testing.T) {
	dns := zones("v=DKIM1; p=")
	delete(dns, "_dmarc.kept.example.")
	args := []string{"-from", "news@kept.example", "-source", "192.0.2.10", "-dnsbl", "none", "-receivers", "receiver.example"}
	_, text, _ := play(t, dns, args...)
	for _, want := range []string{
		"fail    dmarc.record", `        publish: _dmarc.kept.example. IN TXT "v=DMARC1; p=none; rua=mailto:dmarc@kept.example"` + "\n",
		"        see:     RFC 7489", "ok      spf.source         192.0.2.10: pass", " failures, ",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	_, text, _ = play(t, dns, append(args, "-json", "-limits", "gmail.com")...)
	var got struct {
		Findings []preflight.Finding
		Limits   []preflight.DomainLimits
	}
	if err := json.Unmarshal([]byte(text), &got); err != nil || len(got.Findings) < 15 || len(got.Limits) != 1 {
		t.Errorf("%v: %s", err, text)
	}
	for _, f := range got.Findings {
		if f.ID == "dmarc.record" && (f.Level != preflight.Fail || f.Record == "") {
			t.Errorf("%+v", f)
		}
	}
}

func TestLimits(t *testing.T) {
	status, text, stderr := play(t, nil, "-limits", "gmail.com, other.example", "-domain-limit", "gmail.com=connections:2", "-relay-limit", "rate:5/s", "-relay", "mail.example.com:587")
	if status != 0 {
		t.Fatalf("status %d: %s", status, stderr)
	}
	for _, want := range []string{"gmail.com", "config   Config.Destinations", "relay mail.example.com:587 rate             5/s", "other.example"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if status, _, stderr = play(t, nil, "-limits", "no domain"); status != 3 || !strings.Contains(stderr, `"no domain"`) {
		t.Errorf("status %d: %s", status, stderr)
	}
	if status, text, _ = play(t, nil, "-limits", "gmail.com", "-profiles", "none"); status != 0 || strings.Contains(text, "profile") {
		t.Errorf("status %d: %s", status, text)
	}
}

// terminal opens a terminal.
func terminal(t *testing.T) *os.File {
	t.Helper()
	file, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrPermission) {
		t.Skip("no terminals here")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	return file
}

// Colours are for terminals, unless somebody does not want them.
func TestColours(t *testing.T) {
	tty := terminal(t)
	t.Setenv("NO_COLOR", "")
	t.Setenv("TERM", "xterm")
	if newColours(tty) == nil || newColours(&bytes.Buffer{}) != nil || !newProgress(tty).on {
		t.Error("colours are for terminals")
	}
	t.Setenv("NO_COLOR", "1")
	if newColours(tty) != nil {
		t.Error("NO_COLOR is not obeyed")
	}
	t.Setenv("NO_COLOR", "")
	t.Setenv("TERM", "dumb")
	if newColours(tty) != nil || newProgress(tty).on {
		t.Error("TERM=dumb is not obeyed")
	}
	if text := (colours{preflight.Fail: "\x1b[31m"}).paint(preflight.Fail, "fail"); text != "\x1b[31mfail\x1b[0m" {
		t.Errorf("%q", text)
	}
}

// An interrupt ends the program, with what was found until then.
func TestInterrupt(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	var stdout, stderr bytes.Buffer
	status := run(ctx, []string{"-from", "news@kept.example", "-dnsbl", "none"}, &stdout, &stderr, func(o *preflight.Options) {
		o.Resolver = waiting{}
	})
	if status != 3 || !strings.Contains(stdout.String(), "context canceled") || !strings.Contains(stderr.String(), "interrupted") {
		t.Errorf("status %d: %s%s", status, &stdout, &stderr)
	}
}

// waiting is a Resolver that has no answer.
type waiting struct{}

func wait(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }

func (waiting) LookupTXT(ctx context.Context, _ string) ([]string, error) { return nil, wait(ctx) }
func (waiting) LookupMX(ctx context.Context, _ string) ([]*net.MX, error) { return nil, wait(ctx) }
func (waiting) LookupIPAddr(ctx context.Context, _ string) ([]net.IPAddr, error) {
	return nil, wait(ctx)
}
func (waiting) LookupAddr(ctx context.Context, _ string) ([]string, error) { return nil, wait(ctx) }

func TestHelp(t *testing.T) {
	status, text, _ := play(t, nil, "-h")
	if status != 0 {
		t.Errorf("status %d", status)
	}
	for _, want := range []string{"-from ADDRESS", "-limits DOMAIN,DOMAIN", "Exit status: 0"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if status, _, stderr := play(t, nil); status != 3 || !strings.Contains(stderr, "-from is missing") {
		t.Errorf("status %d: %s", status, stderr)
	}
}

// A list that names nothing is a mistake: an exit status of 0 would say that all is well.
func TestEmptyLists(t *testing.T) {
	for _, args := range [][]string{
		{"-limits", ","}, {"-limits", " "},
		{"-from", "news@kept.example", "-source", ","},
		{"-from", "news@kept.example", "-receivers", " , "},
		{"-from", "news@kept.example", "-dnsbl", ","},
	} {
		var stdout, stderr bytes.Buffer
		status := run(t.Context(), args, &stdout, &stderr, func(*preflight.Options) { t.Errorf("%q: the checks begin", args) })
		if status != statusUsage || stdout.Len() > 0 || !strings.Contains(stderr.String(), args[len(args)-2]+": ") {
			t.Errorf("%q: status %d, %q, %q", args, status, &stdout, &stderr)
		}
	}
}

// A mistake is told once, under the name of its flag.
func TestLimitsOfNoDomain(t *testing.T) {
	var stdout, stderr bytes.Buffer
	if status := run(t.Context(), []string{"-limits", "com,192.0.2.1"}, &stdout, &stderr, nil); status != statusUsage {
		t.Errorf("status %d", status)
	}
	for line := range strings.Lines(stderr.String()) {
		if !strings.HasPrefix(line, "preflight: -limits: ") || strings.Count(line, "preflight") != 1 {
			t.Errorf("%q", line)
		}
	}
}
