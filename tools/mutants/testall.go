package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
)

// testAll tests the mutants that have no outcome yet.
func testAll(ctx context.Context, w io.Writer, o options, packages []*source, drawn []mutant) (map[string]outcome, error) {
	outcomes, err := readOutcomes(o.results)
	if err != nil {
		return nil, err
	}
	due := map[string][]mutant{}
	for _, m := range drawn {
		known, ok := outcomes[m.key()]
		if !ok || o.again && known.Result == survived {
			due[m.Package] = append(due[m.Package], m)
		}
	}
	t, err := newTester(ctx, w, o, due)
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
	r := &recorder{w: w, results: results, outcomes: outcomes, total: len(drawn)}
	for _, p := range packages {
		for _, b := range p.batches(due[p.folder]) {
			if err := t.testBatch(ctx, o.parallel, b, r); err != nil {
				return nil, err
			}
		}
	}
	return outcomes, nil
}

// recorder records outcomes as they come.
type recorder struct {
	w       io.Writer
	results io.Writer
	total   int

	mu       sync.Mutex
	outcomes map[string]outcome
}

func (r *recorder) record(m mutant, o outcome) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.outcomes[o.Key] = o
	fmt.Fprintf(r.w, "%d of %d: %s %s\n", len(r.outcomes), r.total, strings.TrimSpace(o.Result+" "+o.By), strings.SplitN(m.String(), "\n", 2)[0])
	return o.write(r.results)
}

// testBatch tests the mutants of a batch. Where switches alone make a test fail, as
// one may that counts allocations, it tests each half by itself.
func (t *tester) testBatch(ctx context.Context, parallel int, b batch, r *recorder) error {
	tests, err := t.compileBatch(ctx, b)
	if err != nil {
		return err
	}
	defer tests.remove()
	if b.forms != nil {
		if out, err := t.run(ctx, tests, 0, t.limits[tests.folder]); err != nil {
			fmt.Fprintf(r.w, "%s fails with the switches of %d mutants: %s\n", tests.folder, len(b.mutants), killer(out))
			if ctx.Err() != nil {
				return ctx.Err()
			}
			for _, half := range b.halves() {
				if err := t.testBatch(ctx, parallel, half, r); err != nil {
					return err
				}
			}
			return nil
		}
	}
	return t.testEach(ctx, parallel, tests, b, r)
}

// testEach tests the mutants of a batch that is compiled.
func (t *tester) testEach(ctx context.Context, parallel int, tests binary, b batch, r *recorder) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var workers sync.WaitGroup
	next := make(chan int)
	for range parallel {
		workers.Go(func() {
			for i := range next {
				got, err := t.test(ctx, tests, b.number(i), b.mutants[i])
				if err == nil {
					err = r.record(b.mutants[i], got)
				}
				if err != nil {
					cancel(err)
				}
			}
		})
	}
	for i := range b.mutants {
		if ctx.Err() != nil {
			break
		}
		next <- i
	}
	close(next)
	workers.Wait()
	return context.Cause(ctx)
}
