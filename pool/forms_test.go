package pool

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/wneessen/go-mail"
)

var updateForms = flag.Bool("update", false, "write testdata/forms.txt anew")

const formsFile = "testdata/forms.txt"

// TestFormsStay reads and writes what peers and callers give, in forms that are drawn by
// a seed, and compares digests of the outcomes with testdata/forms.txt. Whoever changes
// what is read or written on purpose writes the file anew with
//
//	go test ./pool -run TestFormsStay -update
//
// A line that differs names the form; with -v the outcomes of the first seed are printed.
func TestFormsStay(t *testing.T) {
	var got strings.Builder
	for _, f := range []struct {
		name string
		form func(rng *rand.Rand) string
	}{
		{"reply", formReply}, {"target", formTarget}, {"DSN", formDSN}, {"parameters", formParameters}, {"address", formAddress}, {"host name", formHostName}, {"body", formBody},
		{"limits", formLimits}, {"SCRAM", formSCRAM}, {"secret", formSecret}, {"TLS policy", formPolicy}, {"endpoint", formEndpoint}, {"ladder", formLadder}, {"addresses", formAddresses},
	} {
		for seed := range uint64(12) {
			rng := rand.New(rand.NewPCG(seed, uint64(len(f.name))))
			h := fnv.New64a()
			for range 150 {
				outcome := f.form(rng)
				h.Write([]byte(outcome))
				if testing.Verbose() && seed == 0 {
					t.Log(outcome)
				}
			}
			fmt.Fprintf(&got, "%s %d: %016x\n", f.name, seed, h.Sum64())
		}
	}
	if *updateForms {
		if err := os.WriteFile(formsFile, []byte(got.String()), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(formsFile)
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for line := range strings.Lines(string(want)) {
		known[line] = true
	}
	for line := range strings.Lines(got.String()) {
		if !known[line] {
			t.Errorf("has another outcome: %s", line)
		}
	}
}

// one returns one of a list.
func one(rng *rand.Rand, list ...string) string { return list[rng.IntN(len(list))] }

// some returns up to most of a list, one behind the other.
func some(rng *rand.Rand, most int, list ...string) string {
	var b strings.Builder
	for range rng.IntN(most + 1) {
		b.WriteString(one(rng, list...))
	}
	return b.String()
}

func formReply(rng *rand.Rand) string {
	text := some(rng, 6, "250", "250-", "250 ", "550", "421 ", "4", "199 ", "200 ", "599 ", "600-", "250:", "\r\n", "\r\n", "\r\n", "\n", "\r", "ok", " ", "\t", "x-", "25", "2.0.0 ", "hunter2!", strings.Repeat("y", maxLine-4), strings.Repeat("long\r\n250-", 900))
	if rng.IntN(2) == 0 {
		text += "\r\n"
	}
	r := bufio.NewReaderSize(strings.NewReader(text), 512)
	begun := 0
	var out strings.Builder
	for range 3 {
		code, got, err := readReply(r, newRedactor("me", "hunter2!"), nil, func() { begun++ })
		fmt.Fprintf(&out, "%d %.60q %d %v %v|", code, got, len(got), err, errors.Is(err, ErrProtocol))
		if m, ok := errors.AsType[*mixedCodes](err); ok {
			fmt.Fprint(&out, m.refusal, m.text)
		}
		fmt.Fprintf(&out, "%q", bufferedLine(r)[:min(len(bufferedLine(r)), 9)])
		if err != nil && !errors.Is(err, ErrProtocol) {
			break
		}
	}
	line := []byte(some(rng, 3, "250", "-", " ", "x", "5"))
	return fmt.Sprintf("%s%d%v %v", out.String(), begun, isWhole(line), quoted(strings.Repeat("z", maxText-1+rng.IntN(3))))
}

func formTarget(rng *rand.Rand) string {
	addr := one(rng, "mx.example", "192.0.2.1", "[2001:db8::1]", "", "127.0.0.1", "localhost", "LOCALHOST.", "unix://", "unix:///run/s", "[::1]", "a b", "::1", "[::ffff:127.0.0.1]") +
		one(rng, ":25", ":smtp", ":SMTPS", ":submission", ":submissions", ":0", ":1", ":65535", ":65536", ":", "", ":-1", ":+5", "\x7f", " ")
	to, err := parseTarget(addr)
	network, full := to.network()
	return fmt.Sprintln(addr, to, err, network, full, to.isLocal())
}

func formDSN(rng *rand.Rand) string {
	d := DSN{Return: mail.DSNMailReturnOption(one(rng, "", "FULL", "HDRS", "x")), EnvelopeID: some(rng, 4, "a", "+", "=", " ", "~", "\x7f", "\x1f", "é", "!", strings.Repeat("i", 49))}
	for range rng.IntN(4) {
		d.Notify = append(d.Notify, mail.DSNRcptNotifyOption(one(rng, "NEVER", "SUCCESS", "FAILURE", "DELAY", "x")))
	}
	return fmt.Sprintln(d, d.Validate(), d.isZero(), d.mail(), d.rcpt())
}

func formParameters(rng *rand.Rand) string {
	codes := []int{455, 500, 501, 502, 504, 555, 250, 400, 450, 499, 550, 554, 456, 503}
	r := classify.NewReply(codes[rng.IntN(len(codes))], one(rng, "", "5.5.4 ", "5.5.2 ", "5.5.1 ", "4.5.4 ")+some(rng, 4, "SIZE ", "body=8bitmime ", "parameter ", "RET ", "NOTIFY ", "syntax ", "SMTPUTF8 ", "option ", "not supported ", "Pipelining ", "synchronization ", "SIZES ", "x "))
	given := Params(rng.IntN(16))
	return fmt.Sprintln(r, refusesParams(r), refusesPipelining(r), given, blamed(given, r))
}

func formAddress(rng *rand.Rand) string {
	address := some(rng, 5, "a", "b.c", "\"", "@", "@x.example", "é", " ", "\r\n", "<", ">", "\\", "..", ".", "[192.0.2.1]", "\x7f", "\x1f", "~", "\"a b\"", strings.Repeat("l", 70), ",", ":")
	local, domain, err := splitAddress(address)
	return fmt.Sprintf("%q %q %q %v %v %v %v\n", address, local, domain, err, checkAddress(address), isPlain(address), isASCII(address))
}

func formHostName(rng *rand.Rand) string {
	name := some(rng, 5, "a", ".", "-", "mx", "_", "*", "*.", "example", "Ä", "1", strings.Repeat("n", 62), "m", strings.Repeat("k.", 60), ".com")
	host := some(rng, 3, "mx.", "a", ".example", ".com", "mx", ".")
	ip := net.IPv4(192, 0, 2, byte(rng.IntN(256)))
	if rng.IntN(2) == 0 {
		ip = net.ParseIP("2001:db8::1")
	}
	return fmt.Sprintln(name, isFullyQualified(name), isHostName(name), isHostLabel(name), host, matchesMX(name, host), normalHost(host), addressLiteral(&net.TCPAddr{IP: ip, Port: 1, Zone: one(rng, "", "eth0")}), addressLiteral(&net.UnixAddr{Name: "x"}))
}

func formBody(rng *rand.Rand) string {
	text := some(rng, 9, "\r\n", "\r\n", "\r\n", ".", ".", "a", "..", "é", "text", strings.Repeat("x", scanBlock-2), "\r\n.\r\n")
	if rng.IntN(6) == 0 {
		text += one(rng, "\n", "\r", "\r\r\n", "a\n")
	}
	b, err := NewBody([]byte(text))
	if err != nil {
		return fmt.Sprintf("%d %v\n", len(text), err)
	}
	var out bytes.Buffer
	w := bufio.NewWriterSize(&out, 64)
	writer := &bodyWriter{w: w, out: &out, timer: unarmed{}, timeout: time.Second}
	err = errors.Join(writer.message(b), w.Flush())
	h := fnv.New64a()
	io.Copy(h, &out)
	return fmt.Sprintf("%d %d %q %v %v %v %v %x %v\n", len(text), b.Len(), b.terminator(), b.dots, b.nDots, b.moreDots, b.eightBit, h.Sum64(), err)
}

// unarmed has no time limits.
type unarmed struct{}

func (unarmed) arm(time.Duration) error { return nil }

func formLimits(rng *rand.Rand) string {
	params := some(rng, 4, "MAILMAX=5 ", "RCPTMAX=100 ", "rcptmax=7 ", "RCPTDOMAINMAX=1 ", "MAILMAX=0 ", "MAILMAX=x ", "MAILMAX ", "RCPTMAX=999999 ", "RCPTMAX=1000000 ", "X=1 ", "MAILMAX=-1 ", "RCPTMAX=000001 ", "RCPTMAX=0000001 ")
	return fmt.Sprintln(params, parseLimits(params), offersMechanism(one(rng, "PLAIN LOGIN", "login", "", "PLAINX", "X PLAIN"), one(rng, "PLAIN", "LOGIN")))
}

func formSCRAM(rng *rand.Rand) string {
	text := one(rng, "r=abc", "r=", "x=abc", "m=1,r=a") + one(rng, ",", ";") + one(rng, "s=c2FsdA==", "s=", "s=!", "x=c2FsdA==") + one(rng, ",", "") +
		one(rng, "i=4096", "i=0", "i=x", "n=1", fmt.Sprint("i=", minIterations), fmt.Sprint("i=", minIterations-1), fmt.Sprint("i=", maxIterations), fmt.Sprint("i=", maxIterations+1)) + one(rng, "", ",x=1", ",m=a,b=c")
	nonce, salt, n, err := parseServerFirst(text)
	challenge, ok := decodeChallenge(one(rng, "", "=", "YWJj", "YWJ", "YWJj text", "!", " YWJj "))
	return fmt.Sprintf("%s %s %q %d %v %v %q %v\n", text, nonce, salt, n, err, errors.Is(err, ErrProtocol), challenge, ok)
}

func formSecret(rng *rand.Rand) string {
	secret := one(rng, "hunter2!", "abcd", "abc", "pass word", "four", "üml", strings.Repeat("s", 40))
	r := newRedactor(one(rng, "me", "user@example.com", ""), secret)
	switch rng.IntN(4) {
	case 0:
		r = r.and(one(rng, "token-12345", "abc", ""))
	case 1:
		r = r.andResponse(one(rng, "me 0123456789abcdef0123456789abcdef", "n=me,r=abcdefgh", ""))
	}
	text := some(rng, 6, secret, strings.ToUpper(secret), secret[:len(secret)/2], encode(secret), encode("\x00me\x00"+secret), "token-12345", " ", "me", "\n", "x", "0123456789abcdef0123456789abcdef", "0123456789ABCDEF", encode("x"+secret))
	return fmt.Sprintf("%q %q %q %d\n", text, r.redact(text), r.redactTo(text, rng.IntN(20)), r.longest())
}

func drawnPolicy(rng *rand.Rand) (p TLSPolicy) {
	p.Need = TLSNeed(rng.IntN(6))
	for range rng.IntN(3) {
		p.Names = append(p.Names, one(rng, "mx.example.com", "*.example.com", "MX.Example.com.", "", "ex_ample", "a b", "*", strings.Repeat("n", 300)))
	}
	for range rng.IntN(3) {
		p.Records = append(p.Records, TLSA{Usage: uint8(rng.IntN(5)), Selector: uint8(rng.IntN(3)), Matching: uint8(rng.IntN(4)), Data: make([]byte, []int{0, 31, 32, 33, 64, 65}[rng.IntN(6)])})
	}
	return p
}

func formPolicy(rng *rand.Rand) string {
	p := drawnPolicy(rng)
	e := Endpoint{Addr: one(rng, "mx.example.com:25", "MX.example.com.:25", "192.0.2.1:25", "unix:///s"), TLSPolicy: p, TLS: TLS(rng.IntN(5))}
	var wrong []string
	p.validate(e, func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) })
	usable := ""
	for _, r := range p.Records {
		usable += fmt.Sprint(r.Usable())
	}
	host := one(rng, "mx.example.com", "a.example.com", "a.b.example.com", "example.com", "")
	return fmt.Sprintf("%v %q %v %v %v %v %v %v %q %s\n", p.Need, wrong, p.proves(), p.unproved(errForm), p.lists(host), p.parts(host), p.normalNames(), p.needsNames(), e.Proof(), usable)
}

