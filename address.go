package smtpace

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// Sizes in octets. RFC 5321 4.5.3.1 has a local part of 64 and a path of 256 as
// what every server must take, and asks for no limits where that is possible: VERP,
// SRS and tokens for replies make longer ones, and the receiver is to decide. An
// address must fit into a command line of 512 with "MAIL FROM:<", ">" and CRLF.
const (
	maxDomain  = 253 // 255 in DNS form, RFC 1035 2.3.4
	maxLabel   = 63
	maxAddress = 512 - len("MAIL FROM:<>\r\n")
)

// address is a mailbox that is safe in an SMTP command.
type address struct {
	mailbox string // local part as given, domain in its normal form
	domain  string // domain in its normal form
}

// parseAddress reads a mailbox of RFC 5321 4.1.2, with or without the brackets
// of a path. Limits apply to the domain that the mailbox is sent with: the text
// after the last unquoted "@".
//
// A local part with dots at its ends or in a row, as some Japanese providers have
// given out, is no Dot-string. It becomes the Quoted-string that means the same.
func parseAddress(s string) (address, error) {
	given := s
	if strings.HasPrefix(s, "<") && strings.HasSuffix(s, ">") {
		s = s[1 : len(s)-1]
	}
	fail := func(why string) (address, error) {
		return address{}, fmt.Errorf("%w: address %.100q: %s", ErrInvalid, given, why)
	}
	if len(s) > maxAddress+maxDomain { // a U-label may be longer than its A-label
		return fail("is too long")
	}
	if why := forbidden(s); why != "" {
		return fail(why)
	}
	at := lastUnquotedAt(s)
	if at < 0 {
		return fail("has no @")
	}
	local, domain := s[:at], s[at+1:]
	if why := invisible(local); why != "" {
		return fail(why)
	}
	quotes, err := checkLocalPart(local)
	if err != nil {
		return fail(err.Error())
	}
	if quotes {
		local = `"` + local + `"`
	}
	key, err := normalDomain(domain)
	if err != nil {
		return fail(err.Error())
	}
	if len(local)+1+len(key) > maxAddress {
		return fail(fmt.Sprintf("is longer than %d octets", maxAddress))
	}
	if key == domain && !quotes {
		return address{mailbox: s, domain: domain}, nil
	}
	return address{mailbox: local + "@" + key, domain: key}, nil
}

// forbidden describes the first part of s that must never reach an SMTP command;
// "" when there is none.
func forbidden(s string) string {
	if isPlain(s) {
		return ""
	}
	if !utf8.ValidString(s) {
		return "is not valid UTF-8"
	}
	for _, r := range s {
		switch {
		case r == '\r' || r == '\n':
			return "contains a line break"
		case r < ' ' || r == 0x7f:
			return fmt.Sprintf("contains the control character %U", r)
		case r == '\u2028' || r == '\u2029' || r >= 0x80 && r < 0xa0:
			return fmt.Sprintf("contains the separator or control character %U", r)
		}
	}
	return ""
}

// invisible describes the first character of a local part that cannot be seen, changes the
// direction of text or is assigned to nothing; "" when there is none. A domain in its normal
// form has none.
func invisible(local string) string {
	if isPlain(local) {
		return ""
	}
	for _, r := range local {
		if !unicode.IsPrint(r) {
			return fmt.Sprintf("contains the invisible character %U before the @", r)
		}
	}
	return ""
}

// isPlain reports whether s has printable ASCII only.
func isPlain(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return true
}

// lastUnquotedAt returns the index of the last "@" outside quotes; -1 when there
// is none or a quote is not closed.
func lastUnquotedAt(s string) int {
	if strings.IndexByte(s, '"') < 0 {
		return strings.LastIndexByte(s, '@')
	}
	at, quoted := -1, false
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && quoted:
			i++
		case s[i] == '"':
			quoted = !quoted
		case s[i] == '@' && !quoted:
			at = i
		}
	}
	if quoted {
		return -1
	}
	return at
}

// checkLocalPart accepts a Dot-string or a Quoted-string of RFC 5321 4.1.2, and a
// Dot-string whose dots are in the wrong places. It reports whether the latter is
// the case, and s needs quotes. Its error continues a sentence whose subject is the
// address.
func checkLocalPart(s string) (quotes bool, err error) {
	switch {
	case s == "":
		return false, errors.New("has nothing before the @")
	case s[0] == '"':
		return false, checkQuoted(s)
	case isDotString(s):
		return false, nil
	}
	if i := strings.IndexFunc(s, func(r rune) bool { return r != '.' && !isAtext(r) }); i >= 0 {
		r, _ := utf8.DecodeRuneInString(s[i:])
		return false, fmt.Errorf("has %q before the @, which needs quotes", r)
	}
	return s[0] == '.' || s[len(s)-1] == '.' || strings.Contains(s, ".."), nil
}

