package main

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
)

// The loop loses mail before it is wrapped, and none after.
func TestWrap(t *testing.T) {
	var out strings.Builder
	run(&out, limits{messages: 40, rate: 40, greylist: time.Second})
	t.Logf("\n%s", out.String())
	for name, loses := range map[string]bool{"before": true, "after": false} {
		m := regexp.MustCompile(`(?m)^` + name + ` +(\d+) delivered, +(\d+) lost`).FindStringSubmatch(out.String())
		if m == nil {
			t.Fatalf("no line for %s in:\n%s", name, out.String())
		}
		if (m[2] != "0") != loses {
			t.Errorf("%s: got %s delivered and %s lost, want loss: %v", name, m[1], m[2], loses)
		}
	}
}

// The diff in the README is the one between before.go and after.go.
func TestDiffInTheREADME(t *testing.T) {
	readme := read(t, "../../README.md")
	_, diff, found := strings.Cut(readme, "```diff\n")
	diff, _, ends := strings.Cut(diff, "```")
	if !found || !ends {
		t.Fatal("README.md has no diff")
	}
	was, is := read(t, "before.go"), read(t, "after.go")
	for line := range strings.Lines(diff) {
		text := strings.TrimSpace(line[1:])
		for of, file := range map[byte]string{'-': was, '+': is} {
			if line[0] == of && !strings.Contains(file, text) {
				t.Errorf("README.md: %q is not in the example", line)
			}
		}
		if line[0] == ' ' && (!strings.Contains(was, text) || !strings.Contains(is, text)) {
			t.Errorf("README.md: %q is not in both files", line)
		}
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(fmt.Errorf("read the documents: %w", err))
	}
	return string(text)
}
