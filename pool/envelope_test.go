package pool

import (
	"bufio"
	"context"
	"strings"
	"testing"
	"unicode"

	"github.com/smtpace/smtpace/classify"
	"github.com/wneessen/go-mail"
)

func TestCheckAddress(t *testing.T) {
	good := []string{
		"a@b.test", "a+b.c@d.test", `"a b"@c.test`, `"a@b"@c.test`, `"a\"b"@c.test`, `"a>b"@c.test`,
		"a@[127.0.0.1]", "a@[IPv6:::1]", "\u00e4@b.test", "a@xn--bcher-kva.test",
		strings.Repeat("l", 64) + "@" + strings.Repeat("d", 255), "!a~@b.test", "a@!", "a~b@b~",
		strings.Repeat("a", maxAddress-len("@b.test")) + "@b.test",
	}
	for _, a := range good {
		if err := checkAddress(a); err != nil {
			t.Errorf("%q: got %v", a, err)
		}
	}
	for _, a := range []string{"a@b.test", "!a~@b.test", "a@!", strings.Repeat("a", maxAddress-len("@b.test")) + "@b.test"} {
		if !isPlain(a) {
			t.Errorf("%.20q needs a second look", a)
		}
	}
	bad := []string{
		"", "a", "@b.test", "@@b", "a@", "a@b@c", "a b@c.test", "a@b c", "a>@b.test", "a@b.test> ORCPT=x", "a@b.test>",
		"<a@b.test>", "a@b.test\r\nRCPT TO:<c@d.test>", "a\n@b.test", "a\x00@b.test", "a\x7f@b.test", "a\u2028@b.test", "a\u0085@b.test",
		`"a@b.test`, `"a"b@c.test`, `"a\`, `"a"`, `"a"@b"@c.test`, "a\xff@b.test", `"x> ORCPT=admin@a.com"b@c.test`,
		strings.Repeat("a", maxAddress-len("@b.test")+1) + "@b.test",
		"a(b@c.test", "a)b@c.test", "a,b@c.test", "a;b@c.test", "a:b@c.test", "a\\b@c.test", "a[b@c.test", "a]b@c.test", `a"b@c.test`,
		"a@b(c", "a@b)c", "a@b,c", "a@b;c", `a@b\c`, `a@b"c`, "a@b<c", `"`, `"\"`, `"a\"@b.test`,
	}
	for _, a := range bad {
		if err := checkAddress(a); err == nil || isPlain(a) {
			t.Errorf("%q: got %v, plain %v", a, err, isPlain(a))
		}
	}
}

// FuzzRcptLine writes the commands of addresses that are let through and takes them apart
// as a server would: one line each, one path, and behind it only the parameter that we
// ask for; the domain stands behind the last @ outside quotes.
func FuzzRcptLine(f *testing.F) {
	for _, seed := range []string{
		"a@b.test", `"a b"@c.test`, `"a>b"@c.test`, `"a\>"@c.test`, `"x> ORCPT=admin@a.com"@b`, "a@b>", "a\r\n@b", "\u00e4@b", `"\"@b`,
	} {
		f.Add(seed)
	}
	s := &session{features: features{smtpUTF8: true, dsn: true}}
	f.Fuzz(func(t *testing.T, address string) {
		if err := checkAddress(address); isPlain(address) && (err != nil || !isASCII(address)) {
			t.Fatalf("%q is plain: %v", address, err)
		}
		d := &Delivery{From: address, To: []string{address}, DSN: DSN{Notify: []mail.DSNRcptNotifyOption{mail.DSNRcptNotifyNever}}}
		e := newEnvelope(d, s)
		if refused := e.refuses(address) != nil; refused != (checkAddress(address) != nil) || refused && address != "" && e.refusal == nil {
			t.Fatalf("%q: refused as recipient is %v, as sender %v", address, refused, e.refusal)
		} else if refused {
			return
		}
		rcpt := written(func(w *bufio.Writer) { e.writeRcpt(w, address) })
		path, ok := strings.CutSuffix(strings.TrimPrefix(rcpt, "RCPT TO:"), " NOTIFY=NEVER")
		if !ok || strings.ContainsFunc(rcpt, unicode.IsControl) || len(rcpt) > 512 || path != "<"+address+">" {
			t.Fatalf("%q is no RCPT of %q", rcpt, address)
		}
		if mail := written(e.writeMail); !strings.HasPrefix(mail, "MAIL FROM:"+path) || strings.ContainsAny(mail, "\r\n") {
			t.Errorf("%q is no MAIL of %q", mail, address)
		}
		if end := endOfPath(path); end != len(path)-1 {
			t.Errorf("the path of %q ends at %d", rcpt, end)
		}
		at := strings.LastIndexByte(address, '@')
		if domain := address[at+1:]; at < 1 || domain == "" || strings.ContainsAny(domain, "\" <>") {
			t.Errorf("%q has the domain %q", address, domain)
		}
	})
}

