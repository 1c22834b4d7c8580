package smtptest

import (
	"bufio"
	"bytes"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// readBody reads a whole message with a buffer of n bytes.
func readBody(wire string, n int) (data string, dot bool, rest string) {
	r := bufio.NewReaderSize(iotest.OneByteReader(strings.NewReader(wire)), n)
	b := newBodyReader(r)
	var buf bytes.Buffer
	for {
		piece, dot, err := b.next()
		buf.Write(piece)
		if dot || err != nil {
			rest, _ := io.ReadAll(r)
			return buf.String(), dot, string(rest)
		}
	}
}

func TestBody(t *testing.T) {
	long := strings.Repeat("x", 100)
	tests := []struct {
		name, wire, data string
		dot              bool
		rest             string
	}{
		{"empty", ".\r\n", "", true, ""},
		{"lines", "a\r\nb\r\n.\r\n", "a\r\nb\r\n", true, ""},
		{"what follows stays", "a\r\n.\r\nMAIL", "a\r\n", true, "MAIL"},
		{"stuffed dots", "..\r\n...\r\n.x\r\na.\r\n.\r\n", ".\r\n..\r\nx\r\na.\r\n", true, ""},
		{"bare LF before the dot", "a\n.\r\nb\r\n.\r\n", "a\n.\r\nb\r\n", true, ""},
		{"bare LF behind the dot", "a\r\n.\nb\r\n.\r\n", "a\r\n\nb\r\n", true, ""},
		{"bare CR around the dot", "a\r.\r\r\n.\r\n", "a\r.\r\r\n", true, ""},
		{"long lines", long + "\r\n." + long + "\r\n.\r\n", long + "\r\n" + long + "\r\n", true, ""},
		{"broken off", "a\r\nb", "a\r\nb", false, ""},
		{"broken off within the dot", "a\r\n.\r", "a\r\n\r", false, ""},
		{"nothing", "", "", false, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for n := 16; n < 40; n++ {
				data, dot, rest := readBody(tt.wire, n)
				if data != tt.data || dot != tt.dot || rest != tt.rest {
					t.Fatalf("buffer %d: got %q, %t, %q; want %q, %t, %q", n, data, dot, rest, tt.data, tt.dot, tt.rest)
				}
			}
		})
	}
}

// Any text that ends in CRLF survives dot-stuffing.
func FuzzBody(f *testing.F) {
	f.Add("text\r\n.\r\n..\r\n.x\r\n", uint8(16))
	f.Add("\r\n.\n\r.\r\n", uint8(0))
	f.Fuzz(func(t *testing.T, text string, size uint8) {
		text += "\r\n"
		stuffed := strings.ReplaceAll("\r\n"+text, "\r\n.", "\r\n..")[2:]
		data, dot, rest := readBody(stuffed+".\r\nrest", 16+int(size))
		if data != text || !dot || rest != "rest" {
			t.Errorf("%q arrived as %q, dot %t, rest %q", text, data, dot, rest)
		}
	})
}
