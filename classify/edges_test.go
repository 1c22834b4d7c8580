package classify

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net"
	"net/textproto"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestAutomatonFindsWhatASearchFinds compares one pass with a search for each
// fragment, in texts of few letters, so that fragments overlap and end in each other.
func TestAutomatonFindsWhatASearchFinds(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	word := func(longest int) string {
		b := make([]byte, 1+random.IntN(longest))
		for i := range b {
			b[i] = "abc "[random.IntN(4)]
		}
		return string(b)
	}
	for range 300 {
		b := newBuilder(0)
		var fragments []string
		for i := range 1 + random.IntN(70) {
			f := word(5)
			fragments = append(fragments, f)
			b.add([]byte(f), hit{place: uint32(i), kind: hitKind(i % 2)})
			b.add([]byte(f), hit{place: uint32(i), kind: hitKind(i % 2)}) // it is there once
		}
		asking := word(3)
		b.add([]byte(asking), hit{kind: asks})
		a := b.build()
		for range 20 {
			text := word(40)
			s := scan{words: 2, asked: -1}
			s.run(a, []byte(text))
			proven, suggested := s.found()
			for i, f := range fragments {
				found := strings.Contains(text, f)
				if proven.has(i) != (found && i%2 == 0) || suggested.has(i) != (found && i%2 == 1) {
					t.Fatalf("%q in %q: found %v; proven %v, suggested %v", f, text, found, proven.has(i), suggested.has(i))
				}
			}
			if want := strings.Index(text, asking); s.asked != want && !endsEarlier(text, asking, s.asked) {
				t.Fatalf("%q in %q: asked at %d, want %d", asking, text, s.asked, want)
			}
		}
		for state := 0; state < len(a.next); state += a.width { // no hit twice
			hits := a.at(uint32(state))
			for i, h := range hits {
				if slices.Contains(hits[:i], h) {
					t.Fatalf("state %d: %v is there twice", state, h)
				}
			}
		}
	}
	empty := newBuilder(0).build()
	s := scan{words: 1, asked: -1}
	if s.run(empty, []byte("abc")); s.asked != -1 || s.sets[0]|s.sets[1] != 0 {
		t.Errorf("of no fragments: %d, %v", s.asked, s.sets[:2])
	}
}

// endsEarlier is never true: the first occurrence ends first.
func endsEarlier(text, word string, at int) bool {
	return at >= 0 && strings.HasPrefix(text[at:], word) && at < strings.Index(text, word)
}

// TestFoldStopsAtItsBound: of a text of one long word maxText-1 letters are kept.
func TestFoldStopsAtItsBound(t *testing.T) {
	for n, want := range map[int]int{maxText - 2: maxText, maxText - 1: maxText + 1, maxText: maxText + 1, 2 * maxText: maxText + 1} {
		if got := fold(nil, strings.Repeat("a", n)); len(got) != want || got[len(got)-1] != ' ' {
			t.Errorf("of %d letters: %d bytes, want %d", n, len(got), want)
		}
	}
}

func TestFoldAtTheEdgesOfWords(t *testing.T) {
	for text, want := range map[string]string{
		"a\x80b": " a b ", "\x80": " ", "\x7fa": " a ", "ä": " a ", "Ä’s": " as ",
		"-mail": " mail ", "e-mai": " e mai ", "e-mail": " email ", "E-MAIL": " email ", "e-mails": " emails ", "x-mail": " x mail ", "e-nail": " e nail ",
		"e-mbil": " e mbil ", "e-majl": " e majl ", "e-maim": " e maim ", "e.mail": " e.mail ", "e mail": " e mail ",
		"/a": " a ", "a/": " a ", "a/b": " a/b ", "a//b": " a b ", ":": " ", "1.2": " 1.2 ", ".5": " 5 ", "ä.ö": " a.o ", "a.-b": " a b ",
		"A@Z[`{": " a z ", "a0:/9": " a0 9 ", "'": " ", "a'": " a ",
	} {
		if got := string(fold(nil, text)); got != want {
			t.Errorf("fold(%q) = %q, want %q", text, got, want)
		}
	}
}

