package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unicode/utf8"
)

// beginning is the number of octets that tell what a file is.
const beginning = 4096

// rows gives the entries of a list one by one, io.EOF after the last. Another
// error means that the rest cannot be read.
type rows interface {
	next() (row, error)
}

// listOptions say how a list is to be read; the zero value finds out.
type listOptions struct {
	charset string // a name of charsetName; "" means that the file tells
	column  string // the column of the addresses; "" means one of the usual names
}

// list is a file of recipients: one address a line, or CSV with a header. It is
// read twice, first to check it and then to send, and never held in memory.
type list struct {
	columns
	path string
	hash [sha256.Size]byte // of the file as it is
	file *os.File          // in UTF-8
	size int64             // what is appended later is not read
	temp bool              // whether file is a copy, to be removed

	notes     []string // what was odd in front of the entries
	csv       bool
	separator rune
	start     int64 // offset of the header, or of the first entry where there is none
	startLine int   // its line, from 1
}

// openList opens the list at path and reads its header. A pipe can be read once
// only, and a list that is not in UTF-8 must be decoded: these are copied to a
// temporary file.
func openList(path string, o listOptions) (*list, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	l := &list{path: path, file: file}
	if err := l.prepare(o); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

func (l *list) prepare(o listOptions) error {
	info, err := l.file.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		if err := l.spool(l.file); err != nil {
			return fmt.Errorf("copying %s: %w", l.path, err)
		}
	} else {
		l.size = info.Size()
	}
	if err := l.decode(o.charset); err != nil {
		return err
	}
	l.begin()
	return l.readHeader(o.column)
}

// spool replaces the file by a copy of what content gives.
func (l *list) spool(content io.Reader) error {
	copied, err := os.CreateTemp("", "bulk-list-")
	if err != nil {
		return err
	}
	os.Remove(copied.Name()) // where an open file cannot be removed, close does it
	l.size, err = io.Copy(copied, content)
	closed := l.close()
	l.file, l.temp = copied, true
	return errors.Join(err, closed)
}

func (l *list) close() error {
	err := l.file.Close()
	if l.temp {
		if kept := os.Remove(l.file.Name()); !errors.Is(kept, os.ErrNotExist) {
			err = errors.Join(err, kept)
		}
	}
	return err
}

// decode brings the list to UTF-8.
func (l *list) decode(charset string) error {
	first := make([]byte, min(beginning, l.size))
	if _, err := l.file.ReadAt(first, 0); err != nil && err != io.EOF {
		return err
	}
	if kind := kindOf(first); kind != "" {
		return fmt.Errorf("%s: the file is %s: save the list as CSV or as plain text", l.path, kind)
	}
	found, err := l.survey()
	if err != nil {
		return err
	}
	is := markedCharset(first)
	if is == "" {
		is = found.charset(charset)
	}
	if charset != "" && is != "" && !strings.HasPrefix(is, charset) {
		return fmt.Errorf("%s: the list is in %s, and -charset says %s", l.path, is, charset)
	}
	if is != "" {
		charset = is
	}
	if charset == "" && found.line > 0 && !found.multibyte {
		return fmt.Errorf("%s:%d: the list is not in UTF-8. As windows-1252 %q is %q: if that is right, add -charset windows-1252, else name its charset",
			l.path, found.line, found.text, decodeAs("windows-1252", found.text))
	}
	if charset == "" {
		charset = "utf-8"
	}
	if charset == "utf-8" && !found.returns {
		return nil
	}
	decoded := newCharsetReader(charset, io.NewSectionReader(l.file, 0, l.size))
	if found.returns {
		decoded = &lineEnds{r: bufio.NewReader(decoded)}
	}
	if err := l.spool(decoded); err != nil {
		return fmt.Errorf("copying %s: %w", l.path, err)
	}
	return nil
}

// lineEnds makes a LF of every CR that stands alone and outside of quotes, as in old
// files of a Macintosh.
type lineEnds struct {
	r      *bufio.Reader
	quoted bool
}

