package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"mime"
	"net/mail"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// field is one header field as the message file has it.
type field struct {
	name  string // in lower case
	raw   []byte // all of it, folded, with its last CRLF
	start int    // where it begins in the file
}

// shown returns the name as it is written.
func (f field) shown() string {
	name, _, _ := bytes.Cut(f.raw, []byte(":"))
	return string(bytes.TrimSpace(name))
}

// body returns the text behind the colon, folded, without the last CRLF.
func (f field) body() string {
	_, body, _ := bytes.Cut(f.raw, []byte(":"))
	return string(bytes.TrimSuffix(body, []byte("\r\n")))
}

// value returns the unfolded body (RFC 5322 2.2.3).
func (f field) value() string {
	return strings.TrimSpace(strings.ReplaceAll(f.body(), "\r\n", ""))
}

// addressFields are the fields whose value is a list of mailboxes.
var addressFields = map[string]bool{
	"from": true, "sender": true, "reply-to": true, "to": true, "cc": true,
	"disposition-notification-to": true, "return-receipt-to": true, "errors-to": true,
}

// decoder reads encoded words.
var decoder = mime.WordDecoder{CharsetReader: charsetReader}

// fillField gives the piece for a field that may hold placeholders.
func (p *parser) fillField(f field) (piece, error) {
	decoded, err := decoder.DecodeHeader(f.value())
	if err != nil {
		decoded = f.value()
	}
	if err := p.lookalikes(decoded, false); err != nil {
		return nil, err
	}
	switch {
	case !token.MatchString(decoded):
		return p.mendField(f)
	case err != nil:
		return nil, err
	case !utf8.ValidString(decoded):
		return nil, errors.New("a placeholder in a field that is not UTF-8")
	case strings.HasPrefix(f.name, "content-") || f.name == "mime-version" || f.name == "list-unsubscribe-post": // RFC 8058 3.1
		return nil, errFixedField
	case addressFields[f.name]:
		return newAddressField(f, p.columns)
	case f.name == "list-id":
		return newListID(f.shown(), decoded, p.columns)
	case strings.HasPrefix(f.name, "list-"):
		return p.uriField(f, decoded)
	case isStructured(f.name):
		text, err := parsePhrase(decoded, p.columns)
		return structuredField{f.shown(), text}, err
	}
	text, err := parsePhrase(decoded, p.columns)
	return textField{f.shown(), text.escapeInText()}, err
}

// errFixedField is the mistake of a placeholder in a field that is no text.
var errFixedField = errors.New("a placeholder where none can be filled in")

// textField is a field of running text, such as Subject.
type textField struct {
	name string
	text phrase
}

func (f textField) appendTo(dst []byte, m mailing) []byte {
	text := unstructured(f.name, f.text.fill(m.values))
	return append(dst, f.name+":"+text+"\r\n"...)
}

func (f textField) phrases() []phrase { return []phrase{f.text} }

func (f textField) check(values []string, c columns) error {
	return checkValues(f.name, f.text, values, c)
}

// addressField is a field whose value is mailboxes.
type addressField struct {
	name  string
	boxes []mailbox
}

// mailbox is a display name, which may be empty, and an address.
type mailbox struct{ name, address phrase }

// Placeholders are no part of the grammar of addresses; while a field is
// parsed, words stand for them.
const (
	standIn     = "placeholder-%d-stands-here"
	standInHost = "@placeholder.invalid" // for one that is the whole address
)

// wholeAddress matches a placeholder that makes up an address on its own.
var wholeAddress = regexp.MustCompile(`(^|[<,])\s*(\{\{\s*\.[^{}]*\}\})\s*($|[>,])`)

func newAddressField(f field, c columns) (addressField, error) {
	out := addressField{name: f.shown()}
	marked := f.value()
	for wholeAddress.MatchString(marked) {
		marked = wholeAddress.ReplaceAllString(marked, "${1}${2}"+standInHost+"${3}")
	}
	var found []string
	marked = placeholder.ReplaceAllStringFunc(marked, func(s string) string {
		found = append(found, s)
		return fmt.Sprintf(standIn, len(found)-1)
	})
	parser := mail.AddressParser{WordDecoder: &decoder}
	list, err := parser.ParseList(marked)
	if err != nil {
		return out, fmt.Errorf("no list of addresses: %w", err)
	}
	unmark := func(s string) (phrase, error) {
		s = strings.ReplaceAll(s, standInHost, "")
		for i, p := range found {
			s = strings.ReplaceAll(s, fmt.Sprintf(standIn, i), p)
		}
		return parsePhrase(s, c)
	}
	for _, a := range list {
		name, err1 := unmark(a.Name)
		address, err2 := unmark(a.Address)
		if err := errors.Join(err1, err2); err != nil {
			return out, err
		}
		out.boxes = append(out.boxes, mailbox{name, address})
	}
	return out, nil
}

