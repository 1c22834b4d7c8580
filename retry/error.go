package retry

import (
	"fmt"

	"github.com/smtpace/smtpace/classify"
)

// Error says why [Do] gave up. It unwraps to Last and, if there is one, to
// Cause, so that errors.Is and errors.As find both.
type Error struct {
	Attempts int              // how often the function ran
	Verdict  classify.Verdict // what Last means
	Last     error            // the error of the last attempt; nil when there was none
	Cause    error            // why the context ended (context.Cause); nil when Last is final
}

// Error returns both causes on one line.
func (e *Error) Error() string {
	switch {
	case e.Last == nil:
		return fmt.Sprintf("retry: not tried: %v", e.Cause)
	case e.Cause == nil:
		return fmt.Sprintf("retry: gave up at attempt %d: %v", e.Attempts, e.Last)
	}
	return fmt.Sprintf("retry: %v after attempt %d: %v", e.Cause, e.Attempts, e.Last)
}

// Unwrap returns what is there of Cause and Last.
func (e *Error) Unwrap() []error {
	var errs []error
	for _, err := range []error{e.Cause, e.Last} {
		if err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}
