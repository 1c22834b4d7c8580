package main

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// maxAddress is the number of octets that a command line of 512 has room for (RFC 5321
// 4.5.3.1.4). A local part of more than 64 and a path of more than 256 are the receiver's
// to judge: addresses for bounces contain a recipient's and are often as long.
const maxAddress = 512 - len("MAIL FROM:<>\r\n")

// maxDomain is the number of octets of a domain (255 in DNS form, RFC 1035 2.3.4).
const maxDomain = 253

// checkAddress says what is wrong with a bare mailbox of RFC 5321 4.1.2, so
// that a bad line of a list is known before the first message is sent. What
// goes on the wire is checked once more by package smtpace.
func checkAddress(s string) error {
	switch {
	case s == "":
		return errors.New("no address")
	case !utf8.ValidString(s):
		return fmt.Errorf("address %.80q: not UTF-8", s)
	case len(s) > maxAddress:
		return fmt.Errorf("address %.80q...: longer than %d octets", s, maxAddress)
	}
	if i := strings.IndexFunc(s, unicode.IsControl); i >= 0 {
		return fmt.Errorf("address %q: a control character or line break", s)
	}
	at := strings.LastIndexByte(s, '@')
	if at < 0 {
		return fmt.Errorf("address %q: no @", s)
	}
	if local := s[:at]; local != "" && local[0] != '"' && strings.Contains(local, "@") && strings.ContainsAny(local, ",; ") {
		return fmt.Errorf("address %q: more than one address; each needs an entry of its own", s)
	}
	if why := badLocalPart(s[:at]); why != "" {
		return fmt.Errorf("address %q: %s before the @", s, why)
	}
	if why := badDomain(s[at+1:]); why != "" {
		return fmt.Errorf("address %q: %s after the @", s, why)
	}
	return nil
}

// badLocalPart names what is wrong with a Dot-string or Quoted-string; "" is
// nothing. Dots at its ends or in a row, as some Japanese providers have given out,
// are none: package smtpace quotes such a local part.
func badLocalPart(s string) string {
	switch {
	case s == "":
		return "nothing"
	case s[0] == '"':
		return badQuoted(s)
	}
	for _, r := range s {
		if r != '.' && !isAtext(r) {
			return fmt.Sprintf("%q without quotes", r)
		}
	}
	return ""
}

// isDotString reports whether the dots of a local part without quotes stand between
// others (RFC 5321 4.1.2).
func isDotString(s string) bool {
	return !strings.HasPrefix(s, ".") && !strings.HasSuffix(s, ".") && !strings.Contains(s, "..")
}

func badQuoted(s string) string {
	const unfinished = "an unfinished quoted string"
	inner, ok := strings.CutSuffix(s[1:], `"`)
	if !ok {
		return unfinished
	}
	for i := 0; i < len(inner); i++ {
		if inner[i] == '"' {
			return "a quote inside a quoted string"
		}
		if inner[i] == '\\' {
			i++
		}
		if i >= len(inner) {
			return unfinished
		}
	}
	return ""
}

// isAtext reports whether r is atext of RFC 5322 3.2.3, widened by RFC 6531 3.3.
func isAtext(r rune) bool {
	if r < utf8.RuneSelf {
		return isAlnum(byte(r)) || strings.ContainsRune("!#$%&'*+-/=?^_`{|}~", r)
	}
	return !unicode.IsSpace(r) && !unicode.IsControl(r)
}

func isAlnum(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
}

// badDomain names what is wrong with a domain or an address literal; "" is
// nothing.
func badDomain(s string) string {
	if inner, ok := strings.CutPrefix(s, "["); ok {
		inner = strings.TrimPrefix(strings.TrimSuffix(inner, "]"), "IPv6:")
		if _, err := netip.ParseAddr(inner); err != nil || !strings.HasSuffix(s, "]") {
			return "an address literal that is neither [192.0.2.1] nor [IPv6:2001:db8::1]"
		}
		return ""
	}
	ascii, err := asciiDomain(s)
	if err != nil {
		return "no international domain name"
	}
	if len(ascii) > maxDomain {
		return fmt.Sprintf("a domain of more than %d octets", maxDomain)
	}
	for label := range strings.SplitSeq(ascii, ".") {
		if why := badLabel(label); why != "" {
			return why
		}
	}
	return ""
}

// badLabel names what is wrong with a label in ASCII; "" is nothing.
func badLabel(s string) string {
	if s == "" || len(s) > 63 {
		return "a domain with an empty or overlong part"
	}
	if s[0] == '-' || s[len(s)-1] == '-' {
		return "a domain with a hyphen at the end of a part"
	}
	for _, r := range s {
		if !isAlnum(byte(r)) && r != '-' && r != '_' {
			return fmt.Sprintf("a domain with %q", r)
		}
	}
	return ""
}

// asciiDomain gives the normal form of a domain: A-labels, lower case, no
// trailing dot. IDNA refuses the underscore, which real domains have.
func asciiDomain(s string) (string, error) {
	ascii, err := idna.Lookup.ToASCII(strings.TrimSuffix(s, "."))
	if err != nil && !isASCII(s) {
		return "", err
	}
	if err != nil {
		ascii = strings.ToLower(strings.TrimSuffix(s, "."))
	}
	return ascii, nil
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