// TestRepliesAtTheirBounds reads texts that just are replies, or just are not.
func TestRepliesAtTheirBounds(t *testing.T) {
	for text, want := range map[string]*Reply{
		"200": {Code: 200}, "599": {Code: 599}, "199": nil, "600": nil, "55": nil, "": nil, "550x": nil, "5500": nil, "550.": nil, "55x y": nil, "+55 y": nil,
		"550:": {Code: 550}, "550-": {Code: 550}, "550 ": {Code: 550}, "550\nx": {Code: 550, Text: "x"}, "550:x": {Code: 550, Text: "x"},
		"550-one\n550 two": {Code: 550, Text: "one\ntwo"}, "550-one 550-two 550 three": {Code: 550, Text: "one\ntwo\nthree"},
		"550 call 550 for help": {Code: 550, Text: "call 550 for help"}, "550  550 one\n550 two": {Code: 550, Text: "one\ntwo"},
		"550-one 551 two": {Code: 550, Text: "one 551 two"}, "550 (#5.1.1)": {Code: 550, Enhanced: "5.1.1", Text: "(#5.1.1)"}, "550 5.1.1 x": {Code: 550, Enhanced: "5.1.1", Text: "x"},
	} {
		got, err := ParseReply(text)
		if want == nil && (err == nil || got != nil) || want != nil && (err != nil || *got != *want) {
			t.Errorf("%q: got %+v, %v, want %+v", text, got, err, want)
		}
	}
	long := "x" + strings.Repeat("é", 100)
	if _, err := ParseReply(long); err == nil || !strings.Contains(err.Error(), long[:1]) || len(err.Error()) > 400 {
		t.Errorf("a long text that is no reply: %v", err)
	}
	for _, n := range []int{maxText - 1, maxText, maxText + 1, 2 * maxText} {
		for _, text := range []string{strings.Repeat("a", n), "b\n" + strings.Repeat("a", n-2)} {
			if got := NewReply(550, text).Text; len(got) != min(n, maxText) || !strings.HasPrefix(text, got) {
				t.Errorf("a text of %d bytes is kept as %d", n, len(got))
			}
		}
	}
}

func TestEnhancedCodesAtTheirBounds(t *testing.T) {
	for code, want := range map[string]enhanced{
		"4.7.1": {4, 7, 1}, "5.123.999": {5, 123, 999}, "2.0.0": {2, 0, 0}, "x.7.X": {anyNumber, 7, anyNumber}, "4.007.10": {4, 7, 10},
		"4.7": {}, "4.7.1.2": {}, "4..1": {}, "4.1000.1": {}, "3.1.1": {}, "6.1.1": {}, "": {}, "4.7.": {}, ".7.1": {}, "44.7.1": {}, "4.y.1": {}, "4.7.x1": {},
	} {
		got, ok := parseEnhanced(code)
		if got != want || ok != (want != enhanced{}) {
			t.Errorf("%q: got %v, %v, want %v", code, got, ok, want)
		}
		if isCode := ok && !slices.Contains(got[:], anyNumber); isEnhanced(code) != isCode {
			t.Errorf("%q is a code: %v", code, !isCode)
		}
	}
	for _, c := range []struct {
		pattern, code string
		want          bool
	}{{"4.7.1", "4.7.1", true}, {"x.7.1", "5.7.1", true}, {"x.7.x", "5.7.9", true}, {"x.x.x", "4.0.0", true}, {"4.7.1", "4.7.2", false}, {"4.x.1", "5.0.1", false}, {"x.x.x", "", false}} {
		pattern, _ := parseEnhanced(c.pattern)
		code, _ := parseEnhanced(c.code)
		if got := pattern.fits(code); got != c.want {
			t.Errorf("%s fits %q: %v", c.pattern, c.code, got)
		}
	}
}

