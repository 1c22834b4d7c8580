package main

import (
	"bufio"
	"bytes"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// plainText does the work of text slowly, line by line. It returns the size of
// the text and the bytes behind the final dot.
func plainText(in []byte) (size int, rest []byte, ok bool) {
	for {
		line, after, found := bytes.Cut(in, []byte("\r\n"))
		if !found {
			return 0, nil, false
		}
		if string(line) == "." {
			return size, after, true
		}
		size += len(bytes.TrimPrefix(line, []byte("."))) + 2
		in = after
	}
}

// readText runs text over readers that give their bytes in different pieces,
// with a buffer of 16 bytes.
func readText(t *testing.T, in []byte) {
	size, rest, ok := plainText(in)
	for name, reader := range map[string]io.Reader{
		"whole": bytes.NewReader(in),
		"bytes": iotest.OneByteReader(bytes.NewReader(in)),
		"half":  iotest.HalfReader(bytes.NewReader(in)),
	} {
		s := &session{in: bufio.NewReaderSize(reader, 16)}
		got, err := s.text()
		if (err == nil) != ok {
			t.Errorf("%s: %q: error %v, want one: %t", name, in, err, !ok)
			continue
		}
		if !ok {
			continue
		}
		if got != size {
			t.Errorf("%s: %q: %d bytes, want %d", name, in, got, size)
		}
		if left, _ := io.ReadAll(s.in); !bytes.Equal(left, rest) {
			t.Errorf("%s: %q: left %q, want %q", name, in, left, rest)
		}
	}
}

var texts = []string{
	".\r\n",
	".\r\nQUIT\r\n",
	"A: b\r\n\r\nc\r\n.\r\nMAIL FROM:<>\r\n",
	"..\r\n.\r\n",
	"...\r\n..x\r\n.\r\n",
	"a\r\n.b\r\n..\r\n.\r\n",
	"\r\n\r\n.\r\n",
	"a\n.\n.\r\n.\r\n",
	"a\r.\r\nb\r\n.\r\n",
	"a\r\n.\rb\r\n.\r\n",
	"a\r\r\n.\r\n",
	"0123456789abcd\r\n.\r\n",
	"0123456789abcde\r\n.\r\n",
	"0123456789abcdef\r\n..\r\n.\r\n",
	"no end\r\n",
	"no end\r\n.",
	"",
}

func TestText(t *testing.T) {
	for _, in := range texts {
		readText(t, []byte(in))
	}
	readText(t, []byte(strings.Repeat("0123456789\r\n..x\r\n", 1000)+".\r\nNOOP\r\n"))
}

func FuzzText(f *testing.F) {
	for _, in := range texts {
		f.Add([]byte(in))
	}
	f.Fuzz(readText)
}
