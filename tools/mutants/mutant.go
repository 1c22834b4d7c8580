package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"strings"
)

// mutant is one change of one file.
type mutant struct {
	Package  string // folder below the root
	File     string // below the root, with slashes
	Line     int
	Operator string

	file       *file
	start, end int    // the octets that are replaced
	text       string // what replaces them
	forms      []switched
}

// mutated returns the changed file.
func (m mutant) mutated() []byte {
	return splice(m.file.text, m.start, m.end, m.text)
}

// key identifies the mutant as long as its file stays the same.
func (m mutant) key() string {
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%d\n%d\n%s\n", m.File, m.start, m.end, m.text)
	h.Write(m.file.text)
	return fmt.Sprintf("%x", h.Sum(nil)[:8])
}

// lines returns the lines that are changed, before and after.
func (m mutant) lines() (before, after []string) {
	from := bytes.LastIndexByte(m.file.text[:m.start], '\n') + 1
	to := len(m.file.text)
	if i := bytes.IndexByte(m.file.text[m.end:], '\n'); i >= 0 {
		to = m.end + i
	}
	old := string(m.file.text[from:to])
	changed := string(m.file.text[from:m.start]) + m.text + string(m.file.text[m.end:to])
	return strings.Split(old, "\n"), strings.Split(changed, "\n")
}

// String returns place, operator and a unified diff with two lines of context.
func (m mutant) String() string {
	const context = 2
	all := strings.Split(string(m.file.text), "\n")
	before, after := m.lines()
	first := m.Line - 1
	from, to := max(0, first-context), min(len(all), first+len(before)+context)
	var b strings.Builder
	fmt.Fprintf(&b, "%s:%d: %s\n", m.File, m.Line, m.Operator)
	fmt.Fprintf(&b, "@@ -%d,%d +%d,%d @@\n", from+1, to-from, from+1, to-from-len(before)+len(after))
	for _, group := range []struct {
		sign  string
		lines []string
	}{{" ", all[from:first]}, {"-", before}, {"+", after}, {" ", all[first+len(before) : to]}} {
		for _, line := range group.lines {
			b.WriteString(group.sign + line + "\n")
		}
	}
	return b.String()
}

// draw draws n of the mutants found in a package, evenly over the operators as far
// as there are that many, and only such as compile. The same seed draws the same.
func draw(seed uint64, found []mutant, n int, p *source) []mutant {
	sum := sha256.Sum256([]byte(p.folder))
	random := rand.New(rand.NewPCG(seed, uint64(sum[0])<<8|uint64(sum[1])))
	groups := make([][]mutant, len(operators))
	for i, operator := range operators {
		for _, m := range found {
			if m.Operator == operator {
				groups[i] = append(groups[i], m)
			}
		}
		random.Shuffle(len(groups[i]), func(a, b int) { groups[i][a], groups[i][b] = groups[i][b], groups[i][a] })
	}
	var drawn []mutant
	for left := len(found); left > 0 && len(drawn) < n; {
		for i := range groups {
			for len(groups[i]) > 0 && len(drawn) < n {
				m := groups[i][0]
				groups[i] = groups[i][1:]
				left--
				if p.compiles(m.file, m.mutated()) {
					drawn = append(drawn, m)
					break
				}
			}
		}
	}
	return drawn
}
