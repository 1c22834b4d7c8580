package preflight

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// spfTerm is one mechanism of an SPF record (RFC 7208 4.6.1).
type spfTerm struct {
	text      string
	qualifier byte // '+', '-', '~' or '?'
	name      string
	value     string       // behind the colon; "" for the domain itself
	prefix    netip.Prefix // of ip4 and ip6
	bits4     int          // prefix lengths of a and mx
	bits6     int
}

// spfRecord is a parsed SPF record.
type spfRecord struct {
	terms    []spfTerm
	redirect string
	hasAll   bool
	all      byte     // the qualifier of all; 0 without one
	notes    []string // what is allowed and hardly meant
}

// isSPF reports whether a TXT record is an SPF record (RFC 7208 4.5).
func isSPF(txt string) bool {
	version, _, _ := strings.Cut(txt, " ")
	return strings.EqualFold(version, "v=spf1")
}

// looksLikeSPF reports whether a TXT record was meant as an SPF record. That of Sender ID,
// "spf2.0/pra", was not.
func looksLikeSPF(txt string) bool {
	text := strings.ReplaceAll(strings.ToLower(tidy(txt)), " ", "")
	return strings.HasPrefix(text, "v=spf") || strings.HasPrefix(text, "spf1") || strings.HasPrefix(text, "v:spf")
}

// tidySPF returns the record that was meant: what stands behind the version, behind the right
// one.
func tidySPF(txt string) string {
	_, rest, _ := strings.Cut(strings.ReplaceAll(tidy(txt), ";", " "), " ")
	if i := strings.Index(strings.ToLower(rest), "spf1 "); i >= 0 { // "v = spf1"
		rest = rest[i+len("spf1 "):]
	}
	return strings.Join(strings.Fields("v=spf1 "+rest), " ")
}

// spfMechanisms says of each mechanism whether its value is needed, and whether it costs
// a look-up (RFC 7208 4.6.4, 5).
var spfMechanisms = map[string]struct{ needsValue, looks bool }{
	"all": {}, "a": {looks: true}, "mx": {looks: true}, "ptr": {looks: true},
	"include": {true, true}, "exists": {true, true}, "ip4": {needsValue: true}, "ip6": {needsValue: true},
}

// parseSPF returns the contents of a record. Its error means permerror (RFC 7208 2.6.7).
func parseSPF(txt string) (rec spfRecord, err error) {
	exp := false
	for field := range strings.SplitSeq(txt[len("v=spf1"):], " ") {
		if field == "" {
			continue
		}
		name, value, isModifier := strings.Cut(field, "=")
		if isModifier && isModifierName(name) {
			switch strings.ToLower(name) {
			case "redirect", "exp":
				twice := exp
				if strings.EqualFold(name, "redirect") {
					twice = rec.redirect != ""
					rec.redirect = value
				} else {
					exp = true
				}
				if twice || value == "" {
					return rec, fmt.Errorf("%s must be there once at most, with a domain (RFC 7208 6)", quote(name))
				}
			default:
				if _, known := spfMechanisms[strings.ToLower(name)]; known {
					rec.notes = append(rec.notes, fmt.Sprintf("%s has no meaning: a colon is wanted, not an equals sign", quote(field)))
				}
			}
			if err := checkMacros(value); err != nil {
				return rec, err
			}
			continue
		}
		term, err := parseSPFTerm(field)
		if err != nil {
			return rec, err
		}
		if rec.hasAll {
			rec.notes = append(rec.notes, fmt.Sprintf("%s stands behind all, where nobody looks", quote(field)))
			continue
		}
		rec.terms = append(rec.terms, term)
		if term.name == "all" {
			rec.hasAll, rec.all = true, term.qualifier
		}
	}
	if rec.hasAll && rec.redirect != "" {
		rec.notes = append(rec.notes, "redirect has no effect beside all")
	}
	return rec, nil
}

// isModifierName reports whether s is the name of a modifier.
func isModifierName(s string) bool {
	for i, c := range []byte(s) {
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		if !letter && (i == 0 || !strings.ContainsRune("0123456789-_.", rune(c))) {
			return false
		}
	}
	return s != ""
}

