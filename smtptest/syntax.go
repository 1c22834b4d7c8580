package smtptest

import (
	"errors"
	"strings"
)

// errSyntax is the error of a malformed path.
var errSyntax = errors.New("smtptest: bad path")

// splitCommand parts a command line into its verb, in upper case, and the rest
// without the spaces around it.
func splitCommand(line string) (verb, arg string) {
	verb, arg, _ = strings.Cut(strings.TrimRight(line, " \t"), " ")
	return strings.ToUpper(verb), strings.TrimSpace(arg)
}

// parsePath reads the argument of MAIL or RCPT: keyword ("FROM:" or "TO:"), a
// path in angle brackets and parameters (RFC 5321, 4.1.2). It returns the
// address without brackets and source route, "" for the null path.
func parsePath(arg, keyword string) (addr string, params []string, err error) {
	if len(arg) < len(keyword) || !strings.EqualFold(arg[:len(keyword)], keyword) {
		return "", nil, errSyntax
	}
	rest, ok := strings.CutPrefix(strings.TrimLeft(arg[len(keyword):], " "), "<")
	if !ok {
		return "", nil, errSyntax
	}
	end := pathEnd(rest)
	if end < 0 || len(rest) > end+1 && rest[end+1] != ' ' {
		return "", nil, errSyntax
	}
	addr = rest[:end]
	if strings.HasPrefix(addr, "@") { // source routes are read and ignored (RFC 5321, C)
		if _, addr, ok = strings.Cut(addr, ":"); !ok {
			return "", nil, errSyntax
		}
	}
	if !validAddress(addr, keyword) {
		return "", nil, errSyntax
	}
	return addr, strings.Fields(rest[end+1:]), nil
}

// pathEnd returns the index of the bracket at the end of a path, perhaps with a
// quoted local part; -1 if there is none.
func pathEnd(s string) int {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && quoted:
			i++
		case c == '"':
			quoted = !quoted
		case c == '>' && !quoted:
			return i
		}
	}
	return -1
}

// validAddress reports whether addr can stand in a path: the null sender,
// Postmaster without a domain (RFC 5321, 4.5.1), or local part and domain,
// without spaces and controls outside of quotes.
func validAddress(addr, keyword string) bool {
	if addr == "" {
		return keyword == "FROM:"
	}
	if strings.EqualFold(addr, "postmaster") {
		return keyword == "TO:"
	}
	at := strings.LastIndexByte(addr, '@')
	if at < 1 || at == len(addr)-1 {
		return false
	}
	local, domain := addr[:at], addr[at+1:]
	control := func(r rune) bool { return r < ' ' || r == 0x7f }
	special := func(r rune) bool { return control(r) || strings.ContainsRune(` <>"`, r) }
	if len(local) > 2 && local[0] == '"' && local[len(local)-1] == '"' {
		return !strings.ContainsFunc(local, control) && !strings.ContainsFunc(domain, special)
	}
	return !strings.ContainsFunc(local, special) && !strings.ContainsFunc(domain, special)
}

// domainOf returns the domain of an address in lower case, "" if it has none.
func domainOf(addr string) string {
	return strings.ToLower(addr[strings.LastIndexByte(addr, '@')+1:])
}

// ascii reports whether s has no byte above 127.
func ascii(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r > 0x7f })
}
