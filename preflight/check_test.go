package preflight

import (
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/foxcpp/go-mockdns"
	"github.com/smtpace/smtpace"
	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/smtptest"
)

// tls587 is a relay that offers STARTTLS and wants a login.
var tls587 = smtptest.Config{Hostname: "relay.example", StartTLS: true, Users: map[string]string{"ann": "right"}, RequireAuth: true}

// mxAt gives the domain other MX hosts.
func mxAt(hosts ...string) func(*world) {
	return func(w *world) {
		z := w.zones["kept.example."]
		z.MX = nil
		for _, h := range hosts {
			z.MX = append(z.MX, net.MX{Host: h})
		}
		w.zones["kept.example."] = z
	}
}

// txtOf sets TXT records of a name in the domain; broken makes DNS fail there.
func txtOf(name string, records ...string) func(*world) {
	return func(w *world) { w.txt(strings.TrimPrefix(name+".kept.example", "."), records...) }
}

func broken(name string) func(*world) { return func(w *world) { w.breaks(name) } }

// refusing makes the MX host of the domain answer so at a recipient.
func refusing(recipient, reply string) func(*world) {
	return func(w *world) {
		w.server("mx.kept.example:25", smtptest.Config{Fault: smtptest.Rules(smtptest.Rule{
			Stage: smtptest.StageRcpt, Recipient: recipient, Fault: smtptest.Fault{Reply: reply},
		})})
	}
}

func text(pairs ...string) func(*world) { return func(w *world) { w.sample(pairs...) } }

func listed(question, code string) func(*world) {
	return func(w *world) { w.zones[question+"."] = mockdns.Zone{A: []string{code}} }
}

func through(cfg smtptest.Config, change func(*smtpace.Relay)) func(*world) {
	return func(w *world) { w.relay(cfg, change) }
}

// ending has a relay whose certificate is of a name and ends after a time.
func ending(name string, left time.Duration) func(*world) {
	return func(w *world) {
		cfg := tls587
		config, roots := certificate(w.t, name, left)
		cfg.TLSConfig = config
		w.relay(cfg, func(r *smtpace.Relay) { r.TLSConfig = &tls.Config{RootCAs: roots} })
	}
}

func relayFault(stage smtptest.Stage, reply string) func(*world) {
	cfg := tls587
	cfg.Fault = smtptest.Rules(smtptest.Rule{Stage: stage, Fault: smtptest.Fault{Reply: reply}})
	return through(cfg, nil)
}