// parseSPFTerm reads a mechanism.
func parseSPFTerm(field string) (t spfTerm, err error) {
	t = spfTerm{text: field, qualifier: '+', bits4: 32, bits6: 128}
	text := field
	if strings.IndexByte("+-~?", text[0]) >= 0 {
		t.qualifier, text = text[0], text[1:]
	}
	end := strings.IndexAny(text, ":/")
	if end < 0 {
		end = len(text)
	}
	t.name = strings.ToLower(text[:end])
	rest := text[end:]
	known, ok := spfMechanisms[t.name]
	hasValue := strings.HasPrefix(rest, ":")
	switch {
	case !ok:
		return t, fmt.Errorf("%s is no mechanism of SPF%s", quote(field), spfHint(t.name))
	case known.needsValue && len(rest) < 2, hasValue && len(rest) < 2, t.name == "all" && rest != "":
		return t, fmt.Errorf("%s: the value is missing, or one too many", quote(field))
	}
	if t.name == "ip4" || t.name == "ip6" {
		t.prefix, err = parseSPFPrefix(t.name, rest[1:])
		return t, err
	}
	if t.name == "a" || t.name == "mx" {
		if rest, err = t.cutPrefixes(rest); err != nil {
			return t, fmt.Errorf("%s: %w", quote(field), err)
		}
	}
	t.value = strings.TrimPrefix(rest, ":")
	if _, err := netip.ParseAddr(t.value); err == nil {
		return t, fmt.Errorf("%s: an address needs ip4 or ip6", quote(field))
	}
	return t, checkMacros(t.value)
}

// spfMisspelt are mechanisms as they are misspelt.
var spfMisspelt = map[string]string{"ip": "ip4", "ipv4": "ip4", "ipv6": "ip6", "includes": "include", "al": "all"}

// spfHint says which mechanism may be meant.
func spfHint(name string) string {
	if right, ok := spfMisspelt[name]; ok {
		return `: is "` + right + `" meant?`
	}
	return ""
}

// corrected returns a mechanism as it may be meant.
func corrected(field string) string {
	bare := strings.TrimLeft(field, "+-~?")
	name, value, ok := strings.Cut(bare, ":")
	if right, wrong := spfMisspelt[strings.ToLower(name)]; wrong && ok {
		return field[:len(field)-len(bare)] + right + ":" + value
	}
	return field
}

// parseSPFPrefix reads the value of ip4 or ip6.
func parseSPFPrefix(name, value string) (netip.Prefix, error) {
	prefix, err := netip.ParsePrefix(value)
	if err != nil {
		var addr netip.Addr
		addr, err = netip.ParseAddr(value)
		prefix = netip.PrefixFrom(addr, addr.BitLen())
	}
	if err != nil || prefix.Addr().Is4() != (name == "ip4") || prefix.Addr().Zone() != "" {
		return prefix, fmt.Errorf("%s is no network of %s", quote(value), name)
	}
	return prefix, nil
}

// cutPrefixes reads "/24//64" from the end of a value and returns the rest.
func (t *spfTerm) cutPrefixes(rest string) (string, error) {
	if i := strings.Index(rest, "//"); i >= 0 {
		bits, err := strconv.ParseUint(rest[i+2:], 10, 8)
		if err != nil || bits > 128 {
			return rest, errors.New("the length of the IPv6 prefix must be 0 to 128")
		}
		t.bits6, rest = int(bits), rest[:i]
	}
	if i := strings.LastIndexByte(rest, '/'); i >= 0 {
		bits, err := strconv.ParseUint(rest[i+1:], 10, 8)
		if err != nil || bits > 32 {
			return rest, errors.New("the length of the IPv4 prefix must be 0 to 32")
		}
		t.bits4, rest = int(bits), rest[:i]
	}
	return rest, nil
}

// checkMacros finds malformed macros in a domain-spec (RFC 7208 7.1).
func checkMacros(s string) error {
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] <= ' ' || s[i] > '~':
			return fmt.Errorf("%s has a character that no domain has", quote(s))
		case s[i] != '%':
			continue
		case i+1 < len(s) && strings.IndexByte("%_-", s[i+1]) >= 0:
			i++
			continue
		}
		end := strings.IndexByte(s[i:], '}')
		if end < 3 || s[i+1] != '{' || strings.IndexByte("slodiphcrtv", s[i+2]|0x20) < 0 ||
			strings.Trim(s[i+3:i+end], "0123456789rR.-+,/_=") != "" {
			return fmt.Errorf("%s has a malformed macro (RFC 7208 7.1)", quote(s))
		}
		i += end
	}
	return nil
}

// hasMacro reports whether a value depends on the mail.
func hasMacro(s string) bool { return strings.Contains(s, "%") }
