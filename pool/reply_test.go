package pool

import (
	"bufio"
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"unicode"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/internal/redact"
)

func readText(r *bufio.Reader) (code int, text string, err error) {
	code, b, err := readReply(r, redact.Redactor{}, nil, nil)
	return code, string(b), err
}

func TestReadReply(t *testing.T) {
	broken := errors.New("broken")
	tests := []struct {
		name, in string
		code     int
		text     string
		err      error // nil, ErrProtocol or an I/O error
	}{
		{"one line", "250 OK\r\n", 250, "OK", nil},
		{"more lines", "250-mx\r\n250-SIZE 1\r\n250 HELP\r\n", 250, "mx\nSIZE 1\nHELP", nil},
		{"code alone", "250\r\n", 250, "", nil},
		{"code and space", "250 \r\n", 250, "", nil},
		{"code and hyphen", "250-\r\n250\r\n", 250, "\n", nil},
		{"bare LF", "250 OK\n", 250, "OK", nil},
		{"only one reply is read", "250 OK\r\n550 no\r\n", 250, "OK", nil},
		{"lowest code", "200 OK\r\n", 200, "OK", nil},
		{"highest code", "599 no\r\n", 599, "no", nil},
		{"longest line", "250 " + strings.Repeat("x", maxLine-6) + "\r\n", 250, strings.Repeat("x", maxLine-6), nil},

		{"end", "", 0, "", io.EOF},
		{"end in a line", "250 O", 0, "", io.ErrUnexpectedEOF},
		{"end behind a line", "250-mx\r\n", 250, "mx", io.EOF},
		{"end in the second line", "250-mx\r\n25", 250, "mx", io.ErrUnexpectedEOF},
		{"error behind a line", "250-mx\r\n!", 250, "mx", broken},

		{"blank lines in front", "\r\n\n250 OK\r\n", 250, "OK", nil},
		{"blanks in front", " \t250-a\r\n250 b\r\n", 250, "a\nb", nil},
		{"a line of blanks in front", "  \r\n\t\r\n250 OK\r\n", 250, "OK", nil},
		{"blanks in front of the second line", "250-a\r\n 250 b\r\n250 c\r\n", 250, "a\n 250 b\nc", nil},
		{"lines without a code", "250-a\r\nb\r\n\r\n250 c\r\n", 250, "a\nb\n\nc", nil},
		{"no end behind a line without a code", "250-a\r\nb\r\n", 250, "a\nb", io.EOF},
		{"control characters", "250 O\x00\x1bK\r\n", 250, "O\x00\x1bK", nil},
		{"codes of one kind", "250-a\r\n251 b\r\n", 250, "a\nb", nil},
		{"another separator", "550: no\r\n", 550, " no", nil},
		{"a line longer than is kept", "250 " + strings.Repeat("x", maxLine) + "\r\n", 250, strings.Repeat("x", maxLine-4), nil},
		{"a line longer than the buffer", "250 " + strings.Repeat("x", 20_000) + "\r\n", 250, strings.Repeat("x", maxLine-4), nil},
		{"too long a reply", strings.Repeat("250-"+strings.Repeat("x", 1000)+"\r\n", 70), 250, strings.Repeat(strings.Repeat("x", 1000)+"\n", 64) + strings.Repeat("x", 1000), ErrProtocol},
		{"endless second line", "250-a\r\n" + strings.Repeat("2", 2*maxReply), 250, "a", ErrProtocol},

		{"endless line", strings.Repeat("2", 2*maxReply), 0, "", ErrProtocol},
		{"endless blank lines", strings.Repeat("\r\n", maxReply), 0, "", ErrProtocol},
		{"no code", "hello\r\n", 0, "", ErrProtocol},
		{"a line in front", "hello\r\n250 OK\r\n", 0, "", ErrProtocol},
		{"two digits", "25\r\n", 0, "", ErrProtocol},
		{"four digits", "2500 OK\r\n", 0, "", ErrProtocol},
		{"code and text", "250OK\r\n", 0, "", ErrProtocol},
		{"code and A", "250A\r\n", 0, "", ErrProtocol},
		{"code and Z", "250Z\r\n", 0, "", ErrProtocol},
		{"code and a", "250a\r\n", 0, "", ErrProtocol},
		{"code and z", "250z\r\n", 0, "", ErrProtocol},
		{"code and 0", "2500\r\n", 0, "", ErrProtocol},
		{"code and 9", "2509\r\n", 0, "", ErrProtocol},
		{"code and @", "250@\r\n", 250, "", nil},
		{"code and [", "250[x\r\n", 250, "x", nil},
		{"code and `", "250`\r\n", 250, "", nil},
		{"code and {", "250{\r\n", 250, "", nil},
		{"code and /", "250/\r\n", 250, "", nil},
		{"code and :", "250:\r\n", 250, "", nil},
		{"a digit that is none", "2:0 OK\r\n", 0, "", ErrProtocol},
		{"another", "2/0 OK\r\n", 0, "", ErrProtocol},
		{"digits 9", "299 OK\r\n", 299, "OK", nil},
		{"000", "000 OK\r\n", 0, "", ErrProtocol},
		{"199", "199 OK\r\n", 0, "", ErrProtocol},
		{"600", "600 OK\r\n", 0, "", ErrProtocol},
		{"sign", "+25 OK\r\n", 0, "", ErrProtocol},
		{"first digits differ", "250-mx\r\n421 bye\r\n", 0, "", ErrProtocol},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var in io.Reader = strings.NewReader(tt.in)
			if text, ok := strings.CutSuffix(tt.in, "!"); ok {
				in = io.MultiReader(strings.NewReader(text), iotest.ErrReader(broken))
			}
			code, text, err := readText(bufio.NewReader(in))
			if code != tt.code || text != tt.text || !errors.Is(err, tt.err) {
				t.Errorf("got %d %.80q (%d bytes) %v, want %d %.80q (%d bytes) %v", code, text, len(text), err, tt.code, tt.text, len(tt.text), tt.err)
			}
		})
	}
}