// endOfPath returns where the first > outside a quoted string is.
func endOfPath(line string) int {
	quoted := false
	for i := 0; i < len(line); i++ {
		switch {
		case quoted && line[i] == '\\':
			i++
		case line[i] == '"':
			quoted = !quoted
		case line[i] == '>' && !quoted:
			return i
		}
	}
	return -1
}

// written returns the line that f writes, without its end.
func written(f func(*bufio.Writer)) string {
	var b strings.Builder
	w := bufio.NewWriter(&b)
	f(w)
	w.Flush()
	return strings.TrimSuffix(b.String(), "\r\n")
}

func TestEnvelope(t *testing.T) {
	all := map[string]string{"SIZE": "1000", "8BITMIME": "", "SMTPUTF8": ""}
	big := strings.Repeat("x", 1001)
	tests := []struct {
		name           string
		from, to, data string
		has            map[string]string
		line           string // MAIL, or
		code           int    // of the refusal
		enhanced       string
	}{
		{"nothing offered", "a@b.test", "c@d.test", "x", nil, "MAIL FROM:<a@b.test>", 0, ""},
		{"all offered, ASCII", "a@b.test", "c@d.test", "x", all, "MAIL FROM:<a@b.test> SIZE=1", 0, ""},
		{"null sender", "", "c@d.test", "x", nil, "MAIL FROM:<>", 0, ""},
		{"8-bit text", "a@b.test", "c@d.test", "\xc3\xa4", all, "MAIL FROM:<a@b.test> SIZE=2 BODY=8BITMIME", 0, ""},
		{"8-bit text, not offered", "a@b.test", "c@d.test", "\xc3\xa4", nil, "MAIL FROM:<a@b.test>", 0, ""},
		{"8-bit recipient", "a@b.test", "\u00e4@d.test", "x", all, "MAIL FROM:<a@b.test> SIZE=1 SMTPUTF8", 0, ""},
		{"quoted recipient", "a@b.test", `"c d"@d.test`, "x", all, "MAIL FROM:<a@b.test> SIZE=1", 0, ""},
		{"8-bit sender", "\u00e4@b.test", `"c d"@d.test`, "x", all, "MAIL FROM:<\u00e4@b.test> SIZE=1 SMTPUTF8", 0, ""},
		{"8-bit recipient, not offered", "a@b.test", "\u00e4@d.test", "x", nil, "", 553, "5.6.7"},
		{"8-bit sender, not offered", "\u00e4@b.test", "c@d.test", "x", nil, "", 553, "5.6.7"},
		{"bad sender", "a b@c.test", "c@d.test", "x", all, "", 553, "5.1.7"},
		{"bad recipient", "a@b.test", "c>@d.test", "x", all, "", 553, "5.1.3"},
		{"too large", "a@b.test", "c@d.test", big, all, "", 552, "5.3.4"},
		{"no limit", "a@b.test", "c@d.test", big, map[string]string{"SIZE": "0"}, "MAIL FROM:<a@b.test> SIZE=1001", 0, ""},
		{"limit unreadable", "a@b.test", "c@d.test", big, map[string]string{"SIZE": "1e2"}, "MAIL FROM:<a@b.test> SIZE=1001", 0, ""},
		{"body unchecked", "a@b.test", "c@d.test", unchecked, nil, "", 554, "5.6.0"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := newEnvelope(&Delivery{From: tt.from, To: []string{tt.to}, Body: body(t, tt.data)}, &session{features: newFeatures(tt.has)})
			r := e.refusal
			if r == nil {
				r = e.refuses(tt.to)
			}
			if tt.code == 0 {
				if got := written(e.writeMail); r != nil || got != tt.line {
					t.Errorf("got %v, %q, want %q", r, got, tt.line)
				}
				return
			}
			if r == nil || r.Code != tt.code || r.Enhanced != tt.enhanced {
				t.Fatalf("got %v, want %d %s", r, tt.code, tt.enhanced)
			}
			if v := classify.Of(classify.StageRcpt, r); v.Recipient != classify.RecipientRefused {
				t.Errorf("%v: judged as %v, want refused", r, v.Recipient)
			}
		})
	}
}

