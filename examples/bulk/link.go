package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// A value in a URI is escaped for the part in which it stands (RFC 3986 2.4). So a plus,
// an ampersand or a blank arrives as such.

// linkPart is a part of a URI.
type linkPart uint8

const (
	notInLink  linkPart = iota
	linkStart           // the value is the URI or its beginning
	linkPath            // a segment of the path
	linkMailto          // the address of mailto
	linkQuery           // behind "?" or "#"; the host as well, and what follows a value
	linkNested          // in the query of a URI that is itself a value in a query
)

// filledIn stands for a value in the text before a slot.
const filledIn = "\x00"

// schemeEnd matches the beginning of a URI up to where its parts begin.
var schemeEnd = regexp.MustCompile(`(?i)(?:[a-z][a-z0-9+.-]*://|www\.|(?:mailto|tel|sms|cid):)`)

// nested matches the value of a parameter that is an encoded URI, up to its query.
var nested = regexp.MustCompile(`(?i)=[a-z][a-z0-9+.-]*(?:%3a|:)(?:%2f|/){2}[^?#&=]*%3f[^?#&=]*$`)

// hostQuery matches a URI without its scheme, as people write it in text, up to a
// parameter of its query.
var hostQuery = regexp.MustCompile(`(?i)^(?:[a-z0-9-]+\.)+[a-z]{2,}(?::[0-9]+)?(?:/[^?]*)?\?(?:.*&)?[^&=]*=`)

// partOf returns the part of a URI whose text before the value is before.
func partOf(before string) linkPart {
	switch {
	case before == "":
		return linkStart
	case nested.MatchString(before):
		return linkNested
	case strings.ContainsAny(before, "?#"), strings.HasPrefix(before, filledIn): // the value may have the "?"
		return linkQuery
	case len(before) >= 7 && strings.EqualFold(before[:7], "mailto:"):
		return linkMailto
	}
	if at := strings.Index(before, "//"); at >= 0 && !strings.Contains(before[at+2:], "/") {
		return linkQuery
	}
	return linkPath
}

// partInText returns the part of a URI that a value belongs to when the URI
// stands in running text; word is the text from the last blank or bracket on.
func partInText(word string) linkPart {
	if at := schemeEnd.FindStringIndex(word); at != nil {
		return partOf(word[at[0]:])
	}
	if strings.HasPrefix(word, filledIn) && strings.ContainsAny(word, "?&") && strings.Contains(word, "=") || hostQuery.MatchString(word) {
		return linkQuery
	}
	return notInLink
}

// lastWord returns what follows the last character at which a URI in running
// text ends.
func lastWord(text string) string {
	return text[strings.LastIndexAny(text, " \t\r\n<>\"'()")+1:]
}

// escapeFor returns the function that escapes a value for a part of a URI; nil
// for none.
func (part linkPart) escapeFor() func(string) string {
	switch part {
	case linkStart:
		return func(s string) string { return percentEncode(s, "-._~:/?#[]@!$&'()*+;=%") }
	case linkPath:
		return func(s string) string { return percentEncode(s, "-._~:@!$&()*+,;=") }
	case linkMailto: // RFC 6068 2 (1)
		return func(s string) string { return percentEncode(s, "-._~:@!$()*+,") }
	case linkQuery:
		return func(s string) string { return percentEncode(s, "-._~") }
	case linkNested:
		return func(s string) string { return percentEncode(percentEncode(s, "-._~"), "-._~") }
	}
	return nil
}

// percentEncode encodes the octets of s that are neither letters nor digits nor
// among kept (RFC 3986 2.1).
func percentEncode(s, kept string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; isAlnum(c) || strings.IndexByte(kept, c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// escapeInText sets how the values of a running text are escaped: those within a
// URI for their part of it, all others not.
func (p phrase) escapeInText() phrase {
	word := ""
	for i := range p.slots {
		word = lastWord(word + p.literals[i])
		p.slots[i].escape = partInText(word).escapeFor()
		word += filledIn
	}
	return p
}

// escapeInBrackets sets how the values of a field of URIs in angle brackets (RFC
// 2369 2) are escaped.
func (p phrase) escapeInBrackets() phrase {
	before := ""
	for i := range p.slots {
		before += p.literals[i]
		part := notInLink
		if open := strings.LastIndexByte(before, '<'); open > strings.LastIndexByte(before, '>') {
			part = partOf(strings.Join(strings.Fields(before[open+1:]), ""))
		} else {
			part, p.slots[i].outside = partInText(lastWord(before)), true
		}
		p.slots[i].escape, p.slots[i].link = part.escapeFor(), part == linkStart
		before += filledIn
	}
	return p
}

// linkSchemes are the schemes of URIs that a value may bring.
var linkSchemes = []string{"http", "https", "mailto", "tel", "sms"}

// scheme matches the scheme of a URI (RFC 3986 3.1).
var scheme = regexp.MustCompile(`^([a-zA-Z][a-zA-Z0-9+.-]*):`)

// isLink reports whether a value may stand at the beginning of a URI: it has no
// scheme or a harmless one, and no brackets around it.
func isLink(value string) bool {
	if strings.ContainsAny(value, "<>") {
		return false
	}
	m := scheme.FindStringSubmatch(strings.TrimSpace(value))
	return m == nil || slices.Contains(linkSchemes, strings.ToLower(m[1]))
}
