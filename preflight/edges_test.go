package preflight

import (
	"context"
	"encoding/base64"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode"

	"github.com/foxcpp/go-mockdns"
	"github.com/smtpace/smtpace"
	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/smtptest"
)

// published returns the name and the text of a record to publish.
func published(t *testing.T, record string) (name, text string) {
	t.Helper()
	name, strs, ok := strings.Cut(record, ". IN TXT ")
	if !ok {
		t.Fatalf("record %q", record)
	}
	for part := range strings.SplitSeq(strings.Trim(strs, `"`), `" "`) {
		if len(part) > 255 {
			t.Errorf("a string of %d octets", len(part))
		}
		text += part
	}
	return name, strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(text)
}

// A record that a finding says to publish makes that finding better. What a person has
// to know is not in a record.
func TestPublishedRecordMends(t *testing.T) {
	rank := map[Level]int{OK: 0, Warn: 1, Fail: 2, Unknown: 1}
	n := 0
	for _, one := range worlds {
		t.Run(one.name, func(t *testing.T) {
			w := keptWorld(t)
			if one.change != nil {
				one.change(w)
			}
			first := w.check()
			before, _ := worstOf(first, one.id)
			if before.Record == "" {
				return
			}
			n++
			name, text := published(t, before.Record)
			w.txt(name, text)
			found := w.check()
			after, _ := worstOf(found, one.id)
			if rank[after.Level] >= rank[before.Level] {
				t.Errorf("with %s\n%v: %s, before %v: %s", before.Record, after.Level, after.Why, before.Level, before.Why)
			}
			for _, k := range kinds { // nothing else becomes worse
				was, _ := worstOf(first, k.id)
				is, _ := worstOf(found, k.id)
				if rank[is.Level] > rank[was.Level] && is.Level != Unknown {
					t.Errorf("with %s\n%s is %v: %s, before %v", before.Record, k.id, is.Level, is.Why, was.Level)
				}
			}
			if f, _ := worstOf(found, "spf.source"); strings.HasPrefix(one.id, "spf.") && f.Level == Fail {
				t.Errorf("with %s\nthe sources fail: %s", before.Record, f.Why)
			}
		})
	}
	if n < 20 {
		t.Errorf("%d records, want more", n)
	}
}

// asked is a Resolver that keeps the names, and allows those below a domain.
type asked struct {
	mockdns.Resolver
	mu    sync.Mutex
	names []string
	short []string // without a dot at the end
}

func (a *asked) note(name string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, err := netip.ParseAddr(name); err != nil && !strings.HasSuffix(name, ".") {
		a.short = append(a.short, name)
	}
	a.names = append(a.names, strings.ToLower(strings.TrimSuffix(name, ".")))
}

func (a *asked) LookupTXT(ctx context.Context, name string) ([]string, error) {
	a.note(name)
	return a.Resolver.LookupTXT(ctx, name)
}

func (a *asked) LookupMX(ctx context.Context, name string) ([]*net.MX, error) {
	a.note(name)
	return a.Resolver.LookupMX(ctx, name)
}

func (a *asked) LookupIPAddr(ctx context.Context, name string) ([]net.IPAddr, error) {
	a.note(name)
	return a.Resolver.LookupIPAddr(ctx, name)
}

func (a *asked) LookupAddr(ctx context.Context, addr string) ([]string, error) {
	a.note(addr)
	return a.Resolver.LookupAddr(ctx, addr)
}

// Quick connects to nobody and asks about the sender's own names, in every world.
func TestQuickAsksNobodyElse(t *testing.T) {
	for _, one := range worlds {
		t.Run(one.name, func(t *testing.T) {
			w := keptWorld(t)
			if one.change != nil {
				one.change(w)
			}
			dial := func(context.Context, string, string) (net.Conn, error) {
				t.Error("a connection")
				return nil, errors.New("none")
			}
			resolver := &asked{Resolver: mockdns.Resolver{Zones: w.zones}}
			w.options.Quick, w.options.Resolver, w.options.DialContext = true, resolver, dial
			if w.sender.Relay != nil {
				w.sender.Relay.DialContext = dial
			}
			own := []string{"kept.example"}
			for _, address := range []string{w.sender.From, w.sender.MailFrom} {
				if domain := strings.TrimSuffix(address[strings.LastIndexByte(address, '@')+1:], ">"); domain != "" && !isFreeMail(domain) {
					own = append(own, organizational(domain))
				}
			}
			for _, f := range Check(t.Context(), w.sender, w.options) {
				checkFinding(t, f)
			}
			for _, name := range resolver.names {
				if !slices.ContainsFunc(own, func(d string) bool { return isBelow(name, d) }) {
					t.Errorf("asked about %s", name)
				}
			}
		})
	}
}

