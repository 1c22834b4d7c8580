package preflight

import (
	"bytes"
	"context"
	"net/mail"
	"regexp"
	"strings"
	"time"
)

// Sizes of messages in octets.
const (
	maxSize   = 25 << 20  // of Gmail, and of many servers
	largeSize = 10 << 20  // which some servers do not take
	clipSize  = 102 << 10 // behind which Gmail hides the rest of a message
)

// maxMessageLine is the greatest length of a line in octets, without CRLF (RFC 5322
// 2.1.1).
const maxMessageLine = 998

// checkMessage looks at the sample.
func checkMessage(_ context.Context, r *run) []Finding {
	switch {
	case r.sampleErr != nil:
		return []Finding{finding("message.sample", "").is(Fail, "%v", r.sampleErr).mend("Give the message as it goes out, header first.")}
	case r.sample == nil && !r.options.BulkSender:
		return nil
	case r.sample == nil:
		return []Finding{finding("message.sample", "").is(Unknown, "there is no sample").mend("Give a message as it goes out (Sender.Sample; -message of the program).")}
	}
	m := r.sample
	return []Finding{r.fromFinding(m), r.idFinding(m), r.dateFinding(m), r.sizeFinding(m), r.linesFinding(m), r.eightBitFinding(m)}
}

// fromFinding looks at From.
func (r *run) fromFinding(m *message) Finding {
	out := finding("message.from", "")
	values := m.all("from")
	fix := "Write one From, with one address: From: News <news@" + r.domain + ">"
	if len(values) != 1 {
		return out.is(Fail, "the message has %d From fields: want one", len(values)).mend("%s", fix)
	}
	found, err := mail.ParseAddressList(values[0])
	if err != nil {
		return out.is(Fail, "From is no address: %s", quote(values[0])).mend("%s", fix)
	}
	if len(found) > 1 {
		return out.is(Fail, "From has %d addresses, which some receivers refuse", len(found)).mend("%s", fix)
	}
	domain, err := asciiDomain(found[0].Address[strings.LastIndexByte(found[0].Address, '@')+1:])
	switch {
	case err != nil:
		return out.is(Fail, "%v", err).mend("%s", fix)
	case isFreeMail(domain):
		return freeMailFinding(out, domain)
	case r.domain != "" && organizational(domain) != organizational(r.domain):
		return out.is(Warn, "the message is from %s, and %s was checked", domain, r.domain).mend("Check the domain of From.")
	case strings.Contains(found[0].Name, "@") && !strings.Contains(strings.ToLower(found[0].Name), domain):
		return out.is(Warn, "the display name %s looks like another address, as in fraud", quote(found[0].Name)).mend("Use a name without an address.")
	}
	return out.is(OK, "one address, of %s", domain)
}

// messageID is a Message-ID of a host that has a full name.
var messageID = regexp.MustCompile(`^<[^<>@\s]+@([^<>@\s]+\.[^<>@\s.]+|\[[^<>@\s]+\])>$`)

// idFinding looks at Message-ID.
func (r *run) idFinding(m *message) Finding {
	out := finding("message.id", "")
	values := m.all("message-id")
	switch {
	case len(values) == 0 && r.Relay != nil:
		return out.is(Warn, "there is none; a relay may add one, others refuse the message").mend("Add one of your own to each message.")
	case len(values) != 1:
		return out.is(Fail, "the message has %d Message-ID fields: want one", len(values)).mend("Add one of its own to each message: Message-ID: <unique@%s>", r.domain)
	case !messageID.MatchString(values[0]) || strings.HasSuffix(values[0], ".local>") || strings.HasSuffix(values[0], ".localdomain>"):
		return out.is(Warn, "%s is malformed, or of a host without a full name", quote(values[0])).mend("Write Message-ID: <unique@%s>", r.domain)
	}
	return out.is(OK, "%s", quote(values[0]))
}

// dateFinding looks at Date.
func (r *run) dateFinding(m *message) Finding {
	out := finding("message.date", "")
	values := m.all("date")
	if len(values) != 1 {
		return out.is(Fail, "the message has %d Date fields: want one", len(values)).mend("Add the time at which it was made: Date: %s", r.now.Format(time.RFC1123Z))
	}
	date, err := mail.ParseDate(values[0])
	if err != nil {
		return out.is(Fail, "%s is no date", quote(values[0])).mend("Write it as in Date: %s", r.now.Format(time.RFC1123Z))
	}
	if date.Sub(r.now) > 24*time.Hour {
		return out.is(Warn, "%s is in the future, as in spam", quote(values[0])).mend("Set the clock, or make the date when the message is sent.")
	}
	return out.is(OK, "%s", quote(values[0]))
}

// sizeFinding looks at the size.
func (r *run) sizeFinding(m *message) Finding {
	out := finding("message.size", "")
	size := len(m.raw)
	switch {
	case size > maxSize:
		return out.is(Fail, "%d octets, and Gmail takes %d at most", size, maxSize).mend("Link to large files in place of attaching them.")
	case size > largeSize:
		return out.is(Warn, "%d octets: some receivers take no more than %d", size, largeSize).mend("Link to large files in place of attaching them.")
	case size > clipSize && r.options.BulkSender:
		return out.is(Warn, "%d octets: Gmail hides what comes behind %d of the text, often the link to unsubscribe", size, clipSize).mend("Make the HTML shorter, and link to pictures.")
	}
	return out.is(OK, "%d octets", size)
}

// linesFinding looks at lines and their ends.
func (r *run) linesFinding(m *message) Finding {
	out := finding("message.lines", "")
	n := 0
	for line := range bytes.SplitSeq(m.raw, []byte("\r\n")) {
		n++
		switch i := bytes.IndexAny(line, "\r\n\x00"); {
		case len(line) > maxMessageLine:
			return out.is(Fail, "line %d has %d octets, and %d are allowed: servers break it or refuse the message", n, len(line), maxMessageLine).
				mend("Encode the text as quoted-printable or base64.")
		case i >= 0 && line[i] == 0:
			return out.is(Fail, "line %d has a NUL octet", n).mend("Encode the text as base64.")
		case i >= 0:
			return out.is(Fail, "line %d has a bare CR or LF, which receivers refuse as smuggling", n).mend("End each line in CRLF.")
		}
	}
	return out.is(OK, "no line is longer than %d octets", maxMessageLine)
}

// declares8Bit finds the declaration of octets above 127.
var declares8Bit = regexp.MustCompile(`(?im)^content-transfer-encoding:[ \t]*(8bit|binary)`)

// eightBitFinding looks at octets above 127.
func (r *run) eightBitFinding(m *message) Finding {
	out := finding("message.8bit", "")
	isHigh := func(text []byte) bool { return bytes.IndexFunc(text, func(c rune) bool { return c > 127 }) >= 0 }
	switch {
	case isHigh(m.header()):
		return out.is(Fail, "the header has octets above 127, which need SMTPUTF8 on all of the way").mend("Write encoded words (RFC 2047): =?utf-8?q?...?=")
	case !isHigh(m.body):
		return out.is(OK, "all is ASCII")
	case !declares8Bit.Match(m.raw):
		return out.is(Fail, "the body has octets above 127 that no Content-Transfer-Encoding declares").mend("Encode the text as quoted-printable or base64.")
	}
	return out.is(Warn, "the body is 8bit: a server on the way that does not take that converts it, which breaks the signature").mend("Encode the text as quoted-printable or base64.")
}