func (f addressField) appendTo(dst []byte, m mailing) []byte {
	dst = append(dst, f.name+":"...)
	for i, box := range f.boxes {
		used := len(f.name) + 2
		if i > 0 {
			dst = append(dst, ",\r\n"...)
			used = 1
		}
		dst = append(dst, " "+formatMailbox(used, box.name.fill(m.values), headerAddress(box.fillAddress(m.values)))...)
	}
	return append(dst, "\r\n"...)
}

func (f addressField) phrases() (texts []phrase) {
	for _, box := range f.boxes {
		texts = append(texts, box.name, box.address)
	}
	return texts
}

func (f addressField) check(values []string, c columns) error {
	for _, box := range f.boxes {
		if err := cmp.Or(checkValues(f.name, box.name, values, c), checkValues(f.name, box.address, values, c)); err != nil {
			return err
		}
		if box.address.fixed() {
			continue
		}
		if err := checkAddress(box.fillAddress(values)); err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
	}
	return nil
}

// fillAddress gives the address. One without placeholders has lost the quotes
// of its local part when it was parsed, and gets them back.
func (b mailbox) fillAddress(values []string) string {
	s := b.address.fill(values)
	if b.address.fixed() {
		s = (&mail.Address{Address: s}).String()
	}
	return strings.TrimSuffix(strings.TrimPrefix(s, "<"), ">")
}

// formatMailbox writes a mailbox of RFC 5322 3.4; used octets of the line are
// taken.
func formatMailbox(used int, name, address string) string {
	if name == "" {
		return address
	}
	shown := `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(name) + `"`
	if !isPrintable(name) || strings.Contains(name, "=?") || len(shown) > maxLine/2 {
		shown = encodedWords(used, name)
	}
	if used+len(shown)+len(address)+3 > maxHeaderLine {
		shown += "\r\n"
	}
	return shown + " <" + address + ">"
}

// toField names the one recipient. A display name is kept from the file when
// the field has placeholders, for then it was made to be filled in.
type toField struct{ name phrase }

// headerAddress gives an address as it is written where everybody can read it:
// with quotes where its dots need them, and in ASCII if its local part is.
func headerAddress(address string) string {
	at := strings.LastIndexByte(address, '@')
	if at < 0 {
		return address
	}
	local, domain := address[:at], address[at+1:]
	if local != "" && local[0] != '"' && !isDotString(local) {
		local = `"` + local + `"`
	}
	if isASCII(local) && !isASCII(domain) {
		domain = domainOf(address)
	}
	return local + "@" + domain
}

// newToField takes a To as the file has it, filled in.
func newToField(filled piece) toField {
	if a, ok := filled.(addressField); ok && len(a.boxes) == 1 {
		return toField{name: a.boxes[0].name}
	}
	return toField{}
}

func (f toField) appendTo(dst []byte, m mailing) []byte {
	return append(dst, "To: "+formatMailbox(len("To: "), f.name.fill(m.values), headerAddress(m.address))+"\r\n"...)
}

func (f toField) phrases() []phrase { return []phrase{f.name} }

func (f toField) check(values []string, c columns) error {
	return checkValues("To", f.name, values, c)
}

// fromField is the envelope sender, for a message that does not say whom it is
// from.
type fromField struct{}

func (fromField) appendTo(dst []byte, m mailing) []byte {
	return append(dst, "From: "+headerAddress(m.from)+"\r\n"...)
}

// idField is a Message-ID of its own for every recipient (RFC 5322 3.6.4).
type idField struct{}

func (idField) appendTo(dst []byte, m mailing) []byte {
	return append(dst, "Message-ID: <"+m.id+"@"+domainOf(m.from)+">\r\n"...)
}

// dateField is the time at which the message was made.
type dateField struct{}

func (dateField) appendTo(dst []byte, m mailing) []byte {
	return append(dst, "Date: "+m.now.Format(time.RFC1123Z)+"\r\n"...)
}

// checkValues refuses what would end a header field or start another.
func checkValues(name string, p phrase, values []string, c columns) error {
	for _, s := range p.slots {
		for _, r := range values[s.column] {
			switch {
			case r == '\r' || r == '\n':
				return fmt.Errorf("%s: the value of %q has a line break, which a header field cannot have", name, c.names[s.column])
			case unicode.IsControl(r) && r != '\t':
				return fmt.Errorf("%s: the value of %q has the control character %U", name, c.names[s.column], r)
			}
		}
	}
	return nil
}