// worlds are the ways in which senders differ from the one of keptWorld, and the level
// of the finding that shows it.
var worlds = []struct {
	name   string
	id     string
	level  Level
	change func(*world)
}{
	{"an address", "sender.address", OK, nil},
	{"no address", "sender.address", Fail, func(w *world) { w.sender.From = "news at kept" }},
	{"free mail", "sender.address", Fail, func(w *world) { w.sender.From = "news@gmail.com" }},
	{"a public suffix", "sender.address", Fail, func(w *world) { w.sender.From = "news@co.uk" }},
	{"a contradiction", "sender.address", Fail, func(w *world) { w.sender.Domain = "other.example" }},

	{"SPF", "spf.record", OK, nil},
	{"no SPF", "spf.record", Fail, txtOf("")},
	{"two SPF", "spf.record", Fail, txtOf("", "v=spf1 ip4:192.0.2.10 -all", "v=spf1 a -all")},
	{"SPF in quotation marks", "spf.record", Fail, txtOf("", "\"v=spf1 ip4:192.0.2.10 -all\"")},
	{"SPF with a semicolon", "spf.record", Fail, txtOf("", "v=spf1; ip4:192.0.2.10 -all")},
	{"SPF with a hard blank", "spf.record", Fail, txtOf("", "v=spf1\u00a0ip4:192.0.2.10 -all")},
	{"SPF of a version to come", "spf.record", Fail, txtOf("", "v=spf2 ip4:192.0.2.10 -all")},
	{"SPF beside Sender ID", "spf.record", OK, txtOf("", "spf2.0/pra ip4:192.0.2.10 -all", "v=spf1 ip4:192.0.2.10 -all")},
	{"SPF three deep in a ring", "spf.record", Fail, func(w *world) {
		w.txt("kept.example", "v=spf1 ip4:192.0.2.10 include:a.example -all")
		w.txt("a.example", "v=spf1 include:b.example -all")
		w.txt("b.example", "v=spf1 include:a.example -all")
	}},
	{"SPF includes two", "spf.record", Fail, func(w *world) {
		w.txt("kept.example", "v=spf1 include:far.example -all")
		w.txt("far.example", "v=spf1 a -all", "v=spf1 mx -all")
	}},
	{"SPF cut into strings and joined without a blank", "spf.record", Fail, txtOf("", "v=spf1 ip4:192.0.2.10include:far.example -all")},
	{"SPF typo", "spf.record", Fail, txtOf("", "v=spf1 ipv4:192.0.2.10 -all")},
	{"SPF for everybody", "spf.record", Fail, txtOf("", "v=spf1 +all")},
	{"SPF for halves", "spf.record", Fail, txtOf("", "v=spf1 ip4:0.0.0.0/1 ip4:128.0.0.0/1 -all")},
	{"SPF includes everybody", "spf.record", Fail, func(w *world) {
		w.txt("kept.example", "v=spf1 include:far.example -all")
		w.txt("far.example", "v=spf1 all")
	}},
	{"SPF leads to everybody", "spf.record", Fail, func(w *world) {
		w.txt("kept.example", "v=spf1 redirect=far.example")
		w.txt("far.example", "v=spf1 a/0")
	}},
	{"SPF by exists", "spf.record", Fail, txtOf("", "v=spf1 exists:mail.kept.example -all")},
	{"SPF include loop", "spf.record", Fail, txtOf("", "v=spf1 include:kept.example -all")},
	{"SPF redirect loop", "spf.record", Fail, func(w *world) {
		w.txt("kept.example", "v=spf1 redirect=far.example")
		w.txt("far.example", "v=spf1 redirect=kept.example")
	}},
	{"SPF includes nothing", "spf.record", Fail, txtOf("", "v=spf1 include:void.example -all")},
	{"SPF macro broken", "spf.record", Fail, txtOf("", "v=spf1 exists:%{q}.kept.example -all")},
	{"SPF macro", "spf.record", OK, txtOf("", "v=spf1 ip4:192.0.2.10 exists:%{ir}.%{d2}.allow.kept.example -all")},
	{"SPF neutral", "spf.record", Warn, txtOf("", "v=spf1 ip4:192.0.2.10 ?all")},
	{"SPF without all", "spf.record", Warn, txtOf("", "v=spf1 ip4:192.0.2.10")},
	{"SPF with ptr", "spf.record", Warn, txtOf("", "v=spf1 ip4:192.0.2.10 ptr -all")},
	{"SPF with include=", "spf.record", Warn, txtOf("", "v=spf1 ip4:192.0.2.10 include=far.example -all")},
	{"SPF behind all", "spf.record", Warn, txtOf("", "v=spf1 ip4:192.0.2.10 -all a")},
	{"SPF broad", "spf.record", Warn, txtOf("", "v=spf1 ip4:192.0.0.0/6 -all")},
	{"SPF SERVFAIL", "spf.record", Unknown, broken("kept.example")},

	{"few look-ups", "spf.lookups", OK, nil},
	{"nine look-ups", "spf.lookups", Warn, includes(9, "ip4:192.0.2.10 ")},
	{"eleven look-ups behind the source", "spf.lookups", Warn, includes(11, "ip4:192.0.2.10 ")},
	{"eleven look-ups", "spf.lookups", Fail, includes(11, "")},
	{"three void look-ups", "spf.lookups", Fail, txtOf("", "v=spf1 a:a.void.example a:b.void.example mx:c.void.example -all")},
	{"look-ups SERVFAIL", "spf.lookups", Unknown, func(w *world) {
		w.txt("kept.example", "v=spf1 ip4:192.0.2.10 include:far.example -all")
		w.breaks("far.example")
	}},

	{"source passes", "spf.source", OK, nil},
	{"source by include", "spf.source", OK, func(w *world) {
		w.txt("kept.example", "v=spf1 include:far.example -all")
		w.txt("far.example", "v=spf1 a:mail.kept.example ~all")
	}},
	{"source neutral", "spf.source", Warn, txtOf("", "v=spf1 ?all")},
	{"source fails", "spf.source", Fail, txtOf("", "v=spf1 ip4:198.51.100.1 -all")},
	{"source softfails", "spf.source", Fail, txtOf("", "v=spf1 ip4:198.51.100.1 ~all")},
	{"source behind a redirect", "spf.source", Fail, func(w *world) {
		w.txt("kept.example", "v=spf1 redirect=far.example")
		w.txt("far.example", "v=spf1 ip4:198.51.100.1 -all")
	}},
	{"source without SPF", "spf.source", Fail, txtOf("")},
	{"source permerror", "spf.source", Fail, txtOf("", "v=spf1 foo -all")},
	{"source SERVFAIL", "spf.source", Unknown, broken("kept.example")},
	{"one source of two", "spf.source", Fail, func(w *world) {
		w.sender.Sources = append(w.sender.Sources, netip.MustParseAddr("2001:db8::1"))
	}},
	{"source not known", "spf.source", Unknown, func(w *world) { w.sender.Sources = nil }},
	{"source private", "spf.source", Unknown, func(w *world) { w.sender.Sources = []netip.Addr{netip.MustParseAddr("10.0.0.1")} }},
	{"source of the relay", "spf.source", OK, through(tls587, nil)},
	{"source of the relay not in SPF", "spf.source", Unknown, func(w *world) {
		w.relay(tls587, nil)
		w.txt("kept.example", "v=spf1 include:far.example -all")
		w.txt("far.example", "v=spf1 ip4:203.0.113.1 -all")
	}},

	{"key", "dkim.key", OK, nil},
	{"no key", "dkim.key", Fail, txtOf("s1._domainkey")},
	{"two keys", "dkim.key", Fail, txtOf("s1._domainkey", "v=DKIM1; p=", "v=DKIM1; p=")},
	{"key revoked", "dkim.key", Fail, txtOf("s1._domainkey", "v=DKIM1; p=")},
	{"key broken", "dkim.key", Fail, txtOf("s1._domainkey", "v=DKIM1; p=MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A")},
	{"key of a wildcard", "dkim.key", Fail, txtOf("s1._domainkey", "v=spf1 -all")},
	{"key of 768 bits", "dkim.key", Fail, txtOf("s1._domainkey", keyRecord(shortKey(768)))},
	{"key of 1024 bits", "dkim.key", Warn, txtOf("s1._domainkey", keyRecord(shortKey(1024)))},
	{"key of 8192 bits", "dkim.key", Warn, txtOf("s1._domainkey", keyRecord(shortKey(8192)))},
	{"key in testing", "dkim.key", Warn, func(w *world) { w.txt("s1._domainkey.kept.example", keyRecord(testKey().Public())+"; t=s:y") }},
	{"Ed25519", "dkim.key", Warn, txtOf("s1._domainkey", keyRecord(ed25519.PublicKey(make([]byte, 32))))},
	{"Ed25519 cut", "dkim.key", Fail, txtOf("s1._domainkey", "k=ed25519; p=AAAA")},
	{"key for sha1", "dkim.key", Fail, func(w *world) { w.txt("s1._domainkey.kept.example", keyRecord(testKey().Public())+"; h=sha1") }},
	{"key for other uses", "dkim.key", Fail, func(w *world) { w.txt("s1._domainkey.kept.example", keyRecord(testKey().Public())+"; s=tlsrpt") }},
	{"another key", "dkim.key", Fail, func(w *world) {
		w.sender.DKIMKey = testKey().Public()
		w.txt("s1._domainkey.kept.example", keyRecord(shortKey(2048)))
	}},
	{"key SERVFAIL", "dkim.key", Unknown, broken("s1._domainkey.kept.example")},
	{"no selector", "dkim.key", Unknown, func(w *world) { w.sender.DKIMSelector, w.sender.Sample = "", nil }},
	{"selector of the sample", "dkim.key", OK, func(w *world) { w.sender.DKIMSelector = "" }},

	{"signature", "dkim.signature", OK, nil},
	{"signature with LF", "dkim.signature", OK, func(w *world) {
		w.sender.Sample = []byte(strings.ReplaceAll(string(w.sender.Sample), "\r\n", "\n"))
	}},
	{"changed since", "dkim.signature", Fail, func(w *world) { w.sender.Sample = append(w.sender.Sample, "more\r\n"...) }},
	{"no signature", "dkim.signature", Fail, func(w *world) { w.sender.Sample = []byte(plainSample) }},
	{"signature of a relay", "dkim.signature", Unknown, func(w *world) { w.relay(tls587, nil); w.sender.Sample = []byte(plainSample) }},
	{"signature of another", "dkim.signature", Warn, func(w *world) {
		w.txt("s1._domainkey.far.example", keyRecord(testKey().Public()))
		w.sender.Sample = signed(w.t, "far.example", plainSample)
	}},
	{"signature of From alone", "dkim.signature", Warn, func(w *world) { w.sender.Sample = signed(w.t, "kept.example", plainSample, "From") }},
	{"one of two broken", "dkim.signature", Warn, func(w *world) {
		w.sender.Sample = signed(w.t, "void.example", string(w.sender.Sample))
	}},
	{"signature SERVFAIL", "dkim.signature", Unknown, broken("s1._domainkey.kept.example")},

	{"DMARC", "dmarc.record", OK, nil},
	{"DMARC in capitals", "dmarc.record", OK, txtOf("_dmarc", "v=DMARC1;P=Reject;RUA=mailto:a@kept.example")},
	{"no DMARC", "dmarc.record", Fail, txtOf("_dmarc")},
	{"two DMARC", "dmarc.record", Fail, txtOf("_dmarc", "v=DMARC1; p=none", "v=DMARC1; p=reject")},
	{"DMARC without p", "dmarc.record", Fail, txtOf("_dmarc", "v=DMARC1")},
	{"DMARC without p but reports", "dmarc.record", Warn, txtOf("_dmarc", "v=DMARC1; rua=mailto:a@kept.example")},
	{"DMARC misspelt", "dmarc.record", Fail, txtOf("_dmarc", "v=DMARC; p=reject")},
	{"DMARC without semicolon", "dmarc.record", Fail, txtOf("_dmarc", "v=DMARC1 p=reject")},
	{"np=none", "dmarc.record", Warn, txtOf("_dmarc", "v=DMARC1; p=reject; np=none")},
	{"np=none beside p=none", "dmarc.record", Warn, txtOf("_dmarc", "v=DMARC1; p=none; np=none")},
	{"np misspelt", "dmarc.record", Warn, txtOf("_dmarc", "v=DMARC1; p=reject; np=drop")},
	{"np=reject", "dmarc.record", OK, txtOf("_dmarc", "v=DMARC1; p=reject; np=reject; rua=mailto:a@kept.example")},
	{"DMARC beside SPF of a wildcard", "dmarc.record", OK, txtOf("_dmarc", "v=spf1 -all", "v=DMARC1; p=reject")},
	{"p=none", "dmarc.record", Warn, txtOf("_dmarc", "v=DMARC1; p=none; rua=mailto:a@kept.example")},
	{"sp=none", "dmarc.record", Warn, txtOf("_dmarc", "v=DMARC1; p=reject; sp=none")},
	{"a tenth", "dmarc.record", Warn, txtOf("_dmarc", "v=DMARC1; p=reject; pct=10")},
	{"mode misspelt", "dmarc.record", Warn, txtOf("_dmarc", "v=DMARC1; p=reject; adkim=strict")},
	{"DMARC above", "dmarc.record", OK, func(w *world) { w.sender.From = "news@lists.kept.example" }},
	{"sp=none above", "dmarc.record", Warn, func(w *world) {
		w.sender.From = "news@lists.kept.example"
		w.txt("_dmarc.kept.example", "v=DMARC1; p=reject; sp=none; rua=mailto:a@kept.example")
	}},
	{"DMARC SERVFAIL", "dmarc.record", Unknown, broken("_dmarc.kept.example")},

	{"reports", "dmarc.reports", OK, nil},
	{"reports elsewhere", "dmarc.reports", OK, txtOf("_dmarc", "v=DMARC1; p=reject; rua=mailto:a@to.me!10m")},
	{"reports below", "dmarc.reports", OK, txtOf("_dmarc", "v=DMARC1; p=reject; rua=mailto:a@reports.kept.example")},
	{"no reports", "dmarc.reports", Warn, txtOf("_dmarc", "v=DMARC1; p=reject")},
	{"reports misspelt", "dmarc.reports", Fail, txtOf("_dmarc", "v=DMARC1; p=reject; rua=dmarc@kept.example")},
	{"some reports misspelt", "dmarc.reports", Warn, txtOf("_dmarc", "v=DMARC1; p=reject; rua=mailto:a@kept.example,b@kept.example")},
	{"reports not wanted", "dmarc.reports", Warn, txtOf("_dmarc", "v=DMARC1; p=reject; rua=mailto:a@far.example")},
	{"reports SERVFAIL", "dmarc.reports", Unknown, func(w *world) {
		w.txt("_dmarc.kept.example", "v=DMARC1; p=reject; rua=mailto:a@far.example")
		w.breaks("kept.example._report._dmarc.far.example")
	}},

	{"aligned", "dmarc.alignment", OK, nil},
	{"aligned by SPF", "dmarc.alignment", Warn, func(w *world) { w.sender.Sample = []byte(plainSample) }},
	{"not aligned", "dmarc.alignment", Fail, func(w *world) {
		w.sender.Sample, w.sender.MailFrom = []byte(plainSample), "bounce@far.example"
	}},
	{"strict", "dmarc.alignment", Fail, func(w *world) {
		w.txt("_dmarc.kept.example", "v=DMARC1; p=reject; adkim=s; aspf=s")
		w.txt("lists.kept.example", "v=spf1 ip4:192.0.2.10 -all")
		w.txt("s1._domainkey.lists.kept.example", keyRecord(testKey().Public()))
		w.sender.MailFrom, w.sender.Sample = "bounce@lists.kept.example", signed(w.t, "lists.kept.example", plainSample)
	}},
	{"relaxed", "dmarc.alignment", OK, func(w *world) {
		w.txt("s1._domainkey.lists.kept.example", keyRecord(testKey().Public()))
		w.sender.Sample = signed(w.t, "lists.kept.example", plainSample)
	}},
	{"nothing known", "dmarc.alignment", Unknown, func(w *world) {
		w.sender.Sample, w.sender.DKIMSelector, w.sender.Sources = nil, "", nil
	}},
	{"alignment SERVFAIL", "dmarc.alignment", Unknown, broken("_dmarc.kept.example")},

	{"PTR", "source.ptr", OK, nil},
	{"PTR of IPv6", "source.ptr", OK, func(w *world) {
		w.sender.Sources = []netip.Addr{netip.MustParseAddr("2001:db8::1")}
		w.zones["1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa."] = mockdns.Zone{PTR: []string{"six.kept.example."}}
		w.zones["six.kept.example."] = mockdns.Zone{AAAA: []string{"2001:db8::1"}}
	}},
	{"no PTR", "source.ptr", Fail, func(w *world) { delete(w.zones, "10.2.0.192.in-addr.arpa.") }},
	{"PTR to elsewhere", "source.ptr", Fail, func(w *world) { w.zones["mail.kept.example."] = mockdns.Zone{A: []string{"198.51.100.1"}} }},
	{"PTR of a customer", "source.ptr", Warn, func(w *world) {
		w.zones["10.2.0.192.in-addr.arpa."] = mockdns.Zone{PTR: []string{"10-2-0-192.net.example."}}
		w.zones["10-2-0-192.net.example."] = mockdns.Zone{A: []string{"192.0.2.10"}}
	}},
	{"PTR of a pool", "source.ptr", Warn, func(w *world) {
		w.zones["10.2.0.192.in-addr.arpa."] = mockdns.Zone{PTR: []string{"a7.dyn.net.example."}}
		w.zones["a7.dyn.net.example."] = mockdns.Zone{A: []string{"192.0.2.10"}}
	}},
	{"PTR SERVFAIL", "source.ptr", Unknown, broken("10.2.0.192.in-addr.arpa")},
	{"PTR confirmation SERVFAIL", "source.ptr", Unknown, broken("mail.kept.example")},

	{"HELO", "source.helo", OK, nil},
	{"HELO of nobody", "source.helo", Fail, func(w *world) { w.sender.HELO = "void.kept.example" }},
	{"HELO localhost", "source.helo", Fail, func(w *world) { w.sender.HELO = "localhost.localdomain" }},
	{"HELO short", "source.helo", Fail, func(w *world) { w.sender.HELO = "mail" }},
	{"HELO underscore", "source.helo", Fail, func(w *world) { w.sender.HELO = "my_host.kept.example" }},
	{"HELO address", "source.helo", Fail, func(w *world) { w.sender.HELO = "192.0.2.10" }},
	{"HELO literal", "source.helo", Warn, func(w *world) { w.sender.HELO = "[192.0.2.10]" }},
	{"HELO elsewhere", "source.helo", Warn, func(w *world) { w.sender.HELO = "mx.kept.example" }},
	{"HELO not known", "source.helo", Unknown, func(w *world) { w.sender.HELO = "" }},
	{"HELO SERVFAIL", "source.helo", Unknown, broken("mail.kept.example")},

	{"MX", "domain.mx", OK, nil},
	{"null MX", "domain.mx", Fail, mxAt(".")},
	{"null MX and another", "domain.mx", Fail, mxAt(".", "mx.kept.example.")},
	{"MX without address", "domain.mx", Fail, mxAt("void.kept.example.")},
	{"MX is an address", "domain.mx", Fail, mxAt("192.0.2.25.")},
	{"MX private", "domain.mx", Fail, func(w *world) { w.zones["mx.kept.example."] = mockdns.Zone{A: []string{"10.0.0.1"}} }},
	{"one MX of two", "domain.mx", Warn, mxAt("mx.kept.example.", "void.kept.example.")},
	{"no MX but address", "domain.mx", Warn, mxAt()},
	{"MX of IPv6 alone", "domain.mx", Warn, func(w *world) { w.zones["mx.kept.example."] = mockdns.Zone{AAAA: []string{"2001:db8::25"}} }},
	{"MX of both", "domain.mx", OK, func(w *world) {
		w.zones["mx.kept.example."] = mockdns.Zone{A: []string{"192.0.2.25"}, AAAA: []string{"2001:db8::25"}}
	}},
	{"nothing", "domain.mx", Fail, func(w *world) { w.zones["kept.example."] = mockdns.Zone{TXT: w.zones["kept.example."].TXT} }},
	{"MX SERVFAIL", "domain.mx", Unknown, broken("kept.example")},
	{"MX host SERVFAIL", "domain.mx", Unknown, broken("mx.kept.example")},

	{"postmaster", "domain.postmaster", OK, nil},
	{"no postmaster", "domain.postmaster", Fail, refusing("postmaster@kept.example", "550 5.1.1 no such user")},
	{"postmaster later", "domain.postmaster", Unknown, refusing("postmaster@kept.example", "450 4.7.1 greylisted")},
	{"no MX answers", "domain.postmaster", Unknown, func(w *world) { delete(w.hosts, "mx.kept.example:25") }},
	{"we are not welcome", "domain.postmaster", Unknown, refusing("postmaster@kept.example", "554 5.7.1 blocked using zen.spamhaus.org")},
	{"abuse", "domain.abuse", OK, nil},
	{"no abuse", "domain.abuse", Warn, refusing("abuse@kept.example", "550 5.1.1 no such user")},
	{"abuse later", "domain.abuse", Unknown, refusing("abuse@kept.example", "451 4.3.0 later")},

	{"MTA-STS", "mta-sts.record", OK, nil},
	{"no MTA-STS", "mta-sts.record", OK, txtOf("_mta-sts")},
	{"two MTA-STS", "mta-sts.record", Fail, txtOf("_mta-sts", "v=STSv1; id=1", "v=STSv1; id=2")},
	{"MTA-STS without id", "mta-sts.record", Fail, txtOf("_mta-sts", "v=STSv1;")},
	{"MTA-STS with a date", "mta-sts.record", Fail, txtOf("_mta-sts", "v=STSv1; id=2026-11-02")},
	{"MTA-STS misspelt", "mta-sts.record", Fail, txtOf("_mta-sts", "v=STS1; id=1", "v=STSv2; id=1")},
	{"MTA-STS SERVFAIL", "mta-sts.record", Unknown, broken("_mta-sts.kept.example")},
	{"policy", "mta-sts.policy", OK, nil},
	{"policy with a wildcard", "mta-sts.policy", OK, web(200, "version: STSv1\nmode: enforce\nmx: *.kept.example\nmax_age: 604800\n")},
	{"policy of others", "mta-sts.policy", Fail, web(200, "version: STSv1\nmode: enforce\nmx: *.mx.kept.example\nmax_age: 604800\n")},
	{"policy of others in testing", "mta-sts.policy", Warn, web(200, "version: STSv1\nmode: testing\nmx: other.example\nmax_age: 604800\n")},
	{"policy in testing", "mta-sts.policy", Warn, web(200, "version: STSv1\nmode: testing\nmx: mx.kept.example\nmax_age: 604800\n")},
	{"policy for an hour", "mta-sts.policy", Warn, web(200, "version: STSv1\nmode: enforce\nmx: mx.kept.example\nmax_age: 3600\n")},
	{"policy in HTML", "mta-sts.policy", Fail, web(200, "<html>Not here</html>")},
	{"policy without mx", "mta-sts.policy", Fail, web(200, "version: STSv1\nmode: enforce\nmax_age: 604800\n")},
	{"no policy", "mta-sts.policy", Fail, web(404, "")},
	{"policy redirected", "mta-sts.policy", Fail, web(302, "")},
	{"policy too large", "mta-sts.policy", Fail, web(200, strings.Repeat("x: y\n", 20_000))},
	{"web server down", "mta-sts.policy", Unknown, func(w *world) {
		w.policy = func() (*http.Response, error) { return nil, errors.New("connection reset") }
	}},
	{"web server in trouble", "mta-sts.policy", Unknown, web(503, "")},
	{"policy not fetched", "mta-sts.policy", Unknown, func(w *world) { w.options.HTTP = nil }},

	{"TLS-RPT", "tls-rpt.record", OK, nil},
	{"TLS-RPT by https", "tls-rpt.record", OK, txtOf("_smtp._tls", "v=TLSRPTv1;rua=https://kept.example/tls")},
	{"no TLS-RPT", "tls-rpt.record", Warn, txtOf("_smtp._tls")},
	{"neither of both", "tls-rpt.record", OK, func(w *world) { w.txt("_smtp._tls.kept.example"); w.txt("_mta-sts.kept.example") }},
	{"two TLS-RPT", "tls-rpt.record", Fail, txtOf("_smtp._tls", "v=TLSRPTv1;rua=mailto:a@kept.example", "v=TLSRPTv1;rua=mailto:a@kept.example")},
	{"TLS-RPT by http", "tls-rpt.record", Fail, txtOf("_smtp._tls", "v=TLSRPTv1;rua=http://kept.example/tls")},
	{"TLS-RPT without rua", "tls-rpt.record", Fail, txtOf("_smtp._tls", "v=TLSRPTv1")},
	{"TLS-RPT misspelt", "tls-rpt.record", Fail, txtOf("_smtp._tls", "v=TLSRPT1;rua=mailto:a@kept.example")},
	{"TLS-RPT SERVFAIL", "tls-rpt.record", Unknown, broken("_smtp._tls.kept.example")},

	{"BIMI", "bimi.record", OK, nil},
	{"no BIMI", "bimi.record", OK, txtOf("default._bimi")},
	{"BIMI declined", "bimi.record", OK, txtOf("default._bimi", "v=BIMI1; l=; a=;")},
	{"BIMI by http", "bimi.record", Warn, txtOf("default._bimi", "v=BIMI1; l=http://kept.example/logo.svg")},
	{"BIMI without effect", "bimi.record", Warn, txtOf("_dmarc", "v=DMARC1; p=none")},
	{"BIMI SERVFAIL", "bimi.record", Unknown, broken("default._bimi.kept.example")},

	{"relay", "relay.connect", OK, through(tls587, nil)},
	{"relay does not exist", "relay.connect", Fail, through(tls587, dialling(&net.DNSError{Err: "no such host", IsNotFound: true}))},
	{"relay refuses", "relay.connect", Fail, through(tls587, dialling(errors.New("connection refused")))},
	{"no network", "relay.connect", Unknown, through(tls587, dialling(&net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ENETUNREACH)}))},
	{"relay's DNS fails", "relay.connect", Unknown, through(tls587, dialling(servfail))},
	{"relay busy", "relay.connect", Unknown, relayFault(smtptest.StageConnect, "421 4.3.2 too busy")},
	{"relay unwilling", "relay.connect", Fail, relayFault(smtptest.StageConnect, "554 5.7.1 go away")},
	{"relay with STARTTLS", "relay.starttls", OK, through(tls587, nil)},
	{"relay with implicit TLS", "relay.starttls", OK, through(smtptest.Config{Hostname: "relay.example", ImplicitTLS: true},
		func(r *smtpace.Relay) { r.TLS = pool.TLSImplicit })},
	{"relay without STARTTLS", "relay.starttls", Fail, through(smtptest.Config{}, nil)},
	{"relay in clear text", "relay.starttls", Warn, through(smtptest.Config{}, func(r *smtpace.Relay) { r.TLS = pool.TLSNone })},
	{"relay here", "relay.starttls", OK, through(smtptest.Config{}, func(r *smtpace.Relay) { r.TLS, r.Addr = pool.TLSNone, "127.0.0.1:25" })},
	{"relay not reached", "relay.starttls", Unknown, through(tls587, dialling(errors.New("connection refused")))},
	{"certificate", "relay.certificate", OK, through(tls587, nil)},
	{"certificate for 60 days", "relay.certificate", OK, ending("relay.example", 60*24*time.Hour)},
	{"certificate for 5 days", "relay.certificate", Warn, ending("relay.example", 5*24*time.Hour)},
	{"certificate has ended", "relay.certificate", Fail, ending("relay.example", -time.Hour)},
	{"certificate of another", "relay.certificate", Fail, ending("other.example", 60*24*time.Hour)},
	{"certificate of nobody", "relay.certificate", Fail, through(tls587, func(r *smtpace.Relay) { r.TLSConfig = nil })},
	{"no certificate", "relay.certificate", Unknown, through(smtptest.Config{}, nil)},
	{"login", "relay.login", OK, through(tls587, nil)},
	{"no login", "relay.login", OK, through(smtptest.Config{Hostname: "relay.example", StartTLS: true}, nil)},
	{"wrong password", "relay.login", Fail, through(tls587, func(r *smtpace.Relay) {
		r.Credentials = func(context.Context) (string, string, error) { return "ann", "wrong", nil }
	})},
	{"password with a line break", "relay.login", Fail, through(tls587, func(r *smtpace.Relay) {
		r.Credentials = func(context.Context) (string, string, error) { return "ann", "right\n", nil }
	})},
	{"login wanted", "relay.login", Fail, through(tls587, func(r *smtpace.Relay) { r.Credentials = nil })},
	{"login not offered", "relay.login", Fail, through(smtptest.Config{Hostname: "relay.example", StartTLS: true}, func(r *smtpace.Relay) {
		r.Credentials = func(context.Context) (string, string, error) { return "ann", "right", nil }
	})},
	{"login in clear text", "relay.login", Warn, through(smtptest.Config{Users: tls587.Users}, func(r *smtpace.Relay) {
		r.TLS, r.AllowInsecureLogin = pool.TLSNone, true
	})},
	{"login later", "relay.login", Unknown, relayFault(smtptest.StageAuth, "454 4.7.0 later")},
	{"sender", "relay.sender", OK, through(tls587, nil)},
	{"sender of another", "relay.sender", Fail, relayFault(smtptest.StageMail, "553 5.7.1 sender address rejected: not owned by user")},
	{"sender later", "relay.sender", Unknown, relayFault(smtptest.StageMail, "451 4.3.0 later")},

	{"port 25", "port25", OK, nil},
	{"port 25 to one", "port25", Warn, func(w *world) { delete(w.hosts, "mx.other.example:25") }},
	{"port 25 refused", "port25", Warn, func(w *world) {
		w.server("mx.other.example:25", smtptest.Config{Fault: smtptest.Rules(smtptest.Rule{Stage: smtptest.StageConnect, Fault: smtptest.Fault{Reply: "554 5.7.1 blocked"}})})
	}},
	{"port 25 blocked", "port25", Fail, func(w *world) { clear(w.hosts) }},
	{"port 25 SERVFAIL", "port25", Unknown, func(w *world) { w.breaks("receiver.example"); w.breaks("other.example") }},

	{"not listed", "dnsbl.address", OK, nil},
	{"listed", "dnsbl.address", Fail, listed("10.2.0.192.bl.example", "127.0.0.4")},
	{"listed by the way", "dnsbl.address", Warn, func(w *world) {
		w.options.DNSBLs[0].Advisory = true
		listed("10.2.0.192.bl.example", "127.0.0.4")(w)
	}},
	{"relay listed", "dnsbl.address", Warn, func(w *world) { w.relay(tls587, nil); listed("10.2.0.192.bl.example", "127.0.0.4")(w) }},
	{"public resolver", "dnsbl.address", Unknown, func(w *world) {
		listed("10.2.0.192.bl.example", "127.255.255.254")(w)
		listed("2.0.0.127.bl.example", "127.255.255.254")(w)
		listed("1.0.0.127.bl.example", "127.255.255.254")(w)
	}},
	{"refused for this one", "dnsbl.address", Unknown, listed("10.2.0.192.bl.example", "127.255.255.255")},
	{"refused as by URIBL", "dnsbl.address", Unknown, listed("10.2.0.192.bl.example", "127.0.0.1")},
	{"resolver that invents", "dnsbl.address", Unknown, listed("10.2.0.192.bl.example", "203.0.113.7")},
	{"list that has everything", "dnsbl.address", Unknown, func(w *world) {
		listed("1.0.0.127.bl.example", "127.0.0.2")(w)
		listed("10.2.0.192.bl.example", "127.0.0.2")(w)
	}},
	{"list that has gone", "dnsbl.address", Unknown, func(w *world) { delete(w.zones, "2.0.0.127.bl.example.") }},
	{"list SERVFAIL", "dnsbl.address", Unknown, broken("10.2.0.192.bl.example")},
	{"domain not listed", "dnsbl.domain", OK, nil},
	{"domain listed", "dnsbl.domain", Fail, listed("kept.example.dbl.example", "127.0.1.2")},
	{"domain listed by the way", "dnsbl.domain", Warn, func(w *world) {
		w.options.DNSBLs[1].Advisory = true
		listed("kept.example.dbl.example", "127.0.1.2")(w)
	}},
	{"domain list SERVFAIL", "dnsbl.domain", Unknown, broken("dbltest.com.dbl.example")},

	{"no sample", "message.sample", Unknown, func(w *world) { w.sender.Sample = nil }},
	{"no message", "message.sample", Fail, func(w *world) { w.sender.Sample = []byte("Hello!\r\n") }},
	{"From", "message.from", OK, nil},
	{"no From", "message.from", Fail, func(w *world) { w.sender.Sample = []byte("Subject: x\r\n\r\nx\r\n") }},
	{"two From", "message.from", Fail, text("To:", "From: a@kept.example\r\nTo:")},
	{"From of two", "message.from", Fail, text("From: News <news@kept.example>", "From: a@kept.example, b@kept.example")},
	{"From of free mail", "message.from", Fail, text("From: News <news@kept.example>", "From: news@gmail.com")},
	{"From of others", "message.from", Warn, text("From: News <news@kept.example>", "From: a@far.example")},
	{"From as another", "message.from", Warn, text("From: News <", "From: \"boss@bank.example\" <")},
	{"Message-ID", "message.id", OK, nil},
	{"no Message-ID", "message.id", Fail, text("Message-ID: <1@kept.example>\r\n", "")},
	{"two Message-ID", "message.id", Fail, text("To:", "Message-ID: <2@kept.example>\r\nTo:")},
	{"Message-ID of a host", "message.id", Warn, text("<1@kept.example>", "<1@localhost>")},
	{"Message-ID malformed", "message.id", Warn, text("<1@kept.example>", "1@kept.example")},
	{"Date", "message.date", OK, nil},
	{"no Date", "message.date", Fail, text("Date: Mon, 02 Nov 2026 10:00:00 +0000\r\n", "")},
	{"Date malformed", "message.date", Fail, text("Mon, 02 Nov 2026 10:00:00 +0000", "2026-11-02")},
	{"Date in the future", "message.date", Warn, text("02 Nov 2026", "02 Nov 2099")},
	{"size", "message.size", OK, nil},
	{"clipped", "message.size", Warn, text("Hello", strings.Repeat("Hello\r\n", 20_000))},
	{"too large", "message.size", Fail, func(w *world) {
		w.sender.Sample = []byte(plainSample + strings.Repeat("Hello, everybody\r\n", 1_500_000))
	}},
	{"lines", "message.lines", OK, nil},
	{"long line", "message.lines", Fail, text("Hello", strings.Repeat("x", 999))},
	{"longest line", "message.lines", OK, text("Hello", strings.Repeat("x", 998))},
	{"bare LF", "message.lines", Fail, func(w *world) { w.sender.Sample = append(w.sender.Sample, "a\nb\r\n"...) }},
	{"bare CR", "message.lines", Fail, func(w *world) { w.sender.Sample = append(w.sender.Sample, "a\rb\r\n"...) }},
	{"NUL", "message.lines", Fail, func(w *world) { w.sender.Sample = append(w.sender.Sample, "a\x00b\r\n"...) }},
	{"ASCII", "message.8bit", OK, nil},
	{"8bit", "message.8bit", Warn, text("Subject: News\r\n", "Subject: News\r\nContent-Transfer-Encoding: 8bit\r\n", "Hello", "Grüße")},
	{"8bit not declared", "message.8bit", Fail, text("Hello", "Grüße")},
	{"8bit in the header", "message.8bit", Fail, text("Subject: News", "Subject: Grüße")},

	{"one click", "bulk.unsubscribe", OK, nil},
	{"no unsubscribing", "bulk.unsubscribe", Fail, text("List-Unsubscribe: <https://kept.example/u?id=1>, <mailto:u@kept.example>\r\n", "")},
	{"by mail alone", "bulk.unsubscribe", Fail, text("<https://kept.example/u?id=1>, ", "")},
	{"by http", "bulk.unsubscribe", Fail, text("https://kept", "http://kept")},
	{"without Post", "bulk.unsubscribe", Fail, text("List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n", "")},
	{"Post misspelt", "bulk.unsubscribe", Fail, text("=One-Click", "=OneClick")},
	{"not signed", "bulk.unsubscribe", Fail, func(w *world) {
		w.sender.Sample = signed(w.t, "kept.example", plainSample, "From", "To", "Subject", "Date", "List-Unsubscribe")
	}},
	{"signed by a relay", "bulk.unsubscribe", Unknown, func(w *world) { w.relay(tls587, nil); w.sender.Sample = []byte(plainSample) }},
	{"two URIs", "bulk.unsubscribe", Warn, text("<mailto:u@kept.example>", "<https://kept.example/v?id=1>")},
	{"unsubscribing SERVFAIL", "bulk.unsubscribe", Unknown, broken("s1._domainkey.kept.example")},

	{"complaints", "bulk.complaints", Unknown, nil},
}

