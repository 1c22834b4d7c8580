package profile

import "fmt"

// Warning is something that [ParseShaping] left out.
type Warning struct {
	File string // the name of the file, as the caller gave it
	Line int    // from 1
	Text string // what was left out, and why
}

// String returns "file:line: text".
func (w Warning) String() string { return fmt.Sprintf("%s:%d: %s", w.File, w.Line, w.Text) }
