package smtpace

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// LogAddresses decides how addresses appear in logs and transcripts.
type LogAddresses uint8

// The forms of addresses. All keep the domain. The last two also hide addresses in
// texts of servers, and an ID that is a string and holds an address.
const (
	// LogAddressesAsGiven leaves addresses as they are.
	LogAddressesAsGiven LogAddresses = iota
	// LogAddressesMasked leaves the first character of the local part:
	// "b***@x.example". Of a local part of less than three it leaves none.
	LogAddressesMasked
	// LogAddressesHashed replaces the local part by the first 16 hexadecimal digits of
	// the SHA-256 of the address in lower case, so that the records about one address
	// can be found: "7832d9309020e043@x.example". Whoever can guess an address can
	// recognise it.
	LogAddressesHashed
)

// validate reports a value that is none of the constants.
func (f LogAddresses) validate() error {
	if f > LogAddressesHashed {
		return fmt.Errorf("%d is none of LogAddressesAsGiven, LogAddressesMasked and LogAddressesHashed", f)
	}
	return nil
}

// hidden takes the place of what is left out.
const hidden = "***"

// hashDigits is the number of hexadecimal digits of a hashed address.
const hashDigits = 16

// addressPattern matches addresses in a text: a local part, perhaps quoted, and a domain,
// perhaps a literal.
var addressPattern = regexp.MustCompile(`(?:"(?:[^"\\]|\\.)*"|[^\s<>"@,;:()\[\]]+)@(?:\[[^\]\s]*\]|[^\s<>"@,;:()\[\]]+)`)

// address returns an address in its form.
func (f LogAddresses) address(mailbox string) string {
	at := strings.LastIndexByte(mailbox, '@')
	if f == LogAddressesAsGiven || at < 0 {
		return mailbox
	}
	return f.local(mailbox, mailbox[:at]) + mailbox[at:]
}

// local returns what takes the place of the local part of an address.
func (f LogAddresses) local(mailbox, local string) string {
	if f == LogAddressesHashed {
		sum := sha256.Sum256([]byte(strings.ToLower(mailbox)))
		return hex.EncodeToString(sum[:])[:hashDigits]
	}
	first, _ := utf8.DecodeRuneInString(local)
	if utf8.RuneCountInString(local) < 3 || first == '"' {
		return hidden
	}
	return string(first) + hidden
}

// text returns a text with its addresses in their form. Of known addresses it also hides
// a local part that stands alone.
func (f LogAddresses) text(s string, known ...string) string {
	if f == LogAddressesAsGiven {
		return s
	}
	s = addressPattern.ReplaceAllStringFunc(s, f.address)
	for _, mailbox := range known {
		if at := strings.LastIndexByte(mailbox, '@'); at > 0 {
			s = replaceWord(s, strings.Trim(mailbox[:at], `<"`), hidden)
		}
	}
	return s
}

// replaceWord replaces a word in a text, whatever its case, but not inside of longer
// words.
func replaceWord(s, word, by string) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		if n := foldedPrefix(s[i:], word); n > 0 && !isWordEnd(s[:i]) && !isWordStart(s[i+n:]) {
			b.WriteString(by)
			i += n
			continue
		}
		_, n := utf8.DecodeRuneInString(s[i:])
		b.WriteString(s[i : i+n])
		i += n
	}
	return b.String()
}

// foldedPrefix returns the length of the prefix of s that is word in some case; 0 when
// there is none.
func foldedPrefix(s, word string) int {
	n := 0
	for _, want := range word {
		got, size := utf8.DecodeRuneInString(s[n:])
		if size == 0 || unicode.ToLower(got) != unicode.ToLower(want) {
			return 0
		}
		n += size
	}
	return n
}

// isWordEnd reports whether a text ends inside a word.
func isWordEnd(s string) bool {
	c, _ := utf8.DecodeLastRuneInString(s)
	return unicode.IsLetter(c) || unicode.IsDigit(c)
}

// isWordStart reports whether a text begins inside a word.
func isWordStart(s string) bool {
	c, _ := utf8.DecodeRuneInString(s)
	return unicode.IsLetter(c) || unicode.IsDigit(c)
}