// Each question is asked once, and no resolver may append the domains of its search list.
func TestQuestionsAreAskedOnce(t *testing.T) {
	w := keptWorld(t)
	resolver := &asked{Resolver: mockdns.Resolver{Zones: w.zones}}
	w.options.Resolver = resolver
	Check(t.Context(), w.sender, w.options)
	if len(resolver.short) > 0 {
		t.Errorf("no dot at the end of %q", resolver.short)
	}
	counts := map[string]int{}
	for _, name := range resolver.names {
		if counts[name]++; counts[name] > 3 { // TXT, MX and addresses
			t.Errorf("%s was asked about again", name)
		}
	}
}

// stubborn is a Resolver that does not return when its context ends.
type stubborn struct{ Resolver }

func (stubborn) LookupTXT(context.Context, string) ([]string, error) {
	time.Sleep(time.Hour)
	return nil, errors.New("too late")
}

// The end of ctx, or of the Timeout, ends Check within 100 ms, and what was not found
// out is Unknown.
func TestCheckEndsInTime(t *testing.T) {
	for name, timeout := range map[string]time.Duration{"cancelled": time.Hour, "timeout": 5 * time.Second} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				began := time.Now()
				if timeout == time.Hour {
					time.AfterFunc(5*time.Second, cancel)
				}
				defer cancel()
				sender := Sender{From: "news@kept.example", Sources: []netip.Addr{netip.MustParseAddr("192.0.2.10")}}
				found := Check(ctx, sender, Options{
					Resolver: stubborn{&mockdns.Resolver{}}, Timeout: timeout, DNSBLs: []DNSBL{},
					DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return nil, errors.New("refused") },
				})
				if took := time.Since(began); took < 5*time.Second || took > 5*time.Second+100*time.Millisecond {
					t.Errorf("took %v, want 5 s", took)
				}
				for _, id := range []string{"spf.record", "spf.source", "dmarc.record", "dmarc.alignment"} {
					if f, there := worstOf(found, id); !there || f.Level != Unknown || !strings.Contains(f.Why, "cut off") {
						t.Errorf("%s: %+v", id, f)
					}
				}
				time.Sleep(24 * time.Hour) // the goroutines of the resolver end
			})
		})
	}
}

// Progress is told of every part, one after the other.
func TestProgress(t *testing.T) {
	w := keptWorld(t)
	var seen []Progress
	w.options.Progress = func(p Progress) { seen = append(seen, p) }
	w.check()
	for i, p := range seen {
		if p.Done != i+1 || p.Total != len(seen) || len(p.Waiting) != p.Total-p.Done {
			t.Errorf("%d: %+v", i, p)
		}
	}
	if len(seen) < 10 {
		t.Errorf("%d parts", len(seen))
	}
}

// printableFinding fails for what could harm a terminal, or is without bound.
func printableFinding(t *testing.T, f Finding) {
	t.Helper()
	for _, text := range []string{f.Subject, f.Why, f.Mend, f.Record} {
		if strings.IndexFunc(text, func(c rune) bool { return !unicode.IsPrint(c) }) >= 0 || len(text) > maxText {
			t.Errorf("%s: %.300q", f.ID, text)
		}
	}
}

// hostileWorld has the same records at every name that is asked about.
func hostileWorld(t testing.TB, txt []string, name string) *world {
	w := keptWorld(t)
	for zone, z := range w.zones {
		z.TXT = txt
		if len(z.PTR) > 0 {
			z.PTR = []string{name}
		}
		if len(z.MX) > 0 {
			z.MX = []net.MX{{Host: name}}
		}
		w.zones[zone] = z
	}
	return w
}

