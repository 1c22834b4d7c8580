package golden

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// recorder is a test that keeps what is reported to it.
type recorder struct {
	testing.TB
	told []string
}

func (r *recorder) Helper() {}

func (r *recorder) Errorf(format string, args ...any) {
	r.told = append(r.told, fmt.Sprintf(format, args...))
}

func TestCompareReportsBothSides(t *testing.T) {
	file := filepath.Join(t.TempDir(), "cases")
	if err := os.WriteFile(file, []byte("a\nb\nb\nc\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		lines []string
		all   bool
		want  []string
	}{
		{[]string{"a", "b", "b", "c"}, true, nil},
		{[]string{"b", "c"}, false, nil},
		{[]string{"a", "b", "d", "c"}, true, []string{file + ": got  d", file + ": want b"}},
		{[]string{"d", "b"}, false, []string{file + ": got  d"}},
		{[]string{"b", "b", "b"}, false, []string{file + ": got  b"}},
	} {
		r := &recorder{TB: t}
		Compare(r, file, tt.lines, tt.all)
		if !slices.Equal(r.told, tt.want) {
			t.Errorf("%q, all %v: got %q, want %q", tt.lines, tt.all, r.told, tt.want)
		}
	}
}

func TestLinesAreDifferentAndStay(t *testing.T) {
	forms := []Form{{"sum", func(rng *rand.Rand) (string, string) {
		a := rng.IntN(50)
		return fmt.Sprint(a, "+1"), Outcome(fmt.Sprint(a+1), nil)
	}}, {"fault", func(rng *rand.Rand) (string, string) {
		return Some(rng, 1, 9, "a", "b"), Outcome("", errors.New("no\ngood"))
	}}}
	got := Lines(t, 20, forms)
	if len(got) != 40 || !slices.Equal(got, Lines(t, 20, forms)) || !slices.Equal(got[20:], Lines(t, 20, forms[1:])) {
		t.Errorf("%d lines, which are not the same again", len(got))
	}
	slices.Sort(got)
	if n := len(slices.Compact(got)); n != 40 {
		t.Errorf("%d different lines, want 40", n)
	}
}
