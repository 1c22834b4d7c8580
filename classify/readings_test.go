package classify

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/smtpace/smtpace/internal/golden"
	"github.com/smtpace/smtpace/internal/race"
)

// longestReading is the greatest length of an example that TestReadings alters.
const longestReading = 100

// TestReadings reads those of the built-in examples and the replies of testdata that name
// a limit, each with one change that may matter to its meaning, and compares the verdicts with
// testdata/readings.txt. Whoever changes the reading on purpose writes the file anew with
//
//	go test ./classify -run TestReadings -update
//
// The difference that git diff prints then shows which texts the change concerns, and how.
func TestReadings(t *testing.T) {
	oneOf := 1 // number of texts of which one is read
	if race.Enabled {
		oneOf = 20
	}
	var lines []string
	for i, text := range exampleTexts(t) {
		if reply, _ := parseRefusal(text); len(text) <= longestReading && i%oneOf == 0 && Of(StageRcpt, reply).Throttled() {
			lines = append(lines, readingOfAltered(text))
		}
	}
	golden.Compare(t, "testdata/readings.txt", lines, !race.Enabled)
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

// readingOfAltered returns a line with the verdict on a text with one change, which the
// text draws.
func readingOfAltered(text string) string {
	h := fnv.New64a()
	h.Write([]byte(text))
	rng := rand.New(rand.NewPCG(h.Sum64(), 1))
	example, _ := parseRefusal(text) // it is one
	r := NewReply(example.Code, strings.Join(altered(rng, strings.Fields(example.Text)), " "))
	r.Enhanced = example.Enhanced
	stage := golden.One(rng, StageConnect, StageMail, StageRcpt, StageRcpt, StageDot)
	return fmt.Sprintf("%s: %s -> %s", stage, r, shortVerdict(Of(stage, r)))
}

// shortVerdict returns what a verdict says, in short.
func shortVerdict(v Verdict) string {
	text := fmt.Sprintf("%s, %s", v.Class, v.Recipient)
	if v.Connection != ConnKeep {
		text += fmt.Sprintf(", connection %s", v.Connection)
	}
	if v.Limit != LimitNone {
		text += fmt.Sprintf(", limit %s", v.Limit)
	}
	if v.Octets {
		text += " of octets"
	}
	if v.Scope != 0 {
		text += fmt.Sprintf(", scope %s", v.Scope)
	}
	if v.RetryAfter > 0 {
		text += fmt.Sprintf(", after %v", v.RetryAfter)
	}
	if s := v.Stated; s != (Stated{}) {
		text += fmt.Sprintf(", states %d", s.Count)
		if s.Bytes {
			text += " octets"
		}
		if s.Limit != v.Limit {
			text += fmt.Sprintf(" as %s", s.Limit)
		}
		if s.Per > 0 {
			text += fmt.Sprintf(" per %v", s.Per)
		}
	}
	return text
}

// additions are parts that alter the meaning of a text.
var additions = []string{
	"per hour", "per second", "per 10 minutes", "each day", "per session", "in one message", "at once", "per connection", "100", "5 messages", "60/60s", "300/300 (100%)",
	"1.5mb", "20 mb", "1 000 recipients", "100 messages per 1h", "limit of 100", "only 20", "max", "up to ten recipients", "try again in 5 minutes", "retry after 90s", "wait 00:05:00",
	"please wait 1 hour", "quota", "exceeded", "too many", "too fast", "from your ip", "192.0.2.1", "sender", "your account", "mailbox", "recipients", "connections", "messages", "login",
	"new connections", "errors", "size", "storage", "rate", "user", "unknown", "disabled", "full", "blocked", "spam", "message", "domain", "later", "temporarily", "not", "has", "out of 30",
	"a", "is", "the", "two", "rule 5:", "reached", "超过", "limite", "traffic", "http://example.com/17", "mx.example.com", "<ann@example.com>", "RP-002", "2.1.5.9", "1234567890",
}

// altered returns words with one change: an addition before any of them or at the end,
// or one of them less.
func altered(rng *rand.Rand, words []string) []string {
	at := rng.IntN(len(words) + 1)
	rest := append([]string(nil), words[at:]...)
	if rng.IntN(6) == 0 && len(rest) > 0 {
		return append(words[:at:at], rest[1:]...)
	}
	return append(append(words[:at:at], additions[rng.IntN(len(additions))]), rest...)
}
