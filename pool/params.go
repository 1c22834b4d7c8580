package pool

import (
	"strings"

	"github.com/smtpace/smtpace/classify"
)

// Params is a set of parameters of MAIL and RCPT that a delivery can do without.
type Params uint8

// The parameters.
const (
	paramSize Params = 1 << iota // SIZE (RFC 1870)
	paramBody                    // BODY=8BITMIME (RFC 6152)
	paramDSN                     // RET, ENVID and NOTIFY (RFC 3461)
	paramUTF8                    // SMTPUTF8 (RFC 6531)
)

// paramWords are the words with which a refusal names parameters.
var paramWords = map[string]Params{
	"SIZE": paramSize, "BODY": paramBody, "8BITMIME": paramBody, "SMTPUTF8": paramUTF8,
	"RET": paramDSN, "ENVID": paramDSN, "NOTIFY": paramDSN, "DSN": paramDSN,
}

// Codes with which servers refuse parameters. Only the last one says nothing else (RFC
// 5321 4.1.1.11).
const (
	codeUnknownCommand   = 500
	codeBadSyntax        = 501
	codeNoSuchParameter  = 504
	codeUnknownParameter = 555
)

// refusesParams reports whether a code can refuse a parameter.
func refusesParams(code int) bool {
	switch code {
	case codeUnknownCommand, codeBadSyntax, codeNoSuchParameter, codeUnknownParameter:
		return true
	}
	return false
}

// blamed returns those of the given parameters that the next try should leave out
// after a refusal that can be one of them: those that its text names, unless it
// repeats the whole command; else the least needed.
func blamed(given Params, r *classify.Reply) Params {
	var named Params
	for word := range strings.FieldsFuncSeq(strings.ToUpper(r.Text), notInWord) {
		named |= paramWords[word] & given
	}
	if named != 0 && named != given {
		return named
	}
	for _, group := range []Params{paramSize | paramBody, paramDSN, paramUTF8} {
		if given&group != 0 {
			return given & group
		}
	}
	return 0
}

func notInWord(c rune) bool { return !(c >= 'A' && c <= 'Z' || c >= '0' && c <= '9') }
