package smtpace_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/smtpace/smtpace"
	"github.com/smtpace/smtpace/internal/mtatest"
	"github.com/wneessen/go-mail"
)

// sample is a message and what has to become of it.
type sample struct {
	name    string
	id      string // its Message-ID and the ID of its Result
	to      []string
	message smtpace.Message
	text    []byte // text that every recipient must get
}

// newSample makes a sample of a body whose lines may end anyhow; want is the
// body as it has to arrive.
func newSample(name, body, want string, to ...string) sample {
	id := strings.ReplaceAll(name, " ", "-") + "@sender.example"
	header := strings.Join([]string{
		"Date: Mon, 02 Feb 2026 10:00:00 +0000",
		"From: News <news@sender.example>",
		"To: " + strings.Join(to, ",\r\n\t"),
		"Message-ID: <" + id + ">",
		"Subject:  " + name + "  ", // spaces that nobody may tidy up
		"X-Folded: one\r\n two\r\n\tthree",
		"MIME-Version: 1.0",
		"Content-Type: text/plain; charset=utf-8",
		"Content-Transfer-Encoding: 8bit",
		"", "",
	}, "\r\n")
	l := sample{name: name, id: id, to: to, text: []byte(header + want)}
	l.message = smtpace.Message{From: "news@sender.example", To: to, Data: l.text, ID: id}
	if body != want {
		l.message.Data = []byte(header + body)
	}
	return l
}

// conformanceSamples makes one sample of each kind that the server can take.
func conformanceSamples(t *testing.T, kind mtatest.Kind) []sample {
	t.Helper()
	same := func(name, body string, to ...string) sample { return newSample(name, body, body, to...) }
	samples := []sample{
		goMailSample(t),
		same("one of three refused", "Hello.\r\n", "a@one.example", mtatest.Refused+"@one.example", "b@one.example"),
		same("dots", dotLines(), "a@one.example"),
		same("8bit", eightBitLines(), "a@one.example"),
		same("no body", "", "a@one.example"),
		// Line ends that some receivers take for others, so that one message
		// would become two.
		newSample("smuggling",
			"one\n.\r\nMAIL FROM:<x@one.example>\r\ntwo\r.\rthree\r\n.\rfour\n.\nfive",
			"one\r\n.\r\nMAIL FROM:<x@one.example>\r\ntwo\r\n.\r\nthree\r\n.\r\nfour\r\n.\r\nfive\r\n",
			"a@one.example"),
		same("25 MB", largeBody(), "a@one.example"),
		same("after the large one", "Hello.\r\n", "a@one.example", "b@two.example"),
	}
	if kind != mtatest.OpenSMTPD { // which calls every quoted local part a syntax error
		samples = append(samples, same("quoted local part", "Hello.\r\n", `"a b"@one.example`))
	}
	return samples
}

// goMailSample returns a message of go-mail, as most callers give it.
func goMailSample(t *testing.T) sample {
	t.Helper()
	l := sample{name: "plain", id: "plain@sender.example", to: []string{"a@one.example"}}
	m := mail.NewMsg()
	if err := m.From("news@sender.example"); err != nil {
		t.Fatal(err)
	}
	if err := m.To(l.to...); err != nil {
		t.Fatal(err)
	}
	m.Subject("Grüße")
	m.SetDate()
	m.SetMessageIDWithValue(l.id)
	m.SetBodyString(mail.TypeTextPlain, "Hello.\n.\n..\nBye.\n")
	var text bytes.Buffer
	if _, err := m.WriteTo(&text); err != nil {
		t.Fatal(err)
	}
	l.message, l.text = smtpace.Message{Msg: m, ID: l.id}, text.Bytes()
	return l
}

// dotLines returns lines that begin with dots, at every offset up to the
// longest line of RFC 5322 2.1.1 and thus across the ends of buffers of any
// size.
func dotLines() string {
	var b strings.Builder
	b.WriteString(".\r\n..\r\n...\r\n.\r\n\r\n.\r\n. \r\n.x\r\n")
	for n := range 998 {
		b.WriteString("." + strings.Repeat("x", n) + "\r\n.\r\n")
	}
	return b.String()
}

// eightBitLines returns lines with every octet but NUL, CR and LF, valid UTF-8
// or not.
func eightBitLines() string {
	b := []byte("Grüße aus Zürich, 你好\r\n")
	for c := 1; c < 256; c++ {
		if c != '\r' && c != '\n' {
			b = append(b, 'x', byte(c), byte(c), '\r', '\n')
		}
	}
	return string(b)
}

