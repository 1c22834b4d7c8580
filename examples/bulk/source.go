package main

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// readSource brings the file of a message to the form of RFC 5322: text in the
// octets of its charset, lines that end in CRLF, and the header first. notes say
// what was mended.
func readSource(raw []byte) (text []byte, notes []string, err error) {
	switch charset := markedCharset(raw[:min(len(raw), 4096)]); charset {
	case "utf-8":
		raw = bytes.TrimPrefix(raw, []byte(marks[0].mark))
	case "utf-16le", "utf-16be":
		decoded, err := toUTF8(charset, raw)
		if err != nil {
			return nil, nil, err
		}
		raw = []byte(strings.TrimPrefix(decoded, marks[0].mark))
		notes = append(notes, "the file is in UTF-16 and is read as such")
	}
	lines := lf(string(raw))
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

// The lines with which mailboxes part their messages (RFC 4155), and the lines
// that they have changed for that.
var (
	mboxLine    = regexp.MustCompile(`^>?From \S+ .*\d\d:\d\d`)
	anotherMail = regexp.MustCompile(`\n\nFrom \S+ .*\d\d:\d\d(?::\d\d)?.*\n[!-9;-~]+:`)
	quotedFrom  = regexp.MustCompile(`(?m)^>(>*)From `)
)

// earlierFields are the fields that tell of an earlier way of a message, or that
// a mail program keeps for itself. In new mail they are wrong: receivers take
// Delivered-To for a loop and a broken signature for a forgery. A name that ends
// in a hyphen stands for all that begin so.
var earlierFields = []string{
	"received", "return-path", "delivered-to", "delivery-date", "envelope-to", "apparently-to", "resent-",
	"authentication-results", "received-spf", "dkim-signature", "domainkey-signature", "dkim-filter", "arc-",
	"bcc", "fcc", "status", "content-length", "lines",
	"x-received", "x-original-to", "x-envelope-", "x-delivered-", "x-apparently-to", "x-rcpt-to", "x-resent-", "x-loop", "x-sieve",
	"x-originating-", "x-sender-ip", "x-source", "x-source-", "x-antiabuse", "x-authenticated-", "x-authentication-", "x-auth-", "x-arc-", "x-dkim-",
	"x-spam-", "x-spam", "x-virus-", "x-rspamd-", "x-amavis-", "x-proofpoint-", "x-ironport-", "x-barracuda-", "x-mailscanner-", "x-bogosity", "x-greylist", "x-quarantine-id",
	"x-google-dkim-signature", "x-google-smtp-source", "x-gm-", "x-gmail-", "x-ms-exchange-", "x-microsoft-", "x-forefront-", "x-ms-office365-", "x-eopattributedmessage", "x-eoptenantattributedmessage", "x-me-",
	"x-unsent", "x-status", "x-keywords", "x-uid", "x-uidl", "x-imap", "x-imapbase", "x-bcc", "x-fcc",
	"x-mozilla-", "x-account-key", "x-identity-key", "x-evolution-", "x-kmail-", "x-apple-", "x-universally-unique-identifier", "x-uniform-type-identifier",
}

// isEarlier reports whether a field is left out of new mail.
func isEarlier(name string) bool {
	for _, known := range earlierFields {
		if name == known || strings.HasSuffix(known, "-") && strings.HasPrefix(name, known) {
			return true
		}
	}
	return false
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