// Read fills p.
func (l *lineEnds) Read(p []byte) (n int, err error) {
	for n < len(p) {
		c, err := l.r.ReadByte()
		if err != nil {
			return n, err
		}
		if c == '"' {
			l.quoted = !l.quoted
		}
		if next, _ := l.r.Peek(1); c == '\r' && !l.quoted && string(next) != "\n" && string(next) != "\r" {
			c = '\n'
		}
		p[n], n = c, n+1
	}
	return n, nil
}

// decodeAs decodes text of a known charset, for a message.
func decodeAs(charset, text string) string {
	decoded, _ := toUTF8(charset, []byte(text))
	return decoded
}

// survey is the result of a look at the octets of a list.
type survey struct {
	multibyte bool   // whether there are characters of UTF-8 beyond ASCII
	wide      bool   // whether there are some of three octets or more
	escapes   bool   // whether there are escape sequences of ISO 2022, as Japanese text has
	returns   bool   // whether there are carriage returns without a line feed
	line      int    // the first that is not UTF-8; 0 when there is none
	text      string // of that line, what is near
}

// charset returns the charset that the octets show; "" when they show none. Said is
// the one that the user names. Names in a charset of East Asia can pass for UTF-8 by
// accident, but only for characters of two octets, while in UTF-8 theirs have three.
func (s survey) charset(said string) string {
	switch {
	case s.line > 0:
		return ""
	case s.multibyte && !s.wide && slices.Contains(severalOctets, said):
		return ""
	case s.multibyte:
		return "utf-8"
	case s.escapes:
		return "iso-2022-jp"
	}
	return ""
}

// survey reads the list once, for its hash and for what it is encoded in.
func (l *list) survey() (survey, error) {
	var found survey
	hash := sha256.New()
	r := bufio.NewReaderSize(io.TeeReader(io.NewSectionReader(l.file, 0, l.size), hash), 1<<16)
	for n := 1; ; n++ {
		line, err := r.ReadSlice('\n')
		for err == bufio.ErrBufferFull {
			found.look(line, n)
			line, err = r.ReadSlice('\n')
		}
		found.look(line, n)
		if err == io.EOF {
			hash.Sum(l.hash[:0])
			return found, nil
		}
		if err != nil {
			return found, err
		}
	}
}

// look takes the octets of line n, or a part of them.
func (s *survey) look(line []byte, n int) {
	s.returns = s.returns || bytes.IndexByte(bytes.TrimRight(line, "\r\n"), '\r') >= 0
	s.escapes = s.escapes || bytes.Contains(line, []byte("\x1b$"))
	for at := 0; at < len(line); {
		if line[at] < utf8.RuneSelf {
			at++
			continue
		}
		r, size := utf8.DecodeRune(line[at:])
		switch {
		case r != utf8.RuneError || size > 1:
			s.multibyte, s.wide = true, s.wide || size > 2
		case s.line == 0:
			s.line, s.text = n, string(bytes.TrimSpace(line[max(0, at-20):min(len(line), at+20)]))
		}
		at += size
	}
}

// reader reads the file from an offset.
func (l *list) reader(from int64) *bufio.Reader {
	return bufio.NewReaderSize(io.NewSectionReader(l.file, from, l.size-from), 1<<16)
}

// begin finds the offset behind a byte order mark, or several. Who reads on from there
// meets an error of the file again.
func (l *list) begin() {
	for mark := make([]byte, len(marks[0].mark)); ; l.start += int64(len(mark)) {
		if _, err := l.file.ReadAt(mark, l.start); err != nil || string(mark) != marks[0].mark {
			return
		}
	}
}

// note keeps a remark on a line in front of the entries.
func (l *list) note(line int, what string) {
	l.notes = append(l.notes, fmt.Sprintf("%d: %s", line, what))
}

// rows begins to read the entries, from the first.
func (l *list) rows() rows {
	if l.csv {
		return newCSVRows(l)
	}
	return &plainRows{r: l.reader(l.start), n: l.startLine - 1}
}
