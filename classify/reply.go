package classify

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// maxText is the maximum length of the text of a reply, in bytes. A line has at
// most 512 octets (RFC 5321 4.5.3.1.5), and the first lines carry the meaning.
const maxText = 1024

// Reply is one complete SMTP reply (RFC 5321 4.2). It is an error, so that
// errors.As finds a refusal in any error of this module.
type Reply struct {
	Code     int    // the reply code, 200 to 599
	Enhanced string // the enhanced status code (RFC 3463), "4.7.0"; "" for none
	Text     string // the text without the codes, its lines joined by a newline
}

// NewReply makes a reply of its code and its text: all lines without the code,
// joined by newlines.
//
// The enhanced status code is cut off every line that begins with one (RFC 2034
// 4), and the first one is kept. Without any, a code in the notation of qmail,
// "(#5.1.1)", is used, and stays in the text. A reply is safe for a log or a
// terminal: characters that are not printable become blanks, runs of blanks become
// one, and the text ends after 1 KiB.
func NewReply(code int, text string) *Reply {
	r := &Reply{Code: code}
	if isClean(text) {
		r.Enhanced, r.Text = splitEnhanced(text)
	} else {
		r.Enhanced, r.Text = cleanLines(text)
	}
	if r.Enhanced == "" {
		r.Enhanced = bracketedEnhanced(r.Text)
	}
	return r
}

// isClean reports whether cleanLines would change nothing in the text but cut off
// an enhanced code. That is so for one short line of printable ASCII with single
// blanks between its words, as most replies are.
func isClean(text string) bool {
	if len(text) > maxText {
		return false
	}
	before := byte(' ')
	for _, c := range []byte(text) {
		if c < ' ' || c > '~' || c == ' ' && before == ' ' {
			return false
		}
		before = c
	}
	return before != ' '
}

// cleanLines returns the first enhanced code that begins a line, and the text
// without these codes, cut and cleaned as [NewReply] promises.
func cleanLines(text string) (enhanced, cleaned string) {
	var kept []string
	for line := range strings.SplitSeq(printable(text), "\n") {
		code, rest := splitEnhanced(strings.TrimSpace(line))
		if enhanced == "" {
			enhanced = code
		}
		if rest != "" {
			kept = append(kept, rest)
		}
	}
	return enhanced, strings.Join(kept, "\n")
}

// Error returns the reply on one line: "421 4.7.0 text".
func (r *Reply) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%03d", r.Code)
	for _, part := range []string{r.Enhanced, strings.ReplaceAll(r.Text, "\n", " ")} {
		if part != "" {
			b.WriteString(" " + part)
		}
	}
	return b.String()
}

// printable returns at most maxText bytes of the text in valid UTF-8, without
// control characters, escape sequences and marks of direction. Newlines stay.
func printable(text string) string {
	var b strings.Builder
	blank := false
	for _, c := range text {
		if c != '\n' && (c == ' ' || !unicode.IsPrint(c)) {
			blank = true
			continue
		}
		if blank && c != '\n' {
			b.WriteByte(' ')
		}
		blank = false
		if b.Len()+len(string(c)) > maxText {
			break
		}
		b.WriteRune(c)
	}
	return strings.TrimSpace(b.String())
}

// splitEnhanced cuts the enhanced status code off the beginning of a line.
// Some servers write "#4.4.5" (Cisco).
func splitEnhanced(line string) (enhanced, rest string) {
	word, rest, _ := strings.Cut(line, " ")
	if code := strings.TrimPrefix(word, "#"); isEnhanced(code) {
		return code, strings.TrimSpace(rest)
	}
	return "", line
}

// bracketedEnhanced returns the last enhanced status code in the notation
// "(#5.1.1)"; "" for none.
func bracketedEnhanced(text string) string {
	i := strings.LastIndex(text, "(#")
	if i < 0 {
		return ""
	}
	code, _, closed := strings.Cut(text[i+2:], ")")
	if !closed || !isEnhanced(code) {
		return ""
	}
	return code
}