// TestEveryFaultHasItsClass tries each error alone and wrapped.
func TestEveryFaultHasItsClass(t *testing.T) {
	for _, c := range []struct {
		want Class
		errs []error
	}{
		{ClassNetwork, []error{
			context.Canceled, context.DeadlineExceeded, io.EOF, io.ErrUnexpectedEOF, io.ErrClosedPipe, net.ErrClosed, syscall.ECONNRESET,
			&net.OpError{Op: "read", Err: errors.New("x")}, &net.OpError{Op: "dial", Err: net.ErrClosed},
		}},
		{ClassTLS, []error{
			&net.OpError{Op: "remote error", Err: errors.New("x")}, &net.OpError{Op: "local error", Err: errors.New("x")},
			tls.RecordHeaderError{}, tls.AlertError(1), &tls.CertificateVerificationError{Err: io.EOF}, &tls.ECHRejectionError{},
			x509.UnknownAuthorityError{}, x509.HostnameError{Certificate: &x509.Certificate{}}, x509.CertificateInvalidError{Cert: &x509.Certificate{}}, x509.SystemRootsError{},
			x509.ConstraintViolationError{}, x509.UnhandledCriticalExtension{}, x509.InsecureAlgorithmError(1),
		}},
		{ClassProtocol, []error{textproto.ProtocolError("x")}},
		{ClassUnknown, []error{errors.New("x"), &fs.PathError{Op: "open", Err: syscall.ENOENT}}},
	} {
		for _, err := range c.errs {
			for _, err := range []error{err, fmt.Errorf("wrapped: %w", err)} {
				if got := classOfFault(StageMail, err); got != c.want {
					t.Errorf("%T %v: %v, want %v", err, err, got, c.want)
				}
				want := c.want
				if want == ClassUnknown {
					want = ClassTLS
				}
				if got := classOfFault(StageStartTLS, err); got != want {
					t.Errorf("%T %v at STARTTLS: %v, want %v", err, err, got, want)
				}
			}
		}
	}
}

// TestRepliesInForeignErrorsAtTheirBounds reads what clients make of short replies.
func TestRepliesInForeignErrorsAtTheirBounds(t *testing.T) {
	header := func(s string) error {
		var e tls.RecordHeaderError
		copy(e.RecordHeader[:], s)
		return e
	}
	for _, c := range []struct {
		err  error
		code int // 0 is no reply
	}{
		{textproto.ProtocolError("short response: 250"), 250}, {textproto.ProtocolError(`short response: "250"`), 250},
		{textproto.ProtocolError("short response: 25"), 0}, {textproto.ProtocolError("short response: 2500"), 0}, {textproto.ProtocolError("250"), 0},
		{header("421 T"), 421}, {header("554-N"), 554}, {header("220 m"), 0}, {header("421_T"), 0}, {header("4x1 T"), 0}, {header("354 g"), 0}, {header("654 g"), 0},
		{printedError("SMTP error 421: busy"), 421}, {printedError("SMTP error 421"), 421}, {printedError("error 421: busy"), 0}, {printedError("SMTP error x"), 0},
		{&textproto.Error{Code: 450, Msg: "x"}, 450}, {NewReply(451, "x"), 451}, {fmt.Errorf("w: %w", NewReply(452, "x")), 452}, {io.EOF, 0},
	} {
		got := replyIn(c.err)
		if c.code == 0 && got != nil || c.code != 0 && (got == nil || got.Code != c.code) {
			t.Errorf("%#v: got %v, want %d", c.err, got, c.code)
		}
	}
}