// Hostile DNS costs little and reaches no terminal.
func TestHostileDNS(t *testing.T) {
	huge := strings.Repeat("include:kept.example a:x%{i}.kept.example mx ptr ", 1200)
	many := slices.Repeat([]string{"v=spf1 -all", "v=DMARC1; p=none", "v=DKIM1; p=", "v=STSv1; id=1", "v=TLSRPTv1; rua=mailto:a@b.example"}, 1000)
	for name, txt := range map[string][]string{
		"control characters": {"v=spf1 \x1b[31m\x07 \u202e -all"},
		"nothing":            {"", "\x00"},
		"a huge record":      {"v=spf1 " + huge + "-all"},
		"many records":       many,
		"tags":               {"v=DMARC1; p=\x1b]0;owned\x07; rua=mailto:\x1b@\x1b"},
		"semicolons":         {strings.Repeat(";", 60_000)},
		"equals signs":       {"v=DKIM1; p=" + strings.Repeat("=", 60_000)},
		"macros":             {"v=spf1 " + strings.Repeat("exists:%{d9r}.%{l1r+-.,/_=}.%{h} ", 1000)},
		"not UTF-8":          {"v=spf1 include:\xff\xfe.example -all"},
	} {
		for _, host := range []string{"\x1b[2J.kept.example.", strings.Repeat("a.", 500), "", "kept.example."} {
			t.Run(name, func(t *testing.T) {
				w := hostileWorld(t, txt, host)
				began := time.Now()
				resolver := &asked{Resolver: mockdns.Resolver{Zones: w.zones}}
				w.options.Resolver = resolver
				for _, f := range Check(t.Context(), w.sender, w.options) {
					checkFinding(t, f)
					printableFinding(t, f)
				}
				if len(resolver.names) > 200 {
					t.Errorf("%d look-ups in %v", len(resolver.names), time.Since(began))
				}
			})
		}
	}
}

// A server that says too much is left.
func TestHostileServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, zones: map[string]mockdns.Zone{"kept.example.": {MX: []net.MX{{Host: "mx.kept.example."}}}}}
		w.sender = Sender{From: "news@kept.example", HELO: "mail.kept.example"}
		w.options = Options{DNSBLs: []DNSBL{}, Receivers: []string{"kept.example"}, DialContext: func(context.Context, string, string) (net.Conn, error) {
			client, server := net.Pipe()
			go func() {
				defer server.Close()
				for n := range 100_000 {
					if _, err := server.Write([]byte("220-\x1b[31m hello hello hello\r\n")); err != nil {
						return
					}
					if n == 5_000 {
						t.Error("more than 64 KiB were read")
					}
				}
			}()
			return client, nil
		}}
		for _, f := range w.check() {
			printableFinding(t, f)
			if (f.ID == "port25" || f.ID == "domain.postmaster") && f.Level == OK {
				t.Errorf("%s is ok: %s", f.ID, f.Why)
			}
		}
	})
}

// The questions of RFC 5782.
func TestDNSBLQuestions(t *testing.T) {
	for subject, want := range map[string]string{
		"192.0.2.99":   "99.2.0.192.bad.example",
		"2001:db8::1":  "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.bad.example",
		"Kept.Example": "kept.example.bad.example",
	} {
		if got := (DNSBL{Zone: "bad.example"}).question(subject); got != want {
			t.Errorf("%s: %s, want %s", subject, got, want)
		}
	}
	for _, l := range DefaultDNSBLs() {
		if l.Zone == "" || !strings.HasPrefix(l.Delist, "https://") {
			t.Errorf("%+v", l)
		}
	}
}

// A listing says where it is lifted.
func TestListingNamesThePage(t *testing.T) {
	w := keptWorld(t)
	listed("10.2.0.192.bl.example", "127.0.0.4")(w)
	f, _ := worstOf(w.check(), "dnsbl.address")
	if !strings.Contains(f.Mend, "https://bl.example/remove") || !strings.Contains(f.Why, "127.0.0.4") {
		t.Errorf("%+v", f)
	}
}

// Levels have names, also in JSON.
func TestLevelText(t *testing.T) {
	for l, want := range map[Level]string{OK: "ok", Warn: "warn", Fail: "fail", Unknown: "unknown"} {
		text, _ := l.MarshalText()
		var back Level
		if err := back.UnmarshalText(text); string(text) != want || err != nil || back != l {
			t.Errorf("%d: %s %v %v", l, text, back, err)
		}
	}
	if err := new(Level).UnmarshalText([]byte("bad")); err == nil {
		t.Error("a level that is none")
	}
	if Worst(nil) != Unknown || Worst([]Finding{{Level: OK}, {Level: Warn}, {Level: Unknown}}) != Warn {
		t.Error("Worst is wrong")
	}
}

