package pool

import (
	"context"
	"fmt"

	"github.com/smtpace/smtpace/internal/finite"
)

// called returns the results of a function of the user's, whose panic becomes an error
// that names it: a relay that cannot be used is no reason to end the program. An error
// whose chain has no end is cut.
func called[T any](name string, f func() (T, error)) (out T, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("pool: %s has panicked: %v", name, p)
		}
	}()
	out, err = f()
	return out, finite.Error(err)
}

// within does what called does on a goroutine of its own. It returns the cause of the
// end of ctx when that comes first: a call that does not return is left behind.
func within[T any](ctx context.Context, name string, f func() (T, error)) (T, error) {
	type result struct {
		out T
		err error
	}
	done := make(chan result, 1)
	go func() {
		out, err := called(name, f)
		done <- result{out, err}
	}()
	select {
	case r := <-done:
		return r.out, r.err
	case <-ctx.Done():
		var none T
		return none, context.Cause(ctx)
	}
}