func TestEnvelopeAsksForReports(t *testing.T) {
	dsn := DSN{Notify: []mail.DSNRcptNotifyOption{mail.DSNRcptNotifySuccess, mail.DSNRcptNotifyDelay}, Return: mail.DSNMailReturnHeadersOnly, EnvelopeID: "a+b=c d"}
	d := &Delivery{From: "a@b.test", To: []string{"c@d.test"}, Body: body(t, "x"), DSN: dsn}
	rcpt := func(e envelope) string {
		return written(func(w *bufio.Writer) { e.writeRcpt(w, "c@d.test") })
	}
	offered := newFeatures(map[string]string{"DSN": "", "SIZE": ""})
	e := newEnvelope(d, &session{features: offered})
	if got, want := written(e.writeMail), "MAIL FROM:<a@b.test> SIZE=1 RET=HDRS ENVID=a+2Bb+3Dc+20d"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := rcpt(e), "RCPT TO:<c@d.test> NOTIFY=SUCCESS,DELAY"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for name, s := range map[string]*session{"not offered": {}, "bare": {features: offered, noParams: paramSize | paramDSN}} {
		e := newEnvelope(d, s)
		if got := written(e.writeMail) + " " + rcpt(e); got != "MAIL FROM:<a@b.test> RCPT TO:<c@d.test>" {
			t.Errorf("%s: got %q", name, got)
		}
		if e.given != 0 {
			t.Errorf("%s: there is nothing to leave out", name)
		}
	}
	d.DSN = DSN{EnvelopeID: "a\r\nRCPT TO:<x@y.test>"}
	if e := newEnvelope(d, &session{features: offered}); e.refusal == nil || e.refusal.Code != 501 {
		t.Errorf("an envelope ID with a line end: got %v, want 501", e.refusal)
	}
}

// TestEnvelopeLacks tells whether an EHLO more may help: something of use is not
// offered, and not left out by the user.
func TestEnvelopeLacks(t *testing.T) {
	full, none := newFeatures(map[string]string{"SIZE": "3", "8BITMIME": "", "SMTPUTF8": "", "DSN": ""}), features{}
	for _, tt := range []struct {
		name   string
		d      *Delivery
		offers features
		omit   []string
		want   bool
	}{
		{"nothing is of use", &Delivery{To: []string{"a@b.test"}, Body: body(t, "x")}, none, nil, false},
		{"a report", &Delivery{To: []string{"a@b.test"}, Body: body(t, "x"), DSN: DSN{Return: mail.DSNMailReturnFull}}, none, nil, true},
		{"a report, offered", &Delivery{To: []string{"a@b.test"}, Body: body(t, "x"), DSN: DSN{Return: mail.DSNMailReturnFull}}, full, nil, false},
		{"a report, left out", &Delivery{To: []string{"a@b.test"}, Body: body(t, "x"), DSN: DSN{Return: mail.DSNMailReturnFull}}, none, []string{"dsn"}, false},
		{"8-bit text", &Delivery{To: []string{"a@b.test"}, Body: body(t, "\xc3")}, none, nil, true},
		{"8-bit text, offered", &Delivery{To: []string{"a@b.test"}, Body: body(t, "\xc3")}, full, nil, false},
		{"8-bit text, left out", &Delivery{To: []string{"a@b.test"}, Body: body(t, "\xc3")}, none, []string{"8bitmime"}, false},
		{"as large as it may be", &Delivery{To: []string{"a@b.test"}, Body: body(t, "123")}, full, nil, false},
		{"too large", &Delivery{To: []string{"a@b.test"}, Body: body(t, "1234")}, full, nil, true},
		{"an address", &Delivery{From: "ä@b.test", To: []string{"a@b.test"}, Body: body(t, "x")}, none, nil, true},
		{"an address, offered", &Delivery{From: "ä@b.test", To: []string{"a@b.test"}, Body: body(t, "x")}, full, nil, false},
		{"an address that is tried", &Delivery{From: "ä@b.test", To: []string{"a@b.test"}, Body: body(t, "x"), TryUTF8: true}, none, nil, false},
	} {
		if e := newEnvelope(tt.d, &session{features: tt.offers, omit: tt.omit}); e.lacking != tt.want {
			t.Errorf("%s: got %v", tt.name, e.lacking)
		}
	}
	tried := newEnvelope(&Delivery{From: "a@b.test", To: []string{"ä@b.test"}, TryUTF8: true}, &session{})
	if r := tried.refuses("ä@b.test"); r != nil || tried.lacking {
		t.Errorf("a recipient that is tried: got %v", r)
	}
	refused := newEnvelope(&Delivery{From: "a@b.test", To: []string{"ä@b.test"}}, &session{})
	if r := refused.refuses("ä@b.test"); r == nil || !refused.lacking {
		t.Errorf("a recipient that is not: got %v, lacking %v", r, refused.lacking)
	}
}

