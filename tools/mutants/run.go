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
	"strconv"
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
	exec   []string                 // what bounds the memory of a test, for go test
}

// newTester tests the unmutated packages, which must pass.
func newTester(ctx context.Context, w io.Writer, o options, folders map[string]bool) (*tester, error) {
	t := &tester{root: o.root, limits: map[string]time.Duration{}}
	if prlimit, err := exec.LookPath("prlimit"); err == nil {
		t.exec = []string{"-exec", prlimit + " --as=8589934592 --"} // 8 GiB
	}
	for _, folder := range o.packages {
		if !folders[folder] {
			continue
		}
		out, err := t.goTest(ctx, folder, 10*time.Minute, "")
		if err != nil {
			return nil, fmt.Errorf("the unmutated package %s fails its tests: %w\n%s", folder, err, out)
		}
		took := duration(out)
		t.limits[folder] = max(shortest, time.Duration(o.factor)*took)
		fmt.Fprintf(w, "%s: %.1f s unmutated, limit %.0f s\n", folder, took.Seconds(), t.limits[folder].Seconds())
	}
	return t, nil
}

var took = regexp.MustCompile(`(?m)^ok\s+\S+\s+([\d.]+)s`)

// duration returns the time that go test names, without that of the compiler.
func duration(out []byte) time.Duration {
	m := took.FindSubmatch(out)
	if m == nil {
		return 0
	}
	s, _ := strconv.ParseFloat(string(m[1]), 64) // digits and dots; 0 is as good as none
	return time.Duration(s * float64(time.Second))
}

// goTest runs the short tests of a folder until the first fails.
func (t *tester) goTest(ctx context.Context, folder string, limit time.Duration, overlay string) ([]byte, error) {
	args := []string{"test", "-short", "-failfast", "-count=1", "-vet=off", "-timeout", limit.String()}
	args = append(args, t.exec...)
	if overlay != "" {
		args = append(args, "-overlay", overlay)
	}
	cmd := exec.CommandContext(ctx, "go", append(args, "./"+folder)...)
	cmd.Dir = t.root
	cmd.Env = append(os.Environ(), "GOWORK=off", "CI=")
	// What a killed test has started may hold its output open.
	cmd.WaitDelay = 5 * time.Second
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return out.Bytes(), err
}

// test tests one mutant.
func (t *tester) test(ctx context.Context, m mutant) (outcome, error) {
	overlay, remove, err := t.overlay(m)
	if err != nil {
		return outcome{}, err
	}
	defer remove()
	start := time.Now()
	out, err := t.goTest(ctx, m.Package, t.limits[m.Package], overlay)
	o := outcome{Key: m.key(), File: m.File, Line: m.Line, Operator: m.Operator, Seconds: time.Since(start).Seconds()}
	switch {
	case ctx.Err() != nil:
		return o, ctx.Err()
	case err == nil:
		o.Result = survived
	case bytes.Contains(out, []byte("[build failed]")), bytes.Contains(out, []byte("[setup failed]")):
		return o, fmt.Errorf("%s does not compile: %s", m, out)
	default:
		o.Result, o.By = killed, killer(out)
	}
	return o, nil
}

var failed = regexp.MustCompile(`(?m)^--- FAIL: (\S+)`)

// killer names the first test that failed.
func killer(out []byte) string {
	if m := failed.FindSubmatch(out); m != nil {
		return string(m[1])
	}
	if bytes.Contains(out, []byte("panic: test timed out")) {
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
