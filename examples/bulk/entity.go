package main

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/quotedprintable"
	"strings"
)

// maxDepth bounds how deep multiparts may be nested.
const maxDepth = 20

// entity is a message or a body part (RFC 2045 2.4): its fields, and where in
// the file its body is.
type entity struct {
	fields           []field
	start, body, end int
	top              func(fields []field) // adds the fields of the message itself; nil for a part
	delimiters       []string             // of the multiparts around it
	sealed           bool                 // signed: a change would break the signature
	digest           bool                 // part of a multipart/digest: no text unless it says so (RFC 2046 5.1.5)
}

// get gives the value of a field; "" when there is none.
func (e entity) get(name string) string {
	for _, f := range e.fields {
		if f.name == name {
			return f.value()
		}
	}
	return ""
}

// mediaType gives the type and parameters of the entity.
func (e entity) mediaType() (string, map[string]string, error) {
	switch value := e.get("content-type"); {
	case value != "":
		return mime.ParseMediaType(value)
	case e.digest:
		return "message/rfc822", nil, nil
	}
	return "text/plain", map[string]string{"charset": "us-ascii"}, nil // RFC 2045 5.2
}

// isAttachment reports whether the entity is a file rather than text to read.
func (e entity) isAttachment() bool {
	value := e.get("content-disposition")
	kind, params, _ := mime.ParseMediaType(value)
	return kind == "attachment" || params["filename"] != ""
}

// entity adds the pieces of e.
func (p *parser) entity(e entity) {
	kind, params, err := e.mediaType()
	text := err == nil && strings.HasPrefix(kind, "text/") && !e.isAttachment()
	switch {
	case err == nil && strings.HasPrefix(kind, "multipart/") && params["boundary"] != "":
		p.multipart(e, kind, params["boundary"])
	case text && p.text(e, kind, params):
	case err != nil && token.Match(p.raw[e.body:e.end]):
		p.failAt(e.body, fmt.Errorf("a placeholder in a part whose Content-Type cannot be read: %w", err))
	case err != nil:
		p.leaf(e, "unreadable", map[string]string{})
	default:
		p.leaf(e, kind, params)
	}
}

// untouched adds e as the file has it, but for the fields of the message.
func (p *parser) untouched(e entity) {
	p.head(e)
	p.add(literal(p.raw[e.body:e.end]))
}

// head adds the fields of e and the empty line behind them.
func (p *parser) head(e entity) {
	p.fields(e, e.fields)
	p.add(literal("\r\n"))
}

// multipart adds the parts of e and what stands between them.
func (p *parser) multipart(e entity, kind, boundary string) {
	if len(e.delimiters) >= maxDepth {
		p.failAt(e.body, fmt.Errorf("multiparts nested more than %d deep", maxDepth))
		return
	}
	p.head(e)
	delimiter := "--" + boundary
	delimiters := append(e.delimiters[:len(e.delimiters):len(e.delimiters)], delimiter)
	at := e.body
	for _, part := range p.split(e.body, e.end, delimiter) {
		p.add(literal(p.raw[at:part.start]))
		at = part.end
		p.part(part, entity{
			delimiters: delimiters,
			sealed:     e.sealed || kind == "multipart/signed", digest: kind == "multipart/digest",
		})
	}
	p.add(literal(p.raw[at:e.end]))
}

// part adds a body part. One whose header cannot be read stays as it is.
func (p *parser) part(at span, e entity) {
	var err error
	e.start, e.end = at.start, at.end
	if e.fields, e.body, err = p.header(at.start, at.end); err == nil {
		p.entity(e)
		return
	}
	if raw := p.raw[at.start:at.end]; !token.Match(raw) {
		p.add(literal(raw))
		return
	}
	p.errs = append(p.errs, err)
}

// partField gives a field of a part, where nothing can be filled in.
func (p *parser) partField(f field, sealed bool) (piece, error) {
	decoded, err := decoder.DecodeHeader(f.value())
	if err != nil {
		decoded = f.value()
	}
	if err := p.lookalikes(decoded, false); err != nil {
		return nil, err
	}
	if token.MatchString(decoded) {
		return nil, errFixedField
	}
	if sealed {
		return literal(f.raw), nil
	}
	return p.mendField(f)
}

// span is a stretch of the file.
type span struct{ start, end int }

// split finds the parts between delimiter lines (RFC 2046 5.1.1). The line end
// before a delimiter belongs to the delimiter.
func (p *parser) split(start, end int, delimiter string) []span {
	var parts []span
	open := -1 // where the current part begins
	for at := start; at < end; {
		next := p.lineEnd(at, end)
		rest, ok := strings.CutPrefix(string(p.raw[at:next]), delimiter)
		if rest = strings.TrimRight(rest, " \t\r\n"); ok && (rest == "" || rest == "--") {
			if open >= 0 {
				parts = append(parts, span{open, max(open, at-2)})
			}
			if open = next; rest == "--" {
				return parts
			}
		}
		at = next
	}
	if open >= 0 {
		parts = append(parts, span{open, end})
	}
	return parts
}

// text adds a text part that has placeholders; false when it has none.
func (p *parser) text(e entity, kind string, params map[string]string) bool {
	encoding := strings.ToLower(e.get("content-transfer-encoding"))
	text, err := p.decodeText(e, encoding, params["charset"])
	if lookalike := p.lookalikes(text, kind == "text/html"); lookalike != nil {
		p.failAt(p.placeholderLine(e), fmt.Errorf("%s part: %w", kind, lookalike))
		return true
	}
	if !token.MatchString(text) {
		return false
	}
	if err == nil && (e.sealed || strings.Contains(text, clearSigned)) {
		err = errors.New("a placeholder in a signed part: filling it in would break the signature")
	}
	var filled phrase
	if err == nil {
		filled, err = parsePhrase(lf(text), p.columns)
	}
	if err == nil && kind == "text/html" {
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

// clearSigned is the line with which a text begins that is signed within (RFC
// 9580 7).
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

// fields adds fields of e, without the empty line behind them.
func (p *parser) fields(e entity, kept []field) {
	if e.top != nil {
		e.top(kept)
		return
	}
	for _, f := range kept {
		made, err := p.partField(f, e.sealed)
		if err != nil {
			p.failAt(f.start, fmt.Errorf("%s: %w", f.shown(), err))
			continue
		}
		p.add(made)
	}
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

// contentFields parts the fields that describe a body that will change from
// the others. The charset becomes UTF-8, which has every value.
func contentFields(e entity, kind string, params map[string]string) (kept []field, content string) {
	for _, f := range e.fields {
		switch f.name {
		case "content-type":
			content = string(f.raw)
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

// textPart is the text of a body that is filled in, and the fields that
// describe it.
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

func (t textPart) check(values []string, c columns) error { return t.text.check(values, c) }

// decodeBody undoes a transfer encoding (RFC 2045 6).
func decodeBody(encoding string, raw []byte) ([]byte, error) {
	switch encoding {
	case "", "7bit", "8bit", "binary":
		return raw, nil
	case "quoted-printable":
		return io.ReadAll(quotedprintable.NewReader(bytes.NewReader(raw)))
	case "base64":
		return io.ReadAll(base64.NewDecoder(base64.StdEncoding, bytes.NewReader(raw)))
	}
	return nil, fmt.Errorf("unknown Content-Transfer-Encoding %q", encoding)
}
