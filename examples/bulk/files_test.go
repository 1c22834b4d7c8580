package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/binary"
	"encoding/pem"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smtpace/smtpace/smtptest"
)

// writeKey writes a private key for DKIM.
func writeKey(t *testing.T) string {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return writeFile(t, "dkim.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))
}

// A file that cannot be read, or has something else in it, is a mistake under the name
// of its flag, before anything is sent or written.
func TestEveryFileThatIsNone(t *testing.T) {
	srv := newServer(t, smtptest.Config{})
	folder := t.TempDir()
	absent := filepath.Join(folder, "absent")
	other := writeFile(t, "other", "neither a key\x00nor a profile = [\n")
	signing := func(key string) []string { return []string{"-dkim-selector", "s1", "-dkim-key", key} }
	for name, c := range map[string]struct {
		flags []string
		want  string
	}{
		"list, a folder":        {[]string{"-to", folder}, "-to: "},
		"list, absent":          {[]string{"-to", absent}, "-to: open "},
		"message, a folder":     {[]string{"-message", folder}, "-message: read "},
		"message, absent":       {[]string{"-message", absent}, "-message: open "},
		"message, a NUL":        {[]string{"-message", other}, "-message: "},
		"list and message":      {[]string{"-to", absent, "-message", folder}, "-message: read "},
		"message and list":      {[]string{"-to", absent, "-message", folder}, "-to: open "},
		"report, a folder":      {[]string{"-report", folder}, "-report: open "},
		"report in no folder":   {[]string{"-report", filepath.Join(absent, "report")}, "-report: open "},
		"resumed, a folder":     {[]string{"-resume", "-report", folder}, "-report: "},
		"resumed, another":      {[]string{"-resume", "-report", other}, "-resume: "},
		"authorities, a folder": {[]string{"-tls", "mandatory", "-ca", folder}, "-ca: read "},
		"authorities, another":  {[]string{"-tls", "mandatory", "-ca", other}, "-ca: " + other + " has no certificate"},
		"certificate, absent":   {[]string{"-tls", "mandatory", "-cert", absent}, "-cert: " + absent},
		"certificate, another":  {[]string{"-tls", "mandatory", "-cert", other}, "-cert: " + other},
		"profiles, a folder":    {[]string{"-profiles", folder}, "-profiles: "},
		"profiles, another":     {[]string{"-profiles", other}, "-profiles: "},
		"DKIM key, a folder":    {signing(folder), "-dkim-key: read "},
		"DKIM key, another":     {signing(other), "-dkim-key " + other},
		"memory, a folder":      {[]string{"-memory", folder}, folder},
		"memory in no folder":   {[]string{"-memory", filepath.Join(absent, "memory")}, absent},
	} {
		t.Run(name, func(t *testing.T) {
			j := job{list: "ann@example.com\n", message: plainMessage, flags: c.flags}
			if got := j.run(t, srv.Addr); got.status != statusUsage || !strings.Contains(got.stderr, c.want) {
				t.Errorf("status %d, stderr %q, want %q", got.status, got.stderr, c.want)
			}
			if text, err := os.ReadFile(j.report); err == nil && len(text) > 0 {
				t.Errorf("the report has %q", text)
			}
		})
	}
	if n := srv.Stats().Messages; n > 0 {
		t.Errorf("%d messages were sent", n)
	}
}

// What may harm a mailing and does not prevent it is told.
func TestRunTellsWhatMayHarm(t *testing.T) {
	key := writeKey(t)
	signed := []string{"-dkim-selector", "s1", "-dkim-key", key}
	for name, c := range map[string]struct {
		list, message string
		flags         []string
		want          string // on stderr; "" is nothing
	}{
		"nothing":                {"a@example.com\n", plainMessage, nil, ""},
		"signed":                 {"a@example.com\n", plainMessage, signed, ""},
		"of another domain":      {"a@example.com\n", plainMessage, append(signed, "-dkim-domain", "other.example"), "-dkim-domain: the signature is not of the domain of From, sender.example"},
		"of a domain above":      {"a@example.com\n", "From: n@news.sender.example\nSubject: x\n\nHello\n", append(signed, "-dkim-domain", "sender.example"), ""},
		"From is filled in":      {"a@example.com\n", "From: {{.email}}, n@other.example\nSubject: x\n\nHello\n", append(signed, "-dkim-domain", "sender.example"), ""},
		"the first of two":       {"a@example.com\n", "From: n@sender.example, {{.email}}\nSender: n@other.example\nSubject: x\n\nHello\n", append(signed, "-dkim-domain", "other.example"), "not of the domain of From, sender.example"},
		"nobody in From":         {"a@example.com\n", "From: nobody:;\nSubject: x\n\nHello\n", append(signed, "-dkim-domain", "other.example"), ""},
		"resumed from the start": {"a@example.com\n", plainMessage, []string{"-resume"}, " has no lines: this run begins with the first recipient"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := newServer(t, smtptest.Config{InMemory: true})
				j := job{list: c.list, message: c.message, flags: c.flags}
				got := j.runWith(t, srv)
				got.want(t, "delivered=1")
				if c.want == "" && got.stderr != "" || !strings.Contains(got.stderr, c.want) {
					t.Errorf("stderr %q, want %q", got.stderr, c.want)
				}
			})
		})
	}
}