// The secret of a login is in no text.
func TestSecretIsNotShown(t *testing.T) {
	const secret = "hunter2-hunter2"
	for _, change := range []func(*world){
		through(tls587, func(r *smtpace.Relay) {
			r.Credentials = func(context.Context) (string, string, error) { return "ann", secret, nil }
		}),
		through(smtptest.Config{Users: tls587.Users, Mechanisms: []string{"PLAIN"}, Fault: smtptest.Rules(smtptest.Rule{
			Stage: smtptest.StageAuth, Fault: smtptest.Fault{Reply: "535 no: " + secret + " " + base64.StdEncoding.EncodeToString([]byte("\x00ann\x00"+secret))},
		})}, func(r *smtpace.Relay) {
			r.TLS, r.AllowInsecureLogin = pool.TLSNone, true
			r.Credentials = func(context.Context) (string, string, error) { return "ann", secret, nil }
		}),
	} {
		w := keptWorld(t)
		change(w)
		for _, f := range w.check() {
			if text := f.Why + f.Mend; strings.Contains(text, secret) || strings.Contains(text, base64.StdEncoding.EncodeToString([]byte("\x00ann\x00"+secret))) {
				t.Errorf("%s: %s", f.ID, text)
			}
			if f.ID == "relay.login" && f.Level != Fail {
				t.Errorf("%+v", f)
			}
		}
	}
}

// Records that were pasted or typed with what no record has are told apart from none, and the
// record that was meant is named.
func TestMistypedRecords(t *testing.T) {
	for _, tt := range []struct {
		name, id     string
		change       func(*world)
		why, publish string
	}{
		{"SPF in quotation marks", "spf.record", txtOf("", `"v=spf1 ip4:192.0.2.10 ~all"`), "quotation marks", "v=spf1 ip4:192.0.2.10 ~all"},
		{"SPF from a text processor", "spf.record", txtOf("", "\u201cv=spf1 mx -all\u201d"), "quotation marks", "v=spf1 mx ip4:192.0.2.10 -all"},
		{"SPF with a semicolon", "spf.record", txtOf("", "v=spf1; a; -all"), `must begin with "v=spf1 "`, "v=spf1 a ip4:192.0.2.10 -all"},
		{"SPF without v=", "spf.record", txtOf("", "spf1 a -all"), `must begin with "v=spf1 "`, "v=spf1 a ip4:192.0.2.10 -all"},
		{"SPF with blanks", "spf.record", txtOf("", "v = spf1 a -all"), `must begin with "v=spf1 "`, "v=spf1 a ip4:192.0.2.10 -all"},
		{"DMARC in quotation marks", "dmarc.record", txtOf("_dmarc", `"v=DMARC1; p=reject"`), "quotation marks", "v=DMARC1; p=none; rua=mailto:dmarc@kept.example"},
		{"DMARC with backslashes", "dmarc.record", txtOf("_dmarc", `v=DMARC1\; p=reject\;`), "backslashes", "v=DMARC1; p=none; rua=mailto:dmarc@kept.example"},
		{"DMARC without v=", "dmarc.record", txtOf("_dmarc", "DMARC1; p=reject"), "must begin with", "v=DMARC1; p=none; rua=mailto:dmarc@kept.example"},
		{"a key with backslashes", "dkim.key", txtOf("s1._domainkey", `v=DKIM1\; k=rsa\; p=AAAA`), "backslashes", ""},
		{"a key in quotation marks", "dkim.key", func(w *world) { w.txt("s1._domainkey.kept.example", `"`+keyRecord(testKey().Public())+`"`) }, "quotation marks", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := keptWorld(t)
			tt.change(w)
			f, _ := worstOf(w.check(), tt.id)
			if f.Level != Fail || !strings.Contains(f.Why, tt.why) || f.Record != "" && !strings.Contains(f.Record, tt.publish) || tt.publish != "" && f.Record == "" {
				t.Errorf("%v: %s\npublish %q", f.Level, f.Why, f.Record)
			}
		})
	}
}

// A sender whose domain has letters of its language is looked up under its ASCII name.
func TestInternationalDomain(t *testing.T) {
	const domain = "xn--bcher-kva.example"
	w := keptWorld(t)
	for name, zone := range w.zones {
		w.zones[strings.ReplaceAll(name, "kept.example", domain)] = zone
	}
	w.txt("_dmarc."+domain, "v=DMARC1; p=reject; rua=mailto:dmarc@"+domain)
	w.sender.From, w.sender.HELO, w.sender.Sample = "News <news@b\u00fccher.example>", "mail."+domain, nil
	w.policy = testPolicy(404, "")
	w.options.HTTP, w.options.Quick = nil, true
	for _, id := range []string{"sender.address", "spf.record", "dmarc.record", "dkim.key", "domain.mx"} {
		if f, there := worstOf(w.check(), id); there && f.Level != OK {
			t.Errorf("%s is %v: %s", id, f.Level, f.Why)
		}
	}
}
