package classify

import (
	"slices"
	"testing"
)

func TestLiteralsOf(t *testing.T) {
	tests := []struct {
		pattern string
		want    []string
	}{
		{"", nil},
		{"too many connections", []string{"connections"}},
		{"Too (many|much) mail", []string{"mail"}},
		{"(limited|too) mail", []string{"mail"}}, // the shorter of the others is shorter still
		{"(limited|throttled) for", []string{"limited", "throttled"}},
		{"^421 4\\.7\\.0", nil}, // the codes are no part of the folded text
		{"AUP#In-1310", []string{"aup"}},
		{"(limit)+ x", []string{"limit"}},
		{"(limit)* x", nil},
		{"(limit|.*)", nil},
		{"ab|cd", nil},
	}
	for _, tt := range tests {
		got := literalsOf(tt.pattern)
		if !slices.Equal(got, tt.want) {
			t.Errorf("literalsOf(%q) = %q, want %q", tt.pattern, got, tt.want)
		}
	}
}

// FuzzPattern checks that no literal keeps a pattern from a text that it matches.
func FuzzPattern(f *testing.F) {
	f.Add("too (many|much)", "Too MANY of them")
	f.Add("e-mail.limit", "E-Mail limit")
	f.Add("don.t", "don't")
	f.Fuzz(func(t *testing.T, pattern, text string) {
		compiled, err := compilePattern(pattern)
		if err != nil || len(pattern) > 200 || len(text) > 200 {
			return
		}
		reply := NewReply(450, text)
		table := newTable(compileAll([]Rule{{Pattern: pattern}}))
		want := compiled.MatchString(reply.Error())
		if got := table.rules[0].fits(Input{}, reply); got != want {
			t.Errorf("alone: %q in %q = %v, want %v (literals %q)", pattern, reply.Error(), got, want, literalsOf(pattern))
		}
		if got := table.place(Input{}, reply) == 0; got != want {
			t.Errorf("%q in %q = %v, want %v (literals %q)", pattern, reply.Error(), got, want, literalsOf(pattern))
		}
	})
}
