package pool

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/internal/golden"
	"github.com/smtpace/smtpace/internal/redact"
	"github.com/wneessen/go-mail"
)

// TestForms reads and writes what peers and callers give, in forms that are drawn by a
// seed, and compares the outcomes with testdata/forms.txt. Whoever changes what is read or
// written on purpose writes the file anew with
//
//	go test ./pool -run TestForms -update
//
// and reviews the lines that git diff shows.
func TestForms(t *testing.T) {
	golden.Compare(t, "testdata/forms.txt", golden.Lines(t, 45, []golden.Form{
		{Name: "reply", Draw: formReply}, {Name: "target", Draw: formTarget}, {Name: "DSN", Draw: formDSN}, {Name: "refused parameters", Draw: formParameters},
		{Name: "address", Draw: formAddress}, {Name: "host name", Draw: formHostName}, {Name: "MX pattern", Draw: formPattern}, {Name: "body", Draw: formBody},
		{Name: "LIMITS", Draw: formLimits}, {Name: "SCRAM", Draw: formSCRAM}, {Name: "secret", Draw: formSecret}, {Name: "TLS policy", Draw: formPolicy}, {Name: "endpoint", Draw: formEndpoint},
	}), true)
}

// formReply reads the first reply of a text.
func formReply(rng *rand.Rand) (string, string) {
	text := golden.One(rng, "250 ", "250-", "250-", "250", "550 ", "421 ", "199 ", "200 ", "599 ", "600 ", "25") + golden.Some(rng, 0, 4, "ok", "-", " ", "\t", ":", "\r\n", "\r\n250-", "\r\n250 ", "\r\n550 ", "\n", "\r", "2.0.0 ", "hunter2!")
	if rng.IntN(4) > 0 {
		text += "\r\n"
	}
	code, got, err := readReply(bufio.NewReader(strings.NewReader(text)), redact.New("me", "hunter2!"), nil, func() {})
	return fmt.Sprintf("%q", text), golden.Outcome(fmt.Sprintf("%d %q", code, got), err)
}

func formTarget(rng *rand.Rand) (string, string) {
	addr := golden.One(rng, "mx.example", "192.0.2.1", "[2001:db8::1]", "", "127.0.0.1", "localhost", "LOCALHOST.", "unix://", "unix:///run/s", "[::1]", "a b", "::1", "[::ffff:127.0.0.1]") +
		golden.One(rng, ":25", ":smtp", ":25", ":0", ":1", ":65535", ":65536", ":", "", ":-1", ":+5", "\x7f", " ")
	to, err := parseTarget(addr)
	network, full := to.network()
	text := network + " " + full
	if to.isLocal() {
		text += ", local"
	}
	return fmt.Sprintf("%q", addr), golden.Outcome(text, err)
}

func formDSN(rng *rand.Rand) (string, string) {
	d := DSN{Return: mail.DSNMailReturnOption(golden.One(rng, "", "FULL", "FULL", "HDRS", "HDRS", "full")), EnvelopeID: golden.Some(rng, 0, 3, "a", "+", "=", " ", "~", "\x7f", "é", "!")}
	for range rng.IntN(4) {
		d.Notify = append(d.Notify, mail.DSNRcptNotifyOption(golden.One(rng, "NEVER", "SUCCESS", "SUCCESS", "FAILURE", "FAILURE", "DELAY", "DELAY", "delay")))
	}
	text := d.mail() + " |"
	if len(d.Notify) > 0 {
		text += d.rcpt()
	}
	return fmt.Sprintf("%q %q %q", d.Return, d.EnvelopeID, d.Notify), golden.Outcome(strings.TrimSpace(text), d.Validate())
}

// formParameters has a server refuse MAIL with some parameters.
func formParameters(rng *rand.Rand) (string, string) {
	given := Params(1 + rng.IntN(15))
	r := classify.NewReply(golden.One(rng, 455, 500, 501, 502, 504, 555, 450, 550, 554, 503, 399, 400, 499),
		golden.One(rng, "", "5.5.4 ", "5.5.2 ", "5.5.1 ", "4.5.4 ")+golden.One(rng, "SIZE ", "body=8bitmime ", "RET ", "NOTIFY ", "SMTPUTF8 ", "Pipelining ", "", "", "")+golden.One(rng, "parameter not supported", "syntax error", "unknown option", "not recognized", "synchronization error"))
	var names []string
	for i, name := range []string{"SIZE", "BODY", "DSN", "SMTPUTF8"} {
		if given&[]Params{paramSize, paramBody, paramDSN, paramUTF8}[i] != 0 {
			names = append(names, name)
		}
	}
	outcome := "another refusal"
	switch {
	case refusesPipelining(r):
		outcome = "refuses pipelining"
	case refusesParams(r):
		outcome = "refuses "
		for i, name := range []string{"SIZE", "BODY", "DSN", "SMTPUTF8"} {
			if blamed(given, r)&[]Params{paramSize, paramBody, paramDSN, paramUTF8}[i] != 0 {
				outcome += name + " "
			}
		}
	}
	if certainlyRefusesParams(r) {
		outcome += " certainly"
	}
	return fmt.Sprintf("%s: %q", strings.Join(names, " "), r), strings.Join(strings.Fields(outcome), " ")
}

