package classify

import (
	"fmt"
	"strings"
	"unicode"
)

// maxText bounds the text that is kept of a reply, and searched. A line of a
// reply has at most 512 octets (RFC 5321 4.5.3.1.5), and the first lines say
// what is meant.
const maxText = 1024

// Reply is one complete SMTP reply (RFC 5321 4.2). It is also an error, so
// that a refusal can be found with errors.As behind any error of this module.
type Reply struct {
	Code     int    // the reply code, 200 to 599
	Enhanced string // the enhanced status code (RFC 3463), "4.7.0"; "" when there is none
	Text     string // the text without the codes, its lines joined by a newline
}

// NewReply makes a reply of what a server sent: the code, and the text of all
// its lines without the code, joined by newlines.
//
// The enhanced status code is split off every line that begins with one (RFC
// 2034 4); the first is kept. When no line does, a code that stands in the text
// as "(#5.1.1)", as qmail writes it, is taken and stays in the text. What is not
// printable becomes a blank, runs of blanks become one, and the text ends after
// 1 KiB, so that a reply may go to a log or a terminal as it is.
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

// isClean reports whether the text is one line that cleanLines would leave as it
// is but for its enhanced code, as most replies are: short, printable ASCII, each
// blank between two words.
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

// Error returns the reply on one line, as a log would show it.
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
// control characters, escape sequences or marks that turn the direction of
// writing. Newlines stay.
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

// bracketedEnhanced finds the last enhanced status code that is written as
// "(#5.1.1)".
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
	class, rest, ok := strings.Cut(s, ".")
	subject, detail, ok2 := strings.Cut(rest, ".")
	return ok && ok2 && (class == "2" || class == "4" || class == "5") &&
		shortNumber(subject) && shortNumber(detail)
}

func shortNumber(s string) bool {
	return len(s) >= 1 && len(s) <= 3 && strings.Trim(s, "0123456789") == ""
}
