package smtpace

import (
	"slices"
	"unicode/utf8"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/pool"
)

// leastContent is the size of a message that every server has to take, in octets (RFC
// 5321 4.5.3.1.7).
const leastContent = 64 << 10

// correctMail corrects the verdicts on refusals of MAIL, at which the server knows no more of a
// message than its size and its parameters. One that calls a small message too large is out
// of storage, as its code says, and one that rejects the content of a plain message means
// something else. So a server that refuses all mail in such words refuses no recipient for
// good.
func correctMail(d *pool.Delivery, r *pool.Report) {
	if r.Ordinal == 0 { // refused here, by what the server has announced
		return
	}
	for k := range r.Recipients {
		a := &r.Recipients[k]
		switch v := &a.Verdict; {
		case a.Stage != classify.StageMail:
		case v.Class == classify.ClassMessageTooLarge && d.Body.Len() <= leastContent:
			v.Class, v.Scope = classify.ClassInsufficientStorage, classify.ScopeDestination
		case v.Class == classify.ClassContentRejected && needsNoExtension(d):
			v.Class, v.Scope = classify.ClassUnknown, classify.ScopeSenderDomain
		}
	}
}

// needsNoExtension reports whether a delivery needs neither SMTPUTF8 nor 8BITMIME.
func needsNoExtension(d *pool.Delivery) bool {
	notASCII := func(s string) bool { return !isASCII(s) }
	return isASCII(d.From) && !slices.ContainsFunc(d.To, notASCII) &&
		!slices.ContainsFunc(d.Body.Bytes(), func(c byte) bool { return c >= utf8.RuneSelf })
}