// includes gives the domain a record with so many look-ups behind other terms.
func includes(n int, first string) func(*world) {
	return func(w *world) {
		record := "v=spf1 " + first
		for i := range n {
			record += fmt.Sprintf("include:i%d.kept.example ", i)
			w.txt(fmt.Sprintf("i%d.kept.example", i), "v=spf1 ip4:198.51.100.1 -all")
		}
		w.txt("kept.example", record+"-all")
	}
}

func web(status int, text string) func(*world) {
	return func(w *world) { w.policy = testPolicy(status, text) }
}

func dialling(err error) func(*smtpace.Relay) {
	return func(r *smtpace.Relay) {
		r.DialContext = func(context.Context, string, string) (net.Conn, error) { return nil, err }
	}
}

// worstOf returns the worst finding of an ID, where Unknown is worse than OK.
func worstOf(found []Finding, id string) (worst Finding, there bool) {
	rank := map[Level]int{OK: 0, Unknown: 1, Warn: 2, Fail: 3}
	for _, f := range found {
		if f.ID == id && (!there || rank[f.Level] > rank[worst.Level]) {
			worst, there = f, true
		}
	}
	return worst, there
}

func TestWorlds(t *testing.T) {
	for _, one := range worlds {
		t.Run(one.name, func(t *testing.T) {
			t.Parallel()
			w := keptWorld(t)
			if one.change != nil {
				one.change(w)
			}
			found := w.check()
			f, there := worstOf(found, one.id)
			if !there || f.Level != one.level {
				t.Errorf("%s is %v, %q: want %v", one.id, f.Level, f.Why, one.level)
			}
			for _, f := range found {
				checkFinding(t, f)
			}
		})
	}
}