func formAddress(rng *rand.Rand) (string, string) {
	address := golden.Some(rng, 0, 3, "a", "b.c", "\"", "é", " ", "\r\n", "<", ">", "\\", "..", ".", "\x7f", "~", "\"a b\"", ",") + golden.One(rng, "@", "@x.example", "@x.example", "@x.example", "@[192.0.2.1]", "@é.example", "@x y", "")
	return fmt.Sprintf("%q", address), golden.Outcome("may be sent", checkAddress(address))
}

func formHostName(rng *rand.Rand) (string, string) {
	name := golden.Some(rng, 1, 4, "a", ".", "-", "mx", "_", "*.", "Ä", "1", "9", "0", " ", ".com")
	var kinds []string
	for i, is := range []func(string) bool{isHostName, isFullyQualified, isHostLabel} {
		if is(name) {
			kinds = append(kinds, []string{"host name", "fully qualified", "label"}[i])
		}
	}
	if kinds == nil {
		kinds = []string{"none"}
	}
	return fmt.Sprintf("%q", name), strings.Join(kinds, ", ")
}

func formPattern(rng *rand.Rand) (string, string) {
	pattern := golden.One(rng, "", "*.", "*.", "mx.") + golden.One(rng, "example.com", "Example.com.", "com", "*.com")
	host := golden.One(rng, "", "mx.", "a.mx.", "MX.", ".") + golden.One(rng, "example.com", "example.com.", "com", "EXAMPLE.org")
	return pattern + " and " + host, fmt.Sprint(matchesMX(pattern, host))
}

// formBody writes a message behind DATA.
func formBody(rng *rand.Rand) (string, string) {
	text := golden.Some(rng, 0, 6, "\r\n", "\r\n", "\r\n", ".", ".", "a", "..", "é", "text", "\r\n.\r\n")
	if rng.IntN(6) == 0 {
		text += golden.One(rng, "\n", "\r", "\r\r\n", "a\n")
	}
	b, err := NewBody([]byte(text))
	if err != nil {
		return fmt.Sprintf("%q", text), golden.Outcome("", err)
	}
	var out bytes.Buffer
	w := bufio.NewWriterSize(&out, 64)
	writer := &bodyWriter{w: w, out: &out, timer: armFunc(func() error { return nil }), timeout: time.Second}
	err = writer.message(b)
	io.WriteString(w, b.terminator())
	wire := fmt.Sprintf("%q", out.String())
	if err = errors.Join(err, w.Flush()); err == nil {
		wire = fmt.Sprintf("%q", out.String())
	}
	if b.eightBit {
		wire += ", 8-bit"
	}
	return fmt.Sprintf("%q", text), golden.Outcome(wire, err)
}

func formLimits(rng *rand.Rand) (string, string) {
	params := golden.Some(rng, 1, 3, "MAILMAX=5 ", "RCPTMAX=100 ", "rcptmax=7 ", "RCPTDOMAINMAX=1 ", "MAILMAX=0 ", "MAILMAX=x ", "MAILMAX ", "RCPTMAX=999999 ", "RCPTMAX=1000000 ", "X=1 ", "MAILMAX=-1 ", "RCPTMAX=000001 ", "RCPTMAX=0000001 ")
	l := parseLimits(params)
	return params, fmt.Sprintf("%d messages, %d recipients, %d domains", l.Messages, l.Recipients, l.Domains)
}

