package pool

import (
	"context"
	"errors"
	"fmt"

	"github.com/smtpace/smtpace/internal/finite"
)

// called returns the results of a function of the user's. A panic becomes an error that
// names it, and so does the end of its goroutine (runtime.Goexit): a relay that cannot be
// used is no reason to end the program. An error whose chain has no end is cut.
func called[T any](name string, f func() (T, error)) (out T, err error) {
	return within(context.Background(), name, f)
}

// within does the same as called. It returns the cause of the end of ctx when ctx ends
// first: a call that does not return is left behind.
func within[T any](ctx context.Context, name string, f func() (T, error)) (T, error) {
	type result struct {
		out T
		err error
	}
	done := make(chan result, 1)
	go func() {
		r := result{err: fmt.Errorf("pool: %s has ended its goroutine", name)}
		defer func() {
			if p := recover(); p != nil {
				r.err = fmt.Errorf("pool: %s has panicked: %v", name, p)
			}
			done <- r
		}()
		out, err := f()
		r = result{out, finite.Error(err)}
	}()
	select {
	case r := <-done:
		return r.out, r.err
	case <-ctx.Done():
		var none T
		return none, context.Cause(ctx)
	}
}

// unlessPanicking calls f, unless it is deferred and a panic has come: a panic is to end
// the program at once, and f may wait for what the panicking method holds.
func unlessPanicking(f func()) {
	if p := recover(); p != nil {
		panic(p)
	}
	f()
}

// errUserEnded ends a connection whose User has ended its goroutine.
var errUserEnded = errors.New("pool: a method of the User has ended the connection's goroutine")
