package main

import (
	"encoding/base64"
	"fmt"
	"mime/quotedprintable"
	"strings"
)

// Lengths of lines, without CRLF.
const (
	maxHeaderLine  = 78  // recommended for a header, RFC 5322 2.1.1
	maxLine        = 998 // allowed anywhere, RFC 5322 2.1.1
	maxEncodedLine = 76  // with an encoded word, RFC 2047 2; in quoted-printable and base64, RFC 2045 6.7, 6.8
	wordOpening    = "=?utf-8?q?"
	wordClosing    = "?="
)

// unstructured gives the lines of a header field whose value is text, after the
// colon: unchanged where that can be read back, else in encoded words.
func unstructured(name, text string) string {
	if isPrintable(text) && !strings.Contains(text, "=?") {
		if folded, ok := fold(len(name)+1, text); ok {
			return folded
		}
	}
	return " " + encodedWords(len(name)+2, text)
}

// isPrintable reports whether text is ASCII without control characters.
func isPrintable(text string) bool {
	for i := range len(text) {
		if text[i] < ' ' || text[i] > '~' {
			return false
		}
	}
	return true
}

// fold breaks text before spaces so that lines stay short; used octets of the
// first line are taken. It fails when a line could not be kept within what is
// allowed, or when a reader could lose spaces.
func fold(used int, text string) (string, bool) {
	if used+1+len(text) <= maxHeaderLine {
		return " " + text, true
	}
	if text != strings.TrimSpace(text) || strings.Contains(text, "  ") {
		return "", false
	}
	var b strings.Builder
	for i, word := range strings.Split(text, " ") {
		if used+1+len(word) > maxHeaderLine && i > 0 {
			b.WriteString("\r\n")
			used = 0
		}
		b.WriteString(" " + word)
		if used += 1 + len(word); used > maxLine {
			return "", false
		}
	}
	return b.String(), true
}

// encodedWords gives text as encoded words (RFC 2047) of the Q encoding, one a
// line; used octets of the first line are taken. No character is split.
func encodedWords(used int, text string) string {
	const frame = len(wordOpening) + len(wordClosing)
	var b, word strings.Builder
	room := maxEncodedLine - frame - used
	b.WriteString(wordOpening)
	for _, r := range text {
		letter := qLetter(r)
		if word.Len() > 0 && word.Len()+len(letter) > room {
			b.WriteString(word.String() + wordClosing + "\r\n " + wordOpening)
			word.Reset()
			room = maxEncodedLine - frame - 1
		}
		word.WriteString(letter)
	}
	return b.String() + word.String() + wordClosing
}

// qLetter encodes one character so that it may stand in any header field, a
// display name included (RFC 2047 5 (3)).
func qLetter(r rune) string {
	switch {
	case r == ' ':
		return "_"
	case r < 0x80 && (isAlnum(byte(r)) || strings.ContainsRune("!*+-/", r)):
		return string(r)
	}
	var b strings.Builder
	for _, c := range []byte(string(r)) {
		fmt.Fprintf(&b, "=%02X", c)
	}
	return b.String()
}

// encodeBody encodes text, with lines that end in LF, for transfer (RFC 2045
// 6): in the encoding that is wanted, or else in the next that can carry it. No
// line of the result begins with one of the delimiters.
func encodeBody(text, wanted string, delimiters []string) (encoding, body string) {
	switch wanted {
	case "": // RFC 2045 6.1
		wanted = "7bit"
	case "binary": // not without BINARYMIME (RFC 3030)
		wanted = "8bit"
	}
	for _, encoding = range []string{wanted, "quoted-printable", "base64"} {
		var ok bool
		if body, ok = encodeAs(encoding, text); ok && !contains(body, delimiters) {
			break
		}
	}
	return encoding, body
}

func encodeAs(encoding, text string) (body string, ok bool) {
	switch encoding {
	case "base64":
		return wrap(base64.StdEncoding.EncodeToString([]byte(crlf(text)))), true
	case "quoted-printable":
		var b strings.Builder
		w := quotedprintable.NewWriter(&b)
		w.Write([]byte(text)) // no error: a strings.Builder takes everything
		w.Close()
		return b.String(), true
	}
	for line := range strings.SplitSeq(text, "\n") {
		if len(line) > maxLine {
			return "", false
		}
	}
	return crlf(text), encoding == "8bit" || isASCII(text)
}

// wrap breaks base64 into lines.
func wrap(s string) string {
	var b strings.Builder
	for len(s) > maxEncodedLine {
		b.WriteString(s[:maxEncodedLine] + "\r\n")
		s = s[maxEncodedLine:]
	}
	return b.String() + s
}

func contains(body string, delimiters []string) bool {
	for _, d := range delimiters {
		if strings.HasPrefix(body, d) || strings.Contains(body, "\r\n"+d) {
			return true
		}
	}
	return false
}

// lf makes every line end a LF, whatever it was.
func lf(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
}

// crlf makes every LF a CRLF.
func crlf(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }
