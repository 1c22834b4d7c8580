// Package finite bounds the chains of errors that come from functions of the user's.
package finite

// Bounds of what an error wraps. Programs are far below them: a chain that is longer
// has no end, as when Unwrap returns its receiver.
const (
	deepest = 1000
	most    = 1 << 20 // errors that are wrapped in all, as by errors.Join
)

// Error returns err if what it wraps has an end, and otherwise an error that has the
// text of err and wraps nothing. Functions that follow the chain of an error, as those
// of package errors do, would not return from it. It calls the methods of err, so that
// a panic of theirs is a panic of Error.
func Error(err error) error {
	if err == nil {
		return nil
	}
	left := most
	if !ends(err, deepest, &left) {
		return &endless{err.Error()}
	}
	return err
}

// ends reports whether the chains of an error end within the bounds. left is the number
// of errors that may still be looked at.
func ends(err error, depth int, left *int) bool {
	for err != nil {
		if depth--; depth < 0 || *left <= 0 {
			return false
		}
		*left--
		switch e := err.(type) {
		case interface{ Unwrap() error }:
			err = e.Unwrap()
		case interface{ Unwrap() []error }:
			for _, inner := range e.Unwrap() {
				if !ends(inner, depth, left) {
					return false
				}
			}
			return true
		default:
			return true
		}
	}
	return true
}

// endless stands for an error whose chain has no end.
type endless struct{ text string }

// Error returns the text of the error.
func (e *endless) Error() string { return e.text }