// TestEnvelopeLeavesOut: what a delivery or a session does without is left out, and
// only what would have been given counts as such.
func TestEnvelopeLeavesOut(t *testing.T) {
	d := &Delivery{From: "a@b.test", To: []string{"ä@b.test"}, Body: body(t, "\xc3"), DSN: DSN{Notify: []mail.DSNRcptNotifyOption{mail.DSNRcptNotifyNever}}}
	s := &session{features: newFeatures(map[string]string{"SIZE": "", "8BITMIME": "", "SMTPUTF8": "", "DSN": ""})}
	all := paramSize | paramBody | paramDSN | paramUTF8
	for _, tt := range []struct{ delivery, session, given, left Params }{
		{0, 0, all, 0}, {paramSize, paramBody, paramDSN | paramUTF8, paramSize | paramBody}, {all, 0, 0, all}, {0, all, 0, all},
	} {
		d.NoParams, s.noParams = tt.delivery, tt.session
		if e := newEnvelope(d, s); e.given != tt.given || e.left != tt.left || (e.given&paramDSN != 0) != strings.Contains(e.rcptEnd, "NOTIFY") {
			t.Errorf("%+v: got %b and %b", tt, e.given, e.left)
		}
	}
	d.DSN, d.NoParams, s.noParams = DSN{}, all, 0
	s.features = features{}
	if e := newEnvelope(d, s); e.given != 0 || e.left != 0 {
		t.Errorf("nothing is offered: got %b and %b", e.given, e.left)
	}
}

// TestDSNParameters has each parameter of MAIL alone, and the characters of xtext at
// the bounds of what needs no encoding (RFC 3461 4).
func TestDSNParameters(t *testing.T) {
	for want, d := range map[string]DSN{
		"": {}, " RET=FULL": {Return: mail.DSNMailReturnFull}, " RET=HDRS": {Return: mail.DSNMailReturnHeadersOnly},
		" ENVID=!~+2B+3D+20+7F+1F": {EnvelopeID: "!~+= \x7f\x1f"}, " RET=FULL ENVID=a": {Return: mail.DSNMailReturnFull, EnvelopeID: "a"},
	} {
		if got := d.mail(); got != want {
			t.Errorf("%+v: got %q, want %q", d, got, want)
		}
	}
}

func TestDSNValidate(t *testing.T) {
	for _, d := range []DSN{{}, {Notify: []mail.DSNRcptNotifyOption{mail.DSNRcptNotifyNever}}, {Notify: []mail.DSNRcptNotifyOption{mail.DSNRcptNotifySuccess, mail.DSNRcptNotifyFailure, mail.DSNRcptNotifyDelay}, Return: mail.DSNMailReturnFull, EnvelopeID: strings.Repeat("~", 100)}} {
		if err := d.Validate(); err != nil {
			t.Errorf("%+v: %v", d, err)
		}
	}
	for _, d := range []DSN{
		{Notify: []mail.DSNRcptNotifyOption{mail.DSNRcptNotifyNever, mail.DSNRcptNotifyDelay}}, {Notify: []mail.DSNRcptNotifyOption{"SOON"}}, {Notify: []mail.DSNRcptNotifyOption{mail.DSNRcptNotifyDelay, mail.DSNRcptNotifyDelay}}, {Return: "HALF"}, {EnvelopeID: strings.Repeat("~", 101)},
		{EnvelopeID: "\n"}, {EnvelopeID: "\x7f"}, {EnvelopeID: "\u00e4"},
	} {
		if d.Validate() == nil {
			t.Errorf("%+v: got no error", d)
		}
	}
}

