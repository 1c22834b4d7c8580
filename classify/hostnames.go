package classify

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// names are the places of a folded text that hold mail addresses and the names of
// hosts. Their words are nobody's reason: quota.example.com limits nothing.
type names struct {
	spans  [8][2]uint16
	n      int
	word   int  // the offset at which the word that may be a name begins
	dotted bool // whether that word has a dot within
	at     bool // whether that word has an at sign
}

// inAddresses has the marks that a mail address may have, beside the at sign.
var inAddresses = func() (in [utf8.RuneSelf]bool) {
	for _, c := range "_%+=-&~#!?^{}|" {
		in[c] = true
	}
	return in
}()

// mark notes the mark text[i], which may end a name or go on with one.
func (n *names) mark(dst []byte, text string, i int) {
	switch c := text[i]; {
	case c == '@':
		n.at = i > 0 && i+1 < len(text) && !strings.ContainsRune(" <>", rune(text[i-1])) && isWord(rune(text[i+1]))
	case !inAddresses[c]:
		n.end(dst)
	}
}

// end notes the name that ends here, if there is one.
func (n *names) end(dst []byte) {
	if n.at || n.dotted {
		name := trimBlanks(dst[min(n.word, len(dst)):])
		if (n.at || isHost(name) && !isList(name) && !isSource(dst[:n.word])) && n.n < len(n.spans) {
			n.spans[n.n] = [2]uint16{uint16(n.word), uint16(n.word + len(name))}
			n.n++
		}
	}
	n.word, n.dotted, n.at = len(dst), false, false
}

// trimBlanks cuts the blanks at the end of a text.
func trimBlanks(text []byte) []byte {
	for len(text) > 0 && text[len(text)-1] == ' ' {
		text = text[:len(text)-1]
	}
	return text
}

// hide overwrites the names in a folded text.
func (n *names) hide(folded []byte) {
	for _, span := range n.spans[:n.n] {
		for i := span[0]; i < span[1]; i++ {
			folded[i] = 'q'
		}
	}
}

// maxTopLevel is the length of most top-level domains, at most.
const maxTopLevel = 6

// isHost reports whether a word is the name of a host, not a sentence that ends
// without a blank, as in "refused.See".
func isHost(name []byte) bool {
	dot := bytes.LastIndexByte(name, '.')
	if dot <= 0 || bytes.ContainsAny(name, "/:") {
		return false
	}
	for _, c := range name[dot+1:] {
		if c < 'a' || c > 'z' {
			return false
		}
	}
	if bytes.IndexByte(name[:dot], '.') > 0 {
		return len(name)-dot <= 1+maxTopLevel // resolver.adr.recipientnotfound is none
	}
	switch string(name[dot+1:]) {
	case "com", "net", "org", "edu", "gov", "info", "biz", "example", "local", "lan", "internal", "de", "fr", "it", "es", "pt",
		"br", "pl", "ru", "ua", "jp", "cn", "tw", "kr", "uk", "nl", "be", "ch", "at", "cz", "sk", "se", "dk", "fi", "eu", "us",
		"ca", "au", "in", "mx", "ar", "tr", "gr", "hu", "ro", "io", "co", "cloud", "email", "online":
		return true
	}
	return false
}

// isList reports whether a host is called as a list of addresses is.
func isList(name []byte) bool {
	for _, part := range [...]string{"bl.", "rbl", "spamhaus", "sorbs", "spamcop", "barracuda", "surbl", "uribl", "abuseat", "senderbase", "senderscore"} {
		if bytes.Contains(name, []byte(part)) {
			return true
		}
	}
	return false
}

// isSource reports whether a text ends in a word that calls the name behind it as a
// witness: a list, or a page to read.
func isSource(before []byte) bool {
	before = trimBlanks(before)
	switch string(before[bytes.LastIndexByte(before, ' ')+1:]) {
	case "using", "by", "at", "see", "on", "in", "visit", "via", "list", "lists", "dnsbl", "rbl", "https", "http", "rejected", "sbl", "through":
		return true
	}
	return false
}