// TestRulesAtTheirBounds makes rules that are just right, and just wrong.
func TestRulesAtTheirBounds(t *testing.T) {
	long := func(n int) func(r *Rule) {
		return func(r *Rule) {
			word := strings.Repeat("m", n)
			r.Contains, r.Matches = []string{word}, []string{"550 " + word}
		}
	}
	for name, c := range map[string]struct {
		change func(r *Rule)
		want   string
	}{
		"lowest code":          {func(r *Rule) { r.Codes, r.Matches = []int{400}, []string{"400 the moon is full"} }, ""},
		"highest code":         {func(r *Rule) { r.Codes, r.Matches = []int{599}, []string{"599 the moon is full"} }, ""},
		"a code too low":       {func(r *Rule) { r.Codes = []int{5, 399} }, "not 399"},
		"a code too high":      {func(r *Rule) { r.Codes = []int{5, 600} }, "not 600"},
		"first digits":         {func(r *Rule) { r.Codes = []int{4, 5} }, ""},
		"a first digit of 3":   {func(r *Rule) { r.Codes = []int{5, 3} }, "not 3"},
		"a first digit of 6":   {func(r *Rule) { r.Codes = []int{5, 6} }, "not 6"},
		"longest fragment":     {long(maxFragment), ""},
		"a longer fragment":    {long(maxFragment + 1), "201 bytes"},
		"shortest delay":       {func(r *Rule) { r.RetryAfter = time.Second }, ""},
		"a shorter delay":      {func(r *Rule) { r.RetryAfter = time.Second - 1 }, "RetryAfter"},
		"longest delay":        {func(r *Rule) { r.RetryAfter = 24 * time.Hour }, ""},
		"a longer delay":       {func(r *Rule) { r.RetryAfter = 24*time.Hour + 1 }, "RetryAfter"},
		"no Matches":           {func(r *Rule) { r.Matches = nil }, "Matches and Rejects"},
		"no Rejects":           {func(r *Rule) { r.Rejects = nil }, "Matches and Rejects"},
		"last stage":           {func(r *Rule) { r.Stages = []Stage{StageUnknown} }, ""},
		"a stage behind":       {func(r *Rule) { r.Stages = []Stage{StageUnknown + 1} }, "the stages"},
		"last limit and scope": {func(r *Rule) { r.Limit, r.Scope = LimitQuota, ScopeDestination }, ""},
		"a limit behind":       {func(r *Rule) { r.Limit = LimitQuota + 1 }, "the limit"},
		"a scope behind":       {func(r *Rule) { r.Scope = ScopeDestination + 1 }, "the scope"},
		"last class":           {func(r *Rule) { r.Class = Class(Classes - 1) }, ""},
		"a class behind":       {func(r *Rule) { r.Class = Class(Classes) }, "the class"},
		"ok":                   {func(r *Rule) { r.Class = ClassOK }, "the class"},
		"a success among them": {func(r *Rule) { r.Rejects = []string{"399 new moon"} }, "must be a refusal"},
		"digits in the name":   {func(r *Rule) { r.Name = "moon-2" }, ""},
		"two hyphens":          {func(r *Rule) { r.Name = "moon--2" }, "kebab-case"},
		"a hyphen at the end":  {func(r *Rule) { r.Name = "moon-" }, "kebab-case"},
		"digits alone":         {func(r *Rule) { r.Contains, r.Matches = []string{"17"}, []string{"550 17"} }, ""},
		"marks alone":          {func(r *Rule) { r.Contains = []string{"moon", "..."} }, "letter or digit"},
		"a pattern with words": {func(r *Rule) { r.Contains, r.Pattern = nil, "moon is|sun" }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			err := given("moon", c.change).Validate()
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// TestRulesFitByEachCondition: a rule decides only where all its conditions do.
func TestRulesFitByEachCondition(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(r *Rule)
		in     Input
		reply  string
		want   bool
	}{
		{"any", nil, Input{}, "450 moon is full", true},
		{"code", func(r *Rule) { r.Codes = []int{450} }, Input{}, "450 moon is full", true},
		{"another code", func(r *Rule) { r.Codes = []int{450} }, Input{}, "451 moon is full", false},
		{"first digit, lowest", func(r *Rule) { r.Codes = []int{5} }, Input{}, "500 moon is full", true},
		{"first digit, highest", func(r *Rule) { r.Codes = []int{4} }, Input{}, "499 moon is full", true},
		{"another digit", func(r *Rule) { r.Codes = []int{5} }, Input{}, "499 moon is full", false},
		{"enhanced", func(r *Rule) { r.Enhanced = []string{"x.1.1", "x.7.1"} }, Input{}, "450 4.7.1 moon is full", true},
		{"no enhanced", func(r *Rule) { r.Enhanced = []string{"x.7.1"} }, Input{}, "450 moon is full", false},
		{"stage", func(r *Rule) { r.Stages = []Stage{StageMail, StageDot} }, Input{Stage: StageDot}, "450 moon is full", true},
		{"another stage", func(r *Rule) { r.Stages = []Stage{StageMail, StageDot} }, Input{Stage: StageData}, "450 moon is full", false},
		{"provider", func(r *Rule) { r.Provider = "acme" }, Input{Provider: "acme"}, "450 moon is full", true},
		{"another provider", func(r *Rule) { r.Provider = "acme" }, Input{Provider: "other"}, "450 moon is full", false},
		{"a second text", func(r *Rule) { r.Contains = []string{"sun", "moon is*full"} }, Input{}, "450 moon is half full", true},
		{"in another order", func(r *Rule) { r.Contains = []string{"sun", "moon is*full"} }, Input{}, "450 full moon is", false},
		{"a pattern", func(r *Rule) { r.Contains, r.Pattern = nil, "moon.*full$" }, Input{}, "450 MOON is full", true},
		{"its word alone", func(r *Rule) { r.Contains, r.Pattern = nil, "moon.*full$" }, Input{}, "450 full moon", false},
		{"a pattern without words", func(r *Rule) { r.Contains, r.Pattern = nil, "^4" }, Input{}, "450 x", true},
		{"the same, not fitting", func(r *Rule) { r.Contains, r.Pattern = nil, "^4" }, Input{}, "550 x", false},
		{"codes alone", func(r *Rule) { r.Contains, r.Codes = nil, []int{450} }, Input{}, "450 x", true},
	} {
		rule := given("moon", c.change)
		reply, err := ParseReply(c.reply)
		if err != nil {
			t.Fatal(err)
		}
		table := newTable(compileAll([]Rule{rule}))
		if got := table.place(c.in, reply) == 0; got != c.want {
			t.Errorf("%s: in a table it fits: %v", c.name, got)
		}
		if got := table.rules[0].fits(c.in, reply); got != c.want {
			t.Errorf("%s: alone it fits: %v", c.name, got)
		}
	}
}

func TestDelaysAtTheirBounds(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"wait 1 second": time.Second, "wait 1439 minutes": 1439 * time.Minute, "wait 1440 minutes": 24 * time.Hour, "wait 1441 minutes": 24 * time.Hour,
		"wait 86399 seconds": 86399 * time.Second, "wait 999999999 seconds": 24 * time.Hour, "wait 1000000000 seconds": 0, "wait 23 hours": 23 * time.Hour,
		"wait one day": 24 * time.Hour, "come back in 00:00:01": time.Second, "come back in 00:10:20": 620 * time.Second, "come back in 01:00:00": time.Hour, "come back in 0:5:9": 309 * time.Second, "come back in 00:01": 0, "come back in 1:2:3:4": 0,
		"come back for 00:05:00": 5 * time.Minute, "come back 00:05:00": 0, "wait 5 m": 5 * time.Minute, "wait 2 hrs": 2 * time.Hour, "wait 3s": 3 * time.Second,
		"5 minutes": 0, "wait please 5 minutes": 5 * time.Minute, "wait a few 5 minutes": 0,
	} {
		if got := delayHint(fold(nil, text)); got != want {
			t.Errorf("delayHint(%q) = %v, want %v", text, got, want)
		}
	}
}

func TestStatedNumbersAtTheirBounds(t *testing.T) {
	for text, want := range map[string]int{
		"limit of 1": 1, "limit of 100000": 100000, "limit of 100001": 0, "limit is one": 1, "limit 0": 0, "limit of 5/message": 5, "limit 5 hours": 0,
		"with 40 recipients": 0, "with some 40 recipients": 40, "40 recipients and 50 recipients": 40, "40 recipients, limit 30": 30,
		"limit that sender 77 has": 0, "limit x recipients 20": 0, "limit exceeded, see page 77": 0, "limit for customer 4711": 0, "limit reached, code 77": 0,
		"quota exceeded, ticket 99": 0, "77 limit": 0, "rule 77 exceeded": 0, "limit (error 12)": 0, "maximum for class 3": 0, "limit exceeded by 7": 0,
		"limit: 20": 20, "limit recipients 20": 20, "maximum number of recipients is 20": 20, "maximum of recipients allowed: 20": 20, "20 max": 20, "limit set to 20": 20,
		"older than 3 days, limit of 20 recipients": 20, "only 7": 7, "a recipient": 0, "7": 0, "": 0,
	} {
		var s scan
		folded := fold(nil, text)
		standard().decide(Input{Stage: StageRcpt}, &Reply{Code: 452}, folded, &s)
		if got := s.stated(folded, LimitRecipientsPerMessage); got.Count != int64(want) {
			t.Errorf("%q states %d, want %d", text, got.Count, want)
		}
	}
}

func TestLiteralsAtTheirBounds(t *testing.T) {
	long := strings.Repeat("m", maxFragment)
	for pattern, want := range map[string][]string{
		"ab": nil, "abc": {"abc"}, "123": nil, "12a": {"12a"}, long: {long}, long + "m": {long}, "abc defg": {"defg"}, "abc def": {"abc"},
		"(abc|de)": nil, "(abc|def)x?": {"abc", "def"}, "abcd(ef|ghijk)": {"abcd"}, "ab(cdefg|hijkl)": {"cdefg", "hijkl"}, "(": nil, "ABC": {"abc"},
	} {
		if got := literalsOf(pattern); !slices.Equal(got, want) {
			t.Errorf("literalsOf(%.20q) = %.40q, want %.40q", pattern, got, want)
		}
	}
	if got := foldFragment(" a "); !bytes.Equal(got, []byte(" a ")) {
		t.Errorf("a word with its edges is folded to %q", got)
	}
}