// A mailing that is cut when it was interrupted says so; one that ends by itself does
// not.
func TestInterruptTellsWhatItCut(t *testing.T) {
	for name, c := range map[string]struct {
		cfg smtptest.Config
		cut bool
	}{"stalled": {stalled, true}, "slow": {smtptest.Config{ServiceTime: 6 * time.Second}, false}} {
		inBubble(t, c.cfg, func(t *testing.T, srv *smtptest.Server) {
			j := job{list: addresses(5, "example.com"), message: plainMessage, flags: []string{"-connections", "1"}, interrupts: make(chan os.Signal, 2)}
			time.AfterFunc(5*time.Second, func() { j.interrupts <- os.Interrupt })
			got := j.runWith(t, srv)
			if strings.Contains(got.stderr, "connections were cut: ") != c.cut || !strings.Contains(got.stderr, "interrupted: finishing what is on the wire, for up to 10s") {
				t.Errorf("%s: stderr %q, want the cut told: %v", name, got.stderr, c.cut)
			}
		})
	}
}

// clockwork notes when something is written.
type clockwork struct {
	buffer
	at []time.Duration
	t0 time.Time
}

func (c *clockwork) Write(p []byte) (int, error) {
	c.mu.Lock()
	c.at = append(c.at, time.Since(c.t0).Round(time.Second))
	c.mu.Unlock()
	return c.buffer.Write(p)
}

// Where lines pile up, progress is a line every ten seconds and one at the end.
func TestProgressEveryTenSeconds(t *testing.T) {
	inBubble(t, smtptest.Config{ServiceTime: 7 * time.Second}, func(t *testing.T, srv *smtptest.Server) {
		j := job{list: addresses(5, "example.com"), message: plainMessage, flags: []string{"-connections", "1", "-progress", "on"}}
		var stdout buffer
		stderr := clockwork{t0: time.Now()}
		o, err := parseOptions(j.args(t, srv.Addr), &stdout)
		if err != nil {
			t.Fatal(err)
		}
		o.relay.DialContext = srv.DialContext
		c, err := newCampaign(o, newConsole(&stderr))
		if err != nil {
			t.Fatal(err)
		}
		status := c.run(t.Context(), nil, &stdout)
		j.outcome(t, status, stdout.String(), stderr.String()).want(t, "delivered=5")
		want := []time.Duration{10 * time.Second, 20 * time.Second, 30 * time.Second, 35 * time.Second}
		if !slices.Equal(stderr.at, want) {
			t.Errorf("got lines at %v, want %v: %s", stderr.at, want, stderr.String())
		}
	})
}

// The summary tells how long the run took.
func TestSummaryTellsTheTime(t *testing.T) {
	inBubble(t, smtptest.Config{ServiceTime: 7 * time.Second}, func(t *testing.T, srv *smtptest.Server) {
		j := job{list: addresses(2, "example.com"), message: plainMessage, flags: []string{"-connections", "1"}}
		got := j.runWith(t, srv)
		got.want(t, "delivered=2")
		if s := got.summary["seconds"]; s < 14 || s > 15 {
			t.Errorf("two messages that take 7 s each took %v s", got.summary["seconds"])
		}
	})
}

// Lists are read as they are, however their lines end and whatever they are encoded
// in; only those that need it are copied, and no copy is left.
func TestListsAreCopiedWhereTheyMustBe(t *testing.T) {
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	t.Setenv("TMP", temporary)
	be, le := binary.BigEndian, binary.LittleEndian
	for name, c := range map[string]struct {
		content string
		options listOptions
		copied  bool
	}{
		"LF":                  {"ann@x.example\nbob@x.example\n", listOptions{}, false},
		"CRLF":                {"ann@x.example\r\nbob@x.example\r\n", listOptions{}, false},
		"CR":                  {"ann@x.example\rbob@x.example\r", listOptions{}, true},
		"one line":            {"ann@x.example", listOptions{}, false},
		"UTF-8 said":          {"ann@x.example\nbob@x.example\n", listOptions{charset: "utf-8"}, false},
		"UTF-16, CR":          {utf16Text(be, "ann@x.example\rbob@x.example\r"), listOptions{}, true},
		"UTF-16":              {utf16Text(le, "ann@x.example\nbob@x.example\n"), listOptions{}, true},
		"UTF-16, two letters": {utf16Text(le, "a@x.example\n"), listOptions{}, true},
		"windows-1252":        {"ann@x.example\n", listOptions{charset: "windows-1252"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := openList(writeFile(t, "list", c.content), c.options)
			if err != nil {
				t.Fatal(err)
			}
			if l.temp != c.copied {
				t.Errorf("copied: %v, want %v", l.temp, c.copied)
			}
			got, err := readAll(l)
			if err != nil || len(got) == 0 || strings.ContainsAny(strings.Join(got, ""), "\r\n\x00") || !strings.HasPrefix(got[0], "1 a") {
				t.Errorf("got %q, %v", got, err)
			}
			if err := l.close(); err != nil {
				t.Error(err)
			}
			if left, err := filepath.Glob(filepath.Join(temporary, "bulk-*")); err != nil || len(left) > 0 {
				t.Errorf("left %v, %v", left, err)
			}
		})
	}
}

// The zeros of UTF-16 tell its order where more than one in 32 octets is a zero on one side, and less than an eighth as many on the other.
func TestZerosTellTheOrder(t *testing.T) {
	le, be, ascii, long := strings.Repeat("a\x00", 8), strings.Repeat("\x00a", 8), strings.Repeat("ab", 8), strings.Repeat("ab", 120)
	for text, want := range map[string]string{
		"": "", "a": "", ascii: "", "\x00\x00": "", strings.Repeat("\x00", 100): "",
		le: "utf-16le", be: "utf-16be", le[2:]: "", be[2:]: "",
		le + ascii: "utf-16le", be + ascii: "utf-16be", le + long: "", be + long: "", le + "a\x00" + long[2:]: "utf-16le", be + "\x00a" + long[2:]: "utf-16be",
		le + le + "\x00\x00": "utf-16le", be + be + "\x00\x00": "utf-16be", le + "\x00\x00": "", be + "\x00\x00": "",
	} {
		if got := markedCharset([]byte(text)); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}