// largeBody is made once for all servers.
var largeBody = sync.OnceValue(func() string { return randomLines(25_000_000) })

// randomLines returns about n octets, of which every run of some lines is
// unique.
func randomLines(n int) string {
	random := rand.NewChaCha8([32]byte{})
	var b strings.Builder
	b.Grow(n + 1000)
	line := make([]byte, 0, 80)
	for b.Len() < n {
		for line = line[:0]; len(line) < 72; {
			line = fmt.Appendf(line, "%016x", random.Uint64())
		}
		if line[0] == '0' {
			line[0] = '.'
		}
		b.Write(line)
		b.WriteString("\r\n")
	}
	return b.String()
}

// conformanceNotes makes n small samples, each with a body of its own, to
// recipients of five domains.
func conformanceNotes(t *testing.T, n int) []sample {
	t.Helper()
	samples := make([]sample, n)
	for i := range samples {
		body := fmt.Sprintf("This is for reader %d.\r\n.%s\r\n", i, strings.Repeat("x", i%990))
		samples[i] = newSample(fmt.Sprintf("note %d", i), body, body, fmt.Sprintf("reader%d@d%d.example", i, i%5))
	}
	return samples
}

// arrives returns the recipients that the server takes the sample for.
func (l sample) arrives() []string {
	var to []string
	for _, a := range l.to {
		if !strings.HasPrefix(a, mtatest.Refused+"@") {
			to = append(to, a)
		}
	}
	return to
}

// check says whether the Result of a sample is right.
func (l sample) check(t *testing.T, r *smtpace.Result) {
	t.Helper()
	if len(r.Recipients) != len(l.to) {
		t.Errorf("%s: got %d recipients, want %d", l.id, len(r.Recipients), len(l.to))
	}
	for _, got := range r.Recipients {
		switch refused := strings.HasPrefix(got.Address, mtatest.Refused+"@"); {
		case refused && (got.Status != smtpace.Refused || got.Reply == nil || got.Reply.Code != 550):
			t.Errorf("%s for %s: got %v, %v, want refused with 550", l.id, got.Address, got.Status, got.Reply)
		case !refused && got.Status != smtpace.Delivered:
			t.Errorf("%s for %s: got %v, %v, want delivered", l.id, got.Address, got.Status, got.Err)
		}
	}
}

// expectSamples checks that every sample arrived once for each recipient, as it
// was rendered, and nothing else did. A sample with ambiguous tries may have
// come once more for each; the count of those that did is returned.
func expectSamples(t *testing.T, copies []mtatest.Copy, samples []sample, ambiguous map[string]int) (twice int) {
	t.Helper()
	faults, twice := compareSamples(copies, samples, ambiguous)
	for _, fault := range faults {
		t.Error(fault)
	}
	return twice
}

func compareSamples(copies []mtatest.Copy, samples []sample, ambiguous map[string]int) (faults []string, twice int) {
	type parcel struct{ id, to string }
	arrived := map[parcel][]mtatest.Copy{}
	for _, c := range copies {
		p := parcel{c.MessageID, c.Recipient}
		arrived[p] = append(arrived[p], c)
	}
	for _, l := range samples {
		want := sha256.Sum256(l.text)
		for _, to := range l.arrives() {
			p := parcel{l.id, to}
			transactions := map[string]bool{}
			for _, c := range arrived[p] {
				transactions[c.Transaction] = true
				if sha256.Sum256(c.Text) != want {
					faults = append(faults, fmt.Sprintf("%s for %s is altered: %s", p.id, p.to, difference(c.Text, l.text)))
				}
			}
			if n, most := len(transactions), 1+ambiguous[l.id]; n < 1 || n > most {
				faults = append(faults, fmt.Sprintf("%s for %s: got %d copies, want 1 to %d", p.id, p.to, n, most))
			}
			if len(transactions) > 1 {
				twice++
			}
			delete(arrived, p)
		}
	}
	for p, c := range arrived {
		faults = append(faults, fmt.Sprintf("%s for %s: got %d copies, want none", p.id, p.to, len(c)))
	}
	return faults, twice
}

// difference shows where two texts part.
func difference(got, want []byte) string {
	at := 0
	for at < min(len(got), len(want)) && got[at] == want[at] {
		at++
	}
	from := max(0, at-20)
	show := func(b []byte) []byte { return b[from:min(len(b), at+60)] }
	return fmt.Sprintf("at byte %d got %q, want %q; %d bytes, want %d", at, show(got), show(want), len(got), len(want))
}
