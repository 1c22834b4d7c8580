package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const fixture = "testdata/fixture"

// found returns all mutants of a folder of the fixture, and its package.
func found(t *testing.T, folder string) (*source, []mutant) {
	t.Helper()
	root, err := filepath.Abs(fixture)
	if err != nil {
		t.Fatal(err)
	}
	packages, err := load(root, []string{folder})
	if err != nil {
		t.Fatal(err)
	}
	all, err := packages[0].mutants()
	if err != nil {
		t.Fatal(err)
	}
	return packages[0], all
}

func TestOperatorsFindTheirPlaces(t *testing.T) {
	p, all := found(t, "kinds")
	var got []string
	for _, m := range all {
		_, after := m.lines()
		line := fmt.Sprintf("%d %s: %s", m.Line, m.Operator, strings.TrimSpace(strings.Join(after, "\n")))
		if !p.compiles(m.file, m.mutated()) {
			line += " (does not compile)"
		}
		got = append(got, line)
	}
	want := []string{
		`12 condition negated: if !(a < 1 && b != 2) {`,
		`12 condition weakened: if a < 1 || b != 2 {`,
		`12 bound shifted: if a <= 1 && b != 2 {`,
		`12 constant changed: if a < 2 && b != 2 {`,
		`12 equality swapped: if a < 1 && b == 2 {`,
		`12 constant changed: if a < 1 && b != 3 {`,
		`13 error swapped: return 0, nil`,
		`13 error swapped: return 0, errMutant`,
		`16 condition negated: case !(a == b):`,
		`17 statement removed: _ = len(set)`,
		`20 statement removed: `,
		`22 statement removed: _ = i`,
		`24 constant changed: for i := 1; i < a; i++ {`,
		`24 bound shifted: for i := 0; i <= a; i++ {`,
		`25 condition negated: if !(errors.Is(err, io.EOF)) {`,
		`25 error swapped: if errors.Is(err, errMutant) { (does not compile)`,
		`26 statement removed: `,
		`29 error swapped: return n, errMutant`,
		`32 condition weakened: func unused(yes bool) bool { return yes && true }`,
		`32 constant changed: func unused(yes bool) bool { return yes || false }`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestSwitches holds how each operator's mutant stands beside the code that it
// changes, and that no two of a binary change the same.
func TestSwitches(t *testing.T) {
	p, all := found(t, "kinds")
	var got []string
	for _, m := range all {
		form, ok := p.switchedForm(m)
		if !ok {
			got = append(got, fmt.Sprintf("%d %s: none", m.Line, m.Operator))
			continue
		}
		got = append(got, fmt.Sprintf("%d %s: %s", m.Line, m.Operator, form.text(7)))
	}
	want := []string{
		`12 condition negated: (mutantIs(7) && (!(a < 1 && b != 2)) || !mutantIs(7) && (a < 1 && b != 2))`,
		`12 condition weakened: (mutantIs(7) && (a < 1 || b != 2) || !mutantIs(7) && (a < 1 && b != 2))`,
		`12 bound shifted: (mutantIs(7) && (a <= 1) || !mutantIs(7) && (a < 1))`,
		`12 constant changed: mutantPick[int](7, 2, 1)`,
		`12 equality swapped: (mutantIs(7) && (b == 2) || !mutantIs(7) && (b != 2))`,
		`12 constant changed: mutantPick[int](7, 3, 2)`,
		`13 error swapped: mutantPick[error](7, nil, ErrSmall)`,
		`13 error swapped: mutantPick[error](7, errMutant, ErrSmall)`,
		`16 condition negated: (mutantIs(7) && (!(a == b)) || !mutantIs(7) && (a == b))`,
		`17 statement removed: if mutantIs(7) { _ = len(set) } else { n = len(set) }`,
		`20 statement removed: if mutantIs(7) {  } else { defer print("kinds") }`,
		`22 statement removed: if mutantIs(7) { _ = i } else { n += i }`,
		`24 constant changed: mutantPick[int](7, 1, 0)`,
		`24 bound shifted: (mutantIs(7) && (i <= a) || !mutantIs(7) && (i < a))`,
		`25 condition negated: (mutantIs(7) && (!(errors.Is(err, io.EOF))) || !mutantIs(7) && (errors.Is(err, io.EOF)))`,
		`25 error swapped: mutantPick[error](7, errMutant, io.EOF)`,
		`26 statement removed: if mutantIs(7) {  } else { n++ }`,
		`29 error swapped: if mutantIs(7) { return n, errMutant } else { return n, nil }`,
		`32 condition weakened: (mutantIs(7) && (yes && true) || !mutantIs(7) && (yes || true))`,
		`32 constant changed: mutantPick[bool](7, false, true)`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	total := 0
	for i, b := range p.batches(all) {
		total += len(b.mutants)
		for j, form := range b.forms {
			if one := (batch{b.mutants[:j], b.forms[:j]}); one.overlaps(b.mutants[j], form) {
				t.Errorf("batch %d: two change the same code: %s", i, b.mutants[j])
			}
		}
		for name, text := range b.texts() {
			if !p.compiles(p.files[0], text) {
				t.Errorf("batch %d: %s does not compile:\n%s", i, name, text)
			}
		}
	}
	if total != len(all) {
		t.Errorf("got %d mutants in the batches, want %d", total, len(all))
	}
}

// TestLeftOut finds no mutant that makes no difference, and those beside them.
func TestLeftOut(t *testing.T) {
	_, all := found(t, "left")
	var got []string
	for _, m := range all {
		if m.Operator != constantChanged && m.Operator != boundShifted {
			continue
		}
		_, after := m.lines()
		got = append(got, strings.TrimSpace(after[0]))
	}
	want := []string{
		`return bufio.NewReaderSize(r, 41), make([]int, 4, 42), make(map[int]bool, 43)`,
		`if n == 1 {`,
		`return 6, true, nil`,
		`return 5, false, nil`,
		`return a < b || a <= 0.5 || a >= 0 || n < 6`,
		`return a < b || a <= 0.5 || a > 1 || n < 6`,
		`return a < b || a <= 0.5 || a > 0 || n <= 6`,
		`return a < b || a <= 0.5 || a > 0 || n < 7`,
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestDrawIsEvenAndRepeatable(t *testing.T) {
	p, all := found(t, "kinds")
	names := func(seed uint64, n int) (drawn []string) {
		for _, m := range draw(seed, all, n, p) {
			if !p.compiles(m.file, m.mutated()) {
				t.Errorf("drawn, but does not compile: %s", m)
			}
			drawn = append(drawn, m.String())
		}
		return drawn
	}
	first := names(1, 14)
	if again := names(1, 14); !slices.Equal(first, again) {
		t.Error("the same seed draws something else")
	}
	if more := names(1, 16); !slices.Equal(first, more[:14]) {
		t.Error("with more to draw, the first are others")
	}
	if other := names(2, 14); slices.Equal(first, other) {
		t.Error("another seed draws the same")
	}
	for i, operator := range slices.Concat(operators, operators[:2]) { // the third has one place
		if !strings.Contains(first[i], ": "+operator+"\n") {
			t.Errorf("mutant %d: got %s, want one of %s", i, first[i], operator)
		}
	}
	drawn := names(3, 1000)
	slices.Sort(drawn)
	if n := len(slices.Compact(drawn)); n != len(all)-1 {
		t.Errorf("all: got %d different ones, want all %d that compile", n, len(all)-1)
	}
}

func TestMutantIsShownAsADiff(t *testing.T) {
	_, all := found(t, "kinds")
	const want = `kinds/kinds.go:12: bound shifted
@@ -10,5 +10,5 @@
 
 func kinds(a, b int, set map[string]int) (n int, err error) {
-	if a < 1 && b != 2 {
+	if a <= 1 && b != 2 {
 		return 0, ErrSmall
 	}
`
	if got := all[2].String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestRunTestsEachMutantOnce runs the program on the fixture, goes on with what it
// left, and tests the survivors again.
func TestRunTestsEachMutantOnce(t *testing.T) {
	dir := t.TempDir()
	results, none := filepath.Join(dir, "results"), filepath.Join(dir, "harmless")
	if err := os.WriteFile(none, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	before := checkout(t)
	execute := func(args ...string) string {
		var out bytes.Buffer
		args = append(args, "-root", fixture, "-packages", "tested", "-seed", "1", "-n", "4", "-p", "2", "-results", results, "-harmless", none)
		if err := run(t.Context(), &out, args); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	first := execute()
	outcomes, err := readOutcomes(results)
	if err != nil {
		t.Fatal(err)
	}
	survivors := 0
	for _, o := range outcomes {
		if o.Result == survived {
			survivors++
		}
	}
	if len(outcomes) != 4 || survivors == 0 || survivors == 4 {
		t.Fatalf("got %d outcomes, %d of them survivors; want 4, and some of each; pick another seed\n%s", len(outcomes), survivors, first)
	}
	row := fmt.Sprintf("| tested | %d | 4 | %.1f %% | 0 of %d |\n", 4-survivors, float64(4-survivors)*25, survivors)
	if !strings.Contains(first, row) || strings.Count(first, "\nsurvived: tested/tested.go:") != survivors {
		t.Errorf("got %s\nwant the row %s and %d diffs", first, row, survivors)
	}
	// A run that was killed has left half a line.
	text, err := os.ReadFile(results)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(text, []byte("\n"))
	if err := os.WriteFile(results, bytes.Join(lines[:3], nil)[:len(text)-len(lines[3])-2], 0o600); err != nil {
		t.Fatal(err)
	}
	if got := execute(); !strings.Contains(got, row) || strings.Count(got, " of 4: ") != 2 {
		t.Errorf("continued: got %s\nwant two mutants tested and the row %s", got, row)
	}
	if got := execute("-again"); !strings.Contains(got, row) || strings.Count(got, " of 4: survived") != survivors || strings.Contains(got, ": killed") {
		t.Errorf("-again: got %s\nwant the survivors tested", got)
	}
	if got := execute("-list"); strings.Count(got, "\n@@ ") != 4 || strings.Contains(got, " of 4: ") {
		t.Errorf("-list: got %s\nwant four diffs and nothing tested", got)
	}
	if after := checkout(t); !bytes.Equal(before, after) {
		t.Error("the checkout was changed")
	}
}

// checkout returns all that is in the fixture.
func checkout(t *testing.T) []byte {
	t.Helper()
	var all bytes.Buffer
	err := filepath.WalkDir(fixture, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		fmt.Fprintf(&all, "%s\n%s", path, text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.Bytes()
}

func TestMutantThatHangsIsKilled(t *testing.T) {
	p, all := found(t, "endless")
	i := slices.IndexFunc(all, func(m mutant) bool { return m.Operator == statementRemoved })
	if i < 0 {
		t.Fatal("the fixture has no n--")
	}
	tester := &tester{root: p.root, limits: map[string]time.Duration{"endless": time.Second}, killers: map[string][]string{}}
	tests, err := tester.compileBatch(t.Context(), batch{mutants: all[i : i+1]})
	if err != nil {
		t.Fatal(err)
	}
	defer tests.remove()
	got, err := tester.test(t.Context(), tests, 0, all[i])
	if err != nil || got.Result != killed || got.By != "time" {
		t.Errorf("got %+v, %v, want it killed by time", got, err)
	}
}

// TestLikelyTests are those in the file of tests of the same name, behind those that
// have killed a mutant of the file.
func TestLikelyTests(t *testing.T) {
	p, all := found(t, "tested")
	tester := &tester{root: p.root, killers: map[string][]string{}}
	text, err := os.ReadFile(filepath.Join(p.root, "tested", "tested_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	got := tester.likely(all[0])
	if len(got) == 0 || len(got) != strings.Count(string(text), "\nfunc Test") {
		t.Errorf("got %q of %s", got, text)
	}
	for _, by := range []string{"TestElsewhere", "TestElsewhere", "time", "crash"} {
		tester.noteKiller(all[0].File, by)
	}
	if again := tester.likely(all[0]); !slices.Equal(again, append([]string{"TestElsewhere"}, got...)) {
		t.Errorf("behind a killer: got %q", again)
	}
	other := all[0]
	other.File = "tested/other.go"
	if got := tester.likely(other); len(got) != 0 {
		t.Errorf("of a file without tests: got %q", got)
	}
}

func TestRunEndsWithTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	dir := t.TempDir()
	err := run(ctx, &bytes.Buffer{}, []string{"-root", fixture, "-packages", "tested", "-results", filepath.Join(dir, "r"), "-harmless", "harmless.txt"})
	if err == nil {
		t.Error("got no error, want the end of the context")
	}
}

func TestHarmlessIsFound(t *testing.T) {
	_, all := found(t, "kinds")
	name := filepath.Join(t.TempDir(), "harmless")
	write := func(text string) {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("# comment\n\nkinds/kinds.go: bound shifted\n-if a < 1 && b != 2 {\n+\tif a <= 1 && b != 2 {\nNobody asks\nfor one.\n\nkinds/kinds.go: statement removed\n-n++\n+\nNobody counts.\n")
	judgements, err := readHarmless(name)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range all {
		if j := harmless(judgements, m); j != nil {
			got = append(got, fmt.Sprint(m.Line, " ", j.why))
		}
	}
	if want := []string{"12 Nobody asks\nfor one.", "26 Nobody counts."}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, text := range []string{"a.go: bound shifted\n-a\n+b\n", "a.go: bound shifted\n-a\nwhy\n", "why\n"} {
		write(text)
		if got, err := readHarmless(name); err == nil {
			t.Errorf("%q: got %+v, want an error", text, got)
		}
	}
}

// TestHarmlessIsCurrent finds the lines that each judgement is about.
func TestHarmlessIsCurrent(t *testing.T) {
	judgements, err := readHarmless("harmless.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, j := range judgements {
		text, err := os.ReadFile(filepath.Join("../..", filepath.FromSlash(j.file)))
		if err != nil {
			t.Error(err)
			continue
		}
		var lines string
		for line := range strings.Lines(string(text)) {
			lines += strings.TrimSpace(line) + "\n"
		}
		if !strings.Contains("\n"+lines, "\n"+j.before+"\n") {
			t.Errorf("harmless.txt: %s has no lines %q any more", j.file, j.before)
		}
		if !slices.Contains(operators, j.operator) {
			t.Errorf("harmless.txt: %s: %q is no operator", j.file, j.operator)
		}
	}
}
