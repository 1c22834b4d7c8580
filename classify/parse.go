package classify

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// errNoReply says what a reply looks like.
var errNoReply = errors.New(`no reply code of three digits, from 200 to 599, in front, as in "421 4.7.0 text"`)

// ParseReply reads a reply as servers send it and as logs print it: "550 5.1.1
// text", "550: text" or "550". All lines of a reply of several lines may be
// given, separated by newlines or, as many logs do it, by blanks: "550-5.1.1 one
// 550 5.1.1 two".
func ParseReply(s string) (*Reply, error) {
	s = strings.TrimSpace(s)
	if r := parseReply(s); r != nil && r.Code >= 200 && r.Code <= 599 {
		return r, nil
	}
	return nil, fmt.Errorf("classify: %q: %w", s[:min(len(s), 64)], errNoReply)
}

// parseReply returns nil when no code of three digits stands in front.
func parseReply(s string) *Reply {
	if len(s) < 3 || len(s) > 3 && strings.IndexByte(" :-\n", s[3]) < 0 {
		return nil
	}
	code, err := strconv.ParseUint(s[:3], 10, 16)
	if err != nil {
		return nil
	}
	return NewReply(int(code), unfoldLines(s[:3], s[min(len(s), 4):]))
}

// unfoldLines takes the code off the beginning of every line but the first,
// where the lines of a reply were joined by newlines or by blanks. Between
// blanks only "550-" is certain to be a code; then the last "550 " is one, too.
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
