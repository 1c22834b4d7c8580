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
	root   string
	limits map[string]time.Duration // by folder
	exec   []string                 // what bounds the memory of a test

	mu      sync.Mutex
	killers map[string][]string // tests that killed a mutant, by file
}

// newTester tests the unmutated packages, which must pass.
func newTester(ctx context.Context, w io.Writer, o options, folders map[string]bool) (*tester, error) {
	t := &tester{root: o.root, limits: map[string]time.Duration{}, killers: map[string][]string{}}
	if prlimit, err := exec.LookPath("prlimit"); err == nil {
		t.exec = []string{prlimit, "--as=8589934592", "--"} // 8 GiB
	}
	for _, folder := range o.packages {
		if !folders[folder] {
			continue
		}
		binary, remove, err := t.compile(ctx, folder, "")
		if err != nil {
			return nil, err
		}
		start := time.Now()
		out, err := t.run(ctx, folder, binary, 10*time.Minute)
		took := time.Since(start)
		remove()
		if err != nil {
			return nil, fmt.Errorf("the unmutated package %s fails its tests: %w\n%s", folder, err, out)
		}
		t.limits[folder] = max(shortest, time.Duration(o.factor)*took)
		fmt.Fprintf(w, "%s: %.1f s unmutated, limit %.0f s\n", folder, took.Seconds(), t.limits[folder].Seconds())
	}
	return t, nil
}

// compile compiles the tests of a folder, with an overlay if there is one.
func (t *tester) compile(ctx context.Context, folder, overlay string) (binary string, remove func(), err error) {
	dir, err := os.MkdirTemp("", "mutant")
	if err != nil {
		return "", nil, err
	}
	remove = func() { _ = os.RemoveAll(dir) }
	binary = filepath.Join(dir, "tests")
	args := []string{"test", "-c", "-vet=off", "-o", binary}
	if overlay != "" {
		args = append(args, "-overlay", overlay)
	}
	cmd := exec.CommandContext(ctx, "go", append(args, "./"+folder)...)
	cmd.Dir = t.root
	cmd.Env = append(os.Environ(), "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		remove()
		return "", nil, fmt.Errorf("compiling the tests of %s: %w: %s", folder, err, out)
	}
	return binary, remove, nil
}

// run runs compiled tests of a folder until the first fails. Further flags choose
// some of them.
func (t *tester) run(ctx context.Context, folder, binary string, limit time.Duration, flags ...string) ([]byte, error) {
	// A test that keeps its process from noticing the time is killed a little later.
	ctx, cancel := context.WithTimeout(ctx, limit+10*time.Second)
	defer cancel()
	args := slices.Concat(t.exec, []string{binary, "-test.short", "-test.failfast", "-test.timeout", limit.String()}, flags)
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir = filepath.Join(t.root, filepath.FromSlash(folder))
	cmd.Env = append(os.Environ(), "GOWORK=off", "CI=")
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

// timedOut is what a test says that took longer than its limit.
const timedOut = "panic: test timed out"

// test tests one mutant: first by the tests that are likely to notice it, then by
// the others.
func (t *tester) test(ctx context.Context, m mutant) (outcome, error) {
	o := outcome{Key: m.key(), File: m.File, Line: m.Line, Operator: m.Operator}
	overlay, remove, err := t.overlay(m)
	if err != nil {
		return o, err
	}
	defer remove()
	binary, removeBinary, err := t.compile(ctx, m.Package, overlay)
	if err != nil {
		return o, fmt.Errorf("%s: %w", m, err)
	}
	defer removeBinary()
	start := time.Now()
	var flags []string
	var out []byte
	if likely := t.likely(m); len(likely) > 0 {
		pattern := "^(" + strings.Join(likely, "|") + ")$"
		out, err = t.run(ctx, m.Package, binary, t.limits[m.Package], "-test.run", pattern)
		flags = []string{"-test.skip", pattern}
	}
	if err == nil {
		out, err = t.run(ctx, m.Package, binary, t.limits[m.Package], flags...)
	}
	o.Seconds = time.Since(start).Seconds()
	switch {
	case ctx.Err() != nil:
		return o, ctx.Err()
	case err == nil:
		o.Result = survived
	default:
		o.Result, o.By = killed, killer(out)
		t.noteKiller(m.File, o.By)
	}
	return o, nil
}

var testName = regexp.MustCompile(`(?m)^func (Test\w+)\(`)

// likely returns the tests in the file of tests that has the name of the mutated
// one, and those that have killed mutants of that file.
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

// overlay writes what lets the go command see a mutant in place of the file.
func (t *tester) overlay(m mutant) (file string, remove func(), err error) {
	dir, err := os.MkdirTemp("", "mutant")
	if err != nil {
		return "", nil, err
	}
	remove = func() { _ = os.RemoveAll(dir) }
	file = filepath.Join(dir, "overlay.json")
	target := filepath.Join(t.root, filepath.FromSlash(m.File))
	replace := map[string]string{
		target: filepath.Join(dir, "mutant.go"),
		filepath.Join(filepath.Dir(target), errorFile): filepath.Join(dir, errorFile),
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	err = errors.Join(err,
		os.WriteFile(file, text, 0o600),
		os.WriteFile(filepath.Join(dir, "mutant.go"), m.mutated(), 0o600),
		os.WriteFile(filepath.Join(dir, errorFile), []byte(errorText(m.file.syntax.Name.Name)), 0o600))
	if err != nil {
		remove()
		return "", nil, err
	}
	return file, remove, nil
}

// testAll tests the mutants that have no outcome yet.
func testAll(ctx context.Context, w io.Writer, o options, drawn []mutant) (map[string]outcome, error) {
	outcomes, err := readOutcomes(o.results)
	if err != nil {
		return nil, err
	}
	var due []mutant
	folders := map[string]bool{}
	for _, m := range drawn {
		known, ok := outcomes[m.key()]
		if !ok || o.again && known.Result == survived {
			due = append(due, m)
			folders[m.Package] = true
		}
	}
	t, err := newTester(ctx, w, o, folders)
	if err != nil {
		return nil, err
	}
	for _, known := range outcomes {
		t.noteKiller(known.File, known.By)
	}
	results, err := os.OpenFile(o.results, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
	if err != nil {
		return nil, err
	}
	defer results.Close() // every line is checked when it is written
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var mu sync.Mutex
	var workers sync.WaitGroup
	next := make(chan mutant)
	for range o.parallel {
		workers.Go(func() {
			for m := range next {
				got, err := t.test(ctx, m)
				mu.Lock()
				if err == nil {
					outcomes[got.Key] = got
					fmt.Fprintf(w, "%d of %d: %s %s\n", len(outcomes), len(drawn), strings.TrimSpace(got.Result+" "+got.By), strings.SplitN(m.String(), "\n", 2)[0])
					err = got.write(results)
				}
				mu.Unlock()
				if err != nil {
					cancel(err)
				}
			}
		})
	}
	for _, m := range due {
		if ctx.Err() != nil {
			break
		}
		next <- m
	}
	close(next)
	workers.Wait()
	return outcomes, context.Cause(ctx)
}
