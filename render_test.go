package smtpace

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/smtpace/smtpace/internal/race"
	"github.com/wneessen/go-mail"
)

func TestNormalLines(t *testing.T) {
	for _, tc := range []struct{ name, in, want string }{
		{"clean", "A: b\r\n\r\nc\r\n", "A: b\r\n\r\nc\r\n"},
		{"LF", "A: b\n\nc\n", "A: b\r\n\r\nc\r\n"},
		{"no line end at the end", "A: b\r\n\r\nc", "A: b\r\n\r\nc\r\n"},
		{"bare CR", "A: b\r\n\r\n\r.\rc\r\n", "A: b\r\n\r\n\r\n.\r\nc\r\n"},
		{"bare LF dot", "A: b\r\n\r\nx\n.\nc\r\n", "A: b\r\n\r\nx\r\n.\r\nc\r\n"},
		{"CR at the end", "A: b\r\n\r\nc\r", "A: b\r\n\r\nc\r\n"},
		{"CR CR LF", "A: b\r\n\r\nc\r\r\n", "A: b\r\n\r\nc\r\n\r\n"},
		{"empty lines", "A: b\n\n\n\n", "A: b\r\n\r\n\r\n\r\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got, err := render(nil, []byte(tc.in), nil); err != nil || string(got.Bytes()) != tc.want {
				t.Errorf("render of %q: %q, %v, want %q", tc.in, got.Bytes(), err, tc.want)
			}
		})
	}
	clean := []byte("A: b\r\n\r\nc\r\n")
	if got, err := render(nil, clean, nil); err != nil || &got.Bytes()[0] != &clean[0] {
		t.Errorf("clean data was copied, or %v", err)
	}
}

var bareLineEnd = regexp.MustCompile(`[^\r]\n|^\n|\r[^\n]|\r$`)

func FuzzNormalLines(f *testing.F) {
	for _, s := range []string{"a\r\nb", "\r.\r", "\n.\n", "\r\n.\r", "\x00\r\r\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		body, err := render(nil, bytes.Clone(in), nil)
		if err != nil {
			t.Fatal(err)
		}
		got := body.Bytes()
		if bareLineEnd.Match(got) {
			t.Fatalf("normalLines(%q) = %q has a bare CR or LF", in, got)
		}
		strip := func(b []byte) string { return strings.NewReplacer("\r", "", "\n", "").Replace(string(b)) }
		if strip(got) != strip(in) {
			t.Fatalf("normalLines(%q) = %q changed more than line ends", in, got)
		}
	})
}

// Mistakes in a message refuse it, trouble of the machine does not.
func TestOwnFaults(t *testing.T) {
	for err, want := range map[error]bool{
		ErrInvalid: true, mail.ErrNoFromAddress: true, mail.ErrNoRcptAddresses: true, mail.ErrPrivateKeyMissing: true, mail.ErrCertificateMissing: true,
		fmt.Errorf("msg: %w", mail.ErrCertificateMissing): true,
		io.ErrUnexpectedEOF: false, syscall.EMFILE: false, syscall.ENOSPC: false, context.Canceled: false,
	} {
		if got := ownFault(err); got != want {
			t.Errorf("%v: %v, want %v", err, got, want)
		}
	}
}

func TestCheckHeader(t *testing.T) {
	for _, tc := range []struct{ name, in, why string }{
		{"good", "From: a\r\nSubject: b\r\n c\r\n\r\nbody", ""},
		{"header only", "From: a\r\n", ""},
		{"header only, without a line end", "From: a\r\nSubject: b", ""},
		{"a mistake without a line end", "From: a\r\nSubject", "line 2"},
		{"LF", "From: a\n\nbody", ""},
		{"LF, continued by a tab", "From: a\nSubject: b\n\tc\n\nbody", ""},
		{"space before the colon", "From : a\r\n\r\n", ""},
		{"empty", "", "no header"},
		{"body only", "\r\nbody", "no header"},
		{"no colon", "From: a\r\nhello\r\n\r\n", "line 2"},
		{"space in a name", "From: a\r\nX Y: b\r\n\r\n", "line 2"},
		{"continuation first", " x\r\n\r\n", "line 1"},
		{"NUL", "From: a\r\nX: \x00\r\n\r\n", "NUL"},
		{"NUL in a name", "From: a\r\nX\x00: b\r\n\r\n", "NUL"},
		{"no name", "From: a\r\n: b\r\n\r\n", "line 2"},
		{"DEL in a name", "From: a\r\nX\x7f: b\r\n\r\n", "line 2"},
		{"eight bits in a name", "From: a\r\nX\xe4: b\r\n\r\n", "line 2"},
		{"blanks alone", "From: a\r\n \r\n\r\n", ""},
		{"value of eight bits", "From: a\r\nX: \xe4\r\n\r\n", ""},
		{"bare CR", "From: a\rBcc: b\r\n\r\n", "bare CR"},
		{"mbox line", "From user@example.com Mon Jan 1\r\nFrom: a\r\n\r\n", "line 1"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := checkHeader([]byte(tc.in))
			if tc.why == "" && err != nil || tc.why != "" && (!errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), tc.why)) {
				t.Errorf("checkHeader(%q) = %v, want %q", tc.in, err, tc.why)
			}
		})
	}
}

