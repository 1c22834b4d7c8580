package profile

import (
	"regexp"
	"testing"

	"github.com/smtpace/smtpace/classify"
)

func TestExampleOf(t *testing.T) {
	for _, pattern := range []string{
		`too many`, `\[TSS?04\]`, `^421 4\.7\.0 `, `421 \[IPTS04\]`, `554.*Reject due to policy`, `a|b`, `(abc)+x{3}`, `[^a-z]\d{2,}$`,
		`Messages from \d+\.\d+\.\d+\.\d+ wait`, `\bRP-00[123]\b`, `(?:foo|bar) baz`, `\s+\S+ sorry`, `.+ no`, `(?-s:.)end`,
	} {
		re := regexp.MustCompile("(?i)" + pattern)
		example, ok := exampleOf(re)
		if !ok {
			t.Errorf("%s has no example", pattern)
			continue
		}
		r, err := classify.ParseReply(example)
		if err != nil || !re.MatchString(r.Error()) {
			t.Errorf("%s does not fit its example %q: %v", pattern, example, err)
		}
	}
	for _, pattern := range []string{``, `.*`, `x*`, `^$`, `^250 `, `a\n\nb`, `\zx`, `[^\x00-\x{10FFFF}]`} {
		if example, ok := exampleOf(regexp.MustCompile("(?i)" + pattern)); ok {
			t.Errorf("%s has the example %q, want none", pattern, example)
		}
	}
}
