package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// maxLine is how many bytes a line may have, without its end.
const maxLine = 64 << 10

// lineReader reads lines in bounded memory. One that is too long is skipped and
// told by its number.
type lineReader struct {
	in     *bufio.Reader
	number int    // of the line, from 1
	text   string // without its end
	err    error  // why the line cannot be read; the next one may be

	failure error // of the input
}

func newLineReader(in io.Reader) *lineReader {
	return &lineReader{in: bufio.NewReaderSize(in, maxLine+2)}
}

// next reads a line. It returns false when there is none, or the input fails.
func (l *lineReader) next() bool {
	line, err := l.in.ReadSlice('\n')
	l.number++
	size := len(line)
	l.text, l.err = strings.TrimSuffix(strings.TrimSuffix(string(line), "\n"), "\r"), nil
	for errors.Is(err, bufio.ErrBufferFull) {
		_, err = l.in.ReadSlice('\n')
		l.text = l.text[:maxLine+1] // too long already
	}
	if len(l.text) > maxLine {
		l.text, l.err = "", fmt.Errorf("longer than %d bytes", maxLine)
	}
	if err != nil && err != io.EOF {
		l.failure = err
		return false
	}
	return err == nil || size > 0
}

// drained reports whether a next line would have to be waited for.
func (l *lineReader) drained() bool { return l.in.Buffered() == 0 }

// splitTime cuts the time off the beginning of a line of a log: "Nov 23
// 10:11:12", "2026-11-23 10:11:12" or RFC 3339, with or without fractions. It is
// zero where there is none. A time without a year has the year 0.
func splitTime(line string) (time.Time, string) {
	for _, form := range []struct {
		layout string
		blanks int // within the time
	}{
		{time.RFC3339, 0},
		{"2006-01-02 15:04:05 -0700", 2},
		{"2006-01-02 15:04:05", 1},
		{time.Stamp, 2},
	} {
		n := fieldsEnd(line, form.blanks+1)
		if t, err := time.Parse(form.layout, line[:n]); err == nil {
			return t, strings.TrimPrefix(line[n:], " ")
		}
	}
	return time.Time{}, line
}

// fieldsEnd is where the n-th word of a line ends.
func fieldsEnd(line string, n int) int {
	at := 0
	for ; n > 0; n-- {
		at += len(line[at:]) - len(strings.TrimLeft(line[at:], " "))
		if i := strings.IndexByte(line[at:], ' '); i >= 0 {
			at += i
		} else {
			at = len(line)
		}
	}
	return at
}

// formatTime is the inverse of splitTime.
func formatTime(t time.Time) string {
	if t.Year() == 0 {
		return t.Format(time.Stamp)
	}
	return t.Format(time.DateTime)
}