var errForm = errors.New("refused")

func formEndpoint(rng *rand.Rand) string {
	e := Endpoint{
		Name: one(rng, "", "relay", "a\nb"), Addr: one(rng, "mx.example.com:25", "mx.example.com:25", "mx.example.com", "127.0.0.1:25", ""), TLS: TLS(rng.IntN(6)), Auth: mail.SMTPAuthType(one(rng, "", "PLAIN", "LOGIN", "EXTERNAL", "x", "AUTODISCOVER", "NOAUTH", "SCRAM-SHA-256")),
		AllowInsecureLogin: rng.IntN(2) == 0, HELO: one(rng, "", "client.example", "a b", "client", "[192.0.2.1]", "é"),
	}
	if rng.IntN(2) == 0 {
		e.Credentials = func(context.Context) (string, string, error) { return "", "", nil }
	}
	if rng.IntN(4) == 0 {
		e.SASL = func(context.Context) (SASL, error) { return nil, nil }
	}
	for range rng.IntN(3) {
		e.Omit = append(e.Omit, one(rng, "PIPELINING", "size", "STARTTLS", "AUTH", "", "DSN", "x", "8BITMIME"))
	}
	if rng.IntN(4) == 0 {
		e.TLSPolicy = drawnPolicy(rng)
	}
	if rng.IntN(4) == 0 {
		e.TLSConfig = &tls.Config{ServerName: one(rng, "", "other.example"), InsecureSkipVerify: rng.IntN(2) == 0}
	}
	on := e.on(rung(rng.IntN(4)), rng.IntN(2) == 0)
	config := ""
	if on.TLSConfig != nil {
		config = fmt.Sprint(on.TLSConfig.CurvePreferences, on.TLSConfig.MinVersion, len(on.TLSConfig.CipherSuites), on.TLSConfig.ServerName)
	}
	return fmt.Sprintf("%v\n%v %v %v %v %v %v %v %s\n", e.Validate(), e.name(), e.logsIn(), e.host(), e.mode(), e.climbs(), e.lowest(), on.TLS, config)
}

