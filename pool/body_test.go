package pool

import (
	"bufio"
	"bytes"
	"fmt"
	"strings"
	"testing"
)

func TestNewBody(t *testing.T) {
	line := strings.Repeat("x", 70) + "\r\n"
	long := strings.Repeat(line, 3*scanBlock/len(line))
	for _, tt := range []struct{ name, in, fault string }{
		{"empty", "", ""},
		{"clean", "A: b\r\n\r\nc\r\n", ""},
		{"no line end at the end", "A: b\r\n\r\nc", ""},
		{"CRLF across blocks", strings.Repeat("x", scanBlock-1) + "\r\n" + line, ""},
		{"LF across blocks", strings.Repeat("x", scanBlock) + "\n" + line, "bare LF at byte 16384;"},
		{"CR at the end of a block", strings.Repeat("x", scanBlock-1) + "\rx\r\n", "bare CR at byte 16383;"},
		{"LF first", "\n", "bare LF at byte 0;"},
		{"LF", "a\r\n\nb", "bare LF at byte 3;"},
		{"LF within the length of the line before", "abcd\r\na\nbc\r\n", "bare LF at byte 7;"},
		{"line within the length of the line before", "abcd\r\n\r\nabc\r\n", ""},
		{"CR", "a\rb", "bare CR at byte 1;"},
		{"CR CR LF", "a\r\r\nb", "bare CR at byte 1;"},
		{"CR first", "\ra", "bare CR at byte 0;"},
		{"CR alone", "\r", "bare CR at byte 0;"},
		{"CR behind CRLF", "a\r\n\rb\r\n", "bare CR at byte 3;"},
		{"CR last behind CRLF", "a\r\n\r", "bare CR at byte 3;"},
		{"CR last", long + "a\r", "bare CR at byte"},
		{"LF far behind", long + "a\nb", "bare LF at byte"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b, err := NewBody([]byte(tt.in))
			if tt.fault == "" && (err != nil || string(b.Bytes()) != tt.in || b.Len() != len(tt.in) || !b.checked) {
				t.Errorf("got %v, %d bytes", err, b.Len())
			}
			if tt.fault != "" && (err == nil || !strings.Contains(err.Error(), tt.fault) || b.checked) {
				t.Errorf("got %v, want %s", err, tt.fault)
			}
		})
	}
}

func TestBodyRemembersDots(t *testing.T) {
	for _, n := range []int{0, 1, maxDots, maxDots + 1, 3 * maxDots} {
		for _, first := range []string{"", ".\r\n"} {
			in := first + strings.Repeat("a.\r\n.b\r\n", n)
			b := body(t, in)
			all := n + len(first)/3
			if int(b.nDots) != min(all, maxDots) || b.moreDots != (all > maxDots) {
				t.Errorf("%d dots: %d remembered, more is %v", all, b.nDots, b.moreDots)
			}
			want := strings.ReplaceAll("\r\n"+in, "\r\n.", "\r\n..")[2:] + ".\r\n"
			if got, _ := stuffed(t, []byte(in)); got != want {
				t.Errorf("%d dots: wrong text", all)
			}
		}
	}
}

// TestBodyFindsShortLines hides a line that begins with a dot, and the line end in
// front, within the length of the line before.
func TestBodyFindsShortLines(t *testing.T) {
	in := "abcdef\r\na\r\n.cd\r\n" + strings.Repeat("abcdef\r\n", 3)
	if got, _ := stuffed(t, []byte(in)); got != strings.Replace(in, ".", "..", 1)+".\r\n" {
		t.Errorf("got %q", got)
	}
}

// TestLargeMessageIsNotCopied: it goes out in few writes, of slices of itself,
// and its end waits for the dot.
func TestLargeMessageIsNotCopied(t *testing.T) {
	data := bytes.Repeat([]byte("0123456789012345678901234567890123456789012345678901234567890\r\n"), 5<<20/63)
	out := &counted{}
	armed := 0
	w := bufio.NewWriterSize(out, writeBuffer)
	b := bodyWriter{w: w, out: out, timer: armFunc(func() error { armed++; return nil })}
	if err := b.message(body(t, string(data))); err != nil {
		t.Fatal(err)
	}
	if blocks := len(data) / block; out.writes != blocks || armed != blocks+1 {
		t.Errorf("got %d writes, armed %d times, for %d whole blocks", out.writes, armed, blocks)
	}
	if left := len(data) % block; w.Buffered() != left {
		t.Errorf("%d bytes wait for the dot, want %d", w.Buffered(), left)
	}
}

type counted struct{ writes int }

func (c *counted) Write(p []byte) (int, error) { c.writes++; return len(p), nil }

func BenchmarkNewBody(b *testing.B) {
	line := []byte("0123456789012345678901234567890123456789012345678901234567890123456789012345\r\n")
	for _, size := range []int{1 << 10, 50 << 10, 5 << 20} {
		b.Run(fmt.Sprintf("%dKiB", size>>10), func(b *testing.B) {
			data := bytes.Repeat(line, size/len(line))
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := NewBody(data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func TestIsEightBit(t *testing.T) {
	for n := range 140 {
		text := bytes.Repeat([]byte("a"), n)
		if isEightBit(text) {
			t.Errorf("%d ASCII bytes: got true", n)
		}
		for i := range n {
			text[i] = 0x80
			if !isEightBit(text) {
				t.Errorf("0x80 at %d of %d: got false", i, n)
			}
			text[i] = 'a'
		}
	}
}