// formSCRAM reads the first message of a server.
func formSCRAM(rng *rand.Rand) (string, string) {
	text := golden.One(rng, "r=abc", "r=abc", "r=", "x=abc", "m=1,r=a") + golden.One(rng, ",", ",", ",", ";") + golden.One(rng, "s=c2FsdA==", "s=c2FsdA==", "s=", "s=!", "x=c2FsdA==") + "," +
		golden.One(rng, "i=4096", "i=0", "i=x", "n=1", fmt.Sprint("i=", minIterations), fmt.Sprint("i=", minIterations-1), fmt.Sprint("i=", maxIterations), fmt.Sprint("i=", maxIterations+1)) + golden.One(rng, "", ",x=1", ",m=a,b=c")
	nonce, salt, n, err := parseServerFirst(text)
	return text, golden.Outcome(fmt.Sprintf("nonce %q, salt %q, %d iterations", nonce, salt, n), err)
}

// formSecret redacts a text of a server.
func formSecret(rng *rand.Rand) (string, string) {
	user, secret := golden.One(rng, "me", "user@example.com", ""), golden.One(rng, "hunter2!", "abcd", "abc", "pass word", "üml")
	text := golden.Some(rng, 1, 4, secret, strings.ToUpper(secret), secret[:len(secret)/2], encode(secret), encode("\x00"+user+"\x00"+secret), " ", user, "x", encode("x"+secret))
	return fmt.Sprintf("%q of %q in %q", secret, user, text), fmt.Sprintf("%q", redact.New(user, secret).Redact(text))
}

func drawnPolicy(rng *rand.Rand) (p TLSPolicy) {
	p.Need = TLSNeed(rng.IntN(len(needNames) + 1))
	for range rng.IntN(3) {
		if !p.proves() && rng.IntN(6) > 0 {
			break
		}
		p.Names = append(p.Names, golden.One(rng, "mx.example.com", "mx.example.com", "*.example.com", "MX.Example.com.", "", "ex_ample", "a b"))
	}
	for range rng.IntN(3) {
		if p.Need != NeedDANE && rng.IntN(6) > 0 {
			break
		}
		p.Records = append(p.Records, TLSA{Usage: uint8(2 + rng.IntN(3)), Selector: uint8(rng.IntN(3)), Matching: uint8(rng.IntN(4)), Data: make([]byte, golden.One(rng, 0, 31, 32, 33, 64, 65))})
	}
	return p
}

// shownPolicy returns a policy in short.
func shownPolicy(p TLSPolicy) string {
	text := p.Need.String()
	if len(p.Names) > 0 {
		text += fmt.Sprintf(" %q", p.Names)
	}
	for _, r := range p.Records {
		text += fmt.Sprintf(" TLSA %d %d %d of %d octets", r.Usage, r.Selector, r.Matching, len(r.Data))
	}
	return text
}

// formPolicy validates a policy alone.
func formPolicy(rng *rand.Rand) (string, string) {
	p := drawnPolicy(rng)
	e := Endpoint{Addr: "mx.example.com:25", TLSPolicy: p, TLS: golden.One(rng, 0, 0, 0, 0, TLSNone, TLSOpportunistic, TLSMandatory, TLSImplicit)}
	var wrong []error
	p.validate(e, func(format string, args ...any) { wrong = append(wrong, fmt.Errorf(format, args...)) })
	return fmt.Sprintf("%s with TLS %s", shownPolicy(p), e.mode()), golden.Outcome("valid", errors.Join(wrong...))
}

func formEndpoint(rng *rand.Rand) (string, string) {
	e := Endpoint{
		Name: golden.One(rng, "", "", "relay", "a\nb"), Addr: golden.One(rng, "mx.example.com:25", "mx.example.com:465", "mx.example.com", "127.0.0.1:25"), TLS: TLS(rng.IntN(6)), Auth: mail.SMTPAuthType(golden.One(rng, "", "", "PLAIN", "EXTERNAL", "x", "SCRAM-SHA-256")),
		AllowInsecureLogin: rng.IntN(2) == 0, HELO: golden.One(rng, "", "", "client.example", "a b", "client", "[192.0.2.1]"),
	}
	text := fmt.Sprintf("%q %s, TLS %s, login %q, HELO %q", e.Name, e.Addr, e.TLS, e.Auth, e.HELO)
	if e.AllowInsecureLogin {
		text += ", insecure allowed"
	}
	if rng.IntN(3) == 0 {
		e.Omit = append(e.Omit, golden.One(rng, "PIPELINING", "size", "STARTTLS", "AUTH", "", "x"))
		text += fmt.Sprintf(", omits %q", e.Omit)
	}
	return text, golden.Outcome(fmt.Sprintf("valid, TLS %s", e.mode()), e.Validate())
}
