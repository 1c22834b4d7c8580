package pool

import (
	"fmt"

	"github.com/smtpace/smtpace/classify"
)

// Error is how a connection failed: where, at which stage, and by what. Err is
// or wraps a *[classify.Reply] when the server refused, else the I/O, TLS or
// protocol error.
type Error struct {
	Endpoint string // the endpoint's Name or Addr
	Stage    classify.Stage
	Err      error
}

// Error returns all of it on one line.
func (e *Error) Error() string {
	return fmt.Sprintf("pool: %s: %s: %v", e.Endpoint, e.Stage, e.Err)
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }
