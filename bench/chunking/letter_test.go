package main

import (
	"bytes"
	"strings"
	"testing"
)

// What a receiver keeps of a letter is the same with DATA and BDAT.
func TestLetter(t *testing.T) {
	for _, size := range []int{64, 1 << 10, 50 << 10} {
		l := newLetter(size, 2)
		text, ended := bytes.CutSuffix(l.text, []byte(".\r\n"))
		if !ended {
			t.Fatalf("%d bytes: the text ends with %q", size, l.text[len(l.text)-5:])
		}
		text = bytes.ReplaceAll(text, []byte("\r\n.."), []byte("\r\n."))
		_, data, _ := bytes.Cut(l.chunk, []byte(" LAST\r\n"))
		if len(data) != size || !bytes.Equal(text, data) {
			t.Errorf("%d bytes: DATA carries %d and BDAT %d bytes, the same: %t", size, len(text), len(data), bytes.Equal(text, data))
		}
		if size > 1000 && !strings.Contains(string(data), "\r\n.") {
			t.Errorf("%d bytes: no line begins with a dot", size)
		}
	}
}
