package classify

import (
	"encoding/binary"
	"flag"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
)

var updateReadings = flag.Bool("update", false, "write testdata/readings.txt anew")

const readingsFile = "testdata/readings.txt"

// TestReadingsStay reads texts that are alike and compares the verdicts with a digest of
// what they were, which testdata/readings.txt has: of each built-in example and each
// reply of testdata, altered in many ways, and of each two words of the lexicon, as many
// characters apart as may matter. Whoever changes the reading on purpose writes the file
// anew with
//
//	go test ./classify -run TestReadingsStay -update
//
// and sees there which texts the change concerns.
func TestReadingsStay(t *testing.T) {
	var got strings.Builder
	for i, text := range exampleTexts(t) {
		if i%oneOf > 0 {
			continue
		}
		fmt.Fprintf(&got, "%016x %.90s\n", digestOfAlterations(text), text)
	}
	for i, w := range lexicon {
		if i%oneOf > 0 {
			continue
		}
		fmt.Fprintf(&got, "%016x pairs with %q\n", digestOfPairs(i), w.texts[0])
	}
	if *updateReadings && oneOf == 1 {
		if err := os.WriteFile(readingsFile, []byte(got.String()), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(readingsFile)
	if err != nil {
		t.Fatal(err)
	}
	known, wrong := map[string]bool{}, 0
	for line := range strings.Lines(string(want)) {
		known[line] = true
	}
	for line := range strings.Lines(got.String()) {
		if !known[line] {
			if wrong++; wrong <= 20 {
				t.Errorf("is read in another way: %s", line)
			}
		}
	}
	if wrong > 20 {
		t.Errorf("and %d more", wrong-20)
	}
}

// exampleTexts returns the refusals among the replies of testdata and the examples of
// the built-in rules, each once.
func exampleTexts(t *testing.T) (texts []string) {
	t.Helper()
	seen := map[string]bool{}
	add := func(text string) {
		if _, err := parseRefusal(text); err == nil && !seen[text] {
			seen[text] = true
			texts = append(texts, text)
		}
	}
	for _, name := range []string{"wordings.txt", "found.tsv", "unseen.tsv"} {
		data, err := os.ReadFile("testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(data)) {
			line = strings.TrimSpace(line)
			if i := strings.LastIndexByte(line, '\t'); i >= 0 {
				add(line[i+1:])
			} else if fields := strings.SplitN(line, " ", 3); len(fields) == 3 {
				add(fields[2])
			}
		}
	}
	for _, r := range builtIn() {
		for _, text := range r.Matches {
			add(text)
		}
		for _, text := range r.Rejects {
			add(text)
		}
	}
	return texts
}

// digest sums up verdicts.
type digest struct {
	sum  uint64
	room []byte
}

func (d *digest) add(v Verdict) {
	b := append(d.room[:0], byte(v.Class), byte(v.Recipient), byte(v.Connection), byte(v.Limit), byte(v.Scope), byte(v.Stated.Limit))
	b = binary.LittleEndian.AppendUint64(b, d.sum)
	b = binary.LittleEndian.AppendUint64(b, uint64(v.RetryAfter))
	b = binary.LittleEndian.AppendUint64(b, uint64(v.Stated.Count))
	b = binary.LittleEndian.AppendUint64(b, uint64(v.Stated.Per))
	if v.Octets {
		b = append(b, 1)
	}
	if v.Stated.Bytes {
		b = append(b, 2)
	}
	b = append(b, v.Rule...)
	h := fnv.New64a()
	h.Write(b)
	d.sum, d.room = h.Sum64(), b
}

// digestOfAlterations sums up the verdicts of a text, altered in many ways.
func digestOfAlterations(text string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(text))
	rng := rand.New(rand.NewPCG(h.Sum64(), 1))
	reply, _ := parseRefusal(text) // it is one
	var d digest
	for stage := range StageUnknown + 1 {
		d.add(Of(stage, reply))
	}
	for range 60 {
		words := strings.Fields(reply.Text)
		for range 1 + rng.IntN(3) {
			words = altered(rng, words)
		}
		r := NewReply(reply.Code, strings.Join(words, " "))
		r.Enhanced = reply.Enhanced
		if rng.IntN(3) == 0 {
			r.Code = []int{421, 450, 451, 452, 454, 503, 530, 550, 552, 554}[rng.IntN(10)]
		}
		if rng.IntN(4) == 0 {
			r.Enhanced = []string{"", "4.2.1", "4.3.2", "4.4.5", "4.5.3", "4.7.0", "5.1.1", "5.2.2", "5.7.1", "5.7.26", "4.9.9"}[rng.IntN(11)]
		}
		d.add((&Classifier{}).Of(Input{Stage: Stage(rng.IntN(int(StageUnknown) + 1)), Ordinal: rng.IntN(3)}, r))
	}
	return d.sum
}

// additions are what alters the meaning of a text.
var additions = []string{
	"per hour", "per second", "per 10 minutes", "each day", "per session", "in one message", "at once", "per connection", "100", "5 messages", "60/60s", "300/300 (100%)",
	"1.5mb", "20 mb", "1 000 recipients", "100 messages per 1h", "limit of 100", "only 20", "max", "up to ten recipients", "try again in 5 minutes", "retry after 90s", "wait 00:05:00",
	"please wait 1 hour", "quota", "exceeded", "too many", "too fast", "from your ip", "192.0.2.1", "sender", "your account", "mailbox", "recipients", "connections", "messages", "login",
	"new connections", "errors", "size", "storage", "rate", "user", "unknown", "disabled", "full", "blocked", "spam", "message", "domain", "later", "temporarily", "not", "has", "out of 30",
	"a", "is", "the", "two", "rule 5:", "reached", "超过", "limite", "traffic", "http://example.com/17", "mx.example.com", "<ann@example.com>", "RP-002", "2.1.5.9", "1234567890",
}

// altered returns words with one change.
func altered(rng *rand.Rand, words []string) []string {
	at := rng.IntN(len(words) + 1)
	rest := append([]string(nil), words[at:]...)
	switch rng.IntN(5) {
	case 0: // others apart
		return append(append(words[:at:at], strings.Repeat("q", 1+rng.IntN(60))), rest...)
	case 1:
		if len(rest) > 0 {
			rest = rest[1:]
		}
		return append(words[:at:at], rest...)
	case 2:
		if len(rest) > 1 {
			rest[0], rest[1] = rest[1], rest[0]
		}
		return append(words[:at:at], rest...)
	}
	return append(append(words[:at:at], additions[rng.IntN(len(additions))]), rest...)
}

// digestOfPairs sums up the verdicts of a word of the lexicon and each other one, at all
// distances up to those that are too far.
func digestOfPairs(i int) uint64 {
	var d digest
	one := lexicon[i].texts[0]
	for k, w := range lexicon {
		other := w.texts[k%len(w.texts)]
		for distance := range 64 {
			between := ""
			switch distance {
			case 0:
			case 1:
				between = " "
			default:
				between = " " + strings.Repeat("q", distance-2) + " "
			}
			d.add(Of(StageRcpt, &Reply{Code: 450, Text: strings.TrimRight(one, " ") + between + strings.TrimLeft(other, " ") + " 100 messages"}))
		}
	}
	return d.sum
}
