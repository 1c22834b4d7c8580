package main

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/quotedprintable"
	"regexp"
	"strings"
)

// text adds a text part that has placeholders; false when it has none.
func (p *parser) text(e entity, kind string, params map[string]string) bool {
	encoding := e.encoding()
	text, err := p.decodeText(e, encoding, params["charset"])
	if lookalike := p.lookalikes(text, isHTML(kind)); lookalike != nil {
		p.failAt(p.placeholderLine(e), fmt.Errorf("%s part: %w", kind, lookalike))
		return true
	}
	if kind == "text/plain" && beginsAsHTML.MatchString(text) {
		p.note("a text/plain part begins like HTML, and its readers will see the tags: is its Content-Type right?")
	}
	if !token.MatchString(text) && !errors.Is(err, errGarbled) {
		return false
	}
	if err == nil && (e.sealed || strings.Contains(text, clearSigned)) {
		err = errors.New("a placeholder in a signed part: filling it in would break the signature")
	}
	var filled phrase
	if err == nil {
		filled, err = parsePhrase(lf(text), p.columns)
	}
	if err == nil && isHTML(kind) {
		filled, err = filled.escapeInHTML()
	} else if err == nil {
		filled = filled.escapeInText()
	}
	if err != nil {
		p.failAt(p.placeholderLine(e), fmt.Errorf("%s part: %w", kind, err))
		return true
	}
	if !p.fixedContent(e) {
		return true
	}
	if encoding == "8bit" && p.sevenBit {
		encoding = "quoted-printable"
	}
	kept, content := contentFields(e, kind, params)
	p.fields(e, kept)
	p.add(textPart{content: content, encoding: encoding, text: filled, delimiters: e.delimiters})
	return true
}

var beginsAsHTML = regexp.MustCompile(`(?i)^\s*<(?:!doctype html|html|head|body)\b`)

// clearSigned is the first line of a text with a signature inside (RFC 9580 7).
const clearSigned = "-----BEGIN PGP SIGNED MESSAGE-----"

// decodeText gives the text of a part. With an error it is as the file has it.
func (p *parser) decodeText(e entity, encoding, charset string) (string, error) {
	raw := p.raw[e.body:e.end]
	decoded, err := decodeBody(encoding, raw)
	if err != nil {
		return string(raw), err
	}
	text, err := toUTF8(charset, decoded)
	if err != nil {
		return string(decoded), err
	}
	return text, nil
}

// fixedContent checks the fields that are written anew with a body, where
// nothing can be filled in.
func (p *parser) fixedContent(e entity) bool {
	for _, f := range e.fields {
		if f.name != "content-type" && f.name != "content-transfer-encoding" {
			continue
		}
		if _, err := p.partField(f, e.sealed); err != nil {
			p.failAt(f.start, fmt.Errorf("%s: %w", f.shown(), err))
			return false
		}
	}
	return true
}

// placeholderLine gives the offset of the first placeholder that shows in the
// file, or of the body.
func (p *parser) placeholderLine(e entity) int {
	if at := twoBraces.FindIndex(p.raw[e.body:e.end]); at != nil {
		return e.body + at[0]
	}
	return e.body
}

// contentFields separates the fields about a body that will change from the others. The
// charset becomes UTF-8, which has every value.
func contentFields(e entity, kind string, params map[string]string) (kept []field, content string) {
	for _, f := range e.fields {
		switch f.name {
		case "content-type":
			content = cmp.Or(content, string(f.raw)) // of several the first, as in mediaType
		case "content-transfer-encoding", "content-md5", "content-length":
		default:
			kept = append(kept, f)
		}
	}
	if content == "" || !strings.EqualFold(params["charset"], "utf-8") {
		params["charset"] = "utf-8"
		content = "Content-Type: " + mime.FormatMediaType(kind, params) + "\r\n"
	}
	return kept, content
}

// textPart is the text of a body to fill in, with the fields that describe it.
type textPart struct {
	content    string // Content-Type
	encoding   string // as in the file
	text       phrase // lines end in LF
	delimiters []string
}

func (t textPart) appendTo(dst []byte, m mailing) []byte {
	encoding, body := encodeBody(lf(t.text.fill(m.values)), t.encoding, t.delimiters)
	dst = append(dst, t.content...)
	dst = append(dst, "Content-Transfer-Encoding: "+encoding+"\r\n\r\n"...)
	return append(dst, body...)
}

func (t textPart) phrases() []phrase { return []phrase{t.text} }

func (t textPart) check(values []string, c columns) error { return t.text.check(values, c) }

// errGarbled is the mistake of a body that its transfer encoding does not fit: nobody can
// say whether it has placeholders.
var errGarbled = errors.New("it cannot be decoded")

// decodeBody undoes a transfer encoding (RFC 2045 6).
func decodeBody(encoding string, raw []byte) (decoded []byte, err error) {
	switch encoding {
	case "", "7bit", "8bit", "binary":
		return raw, nil
	case "quoted-printable":
		decoded, err = io.ReadAll(quotedprintable.NewReader(bytes.NewReader(raw)))
	case "base64": // blanks mean nothing, and readers do without the padding
		text := strings.TrimRight(strings.Join(strings.Fields(string(raw)), ""), "=")
		decoded, err = base64.RawStdEncoding.DecodeString(text)
	default:
		return nil, fmt.Errorf("unknown Content-Transfer-Encoding %q", encoding)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errGarbled, err)
	}
	return decoded, nil
}
