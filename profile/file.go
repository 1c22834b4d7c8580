package profile

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// file collects the mistakes of a file while it is read.
type file struct {
	name  string
	lines map[string]int // of every key, by its path
	wrong []*FileError
}

func (f *file) fail(line int, err error) {
	f.wrong = append(f.wrong, &FileError{File: f.name, Line: line, Err: err})
}

func (f *file) ok() bool { return len(f.wrong) == 0 }

// err joins all mistakes in the order of their lines.
func (f *file) err() error {
	slices.SortStableFunc(f.wrong, func(a, b *FileError) int { return cmp.Compare(a.Line, b.Line) })
	var errs []error
	for _, e := range f.wrong {
		errs = append(errs, e)
	}
	return errors.Join(errs...)
}

// readFile returns the top table of a file; nil if it cannot be read, with the
// mistakes in f.
func readFile(r io.Reader, name string) (*file, *table) {
	f := &file{name: name}
	text, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	switch {
	case err != nil:
		f.fail(0, err)
		return f, nil
	case len(text) > maxFile:
		f.fail(0, fmt.Errorf("longer than %d KiB: want less", maxFile>>10))
		return f, nil
	}
	var deep int
	if f.lines, deep = linesOf(string(text)); deep > 0 {
		f.fail(deep, fmt.Errorf("nested more than %d deep: want less", maxDepth))
		return f, nil
	}
	values := map[string]any{}
	if _, err := toml.Decode(string(text), &values); err != nil {
		f.fail(syntaxError(err))
		return f, nil
	}
	return f, &table{file: f, values: values}
}

func syntaxError(err error) (line int, what error) {
	if e, ok := errors.AsType[toml.ParseError](err); ok {
		return e.Position.Line, fmt.Errorf("no TOML: %s", strings.TrimPrefix(e.Message, "toml: "))
	}
	return 0, err
}

// FileError is a mistake in a file, or something in it that is left out. The errors
// of [Parse] and [ParseShaping] are joined FileErrors, one for each mistake, in the
// order of their lines.
type FileError struct {
	File string // its name, as the caller gave it
	Line int    // from 1; 0 when the mistake has no line
	Err  error  // the mistake, and what would be right; or the part that was left out, and the reason
}

// Error returns "file:line: mistake".
func (e *FileError) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %v", e.File, e.Err)
	}
	return fmt.Sprintf("%s:%d: %v", e.File, e.Line, e.Err)
}

// Unwrap returns Err.
func (e *FileError) Unwrap() error { return e.Err }
