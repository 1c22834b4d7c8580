package pool

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/textproto"
	"strings"
	"testing"
	"time"
)

// armFunc is an armer that ignores the timeout.
type armFunc func() error

func (f armFunc) arm(time.Duration) error { return f() }

func stuffed(t testing.TB, data []byte) (string, int) {
	t.Helper()
	var out bytes.Buffer
	w := bufio.NewWriter(&out)
	armed := 0
	m := body(t, string(data))
	b := bodyWriter{w: w, out: &out, timer: armFunc(func() error { armed++; return nil })}
	if err := b.message(m); err != nil {
		t.Fatal(err)
	}
	w.WriteString(m.terminator())
	w.Flush()
	return out.String(), armed
}

func TestDotStuffing(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"empty", "", ".\r\n"},
		{"plain", "a\r\nb\r\n", "a\r\nb\r\n.\r\n"},
		{"no line end", "a", "a\r\n.\r\n"},
		{"dot first", ".a\r\n", "..a\r\n.\r\n"},
		{"dot in a line", "a.b\r\n", "a.b\r\n.\r\n"},
		{"dot lines", ".\r\n.\r\n..\r\n", "..\r\n..\r\n...\r\n.\r\n"},
		{"end of message inside", "a\r\n.\r\nQUIT\r\n", "a\r\n..\r\nQUIT\r\n.\r\n"},
		{"dot last", "a\r\n.", "a\r\n..\r\n.\r\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got, _ := stuffed(t, []byte(tt.in)); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestBodyAtBlockBoundaries(t *testing.T) {
	for shift := range 6 {
		data := strings.Repeat("x", block-shift) + "\r\n.\r\n" + strings.Repeat("y", block) + "\r\n"
		got, armed := stuffed(t, []byte(data))
		if want := strings.Replace(data, "\r\n.", "\r\n..", 1) + ".\r\n"; got != want {
			t.Errorf("shift %d: wrong text", shift)
		}
		if armed != 4 { // three blocks, and one for what waits in the buffer before the second
			t.Errorf("shift %d: armed %d times, want 4", shift, armed)
		}
	}
}

func TestBodyStopsWhenThereIsNoTime(t *testing.T) {
	why := errors.New("condemned")
	var out bytes.Buffer
	b := bodyWriter{w: bufio.NewWriter(&out), out: &out, timer: armFunc(func() error {
		if out.Len() > 0 {
			return why
		}
		return nil
	})}
	if err := b.message(body(t, strings.Repeat("x", 3*block))); !errors.Is(err, why) || out.Len() > block {
		t.Errorf("got %v after %d bytes", err, out.Len())
	}
}

// FuzzBody is read by the standard library's reader of such text: what comes
// out must be what went in, and nothing may be left behind the dot.
func FuzzBody(f *testing.F) {
	for _, seed := range []string{
		"", ".", "..\r\n", "a\r\n.\r\nb", "\r\n.\r\n", "a\r\n..\r\n", "\n.\n", "\r.\r", "\n.\r\n", "\r\n.\n", "\r\n.\r", "\x00\r\n.",
		"abcdef\r\na\r\n.cd\r\n", "abcd\r\na\nbc\r\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		if _, err := NewBody([]byte(in)); (err != nil) != bare(in) {
			t.Fatalf("%q: NewBody got %v", in, err)
		}
		if bare(in) {
			return // is never sent
		}
		got, _ := stuffed(t, []byte(in))
		if n := strings.Count(got, "\r\n.\r\n"); n > 1 || n == 0 && got != ".\r\n" {
			t.Fatalf("%q: %q ends %d times", in, got, n)
		}
		r := textproto.NewReader(bufio.NewReader(strings.NewReader(got + "QUIT\r\n")))
		text, err := io.ReadAll(r.DotReader())
		want := strings.ReplaceAll(in, "\r\n", "\n")
		if want != "" && !strings.HasSuffix(want, "\n") {
			want += "\n"
		}
		if err != nil || string(text) != want {
			t.Errorf("got %q %v, want %q", text, err, want)
		}
		if next, err := r.ReadLine(); next != "QUIT" {
			t.Errorf("got %q %v behind the dot", next, err)
		}
	})
}

// bare reports whether a CR or LF stands alone, in the plainest way.
func bare(s string) bool { return strings.ContainsAny(strings.ReplaceAll(s, "\r\n", ""), "\r\n") }

// TestBodyEndsAtTheFirstError has the connection break, or its deadline fail, at each of
// the calls that a message takes.
func TestBodyEndsAtTheFirstError(t *testing.T) {
	broken := errors.New("broken")
	m := body(t, ".first\r\n"+strings.Repeat("x", 2*block)+"\r\n.\r\n"+strings.Repeat("y", block)+"\r\n")
	write := func(at int, armed bool) (calls int, err error) {
		call := func() error {
			if calls++; calls == at {
				return broken
			}
			return nil
		}
		out := writeFunc(func(p []byte) (int, error) {
			if armed {
				return len(p), nil
			}
			return len(p), call()
		})
		arm := armFunc(func() error {
			if armed {
				return call()
			}
			return nil
		})
		w := bufio.NewWriterSize(out, 64)
		if err = (&bodyWriter{w: w, out: out, timer: arm}).message(m); err == nil {
			err = w.Flush()
		}
		return calls, err
	}
	for _, armed := range []bool{true, false} {
		all, err := write(0, armed)
		if err != nil || all < 3 {
			t.Fatalf("armed %v: %d calls, %v", armed, all, err)
		}
		for at := 1; at <= all; at++ {
			if calls, err := write(at, armed); !errors.Is(err, broken) || calls != at {
				t.Errorf("armed %v: got %v after %d calls, want the error of call %d of %d", armed, err, calls, at, all)
			}
		}
	}
}

// writeFunc is a writer.
type writeFunc func(p []byte) (int, error)

func (f writeFunc) Write(p []byte) (int, error) { return f(p) }
