package main

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// readSource brings the file of a message to the form of RFC 5322: text in the
// octets of its charset, lines that end in CRLF, and the header first. notes say
// what was mended.
func readSource(raw []byte) (text []byte, notes []string, err error) {
	if kind := kindOf(raw[:min(len(raw), beginning)]); kind != "" {
		return nil, nil, fmt.Errorf("the file is %s: save the message as .eml, with its header", kind)
	}
	switch charset := markedCharset(raw[:min(len(raw), beginning)]); charset {
	case "":
	case "utf-8":
		raw = bytes.TrimPrefix(raw, []byte(marks[0].mark))
	default:
		decoded, err := toUTF8(charset, raw)
		if err != nil {
			return nil, nil, err
		}
		raw = []byte(strings.TrimPrefix(decoded, marks[0].mark))
		notes = append(notes, fmt.Sprintf("the file is in %s and is read as such", strings.ToUpper(charset[:len("utf-16")])))
	}
	lines := lf(strings.ReplaceAll(string(raw), "\r\r\n", "\n"))
	if first, rest, _ := strings.Cut(lines, "\n"); mboxLine.MatchString(first) {
		if anotherMail.MatchString(rest) {
			return nil, nil, errors.New("the file is a mailbox with several messages: save the one that is meant")
		}
		lines = quotedFrom.ReplaceAllString(rest, "${1}From ")
		notes = append(notes, `the first line is of a mailbox ("From ...") and is left out`)
	}
	if lines != "" && !strings.HasSuffix(lines, "\n") {
		lines += "\n"
	}
	return []byte(crlf(lines)), notes, nil
}

// Lines that separate the messages of a mailbox file (RFC 4155), and lines of messages
// that were quoted for that.
var (
	mboxLine    = regexp.MustCompile(`^>?From \S+ .*\d\d:\d\d`)
	anotherMail = regexp.MustCompile(`\n\nFrom \S+ .*\d\d:\d\d(?::\d\d)?.*\n[!-9;-~]+:`)
	quotedFrom  = regexp.MustCompile(`(?m)^>(>*)From `)
)

// deliveryFields are the fields that tell of an earlier way of a message. In new mail
// they are wrong: receivers take Delivered-To for a loop and a broken signature for a
// forgery. A name with a hyphen at its end stands for all that begin so.
var deliveryFields = []string{
	"received", "return-path", "delivered-to", "delivery-date", "envelope-to", "envelope-from", "apparently-to", "resent-", "original-recipient",
	"authentication-results", "authentication-results-original", "received-spf", "dkim-signature", "domainkey-signature", "domainkey-status", "dkim-filter", "arc-",
	"mailing-list", "spamdiagnosticoutput", "spamdiagnosticmetadata",
	"x-received", "x-original-", "x-envelope-", "x-delivered-", "x-apparently-to", "x-rcpt-to", "x-resent-", "x-forwarded-", "x-return-path",
	"x-loop", "x-beenthere", "x-mailing-list", "x-mailman-", "x-google-group-id", "x-sieve", "x-failed-recipients",
	"x-originating-", "x-originatororg", "x-sender-ip", "x-source", "x-source-", "x-antiabuse", "x-authenticated-", "x-authentication-", "x-auth-", "x-arc-", "x-dkim-",
	"x-spam-", "x-spam", "x-virus-", "x-rspamd-", "x-amavis-", "x-proofpoint-", "x-ironport-", "x-barracuda-", "x-mailscanner-", "x-mimecast-", "x-bogosity", "x-greylist", "x-quarantine-id",
	"x-google-dkim-signature", "x-google-smtp-source", "x-gm-", "x-ms-exchange-", "x-microsoft-", "x-forefront-", "x-ms-office365-", "x-ms-publictraffictype", "x-ms-traffictypediagnostic",
	"x-eopattributedmessage", "x-eoptenantattributedmessage", "x-incomingtopheadermarker", "x-ymailisg", "x-ui-filterresults", "x-provags-id", "x-me-",
}

// localFields are the fields that a mail program keeps for itself.
var localFields = []string{
	"bcc", "fcc", "status", "content-length", "lines",
	"x-gmail-", "x-unsent", "x-status", "x-keywords", "x-uid", "x-uidl", "x-imap", "x-imapbase", "x-bcc", "x-fcc", "x-tuid", "x-label",
	"x-mozilla-", "x-account-key", "x-identity-key", "x-enigmail-", "x-evolution-", "x-kmail-", "x-sylpheed-", "x-claws-", "x-offlineimap-",
	"x-apple-", "x-universally-unique-identifier", "x-uniform-type-identifier",
}

// writtenFields are the fields of a received message that its author may have written.
// All others are of programs on its way, which have more names than a list can hold.
var writtenFields = []string{
	"from", "sender", "reply-to", "to", "cc", "date", "message-id", "subject", "comments", "keywords", "in-reply-to", "references",
	"mime-version", "content-", "list-", "importance", "priority", "sensitivity", "organization", "user-agent", "precedence", "accept-language",
	"thread-topic", "thread-index", "autocrypt", "openpgp", "bimi-selector", "face", "x-face", "errors-to", "disposition-notification-to", "return-receipt-to",
	"x-mailer", "x-priority", "x-msmail-priority", "x-auto-response-suppress",
}

// oneOf reports whether the name of a field is in a list of them.
func oneOf(list []string, name string) bool {
	for _, known := range list {
		if name == known || strings.HasSuffix(known, "-") && strings.HasPrefix(name, known) {
			return true
		}
	}
	return false
}

// isEarlier reports whether a field is left out of new mail; received tells that the
// message has been delivered before.
func isEarlier(f field, received bool) bool {
	return oneOf(deliveryFields, f.name) || oneOf(localFields, f.name) ||
		received && !oneOf(writtenFields, f.name) && !twoBraces.Match(f.raw)
}

// wasReceived reports whether a message has been delivered before.
func wasReceived(fields []field) bool {
	return slices.ContainsFunc(fields, func(f field) bool { return oneOf(deliveryFields, f.name) })
}

// leftover notes a field that is kept and may not be meant for the recipients.
func (p *parser) leftover(f field, received bool) {
	switch {
	case token.Match(f.raw):
	case f.name == "cc":
		p.note("Cc is kept: every recipient sees who is in it, and those get no mail: " + f.value())
	case f.name == "list-unsubscribe" && received:
		p.note("List-Unsubscribe is kept as the message was received with it: if the link was made for one recipient, it will unsubscribe that one: " + f.value())
	}
}

// singleFields are the fields of which a message has one at most (RFC 5322 3.6).
var singleFields = map[string]bool{
	"from": true, "sender": true, "reply-to": true, "cc": true, "subject": true, "in-reply-to": true, "references": true,
	"mime-version": true, "content-type": true, "content-transfer-encoding": true,
}

// leftOut collects the fields of the file that new mail does not have.
type leftOut struct {
	names  []string
	counts map[string]int
}

// add counts a field.
func (l *leftOut) add(f field) {
	if l.counts == nil {
		l.counts = map[string]int{}
	}
	if l.counts[f.name]++; l.counts[f.name] == 1 {
		l.names = append(l.names, f.shown())
	}
}

// note names the fields; "" when there are none.
func (l *leftOut) note() string {
	var names []string
	for _, name := range l.names {
		if n := l.counts[strings.ToLower(name)]; n > 1 {
			name = fmt.Sprintf("%s (%d)", name, n)
		}
		names = append(names, name)
	}
	if len(names) == 0 {
		return ""
	}
	return "fields of an earlier delivery, or of a mail program's own, are left out: " + strings.Join(names, ", ")
}