func TestParseLimits(t *testing.T) {
	tests := []struct {
		params string
		want   Limits
	}{
		{"", Limits{}},
		{"MAILMAX=20 RCPTMAX=100 RCPTDOMAINMAX=1", Limits{20, 100, 1}},
		{"rcptmax=5  mailmax=6", Limits{6, 5, 0}},
		{"MAILMAX=0", Limits{}},
		{"MAILMAX=-1 RCPTMAX=+5", Limits{}},
		{"MAILMAX=1000000 RCPTMAX=999999", Limits{0, 999999, 0}},
		{"MAILMAX=1000000000000000000000", Limits{}},
		{"MAILMAX=2 MAILMAX=9", Limits{2, 0, 0}},
		{"MAILMAX RCPTMAX= OTHER=3 =4", Limits{}},
	}
	for _, tt := range tests {
		if got := parseLimits(tt.params); got != tt.want {
			t.Errorf("%q: got %+v, want %+v", tt.params, got, tt.want)
		}
	}
}

// unchecked stands for a Body that NewBody did not make.
const unchecked = "unchecked"

func body(t testing.TB, data string) Body {
	t.Helper()
	if data == unchecked {
		return Body{data: []byte(data)}
	}
	b, err := NewBody([]byte(data))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestNoNotifyWithoutAWish: a DSN that sets no NOTIFY leaves it out of RCPT.
func TestNoNotifyWithoutAWish(t *testing.T) {
	for _, tt := range []struct {
		dsn  DSN
		want string
	}{
		{DSN{}, ">\r\n"},
		{DSN{Return: mail.DSNMailReturnHeadersOnly}, ">\r\n"},
		{DSN{EnvelopeID: "x"}, ">\r\n"},
		{DSN{Notify: []mail.DSNRcptNotifyOption{mail.DSNRcptNotifyNever}}, "> NOTIFY=NEVER\r\n"},
		{DSN{Notify: []mail.DSNRcptNotifyOption{mail.DSNRcptNotifyFailure, mail.DSNRcptNotifyDelay}}, "> NOTIFY=FAILURE,DELAY\r\n"},
	} {
		e := newEnvelope(&Delivery{From: "a@b.test", To: []string{"c@d.test"}, Body: body(t, "x\r\n"), DSN: tt.dsn}, &session{features: features{dsn: true}})
		if e.rcptEnd != tt.want {
			t.Errorf("%+v: RCPT ends in %q, want %q", tt.dsn, e.rcptEnd, tt.want)
		}
	}
}

// TestSendersOfEnvelopes: the null sender is one, whoever the mail is for; any other is
// looked at.
func TestSendersOfEnvelopes(t *testing.T) {
	for _, tt := range []struct {
		from, to string
		utf8     bool // whether the server offers it
		want     string
	}{
		{"", "a@b.test", false, ""}, {"", `"a b"@c.test`, false, ""}, {"", "ä@b.test", true, ""}, {"a@b.test", `"a b"@c.test`, false, ""}, {`"a b"@c.test`, "a@b.test", false, ""},
		{"a b@c.test", "a@b.test", false, "553"}, {"ä@b.test", "a@b.test", true, ""}, {"ä@b.test", "a@b.test", false, "553"},
	} {
		body, err := NewBody([]byte("x: y\r\n\r\n"))
		if err != nil {
			t.Fatal(err)
		}
		s := &session{features: features{smtpUTF8: tt.utf8}}
		e := newEnvelope(&Delivery{From: tt.from, To: []string{tt.to}, Body: body}, s)
		if got := e.refusal; (got != nil) != (tt.want != "") || got != nil && !strings.HasPrefix(got.Error(), tt.want) {
			t.Errorf("from %q to %q, UTF-8 offered %v: got %v, want %q", tt.from, tt.to, tt.utf8, got, tt.want)
		}
	}
}

// TestWhereHELOFollowsEHLO: where the server does not know EHLO (RFC 5321 3.2), and nothing
// that only EHLO offers is needed.
func TestWhereHELOFollowsEHLO(t *testing.T) {
	opened := func(e Endpoint) *opening { return &opening{endpoint: e} }
	for code := 200; code < 600; code++ {
		o := opened(Endpoint{Addr: "mx.test:25", TLS: TLSOpportunistic})
		if got, want := o.mayHELO(code), code == 500 || code == 502 || code == 504; got != want {
			t.Errorf("%d: HELO may follow: %v", code, got)
		}
	}
	login := func(context.Context) (string, string, error) { return "u", "p", nil }
	for _, e := range []Endpoint{{Addr: "mx.test:25", TLS: TLSMandatory}, {Addr: "mx.test:25", TLS: TLSNone, Credentials: login}} {
		if opened(e).mayHELO(500) {
			t.Errorf("%+v: HELO may follow", e)
		}
	}
}
