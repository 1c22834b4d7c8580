package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// charsetAliases are other names of charsets, in lower case.
var charsetAliases = map[string]string{
	"": "utf-8", "us-ascii": "utf-8", "ascii": "utf-8", "utf8": "utf-8", "utf-8-sig": "utf-8",
	"latin1": "iso-8859-1", "latin-1": "iso-8859-1", "latin2": "iso-8859-2", "latin9": "iso-8859-15",
	"ansi": "windows-1252", "cp1250": "windows-1250", "cp1251": "windows-1251", "cp1252": "windows-1252",
	"cp1253": "windows-1253", "cp1254": "windows-1254", "cp1257": "windows-1257",
	"win1252": "windows-1252", "mac": "macintosh", "macroman": "macintosh",
	"utf16": "utf-16", "utf16le": "utf-16le", "utf16be": "utf-16be", "unicode": "utf-16",
}

// charsetName returns the name by which a charset is known here; ok is false for
// one that is not.
func charsetName(s string) (name string, ok bool) {
	name = strings.ToLower(strings.TrimSpace(s))
	if alias, found := charsetAliases[name]; found {
		name = alias
	}
	return name, slices.Contains(charsets(), name)
}

// charsets returns the names of the charsets that can be read.
func charsets() []string {
	return append([]string{"utf-8", "utf-16", "utf-16le", "utf-16be"}, slices.Sorted(maps.Keys(upperHalves))...)
}

// toUTF8 decodes text.
func toUTF8(charset string, text []byte) (string, error) {
	name, ok := charsetName(charset)
	if !ok {
		return "", fmt.Errorf("the charset %q is not known: save the message as UTF-8", charset)
	}
	if name == "utf-8" {
		if !utf8.Valid(text) {
			return "", errors.New("text that is not UTF-8; its charset must be given")
		}
		return string(text), nil
	}
	var out bytes.Buffer
	_, err := io.Copy(&out, newCharsetReader(name, bytes.NewReader(text)))
	return out.String(), err
}

// newCharsetReader returns a reader that gives text of a known charset in UTF-8.
func newCharsetReader(name string, r io.Reader) io.Reader {
	in := bufio.NewReaderSize(r, 1<<16)
	switch name {
	case "utf-8":
		return in
	case "utf-16be":
		return &runeReader{next: utf16Runes(in, binary.BigEndian)}
	case "utf-16", "utf-16le": // RFC 2781 4.3 has big-endian without a mark; what Windows writes is not
		if mark, err := in.Peek(2); err == nil && mark[0] == 0xfe && mark[1] == 0xff {
			return &runeReader{next: utf16Runes(in, binary.BigEndian)}
		}
		return &runeReader{next: utf16Runes(in, binary.LittleEndian)}
	}
	half := upperHalves[name]
	return &runeReader{next: func() (rune, error) {
		c, err := in.ReadByte()
		if c < 0x80 {
			return rune(c), err
		}
		return half[c-0x80], err
	}}
}

// utf16Runes returns a function that decodes one character at a time. Half a
// pair becomes U+FFFD.
func utf16Runes(in io.Reader, order binary.ByteOrder) func() (rune, error) {
	var ahead rune // read and not used yet; 0 for none
	unit := func() (rune, error) {
		if ahead != 0 {
			r := ahead
			ahead = 0
			return r, nil
		}
		var pair [2]byte
		if n, err := io.ReadFull(in, pair[:]); err != nil {
			if n == 1 {
				return utf8.RuneError, nil
			}
			return 0, err
		}
		return rune(order.Uint16(pair[:])), nil
	}
	return func() (rune, error) {
		first, err := unit()
		if err != nil || !utf16.IsSurrogate(first) {
			return first, err
		}
		second, err := unit()
		if err != nil {
			return utf8.RuneError, nil
		}
		r := utf16.DecodeRune(first, second)
		if r == utf8.RuneError {
			ahead = second
		}
		return r, nil
	}
}

// runeReader gives characters as UTF-8.
type runeReader struct {
	next func() (rune, error)
	buf  []byte
	err  error
}

// Read fills p.
func (r *runeReader) Read(p []byte) (n int, err error) {
	for len(r.buf) < len(p) && r.err == nil {
		var c rune
		if c, r.err = r.next(); r.err == nil {
			r.buf = utf8.AppendRune(r.buf, c)
		}
	}
	n = copy(p, r.buf)
	r.buf = r.buf[:copy(r.buf, r.buf[n:])]
	if n == 0 {
		return 0, r.err
	}
	return n, nil
}

// charsetReader decodes encoded words of the charsets that mime does not know.
func charsetReader(charset string, r io.Reader) (io.Reader, error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	decoded, err := toUTF8(charset, text)
	return strings.NewReader(decoded), err
}

// marks are the byte order marks, each with its charset.
var marks = []struct{ mark, charset string }{
	{"\xef\xbb\xbf", "utf-8"}, {"\xff\xfe", "utf-16le"}, {"\xfe\xff", "utf-16be"},
}

// markedCharset returns the charset that the beginning of a text tells: by a
// mark, or by the zero octets that ASCII letters have in UTF-16; "" when it
// tells none.
func markedCharset(beginning []byte) string {
	for _, m := range marks {
		if bytes.HasPrefix(beginning, []byte(m.mark)) {
			return m.charset
		}
	}
	var zeros [2]int
	for i, c := range beginning {
		if c == 0 {
			zeros[i%2]++
		}
	}
	switch quarter := len(beginning) / 4; {
	case zeros[1] > quarter && zeros[0] < zeros[1]/8:
		return "utf-16le"
	case zeros[0] > quarter && zeros[1] < zeros[0]/8:
		return "utf-16be"
	}
	return ""
}