var formAddrs = []netip.AddrPort{netip.MustParseAddrPort("192.0.2.1:25"), netip.MustParseAddrPort("192.0.2.2:25"), netip.MustParseAddrPort("[2001:db8::1]:25"), netip.MustParseAddrPort("[2001:db8::2]:25")}

// formLadder tries TLS on one address again and again.
func formLadder(rng *rand.Rand) string {
	var k known
	var out strings.Builder
	at, now := formAddrs[0], time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	lowest := []rung{rungClear, rungClear, rungClassical, rungFull}[rng.IntN(4)]
	for range 30 {
		now = now.Add([]time.Duration{time.Second, time.Minute, clearAfter - 1, clearAfter, time.Hour, rungLife - 1, rungLife}[rng.IntN(7)])
		r, must := k.rungAt(now, at)
		fmt.Fprint(&out, r, must)
		switch rng.IntN(5) {
		case 0:
			fmt.Fprint(&out, k.secured(now, at, r, r != rungClear))
		case 1:
			fmt.Fprint(&out, k.secured(now, at, r, false))
		default:
			err := []error{io.EOF, ErrNoTLS, errors.New("alert"), classify.NewReply(454, "no"), os.ErrDeadlineExceeded, io.ErrUnexpectedEOF}[rng.IntN(6)]
			fmt.Fprint(&out, err, k.unsecured(now, at, r, lowest, err), lostOrSilent(err), notOffered(err), isTLSFailure(&Error{Stage: classify.Stage(rng.IntN(5)), Err: err}))
		}
	}
	return out.String()
}

