package profile

import (
	"slices"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
)

func TestLinesOf(t *testing.T) {
	const text = `a = 1 # not = this
"quoted key" = '''
b = 2
'''
c.d = """
[x] \""" ["""" # quotes
e = [
  1, # one
  [2,
   3],
  { f = 4, g.h = "]" },
]

[t]
i = 2026-11-23T10:00:00Z
[[l]]
j = 'it''s' # two texts would be a mistake
`
	good := strings.Replace(text, "'it''s' # two texts would be a mistake", `"it's"
[[l]]
j = 1
[l.m]
k = 1
`, 1)
	lines, deep := linesOf(good)
	if deep != 0 {
		t.Errorf("deep = %d, want 0", deep)
	}
	for path, want := range map[string]int{
		"a": 1, "quoted key": 2, "c": 5, "c d": 5, "e": 7, "e 0": 8, "e 1": 9, "e 1 0": 9, "e 1 1": 10, "e 2": 11, "e 2 f": 11, "e 2 g h": 11,
		"t": 14, "t i": 15, "l": 16, "l 0": 16, "l 0 j": 17, "l 1": 18, "l 1 j": 19, "l 1 m": 20, "l 1 m k": 21,
	} {
		key := separator + strings.ReplaceAll(path, " ", separator)
		if path == "quoted key" {
			key = separator + path
		}
		if got := lines[key]; got != want {
			t.Errorf("line of %q is %d, want %d", path, got, want)
		}
	}
	if _, err := toml.Decode(good, new(map[string]any)); err != nil {
		t.Errorf("the text is no TOML: %v", err)
	}
}

// What the package toml finds has a line, whatever the form of the file.
func FuzzLinesOf(f *testing.F) {
	f.Add(wholeProfile)
	f.Add(shapingText)
	f.Add(providers[:600])
	f.Add("a.\"b\".'c' = [[], [{d = \"\"\"\"\"\"}]]\n[e.f]\n[[e.g]]\n[e.g.h]\n")
	f.Fuzz(func(t *testing.T, text string) {
		lines, deep := linesOf(text)
		if deep != 0 {
			return
		}
		meta, err := toml.Decode(text, new(map[string]any))
		if err != nil {
			return
		}
		known := map[string]bool{}
		for path, line := range lines {
			if line < 1 || line > strings.Count(text, "\n")+1 {
				t.Fatalf("line of %q is %d", path, line)
			}
			parts := strings.Split(path, separator)
			known[strings.Join(slices.DeleteFunc(parts, isIndex), separator)] = true
		}
		for _, key := range meta.Keys() {
			parts := slices.DeleteFunc(slices.Clone(key), isIndex)
			if strings.ContainsAny(key.String(), "\\\x00") {
				continue // with escapes, see unquote
			}
			if path := strings.Join(append([]string{}, parts...), separator); !known[path] && path != "" {
				t.Fatalf("%q has no line in %q", key, text)
			}
		}
	})
}

func isIndex(part string) bool { return strings.Trim(part, "0123456789") == "" }
