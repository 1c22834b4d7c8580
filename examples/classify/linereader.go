package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
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