// checkFinding looks at what holds for all findings.
func checkFinding(t *testing.T, f Finding) {
	t.Helper()
	k := kindOf(f.ID)
	if !slices.Contains(k.levels, f.Level) {
		t.Errorf("%s is %v, which its kind does not have", f.ID, f.Level)
	}
	if f.Why == "" || f.Reference == "" {
		t.Errorf("%+v: no reason or no reference", f)
	}
	if (f.Level == Fail || f.Level == Warn) && f.Mend == "" {
		t.Errorf("%+v: nothing about how to mend it", f)
	}
	if f.Level == OK && (f.Mend != "" || f.Record != "") {
		t.Errorf("%+v: nothing is to be mended", f)
	}
}

// TestEveryLevelIsSeen fails for a level that a kind has, and that no world shows.
func TestEveryLevelIsSeen(t *testing.T) {
	seen := map[string]map[Level]bool{}
	for _, one := range worlds {
		if seen[one.id] == nil {
			seen[one.id] = map[Level]bool{}
		}
		seen[one.id][one.level] = true
	}
	for _, k := range kinds {
		if want := slices.Sorted(slices.Values(k.levels)); !slices.Equal(slices.Sorted(maps.Keys(seen[k.id])), want) {
			t.Errorf("%s: seen %v, want %v", k.id, slices.Sorted(maps.Keys(seen[k.id])), want)
		}
	}
}

