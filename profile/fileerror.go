package profile

import "fmt"

// FileError is a mistake in a file. The errors of [Parse] and [ParseShaping] are
// joined FileErrors, one for each mistake, in the order of their lines.
type FileError struct {
	File string // its name, as the caller gave it
	Line int    // from 1; 0 when the mistake has no line
	Err  error  // what is wrong, and what would be right
}

// Error returns "file:line: what is wrong".
func (e *FileError) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %v", e.File, e.Err)
	}
	return fmt.Sprintf("%s:%d: %v", e.File, e.Line, e.Err)
}

// Unwrap returns Err.
func (e *FileError) Unwrap() error { return e.Err }
