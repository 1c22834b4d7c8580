package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// reach maps the mutants of a binary to the tests that reach them. What no test reaches,
// no test notices. A nil reach knows nothing: then all tests are run.
type reach struct {
	took map[string]time.Duration // by test
	by   map[int][]string         // the tests that reach a mutant, by its number
}

// reaches runs each test of a binary by itself, with no mutant switched on. The error
// names one that fails.
func (t *tester) reaches(ctx context.Context, b binary) (*reach, error) {
	out, err := t.run(ctx, b, nil, time.Minute, "-test.list", ".")
	if err != nil {
		return nil, fmt.Errorf("listing the tests of %s: %w: %s", b.folder, err, out)
	}
	r := &reach{took: map[string]time.Duration{}, by: map[int][]string{}}
	names := strings.Fields(string(out))
	next := make(chan string)
	var mu sync.Mutex
	var workers sync.WaitGroup
	var failed error
	for range t.parallel {
		workers.Go(func() {
			for name := range next {
				took, numbers, err := t.reachedBy(ctx, b, name)
				mu.Lock()
				r.took[name] = took
				for _, n := range numbers {
					r.by[n] = append(r.by[n], name)
				}
				if err != nil && failed == nil {
					failed = err
				}
				mu.Unlock()
			}
		})
	}
	for _, name := range names {
		next <- name
	}
	close(next)
	workers.Wait()
	return r, failed
}

// reachedBy runs a test and returns its time and the numbers of the mutants that it
// reaches.
func (t *tester) reachedBy(ctx context.Context, b binary, name string) (took time.Duration, numbers []int, err error) {
	file := filepath.Join(b.dir, "reached-"+name)
	start := time.Now()
	out, err := t.run(ctx, b, []string{reachedMutants + "=" + file}, t.limit(t.took[b.folder]), "-test.run", pattern([]string{name}))
	took = time.Since(start)
	if err != nil {
		return took, nil, fmt.Errorf("%s: %w: %s", name, err, out)
	}
	text, _ := os.ReadFile(file) // there is none where nothing was reached
	for line := range strings.FieldsSeq(string(text)) {
		n, err := strconv.Atoi(line)
		if err != nil {
			return took, nil, err
		}
		numbers = append(numbers, n)
	}
	return took, numbers, nil
}

// time returns the duration of the tests of a mutant; all is that of all tests.
func (r *reach) time(number int, all time.Duration) (sum time.Duration) {
	if r == nil {
		return all
	}
	for _, name := range r.by[number] {
		sum += r.took[name]
	}
	return sum
}

// flags returns the flags of the runs for a mutant: one with the tests likely to notice
// it, and one with the others.
func (r *reach) flags(number int, likely []string) (runs [][]string) {
	if r == nil {
		if len(likely) == 0 {
			return [][]string{nil}
		}
		return [][]string{{"-test.run", pattern(likely)}, {"-test.skip", pattern(likely)}}
	}
	var first, then []string
	for _, name := range r.by[number] {
		if slices.Contains(likely, name) {
			first = append(first, name)
		} else {
			then = append(then, name)
		}
	}
	for _, names := range [][]string{first, then} {
		if len(names) > 0 {
			runs = append(runs, []string{"-test.run", pattern(names)})
		}
	}
	return runs
}

// pattern returns the pattern of -test.run for tests of these names.
func pattern(names []string) string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = regexp.QuoteMeta(name)
	}
	return "^(" + strings.Join(quoted, "|") + ")$"
}
