package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"

	"github.com/smtpace/smtpace/classify"
)

// decide notes what the sending server has decided by itself, in its own words: there
// was no connection, no TLS, no route.
func (a *answer) decide(text string) {
	a.own, a.text = true, text
	folded := strings.ToLower(text)
	if a.class == classify.ClassUnknown {
		a.class = classIn(folded)
	}
	a.err = failureIn(text, folded)
	if errors.Is(a.err, noSuchDomain) {
		a.stage = classify.StageUnknown // no session was needed to say so
	}
}

// decisions are the words in which mail servers say why they do not go on.
var decisions = []struct {
	words string
	class classify.Class
}{
	{"nullmx", classify.ClassBadDomain},
	{"null mx", classify.ClassBadDomain},
	{"does not accept mail", classify.ClassBadDomain},
	{"loops back", classify.ClassLoop},
	{"loop detected", classify.ClassLoop},
	{"too many hops", classify.ClassLoop},
	{"records point to local host", classify.ClassLoop},
	{"lowest numbered mx record points to local host", classify.ClassLoop},
	{"size limit", classify.ClassMessageTooLarge},
	{"message size", classify.ClassMessageTooLarge},
	{"message too big", classify.ClassMessageTooLarge},
	{"message too large", classify.ClassMessageTooLarge},
	{"sasl", classify.ClassSMTPAuth},
	{"authentication failed", classify.ClassSMTPAuth},
	{"authenticator failed", classify.ClassSMTPAuth},
	{"no worthy mechs", classify.ClassSMTPAuth},
	{"tls", classify.ClassTLS},
	{"certificate", classify.ClassTLS},
	{"ssl", classify.ClassTLS},
	{"smtputf8", classify.ClassContentRejected},
	{"protocol error", classify.ClassProtocol},
}

// classIn returns the class that the words of a mail server name, Unknown for none.
func classIn(folded string) classify.Class {
	for _, d := range decisions {
		if strings.Contains(folded, d.words) {
			return d.class
		}
	}
	return classify.ClassUnknown
}

// failures are the words for what went wrong without a reply.
var failures = []struct {
	words string
	err   error
}{
	{"connection refused", syscall.ECONNREFUSED},
	{"network is unreachable", syscall.ENETUNREACH},
	{"network error", syscall.ENETUNREACH},
	{"no route to host", syscall.EHOSTUNREACH},
	{"connection reset", syscall.ECONNRESET},
	{"unable to connect", syscall.ECONNREFUSED},
	{"failed to connect", syscall.ECONNREFUSED},
	{"establish an smtp connection", syscall.ECONNREFUSED},
	{"timed out", os.ErrDeadlineExceeded},
	{"timeout", os.ErrDeadlineExceeded},
	{"lost connection", io.EOF},
	{"closed connection", io.EOF},
	{"connection died", io.EOF},
	{"connection closed", io.EOF},
	{"host not found, try again", &net.DNSError{Err: "no answer", IsTemporary: true}},
	{"host lookup did not complete", &net.DNSError{Err: "no answer", IsTemporary: true}},
	{"lookup failed temporarily", &net.DNSError{Err: "no answer", IsTemporary: true}},
	{"dns query failed", &net.DNSError{Err: "no answer", IsTemporary: true}},
	{"name server: host name lookup failure", &net.DNSError{Err: "no answer", IsTemporary: true}},
	{"host or domain name not found", noSuchDomain},
	{"unrouteable address", noSuchDomain},
	{"host unknown", noSuchDomain},
	{"find any host named", noSuchDomain},
	{"no mx found for domain", noSuchDomain},
}

// noSuchDomain is the reply of a server for a domain that has none (RFC 3463 3.2).
var noSuchDomain = classify.NewReply(550, "5.1.2 host or domain name not found")

// failureIn returns an error of the kind that a text, or the same in lower case, tells
// of.
func failureIn(text, folded string) error {
	for _, f := range failures {
		if strings.Contains(folded, f.words) {
			return fmt.Errorf("%s: %w", text, f.err)
		}
	}
	return errors.New(text)
}

// enhancedClasses are the meanings of enhanced status codes when the sending server gives
// them to its own decisions (RFC 3463, RFC 7505 for 1.10): subject and detail.
var enhancedClasses = map[string]classify.Class{
	"1.0": classify.ClassBadDomain, "1.2": classify.ClassBadDomain, "1.10": classify.ClassBadDomain,
	"3.4": classify.ClassMessageTooLarge, "4.1": classify.ClassNetwork, "4.2": classify.ClassNetwork,
	"4.3": classify.ClassNetwork, "4.4": classify.ClassBadDomain, "4.6": classify.ClassLoop,
	"4.7": classify.ClassNetwork, "5.0": classify.ClassProtocol, "7.4": classify.ClassTLS,
	"7.5": classify.ClassTLS, "7.8": classify.ClassSMTPAuth,
}

// refine completes a decision by its enhanced status code, where the words say
// nothing, and by what it means for the recipient.
func (a *answer) refine(dsn string, refused bool) {
	a.fate = fateLater
	if refused {
		a.fate = fateRefused
	}
	_, detail, _ := strings.Cut(dsn, ".")
	if a.class != classify.ClassUnknown || judgedByError(a.err) {
		return
	}
	a.class = enhancedClasses[detail]
}

// judgedByError reports whether classify understands an error by its type.
func judgedByError(err error) bool {
	return classify.Of(classify.StageConnect, err).Class != classify.ClassUnknown
}