// formAddresses tries the addresses of a name again and again. Rests are drawn, so that
// it is never looked at a time at which that matters.
func formAddresses(rng *rand.Rand) string {
	var k known
	var out strings.Builder
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var ips []netip.Addr
	for _, at := range formAddrs[:1+rng.IntN(len(formAddrs))] {
		ips = append(ips, at.Addr())
	}
	for range 25 {
		now = now.Add([]time.Duration{0, time.Minute, 2 * time.Hour}[rng.IntN(3)])
		now = k.certain(now)
		for _, at := range formAddrs {
			if a := k.addresses[at]; a != nil && a.rest > 0 {
				fmt.Fprint(&out, a.rest, a.probing, !a.until.Before(a.failed.Add(a.rest)), !a.until.After(a.failed.Add(a.rest+a.rest/5)))
			}
		}
		k.answers(time.Duration(rng.IntN(3000)) * time.Millisecond / 2)
		fmt.Fprint(&out, k.patience())
		if k.resting(now) > 1 && k.resting(now) == len(ips) { // which of them ends first is drawn
			for _, at := range formAddrs {
				k.ended(at)
			}
			now = now.Add(2 * time.Hour)
		}
		order := k.candidates(now, ips, 25)
		fmt.Fprintln(&out, order)
		k.begins(now, order[0])
		switch rng.IntN(4) {
		case 0:
			k.worked(order[0])
		case 1:
			k.ended(order[0])
		default:
			k.failed(now, now.Add(-time.Duration(rng.IntN(90))*time.Second), order[0], rng.IntN(2) == 0)
		}
	}
	return out.String()
}

// resting returns the number of addresses that rest.
func (k *known) resting(now time.Time) (n int) {
	for _, a := range k.addresses {
		if a.rests(now) {
			n++
		}
	}
	return n
}

// certain returns the earliest time from a time on at which no rest ends or does not by
// what is drawn.
func (k *known) certain(now time.Time) time.Time {
	for again := true; again; {
		again = false
		for _, a := range k.addresses {
			from, to := a.failed.Add(a.rest), a.failed.Add(a.rest+a.rest/5)
			if a.rest > 0 && !now.Before(from) && !now.After(to) {
				now, again = to.Add(time.Second), true
			}
		}
	}
	return now
}