// The well-kept sender has nothing to mend.
func TestKeptWorld(t *testing.T) {
	for _, f := range keptWorld(t).check() {
		if f.Level != OK && f.ID != "bulk.complaints" {
			t.Errorf("%s %s is %v: %s", f.ID, f.Subject, f.Level, f.Why)
		}
	}
	w := keptWorld(t)
	w.relay(tls587, nil)
	for _, f := range w.check() {
		if f.Level != OK && f.ID != "bulk.complaints" {
			t.Errorf("through a relay: %s %s is %v: %s", f.ID, f.Subject, f.Level, f.Why)
		}
	}
}

// Nothing is a failure because DNS does not answer.
func TestDNSTroubleIsUnknown(t *testing.T) {
	for name, err := range map[string]error{
		"SERVFAIL": servfail, "timeout": &net.DNSError{Err: "i/o timeout", IsTimeout: true}, "refused": &net.DNSError{Err: "refused"},
		"any error": errors.New("no network"),
	} {
		t.Run(name, func(t *testing.T) {
			w := keptWorld(t)
			for zone := range w.zones {
				w.zones[zone] = mockdns.Zone{Err: err}
			}
			for _, f := range w.check() {
				if f.Level > OK {
					t.Errorf("%s is %v: %s", f.ID, f.Level, f.Why)
				}
			}
		})
	}
}

// TestDocumentationNamesEveryFinding compares the package comment with kinds.
func TestDocumentationNamesEveryFinding(t *testing.T) {
	want := ""
	for _, k := range kinds {
		want += fmt.Sprintf("//\t%-17s  %s\n", k.id, k.title)
	}
	if text := readFile(t, "doc.go"); !strings.Contains(text, "order:\n//\n"+want) {
		t.Errorf("doc.go must have\n%s", want)
	}
}
