package classify

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// BenchmarkVerdict prints the median cost of a verdict over the labelled replies
// with a text of at most 200 bytes.
func BenchmarkVerdict(b *testing.B) {
	var replies []row
	for _, r := range corpus(b) {
		if len(r.text) <= 200 {
			replies = append(replies, r)
		}
	}
	for _, given := range []int{0, 100, 1000} {
		b.Run(fmt.Sprintf("given=%d", given), func(b *testing.B) {
			c := withRules(b, given)
			b.ReportAllocs()
			for b.Loop() {
				for _, r := range replies {
					c.Of(Input{Stage: r.stage}, r.reply)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(replies)), "ns/reply")
			b.ReportMetric(float64(medianCost(c, replies).Nanoseconds()), "ns/median")
		})
	}
}

// medianCost times each reply by itself.
func medianCost(c *Classifier, replies []row) time.Duration {
	const times = 200
	costs := make([]time.Duration, len(replies))
	for i, r := range replies {
		start := time.Now()
		for range times {
			c.Of(Input{Stage: r.stage}, r.reply)
		}
		costs[i] = time.Since(start) / times
	}
	slices.Sort(costs)
	return costs[len(costs)/2]
}

// withRules makes a classifier with rules of a user, every tenth a pattern, each
// with words of its own.
func withRules(b testing.TB, n int) *Classifier {
	b.Helper()
	c, err := New(givenRules(n)...)
	if err != nil {
		b.Fatal(err)
	}
	return c
}

// givenRules returns the rules of withRules.
func givenRules(n int) []Rule {
	var rules []Rule
	for i := range n {
		text := fmt.Sprintf("refusal of kind %04d", i)
		r := Rule{
			Name: fmt.Sprintf("given-%d", i), Class: ClassRateLimited, Contains: []string{text, fmt.Sprintf("user*of kind %04d", i)},
			Matches: []string{"450 " + text}, Rejects: []string{"450 other"},
		}
		if i%10 == 0 {
			r.Contains, r.Pattern = nil, fmt.Sprintf(`kind%d (is|was) too (many|much)`, i)
			r.Matches = []string{fmt.Sprintf("450 kind%d is too much", i)}
		}
		rules = append(rules, r)
	}
	return rules
}

// worstTexts are texts of 4 KiB that cost much: words with many meanings, a
// trigger whose rule fails to be verified, words that ask to wait for nothing,
// and what takes longest to fold.
var worstTexts = map[string]string{
	"meanings":  "too many recipients connections messages mailbox quota ",
	"triggers":  "connections exceeded full quota rejected refused blocked ",
	"fragments": "session hour day limit minute per",
	"asking":    "retry in 5 later wait again ",
	"runes":     "éÀÜ’Ⱥ",
	"pattern":   "from 1.1.1.1 connections messages mail from ",
	"short":     " ip",
	"marks":     "e-mail.:/",
}

func BenchmarkWorst4KiB(b *testing.B) {
	for name, words := range worstTexts {
		text := strings.Repeat(words, 4096/len(words)+1)[:4096]
		for _, r := range []*Reply{{Code: 550, Text: text}, {Code: 451, Text: text}} {
			b.Run(fmt.Sprintf("%s/%d", name, r.Code), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					Of(StageUnknown, r)
				}
			})
		}
	}
}

// BenchmarkNew makes classifiers. The built-in rules are compiled once a process,
// at the first refusal; "built-in" is that.
func BenchmarkNew(b *testing.B) {
	b.Run("built-in", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			newTable(compileAll(builtIn()))
		}
	})
	for _, given := range []int{0, 10, 100} {
		rules := givenRules(given)
		b.Run(fmt.Sprintf("given=%d", given), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := New(rules...); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkAccepted judges the reply that follows the dot of most messages.
func BenchmarkAccepted(b *testing.B) {
	c, in, r := withRules(b, 100), Input{Stage: StageDot}, NewReply(250, "2.0.0 Ok: queued as 4F1b2c3d4e")
	b.ReportAllocs()
	for b.Loop() {
		c.Of(in, r)
	}
}

// BenchmarkGuess prints the cost of the fallback on the longest text that it reads.
func BenchmarkGuess(b *testing.B) {
	r := &Reply{Code: 550, Enhanced: "5.7.1", Text: strings.Repeat("nothing that a rule knows ", 20)}
	folded := fold(nil, r.Text)
	b.ReportAllocs()
	for b.Loop() {
		guess(fallbackWeights, Input{Stage: StageRcpt}, r, folded)
	}
}
