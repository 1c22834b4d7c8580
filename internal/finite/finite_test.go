package finite

import (
	"errors"
	"fmt"
	"io"
	"testing"
)

// knot is an error that wraps what it is told to.
type knot struct{ inner error }

func (k *knot) Error() string { return "knot" }
func (k *knot) Unwrap() error { return k.inner }

// web wraps several.
type web struct{ inner []error }

func (w *web) Error() string   { return "web" }
func (w *web) Unwrap() []error { return w.inner }

// spring wraps another error at each call.
type spring struct{}

func (spring) Error() string { return "spring" }
func (spring) Unwrap() error { return fmt.Errorf("a drop of %w", spring{}) }

func TestError(t *testing.T) {
	self := &knot{}
	self.inner = self
	ring := &knot{&knot{&knot{}}}
	ring.inner.(*knot).inner.(*knot).inner = ring
	tangle := &web{}
	tangle.inner = []error{tangle, io.EOF, tangle}
	mixed := &web{}
	mixed.inner = []error{io.EOF, &knot{mixed}}
	for name, err := range map[string]error{
		"itself": self, "a ring": ring, "a ring behind a wrapper": fmt.Errorf("x: %w", ring), "a ring among joined": errors.Join(io.EOF, ring),
		"joined with itself, twice": tangle, "a ring through both": mixed, "another error at each call": spring{},
	} {
		if got := Error(err); got == err || got.Error() != err.Error() || errors.Is(got, io.ErrNoProgress) {
			t.Errorf("%s: got %v", name, got)
		}
	}
	wide := make([]error, 100_000)
	for i := range wide {
		wide[i] = fmt.Errorf("x: %w", io.EOF)
	}
	deep := error(io.EOF)
	for range 500 {
		deep = &knot{deep}
	}
	for name, err := range map[string]error{"one": io.EOF, "joined": errors.Join(wide...), "deep": deep, "empty": &web{}, "wraps nothing": &knot{}, "nil among joined": &web{[]error{nil, io.EOF}}} {
		if got := Error(err); got != err {
			t.Errorf("%s: got %v", name, got)
		}
	}
	if got := Error(nil); got != nil {
		t.Errorf("nil: got %v", got)
	}
}
