package pool

import (
	"bufio"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/smtpace/smtpace/classify"
)

// envelope holds the parts of a delivery that MAIL and RCPT tell to one server.
type envelope struct {
	delivery *Delivery
	offers   features        // of the server
	given    Params          // the parameters of MAIL and RCPT
	left     Params          // those that are left out, though they are offered and of use
	plain    bool            // whether every address is plain, see isPlain
	utf8     bool            // whether an address needs SMTPUTF8, and the server offers it
	lacking  bool            // whether something that is of use is not offered
	rcptEnd  string          // the end of the RCPT command, behind the address
	refusal  *classify.Reply // of all recipients, made here; nil if the server can take the delivery
}

// newEnvelope returns the envelope of a delivery for the server of a session.
func newEnvelope(d *Delivery, s *session) envelope {
	e := envelope{delivery: d, offers: s.features, rcptEnd: ">\r\n"}
	e.plain = (d.From == "" || isPlain(d.From)) && allPlain(d.To)
	e.utf8 = !e.plain && e.offers.smtpUTF8 && (!isASCII(d.From) || slices.ContainsFunc(d.To, notASCII))
	useful := e.useful()
	e.left = useful & (d.NoParams | s.noParams)
	e.given = useful &^ e.left
	if e.given&paramDSN != 0 && len(d.DSN.Notify) > 0 {
		e.rcptEnd = ">" + d.DSN.rcpt() + "\r\n"
	}
	e.lacking = !d.DSN.isZero() && !e.offers.dsn && !s.omits("DSN") || d.Body.eightBit && !e.offers.eightBitMIME && !s.omits("8BITMIME")
	e.refusal = e.judge()
	return e
}

// useful returns the parameters that the server offers and, except for SIZE, the
// message needs.
func (e *envelope) useful() (p Params) {
	d := e.delivery
	if e.offers.size {
		p |= paramSize
	}
	if e.offers.eightBitMIME && d.Body.eightBit {
		p |= paramBody
	}
	if e.offers.dsn && !d.DSN.isZero() {
		p |= paramDSN
	}
	if e.utf8 {
		p |= paramUTF8
	}
	return p
}

// judge returns the refusal of the delivery as a whole, or nil.
func (e *envelope) judge() *classify.Reply {
	d := e.delivery
	if !e.plain && d.From != "" {
		if err := checkAddress(d.From); err != nil {
			return ours(553, "5.1.7", "bad sender address: "+err.Error())
		}
	}
	if !e.plain && !isASCII(d.From) && !e.utf8 && !d.TryUTF8 {
		e.lacking = true
		return needsUTF8("sender")
	}
	if limit := e.offers.maxSize; limit > 0 && int64(d.Body.Len()) > limit {
		e.lacking = true
		return ours(552, "5.3.4", fmt.Sprintf("message size %d exceeds the server's limit %d", d.Body.Len(), limit))
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
	if e.plain {
		return nil
	}
	if err := checkAddress(to); err != nil {
		return ours(553, "5.1.3", "bad recipient address: "+err.Error())
	}
	if !isASCII(to) && !e.utf8 && !e.delivery.TryUTF8 {
		e.lacking = true
		return needsUTF8("recipient")
	}
	return nil
}

// needsUTF8 returns the refusal of an address that is not ASCII (RFC 6531 3.2).
func needsUTF8(whose string) *classify.Reply {
	return ours(553, "5.6.7", "the "+whose+" address needs SMTPUTF8, which the server does not offer")
}

// ours returns a refusal by this package as an SMTP reply, so that it is judged
// like any other.
func ours(code int, enhanced, text string) *classify.Reply {
	return &classify.Reply{Code: code, Enhanced: enhanced, Text: text + " (not sent)"}
}

// writeMail writes the MAIL command.
func (e *envelope) writeMail(w *bufio.Writer) {
	d := e.delivery
	b := append(w.AvailableBuffer(), "MAIL FROM:<"...)
	b = append(b, d.From...)
	b = append(b, '>')
	if e.given&paramSize != 0 {
		b = append(b, " SIZE="...)
		b = strconv.AppendInt(b, int64(d.Body.Len()), 10)
	}
	if e.given&paramBody != 0 {
		b = append(b, " BODY=8BITMIME"...)
	}
	if e.given&paramDSN != 0 {
		b = append(b, d.DSN.mail()...)
	}
	if e.given&paramUTF8 != 0 {
		b = append(b, " SMTPUTF8"...)
	}
	w.Write(append(b, "\r\n"...))
}

// writeRcpt writes the RCPT command for one recipient.
func (e *envelope) writeRcpt(w *bufio.Writer, to string) {
	b := append(w.AvailableBuffer(), "RCPT TO:<"...)
	b = append(b, to...)
	w.Write(append(b, e.rcptEnd...))
}

// maxAddress is the greatest length of an address that fits into a command line
// without parameters, in octets (RFC 5321 4.5.3.1.4).
const maxAddress = 512 - len("MAIL FROM:<>\r\n")

// plainBytes are the bytes that need no second look in an address: printable
// ASCII except for an @ and the characters forbidden by checkAddress.
var plainBytes = func() (plain [256]bool) {
	for c := '!'; c <= '~'; c++ {
		plain[c] = !strings.ContainsRune("\"()<>@,;:\\[]", c)
	}
	return plain
}()

// isPlain reports whether an address is ASCII and so simple that checkAddress
// would let it through, as it is with most.
func isPlain(address string) bool {
	at := -1
	for i, c := range []byte(address) {
		if plainBytes[c] {
			continue
		}
		if c != '@' || at >= 0 {
			return false
		}
		at = i
	}
	return at > 0 && at < len(address)-1 && len(address) <= maxAddress
}

func allPlain(addresses []string) bool {
	for _, a := range addresses {
		if !isPlain(a) {
			return false
		}
	}
	return true
}

func isASCII(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func notASCII(s string) bool { return !isASCII(s) }

// checkAddress makes sure that an address within < and > is one address and
// nothing else: no end of line, no second path, no parameter. It is no parser of
// mailboxes and allows more than RFC 5321 does.
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