// isEnhanced reports whether s has the form of an enhanced status code: a class
// of 2, 4 or 5, a subject and a detail of one to three digits (RFC 3463 2).
func isEnhanced(s string) bool {
	class, rest, _ := strings.Cut(s, ".")
	subject, detail, _ := strings.Cut(rest, ".")
	return (class == "2" || class == "4" || class == "5") &&
		shortNumber(subject) && shortNumber(detail)
}

func shortNumber(s string) bool {
	for _, c := range []byte(s) {
		if !isDigit(c) {
			return false
		}
	}
	return len(s) >= 1 && len(s) <= 3
}

// errNoReply is the reason why a text is not a reply.
var errNoReply = errors.New(`no reply code of three digits, from 200 to 599, in front, as in "421 4.7.0 text"`)

// ParseReply reads a reply as servers send it and as logs print it: "550 5.1.1
// text", "550: text" or "550". The lines of a longer reply are separated by
// newlines or, in many logs, by blanks: "550-5.1.1 one 550 5.1.1 two". A text in quotes, as
// errors of net/textproto print it, is read without them.
func ParseReply(s string) (*Reply, error) {
	s = strings.TrimSpace(s)
	if r := parseReply(s); r != nil && r.Code >= 200 && r.Code <= 599 {
		return r, nil
	}
	return nil, fmt.Errorf("classify: %q: %w", s[:min(len(s), 64)], errNoReply)
}

// parseReply returns nil if the text does not begin with a code of three digits.
func parseReply(s string) *Reply {
	if len(s) < 3 || len(s) > 3 && strings.IndexByte(" :-\n", s[3]) < 0 {
		return nil
	}
	code, err := strconv.ParseUint(s[:3], 10, 16)
	if err != nil {
		return nil
	}
	return NewReply(int(code), unfoldLines(s[:3], unquoted(s[min(len(s), 4):])))
}

// unquoted returns a text without the quotes that newer versions of Go's net/textproto put
// around that of a reply, and with the characters that they escape. Others it returns as
// they are.
func unquoted(text string) string {
	if !strings.HasPrefix(text, `"`) {
		return text
	}
	if plain, err := strconv.Unquote(text); err == nil {
		return plain
	}
	return text
}

// unfoldLines cuts the code off all lines but the first, whether newlines or blanks
// separate them. Between blanks only "550-" is certain to be a code; where there is
// one, the last "550 " is a code as well.
func unfoldLines(code, text string) string {
	for _, blank := range []string{"\n", " "} {
		text = strings.ReplaceAll(text, blank+code+"-", "\n")
	}
	text = strings.ReplaceAll(text, "\n"+code+" ", "\n")
	if i := strings.LastIndex(text, " "+code+" "); i >= 0 && strings.Contains(text, "\n") {
		text = text[:i] + "\n" + text[i+len(code)+2:]
	}
	return text
}

// enhanced is an enhanced status code (RFC 3463) or a pattern: class, subject and
// detail, of which anyNumber fits all. The zero value is no code, and no valid
// pattern fits it.
type enhanced [3]int16

const anyNumber = -1

// parseEnhanced reads "4.7.1", or "x.7.x" for a pattern.
func parseEnhanced(s string) (enhanced, bool) {
	var e enhanced
	for i := range e {
		end := 0
		for end < len(s) && s[end] != '.' {
			end++
		}
		part := s[:end]
		if (end < len(s)) != (i < len(e)-1) {
			return enhanced{}, false
		}
		switch {
		case part == "x" || part == "X":
			e[i] = anyNumber
		case shortNumber(part):
			for _, digit := range []byte(part) {
				e[i] = e[i]*10 + int16(digit-'0')
			}
		default:
			return enhanced{}, false
		}
		s = s[min(end+1, len(s)):]
	}
	if e[0] != anyNumber && e[0] != 2 && e[0] != 4 && e[0] != 5 {
		return enhanced{}, false
	}
	return e, true
}

// fits reports whether the pattern e fits the code.
func (e enhanced) fits(code enhanced) bool {
	for i, want := range e {
		if want != anyNumber && want != code[i] {
			return false
		}
	}
	return code != enhanced{}
}