// FuzzReadReply holds the reader against its contract: a code or an error, the
// same however the bytes are cut, nothing read behind the reply, bounds kept.
func FuzzReadReply(f *testing.F) {
	for _, seed := range []string{
		"250 OK\r\n", "250-a\r\n250 b\r\n", "250\r\n", "25", "2500 OK\r\n", "250-a\r\n421 b\r\n",
		"250 a\r\n250 b\r\n", "250-a", "\x00\r\n", "\r\n250-a\r\nb\r\n\n251: c\r\n", "354 go\n", strings.Repeat("250-x\r\n", 50),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		r := bufio.NewReader(strings.NewReader(string(in)))
		code, text, err := readText(r)
		rest, _ := io.ReadAll(r)
		code2, text2, err2 := readText(bufio.NewReader(iotest.OneByteReader(strings.NewReader(string(in)))))
		if code != code2 || text != text2 || (err == nil) != (err2 == nil) {
			t.Errorf("whole: %d %q %v; bytewise: %d %q %v", code, text, err, code2, text2, err2)
		}
		if code != 0 && (code < 200 || code > 599) || code == 0 && err == nil {
			t.Errorf("got code %d, error %v", code, err)
		}
		if len(text) > maxReply {
			t.Errorf("got code %d, %d bytes of text, error %v", code, len(text), err)
		}
		if err == nil {
			checkReplyLines(t, string(in[:len(in)-len(rest)]), code, text)
		}
		if err != nil && strings.ContainsFunc(err.Error(), unicode.IsControl) {
			t.Errorf("the error has control characters: %q", err)
		}
	})
}

// checkReplyLines reads a reply that has ended once more, line by line.
func checkReplyLines(t *testing.T, read string, code int, text string) {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(read, "\n"), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimSuffix(line, "\r")
	}
	for len(lines) > 0 && lines[0] == "" { // blank lines in front
		lines = lines[1:]
	}
	got := strings.Split(text, "\n")
	if len(got) != len(lines) {
		t.Fatalf("got %d lines of %q, want %d", len(got), read, len(lines))
	}
	for i, line := range lines {
		digits, rest := line[:min(3, len(line))], line[min(4, len(line)):]
		c, err := strconv.ParseUint(digits, 10, 10)
		coded := err == nil && c >= 200 && c <= 599 && (len(line) == 3 || !isLetterOrDigit(line[3]))
		ends := coded && (len(line) == 3 || line[3] != '-')
		switch {
		case i == 0 && (!coded || int(c) != code), coded && int(c)/100 != code/100, ends != (i == len(lines)-1):
			t.Errorf("line %d of %q cannot be there in a reply with code %d", i, read, code)
		case coded && !strings.HasPrefix(rest, got[i]), !coded && !strings.HasPrefix(line, got[i]):
			t.Errorf("line %d: got %q of %q", i, got[i], line)
		}
	}
}

// TestReplyLengths reads the longest reply that is taken, and one byte more.
func TestReplyLengths(t *testing.T) {
	line := "250-" + strings.Repeat("x", 1018) + "\r\n" // 1 KiB
	lines := strings.Repeat(line, maxReply/len(line)-1)
	last := "250 " + strings.Repeat("y", len(line)-6)
	for end, want := range map[string]error{last + "\r\n": nil, last + "y\r\n": ErrProtocol} {
		if code, _, err := readText(bufio.NewReader(strings.NewReader(lines + end))); code != 250 || !errors.Is(err, want) {
			t.Errorf("%d bytes: got %d, %v, want %v", len(lines)+len(end), code, err, want)
		}
	}
	single := "250 " + strings.Repeat("x", maxReply-6) + "\r\n"
	if _, text, err := readText(bufio.NewReader(strings.NewReader(single))); err != nil || len(text) != maxLine-4 {
		t.Errorf("one line: got %d bytes, %v", len(text), err)
	}
}

// TestQuotedTextsAreCut at 256 bytes.
func TestQuotedTextsAreCut(t *testing.T) {
	x := strings.Repeat("x", maxText)
	for in, want := range map[string]string{"a\x1b": `"a\x1b"`, "ä": `"\u00e4"`, x: `"` + x + `"`, x + "y": `"` + x + `..."`} {
		if got := quoted(in); got != want {
			t.Errorf("%.10q: got %s, want %s", in, got, want)
		}
	}
}

// TestSameYes takes a reply for the accepted one only if it is whole and well formed.
func TestSameYes(t *testing.T) {
	s := &session{yes: acceptances{classify.StageRcpt: {'2', '5', '0'}}}
	for line, want := range map[string]bool{
		"250 OK\r\n": true, "250 \n": true, "251 OK\r\n": false, "250-OK\r\n": false, "250OK\r\n": false,
		"250\r\n": false, "250": false, "": false, "\x00\x00\x00 OK\r\n": false, "550 no\r\n": false,
		"250 " + strings.Repeat("x", maxLine) + "\r\n":   false,
		"250 " + strings.Repeat("x", maxLine-6) + "\r\n": true, "250 " + strings.Repeat("x", maxLine-5) + "\r\n": false,
	} {
		if got := s.sameYes(classify.StageRcpt, []byte(line)); got != want {
			t.Errorf("%.20q: got %v, want %v", line, got, want)
		}
		if s.sameYes(classify.StageMail, []byte(line)) || new(session).sameYes(classify.StageRcpt, []byte(line)) {
			t.Errorf("%.20q: taken although nothing was accepted", line)
		}
	}
}