// FuzzIsPlainHeader: what the quick look takes for a header, the look at each line
// does too.
func FuzzIsPlainHeader(f *testing.F) {
	for _, in := range []string{"A: b\r\n c\r\n\r\n", "A: b\rC: d\r\n\r\n", "A: \x00\r\n\r\n", "A\x00: b\r\n\r\n", " A: b\r\n\r\n", "\r\n", "A: b\nC: d\r\n\r\n"} {
		f.Add([]byte(in))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		if err := headerFault(in); err != nil && isPlainHeader(in) {
			t.Errorf("%q is taken for a header, but: %v", in, err)
		}
	})
}

// A header section of the usual form is known at once, and no other is taken for one.
func TestPlainHeaders(t *testing.T) {
	for in, want := range map[string]bool{
		"A: b\r\n\r\nbody":                true,
		"A: b\r\nSubject: c\r\n\r\n":      true,
		"A: b\r\n c\r\n\r\n":              true,
		"A: b\r\n\tc\r\n\r\n":             true,
		"!: b\r\n~: c\r\n\r\na\x00b\rc\n": true,
		"":                                false,
		"\r\n":                            false,
		"\r\nA: b\r\n\r\n":                false,
		"A: b\r\n":                        false,
		"A: b":                            false,
		"A: b\n\n":                        false,
		"A: b\r\nB: c\n\r\n":              false,
		"\nA: b\r\n\r\n":                  false,
		" A: b\r\n\r\n":                   false,
		"\tA: b\r\n\r\n":                  false,
		"A: b\r\nc\r\n\r\n":               false,
		": b\r\n\r\n":                     false,
		"A c: b\r\n\r\n":                  false,
		"A\x7f: b\r\n\r\n":                false,
		"A: b\x00\r\n\r\n":                false,
		"A: b\rc\r\n\r\n":                 false,
	} {
		if got := isPlainHeader([]byte(in)); got != want {
			t.Errorf("%q: got %v", in, got)
		}
	}
}

// TestRenderBufferThatIsAborted takes nothing more, in whichever way it comes, and
// leaves nothing to the next message.
func TestRenderBufferThatIsAborted(t *testing.T) {
	var aborted atomic.Bool
	b := &renderBuffer{aborted: &aborted}
	write := func() error {
		_, err := b.Write([]byte("A: "))
		_, also := io.WriteString(b, "b\r\n")
		return errors.Join(err, also)
	}
	if err := write(); err != nil || string(b.data) != "A: b\r\n" {
		t.Fatalf("it holds %q, %v", string(b.data), err)
	}
	aborted.Store(true)
	_, bytesErr := b.Write([]byte("x"))
	_, stringErr := b.WriteString("x")
	if bytesErr != errAborted || stringErr != errAborted || len(b.data) != len("A: b\r\n") {
		t.Errorf("it holds %q, %v, %v, want errAborted twice", string(b.data), bytesErr, stringErr)
	}
	m := newMsg(t, "b@x.example")
	if _, err := render(m, nil, &aborted); !errors.Is(err, errAborted) {
		t.Errorf("render: %v, want errAborted", err)
	}
	if body, err := render(m, nil, nil); err != nil || bytes.Count(body.Bytes(), []byte("From:")) != 1 {
		t.Errorf("the next message is %q, %v", body.Bytes(), err)
	}
}

func TestRenderOfAMsgIsClean(t *testing.T) {
	for _, encoding := range []mail.Encoding{mail.EncodingQP, mail.EncodingB64, mail.NoEncoding} {
		m := mail.NewMsg(mail.WithEncoding(encoding))
		if err := errors.Join(m.From("a@example.com"), m.To("b@example.com")); err != nil {
			t.Fatal(err)
		}
		m.SetBodyString(mail.TypeTextPlain, "one\ntwo\r.\rthree\r\n.\nfour")
		body, err := render(m, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		got := body.Bytes()
		if bareLineEnd.Match(got) || !bytes.HasSuffix(got, []byte("\r\n")) {
			t.Errorf("encoding %s: bare line ends in %q", encoding, got)
		}
	}
}

// TestRenderAllocatesWhatItKeeps renders a message of go-mail again and again:
// beyond what go-mail allocates for itself it is one copy.
func TestRenderAllocatesWhatItKeeps(t *testing.T) {
	if race.Enabled {
		t.Skip("the race detector empties sync.Pool at random")
	}
	m := mail.NewMsg(mail.WithEncoding(mail.NoEncoding))
	if err := errors.Join(m.From("a@example.com"), m.To("b@example.com")); err != nil {
		t.Fatal(err)
	}
	m.SetBodyString(mail.TypeTextPlain, strings.Repeat(strings.Repeat("x", 70)+"\r\n", 1<<14))
	size := 0
	ours := allocated(func() {
		body, err := render(m, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		size = body.Len()
	})
	bare := allocated(func() {
		if _, err := m.WriteTo(io.Discard); err != nil {
			t.Fatal(err)
		}
	})
	if got := (ours - bare) / float64(size); got > 1.05 {
		t.Errorf("allocated %.2f times the size of the message, want one copy", got)
	}
	if got := ours / float64(size); got > 2.05 {
		t.Errorf("allocated %.2f times the size of the message with go-mail's part, want 2", got)
	}
}

// allocated returns the least bytes that one of several calls of f allocates:
// a buffer can also be missing from a sync.Pool by chance.
func allocated(f func()) float64 {
	least := math.Inf(1)
	for range 20 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		f()
		runtime.ReadMemStats(&after)
		least = min(least, float64(after.TotalAlloc-before.TotalAlloc))
	}
	return least
}