// isDotString reports whether s is a Dot-string of RFC 5321 4.1.2 in ASCII.
func isDotString(s string) bool {
	last := byte('.')
	for i := 0; i < len(s); i++ {
		c := s[i]
		if !atext[c] && (c != '.' || last == '.') {
			return false
		}
		last = c
	}
	return last != '.'
}

// atext is the set of ASCII bytes that are atext of RFC 5322 3.2.3.
var atext = func() (set [256]bool) {
	for c := range byte(0x80) {
		set[c] = isAtext(rune(c))
	}
	return set
}()

// checkQuoted accepts a Quoted-string of RFC 5321 4.1.2.
func checkQuoted(s string) error {
	if len(s) < 2 || s[len(s)-1] != '"' {
		return errors.New("has text between a quoted string and the @")
	}
	inner := s[1 : len(s)-1]
	for i := 0; i < len(inner); i++ {
		switch inner[i] {
		case '\\':
			i++ // the quote at the end is none that is quoted, or there would be no @ behind it
		case '"':
			return errors.New("has a quote inside its quoted string before the @")
		}
	}
	return nil
}

// isAtext reports whether r is atext of RFC 5322 3.2.3, extended by RFC 6531 3.3.
func isAtext(r rune) bool {
	return r >= 0x80 || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' ||
		strings.ContainsRune("!#$%&'*+-/=?^_`{|}~", r)
}

// normalDomain returns a domain in its normal form: A-labels, lower case, no
// trailing dot. Address literals keep their brackets.
func normalDomain(s string) (string, error) {
	if strings.HasPrefix(s, "[") {
		return normalLiteral(s)
	}
	if isPlainDomain(s) {
		return s, nil
	}
	return normalName(s)
}

// normalName returns a domain name in its normal form, whatever it consists of.
func normalName(s string) (string, error) {
	s = strings.TrimSuffix(s, ".")
	if s == "" {
		return "", errors.New("has no domain after the @")
	}
	domain, err := idna.Lookup.ToASCII(s)
	if err != nil {
		// IDNA refuses the underscore, which real domains have.
		if !isASCII(s) {
			return "", fmt.Errorf("has the domain %q, which is not a valid international name: %w", s, err)
		}
		domain = strings.ToLower(s)
	}
	domain = strings.TrimSuffix(domain, ".")
	if len(domain) > maxDomain {
		return "", fmt.Errorf("has a domain of more than %d octets", maxDomain)
	}
	for label := range strings.SplitSeq(domain, ".") {
		if err := checkLabel(label); err != nil {
			return "", err
		}
	}
	return domain, nil
}

// isPlainDomain reports whether s is a domain in its normal form, of lower-case
// letters and digits, with single hyphens between them.
func isPlainDomain(s string) bool {
	label := 0        // number of bytes of the label so far
	last := byte('.') // byte before
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z' || '0' <= c && c <= '9':
			label++
		case last == '.' || last == '-' || label > maxLabel:
			return false
		case c == '-':
			label++
		case c == '.':
			label = 0
		default:
			return false
		}
		last = s[i]
	}
	return last != '.' && last != '-' && label <= maxLabel && len(s) <= maxDomain
}

// checkLabel accepts a label of a domain name, underscores included.
func checkLabel(label string) error {
	if label == "" {
		return errors.New("has an empty label in its domain")
	}
	if len(label) > maxLabel {
		return fmt.Errorf("has a label of more than %d octets in its domain", maxLabel)
	}
	if label[0] == '-' || label[len(label)-1] == '-' {
		return fmt.Errorf("has the label %q in its domain, which a hyphen may not begin or end", label)
	}
	for _, r := range label {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '_' {
			return fmt.Errorf("has %q in its domain", r)
		}
	}
	return nil
}

// normalLiteral returns an address literal of RFC 5321 4.1.3 in its normal form.
func normalLiteral(s string) (string, error) {
	inner, ok := strings.CutSuffix(s[1:], "]")
	tag, tagged, _ := strings.Cut(inner, ":")
	v6 := strings.EqualFold(tag, "IPv6")
	if v6 {
		inner = tagged
	}
	ip, err := netip.ParseAddr(inner)
	if !ok || err != nil || ip.Is4() == v6 || ip.Zone() != "" {
		return "", fmt.Errorf("has the address literal %q, which is neither [192.0.2.1] nor [IPv6:2001:db8::1]", s)
	}
	if v6 {
		return "[IPv6:" + ip.String() + "]", nil
	}
	return "[" + ip.String() + "]", nil
}

// isASCII reports whether s has ASCII only.
func isASCII(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
