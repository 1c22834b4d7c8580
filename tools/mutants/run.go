package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// shortest is the least time limit of a mutant.
const shortest = 20 * time.Second

// tester tests mutants of packages whose tests take known times.
type tester struct {
	root     string
	took     map[string]time.Duration // by the tests of a folder
	factor   int                      // of the time limit
	parallel int                      // number of mutants tested at once
	shortest time.Duration            // least time limit
	exec     []string                 // what bounds the memory of a test

	mu      sync.Mutex
	killers map[string][]string // tests that killed a mutant, by file
}

// newTester tests the unmutated packages, which must pass.
func newTester(ctx context.Context, w io.Writer, o options, due map[string][]mutant) (*tester, error) {
	t := &tester{root: o.root, took: map[string]time.Duration{}, factor: o.factor, parallel: o.parallel, shortest: shortest, killers: map[string][]string{}}
	if prlimit, err := exec.LookPath("prlimit"); err == nil {
		t.exec = []string{prlimit, "--as=8589934592", "--"} // 8 GiB
	}
	for _, folder := range o.packages {
		if len(due[folder]) == 0 {
			continue
		}
		binary, err := t.compile(ctx, folder, "")
		if err != nil {
			return nil, err
		}
		start := time.Now()
		out, err := t.run(ctx, binary, nil, 10*time.Minute)
		took := time.Since(start)
		binary.remove()
		if err != nil {
			return nil, fmt.Errorf("the unmutated package %s fails its tests: %w\n%s", folder, err, out)
		}
		t.took[folder] = took
		fmt.Fprintf(w, "%s: %.1f s unmutated\n", folder, took.Seconds())
	}
	return t, nil
}

// binary is compiled tests of a folder.
type binary struct {
	folder, file string
	dir          string // holds the file and nothing else
}

func (b binary) remove() { _ = os.RemoveAll(b.dir) }

// compile compiles the tests of a folder, with an overlay if there is one.
func (t *tester) compile(ctx context.Context, folder, overlay string) (binary, error) {
	dir, err := os.MkdirTemp("", "mutant")
	if err != nil {
		return binary{}, err
	}
	b := binary{folder, filepath.Join(dir, "tests"), dir}
	args := []string{"test", "-c", "-vet=off", "-o", b.file}
	if overlay != "" {
		args = append(args, "-overlay", overlay)
	}
	cmd := exec.CommandContext(ctx, "go", append(args, "./"+folder)...)
	cmd.Dir = t.root
	cmd.Env = append(os.Environ(), "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		b.remove()
		return binary{}, fmt.Errorf("compiling the tests of %s: %w: %s", folder, err, out)
	}
	return b, nil
}

// run runs compiled tests until the first fails, with more variables in their
// environment. Further flags choose some of the tests.
func (t *tester) run(ctx context.Context, b binary, env []string, limit time.Duration, flags ...string) ([]byte, error) {
	// A test that keeps its process from noticing the time is killed a little later.
	ctx, cancel := context.WithTimeout(ctx, limit+10*time.Second)
	defer cancel()
	args := slices.Concat(t.exec, []string{b.file, "-test.short", "-test.failfast", "-test.timeout", limit.String()}, flags)
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir = filepath.Join(t.root, filepath.FromSlash(b.folder))
	cmd.Env = append(append(os.Environ(), "GOWORK=off", "CI="), env...)
	// What a killed test has started may hold its output open.
	cmd.WaitDelay = 5 * time.Second
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	if ctx.Err() == context.DeadlineExceeded {
		out.WriteString(timedOut)
	}
	return out.Bytes(), err
}

// timedOut is the message of a test that took longer than its limit.
const timedOut = "panic: test timed out"

// test tests a mutant by the tests that reach it: first by those likely to notice it,
// then by the others.
func (t *tester) test(ctx context.Context, b binary, number int, m mutant, r *reach) (outcome, error) {
	o := outcome{Key: m.key(), File: m.File, Line: m.Line, Operator: m.Operator, Result: survived}
	start := time.Now()
	env := []string{fmt.Sprintf("%s=%d", chosenMutant, number)}
	limit := t.limit(r.time(number, t.took[m.Package]))
	for _, flags := range r.flags(number, t.likely(m)) {
		out, err := t.run(ctx, b, env, limit, flags...)
		if ctx.Err() != nil {
			return o, ctx.Err()
		}
		if err != nil {
			o.Result, o.By = killed, killer(out)
			t.noteKiller(m.File, o.By)
			break
		}
	}
	o.Seconds = time.Since(start).Seconds()
	return o, nil
}

// limit returns the time limit of tests that take a time without a mutant.
func (t *tester) limit(took time.Duration) time.Duration {
	return max(t.shortest, time.Duration(t.factor*t.parallel)*took)
}

var testName = regexp.MustCompile(`(?m)^func (Test\w+)\(`)

// likely returns the tests in the _test.go file of the mutated file, and those that have
// killed mutants of that file before.
func (t *tester) likely(m mutant) []string {
	t.mu.Lock()
	names := slices.Clone(t.killers[m.File])
	t.mu.Unlock()
	// Without such a file there is none.
	text, _ := os.ReadFile(filepath.Join(t.root, strings.TrimSuffix(filepath.FromSlash(m.File), ".go")+"_test.go"))
	for _, match := range testName.FindAllSubmatch(text, -1) {
		if name := string(match[1]); name != "TestMain" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// noteKiller notes which test killed a mutant of a file.
func (t *tester) noteKiller(file, test string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if strings.HasPrefix(test, "Test") && !slices.Contains(t.killers[file], test) {
		t.killers[file] = append(t.killers[file], test)
	}
}

var failed = regexp.MustCompile(`(?m)^--- FAIL: (\S+)`)

// killer names the first test that failed.
func killer(out []byte) string {
	if m := failed.FindSubmatch(out); m != nil {
		return string(m[1])
	}
	if bytes.Contains(out, []byte(timedOut)) {
		return "time"
	}
	return "crash"
}

// compileBatch compiles the tests of a package with the mutants of a batch in it.
func (t *tester) compileBatch(ctx context.Context, b batch) (binary, error) {
	dir, err := os.MkdirTemp("", "mutant")
	if err != nil {
		return binary{}, err
	}
	defer os.RemoveAll(dir)
	first := b.mutants[0]
	texts := b.texts()
	texts[path.Join(first.Package, extraFile)] = []byte(extraText(first.file.syntax.Name.Name))
	replace := map[string]string{}
	for name, text := range texts {
		file := filepath.Join(dir, fmt.Sprintf("%d.go", len(replace)))
		replace[filepath.Join(t.root, filepath.FromSlash(name))] = file
		err = errors.Join(err, os.WriteFile(file, text, 0o600))
	}
	overlay := filepath.Join(dir, "overlay.json")
	text, marshal := json.Marshal(map[string]any{"Replace": replace})
	if err := errors.Join(err, marshal, os.WriteFile(overlay, text, 0o600)); err != nil {
		return binary{}, err
	}
	return t.compile(ctx, first.Package, overlay)
}
