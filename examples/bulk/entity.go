package main

import (
	"errors"
	"fmt"
	"mime"
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

// count gives the number of fields of a name.
func (e entity) count(name string) (n int) {
	for _, f := range e.fields {
		if f.name == name {
			n++
		}
	}
	return n
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

// encoding gives the transfer encoding in lower case. Some programs put it in quotation
// marks, or add a comment or a semicolon (RFC 2045 5).
func (e entity) encoding() string {
	encoding, _, _ := strings.Cut(e.get("content-transfer-encoding"), "(")
	return strings.ToLower(strings.Trim(encoding, "\" \t;"))
}

// isAttachment reports whether the entity is a file rather than text to read.
func (e entity) isAttachment() bool {
	kind, _, _ := mime.ParseMediaType(e.get("content-disposition"))
	return kind != "" && kind != "inline" // RFC 2183 2.8
}

// entity adds the pieces of e.
func (p *parser) entity(e entity) {
	kind, params, err := e.mediaType()
	if e.count("content-type") > 1 {
		p.note("several fields Content-Type: the first counts, " + kind)
	}
	text := err == nil && (kind == "text/plain" || isHTML(kind)) && !e.isAttachment()
	switch {
	case err == nil && p.refusesEncrypted(e, kind, params):
	case err == nil && strings.HasPrefix(kind, "multipart/") && params["boundary"] != "":
		p.multipart(e, kind, params["boundary"])
	case text && p.text(e, kind, params):
	case err != nil && p.hidesPlaceholder(e):
		p.failAt(e.body, fmt.Errorf("a placeholder in a part whose Content-Type cannot be read: %w", err))
	case err != nil:
		p.leaf(e, "unreadable", map[string]string{})
	default:
		p.leaf(e, kind, params)
	}
}

// hidesPlaceholder reports whether a body that is not taken apart has a placeholder, or
// may have one.
func (p *parser) hidesPlaceholder(e entity) bool {
	body := p.raw[e.body:e.end]
	decoded, err := decodeBody(e.encoding(), body)
	return errors.Is(err, errGarbled) || token.Match(decoded) || token.Match(body)
}

// isHTML reports whether text of a media type is HTML, or a dialect of it.
func isHTML(kind string) bool {
	return kind == "text/html" || kind == "text/x-amp-html" || kind == "text/watch-html" || kind == "application/xhtml+xml"
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
	delimiter := "--" + boundary
	parts := p.split(e.body, e.end, delimiter)
	if len(parts) == 0 && p.hidesPlaceholder(e) {
		p.failAt(e.body, fmt.Errorf("a placeholder in a multipart without parts: no line of it is %q", delimiter))
		return
	}
	p.head(e)
	delimiters := append(e.delimiters[:len(e.delimiters):len(e.delimiters)], delimiter)
	at := e.body
	for _, part := range parts {
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
			if open != -1 {
				parts = append(parts, span{open, max(open, at-2)})
			}
			if open = next; rest == "--" {
				return parts
			}
		}
		at = next
	}
	if open != -1 {
		parts = append(parts, span{open, end})
	}
	return parts
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
