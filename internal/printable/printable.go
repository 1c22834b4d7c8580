// Package printable makes text that came from a peer safe for an error, a log or a
// terminal.
package printable

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxError is the greatest length in bytes of the text of an error that [Error]
// returns.
const MaxError = 1 << 10

// cut stands for the rest of a text that is too long.
const cut = "..."

// Text returns s as one line of printable characters. Every run of other
// characters and of invalid UTF-8 becomes one blank: line breaks, control
// characters, escape, marks of direction. A text of more than limit bytes is cut, and ends in
// "..."; limit must be at least 3.
func Text(s string, limit int) string {
	if isClean(s) && len(s) <= limit {
		return s
	}
	var b strings.Builder
	end := 0 // of what stays in front of the cut
	blank := false
	for i, c := range s {
		if !isPrintable(s[i:], c) {
			if blank {
				continue
			}
			c = ' '
			blank = true
		} else {
			blank = false
		}
		if b.Len()+utf8.RuneLen(c) > limit {
			return b.String()[:end] + cut
		}
		b.WriteRune(c)
		if b.Len()+len(cut) <= limit {
			end = b.Len()
		}
	}
	return b.String()
}

// isClean reports whether all of s is printable.
func isClean(s string) bool {
	for i, c := range s {
		if !isPrintable(s[i:], c) {
			return false
		}
	}
	return true
}

// isPrintable reports whether c, the first character of s, may stay.
func isPrintable(s string, c rune) bool {
	if c == utf8.RuneError {
		_, size := utf8.DecodeRuneInString(s)
		return size > 1
	}
	return unicode.IsPrint(c)
}

// Error returns an error that wraps err and whose text is one printable line of at
// most MaxError bytes. It returns err itself if its text is one already, and nil
// for nil.
func Error(err error) error {
	if err == nil {
		return nil
	}
	raw := err.Error()
	text := Text(raw, MaxError)
	if text == raw {
		return err
	}
	return &sanitised{text, err}
}

// sanitised is an error with a text of its own.
type sanitised struct {
	text string
	err  error
}

func (e *sanitised) Error() string { return e.text }

// Unwrap returns the error whose text was not printable.
func (e *sanitised) Unwrap() error { return e.err }
