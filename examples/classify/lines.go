package main

import (
	"bytes"
	"fmt"
	"io"
	"strings"
)

const (
	// maxLine is the number of bytes that a line may have, without its end.
	maxLine = 64 << 10
	// chunkSize is the number of bytes that are read at once.
	chunkSize = 256 << 10
)

// lineReader reads lines in bounded memory. One that is too long is skipped and told
// by its number. The texts of many lines are one string, so that whoever keeps one for
// long clones it.
type lineReader struct {
	in     io.Reader
	buffer []byte // holds the beginning of a line that has not ended
	held   int    // its length
	chunk  string // lines that have ended
	long   bool   // whether the next line to end is too long already
	ended  bool   // whether the input has

	number int    // of the line, from 1
	text   string // without its end
	err    error  // why the line cannot be read; the next one may be

	failure error // of the input
}

func newLineReader(in io.Reader) *lineReader {
	return &lineReader{in: in, buffer: make([]byte, chunkSize)}
}

// next goes on to the next line. It returns false when there is none, or the input
// fails.
func (l *lineReader) next() bool {
	for l.chunk == "" && !l.ended {
		l.fill()
	}
	if l.chunk == "" {
		return false
	}
	line, rest, _ := strings.Cut(l.chunk, "\n")
	l.chunk = rest
	l.number++
	l.text, l.err = strings.TrimSuffix(line, "\r"), nil
	if len(l.text) > maxLine || l.long {
		l.text, l.err, l.long = "", fmt.Errorf("longer than %d bytes", maxLine), false
	}
	return true
}

// fill reads once. At the end of the input the last line needs no end of its own.
func (l *lineReader) fill() {
	n, err := l.in.Read(l.buffer[l.held:])
	data := l.buffer[:l.held+n]
	end := bytes.LastIndexByte(data[l.held:], '\n')
	if end >= 0 {
		end += l.held + 1
	} else {
		end = 0
	}
	if err != nil {
		l.ended = true
		if err != io.EOF {
			l.failure = err
			return
		}
		if end < len(data) || l.long && end == 0 {
			l.chunk = string(data) + "\n"
			l.held = 0
			return
		}
	}
	l.chunk = string(data[:end])
	l.held = copy(l.buffer, data[end:])
	if l.held == len(l.buffer) { // without an end: the line is too long
		l.held, l.long = 0, true
	}
}

// drained reports whether a next line would have to be waited for.
func (l *lineReader) drained() bool { return l.chunk == "" }

// sample returns lines that were read already, up to so many, or those that come
// first.
func (l *lineReader) sample(most int) []string {
	for l.chunk == "" && !l.ended {
		l.fill()
	}
	var lines []string
	for rest := l.chunk; rest != "" && len(lines) < most; {
		var line string
		line, rest, _ = strings.Cut(rest, "\n")
		lines = append(lines, strings.TrimSuffix(line[:min(len(line), maxLine)], "\r"))
	}
	return lines
}
