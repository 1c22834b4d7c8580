package pool

import (
	"bufio"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/smtpace/smtpace/classify"
)

// envelope is what MAIL and RCPT say of a delivery to a server with certain
// extensions, and what of it the server could not take.
type envelope struct {
	from     string
	size     int
	has      map[string]string // the extensions
	noParams bool              // without parameters that can be left out
	dsn      DSN
	utf8     bool // an address needs SMTPUTF8, and it is offered
	eightBit bool
	refusal  *classify.Reply // of all recipients
}

func newEnvelope(d *Delivery, s *session) envelope {
	e := envelope{
		from: d.From, size: d.Body.Len(), has: s.extensions, noParams: d.NoParams || s.noParams,
		dsn: d.DSN, eightBit: d.Body.eightBit,
	}
	e.utf8 = e.offers("SMTPUTF8") && (isEightBit([]byte(d.From)) || anyEightBit(d.To))
	e.refusal = e.judge(d)
	return e
}

func (e *envelope) offers(keyword string) bool {
	_, ok := e.has[keyword]
	return ok
}

// judge finds what is wrong with the delivery as a whole.
func (e *envelope) judge(d *Delivery) *classify.Reply {
	if d.From != "" {
		if err := checkAddress(d.From); err != nil {
			return ours(553, "5.1.7", "bad sender address: "+err.Error())
		}
	}
	if isEightBit([]byte(d.From)) && !e.utf8 {
		return ours(553, "5.6.7", "the sender address needs SMTPUTF8, which the server does not offer")
	}
	if limit := e.sizeLimit(); limit > 0 && int64(e.size) > limit {
		return ours(552, "5.3.4", fmt.Sprintf("message size %d exceeds the server's limit %d", e.size, limit))
	}
	if err := d.DSN.Validate(); err != nil {
		return ours(501, "5.5.4", err.Error())
	}
	if !d.Body.checked {
		return ours(554, "5.6.0", "the body of the message was not made by NewBody")
	}
	return nil
}

// refuses returns the refusal of one recipient, or nil.
func (e *envelope) refuses(to string) *classify.Reply {
	if err := checkAddress(to); err != nil {
		return ours(553, "5.1.3", "bad recipient address: "+err.Error())
	}
	if isEightBit([]byte(to)) && !e.utf8 {
		return ours(553, "5.6.7", "the recipient address needs SMTPUTF8, which the server does not offer")
	}
	return nil
}

// ours is a refusal of our own, in the words of SMTP so that it is judged like
// any other.
func ours(code int, enhanced, text string) *classify.Reply {
	return &classify.Reply{Code: code, Enhanced: enhanced, Text: text + " (not sent)"}
}

// sizeLimit returns the server's limit (RFC 1870), 0 if it states none.
func (e *envelope) sizeLimit() int64 {
	limit, err := strconv.ParseInt(strings.TrimSpace(e.has["SIZE"]), 10, 64)
	if err != nil {
		return 0
	}
	return limit
}

// optional reports whether MAIL has parameters that can be left out.
func (e *envelope) optional() bool {
	return !e.noParams && (e.offers("SIZE") || e.offers("8BITMIME") && e.eightBit || e.offers("DSN") && e.dsn.mail() != "")
}

// writeMail writes the MAIL command. A parameter is given only when it is
// offered and, but for SIZE, needed.
func (e *envelope) writeMail(w *bufio.Writer) {
	w.WriteString("MAIL FROM:<")
	w.WriteString(e.from)
	w.WriteByte('>')
	if e.offers("SIZE") && !e.noParams {
		w.WriteString(" SIZE=")
		w.Write(strconv.AppendInt(w.AvailableBuffer(), int64(e.size), 10))
	}
	if e.offers("8BITMIME") && e.eightBit && !e.noParams {
		w.WriteString(" BODY=8BITMIME")
	}
	if e.offers("DSN") && !e.noParams {
		w.WriteString(e.dsn.mail())
	}
	if e.utf8 {
		w.WriteString(" SMTPUTF8")
	}
	w.WriteString("\r\n")
}

// writeRcpt writes the RCPT command for one recipient.
func (e *envelope) writeRcpt(w *bufio.Writer, to string) {
	w.WriteString("RCPT TO:<")
	w.WriteString(to)
	w.WriteByte('>')
	if e.offers("DSN") && !e.noParams {
		w.WriteString(e.dsn.rcpt())
	}
	w.WriteString("\r\n")
}

func anyEightBit(texts []string) bool {
	for _, s := range texts {
		if isEightBit([]byte(s)) {
			return true
		}
	}
	return false
}

// maxAddress is a local part, an @ and a domain of the greatest length
// (RFC 5321 4.5.3.1.1 and 4.5.3.1.2).
const maxAddress = 64 + 1 + 255

// checkAddress makes sure that an address within < and > is one address and
// nothing else: no end of line, no second path, no parameter. It is the last
// fence and no full parser of mailboxes.
func checkAddress(address string) error {
	if len(address) > maxAddress {
		return fmt.Errorf("longer than %d octets", maxAddress)
	}
	if !utf8.ValidString(address) {
		return errors.New("not valid UTF-8")
	}
	if i := strings.IndexFunc(address, func(r rune) bool { return !unicode.IsPrint(r) }); i >= 0 {
		return fmt.Errorf("control character at byte %d", i)
	}
	local, domain, err := splitAddress(address)
	switch {
	case err != nil:
		return err
	case local == "" || domain == "":
		return errors.New("local part or domain missing")
	case strings.ContainsAny(domain, " \"()<>@,;\\"):
		return fmt.Errorf("forbidden character in the domain %q", domain)
	case local[0] != '"' && strings.ContainsAny(local, " \"()<>@,;:\\[]"):
		return fmt.Errorf("forbidden character in the local part %q", local)
	}
	return nil
}

// splitAddress splits at the @ behind the local part, which may be a quoted
// string with an @ of its own (RFC 5321 4.1.2).
func splitAddress(address string) (local, domain string, err error) {
	if !strings.HasPrefix(address, `"`) {
		local, domain, _ = strings.Cut(address, "@")
		return local, domain, nil
	}
	for i := 1; i < len(address); i++ {
		switch address[i] {
		case '\\':
			i++
		case '"':
			domain, ok := strings.CutPrefix(address[i+1:], "@")
			if !ok {
				return "", "", errors.New("no @ behind the quoted local part")
			}
			return address[:i+1], domain, nil
		}
	}
	return "", "", errors.New("quoted local part does not end")
}
