package pool

import (
	"slices"
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
	codeNoParameters     = 455
	codeUnknownCommand   = 500
	codeBadSyntax        = 501
	codeNotImplemented   = 502
	codeNoSuchParameter  = 504
	codeTooLarge         = 552
	codeUnknownParameter = 555
)

// refusesParams reports whether a refusal can be one of a parameter: by its code, by its
// status, invalid arguments or syntax error (RFC 3463 3.6), or by its words. Exchange has
// 5.5.2 for commands out of sequence too.
func refusesParams(r *classify.Reply) bool {
	switch r.Code {
	case codeNoParameters, codeUnknownCommand, codeBadSyntax, codeNotImplemented, codeNoSuchParameter, codeUnknownParameter:
		return true
	}
	_, status, _ := strings.Cut(r.Enhanced, ".")
	return r.Code >= 400 && (status == statusNonASCII || status == "5.4" || status == "5.2" && r.Code != codeSequence || hasOneOf(r.Text, paramTexts))
}

// certainlyRefusesParams reports whether a refusal for good is to be taken as one of a
// parameter also where all parameters were accepted before: another server may have
// accepted them, behind the same name. A status about something else means the message.
func certainlyRefusesParams(r *classify.Reply) bool {
	switch r.Code {
	case codeUnknownParameter:
		return true
	case codeUnknownCommand, codeBadSyntax, codeNotImplemented, codeNoSuchParameter:
		return r.Enhanced == "" || strings.HasPrefix(r.Enhanced, "5.5.")
	}
	return r.Code >= 500 && (r.Enhanced == "5.5.4" || r.Enhanced == "5.5.2" && r.Code != codeSequence || r.Enhanced == "5."+statusNonASCII)
}

// statusNonASCII is the status, without its class, of a refusal of addresses that are not
// ASCII (RFC 6531 3.5). At MAIL, SMTPUTF8 asks for them for all recipients.
const statusNonASCII = "6.7"

// contradictsSize reports whether a refusal calls a message too large (RFC 1870 6.1) that
// is smaller than what the server has just announced to take: SIZE may be to blame.
func (e *envelope) contradictsSize(r *classify.Reply) bool {
	return r.Code == codeTooLarge && e.given&paramSize != 0 && e.offers.maxSize > 0
}

// paramTexts are parts of texts that refuse parameters; pipeliningTexts are parts of
// texts that refuse commands written ahead.
var (
	paramTexts      = []string{"parameter", "argument", "option", "syntax", "not support", "unsupported"}
	pipeliningTexts = []string{"pipelin", "synchroni"}
)

// refusesPipelining reports whether a refusal is one of commands that were written ahead.
func refusesPipelining(r *classify.Reply) bool {
	return r != nil && r.Code >= 400 && hasOneOf(r.Text, pipeliningTexts)
}

// hasOneOf reports whether a text contains one of some parts in lower case.
func hasOneOf(text string, parts []string) bool {
	text = strings.ToLower(text)
	return slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(text, part) })
}

// blamed returns the parameters, of those given, that the next try should leave out
// after a refusal. They are those that the text names, unless it repeats the whole
// command; else the least needed one.
func blamed(given Params, r *classify.Reply) Params {
	var named Params
	for word := range strings.FieldsFuncSeq(strings.ToUpper(r.Text), notInWord) {
		named |= paramWords[word] & given
	}
	if strings.HasSuffix(r.Enhanced, "."+statusNonASCII) {
		named |= paramUTF8 & given
	}
	if named != 0 && named != given {
		return named
	}
	for _, group := range []Params{paramSize | paramBody, paramDSN} {
		if given&group != 0 {
			return given & group
		}
	}
	return given
}

func notInWord(c rune) bool { return !(c >= 'A' && c <= 'Z' || c >= '0' && c <= '9') }
