package main

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"mime"
	"mime/quotedprintable"
	"slices"
	"strings"
	"unicode/utf8"
)

// What some receivers refuse is mended where the text stays the same: raw 8-bit
// text in a header, or in a body that does not declare it, lines of more than
// 998 octets, and NUL. In a signed part it is noted only.

// mendField gives a field without placeholders as it may be sent.
func (p *parser) mendField(f field) (piece, error) {
	raw := !isASCII(string(f.raw))
	if !raw && longestLine(f.raw) <= maxLine {
		return literal(f.shown() + ":" + f.body() + "\r\n"), nil // white space before the colon is obsolete (RFC 5322 4.5)
	}
	value := f.value()
	if !utf8.ValidString(value) {
		return nil, errors.New("8-bit text that is not UTF-8: save the message as UTF-8")
	}
	what := "raw 8-bit text is encoded"
	if !raw {
		what = fmt.Sprintf("a line of more than %d octets is folded", maxLine)
	}
	p.note(fmt.Sprintf("%s: %s", f.shown(), what))
	return p.mendedField(f, value)
}

// mendedField writes a field anew.
func (p *parser) mendedField(f field, value string) (piece, error) {
	decoded, err := decoder.DecodeHeader(value)
	if err != nil {
		decoded = value
	}
	switch {
	case addressFields[f.name]:
		return newAddressField(f, p.columns)
	case f.name == "content-type" || f.name == "content-disposition":
		kind, params, err := mime.ParseMediaType(value)
		if err != nil {
			return nil, err
		}
		return p.folded(f, strings.ReplaceAll(mime.FormatMediaType(kind, params), "; ", ";\r\n "))
	case strings.HasPrefix(f.name, "list-") && f.name != "list-id":
		return p.folded(f, strings.ReplaceAll(percentEncodeHigh(value), ", ", ",\r\n "))
	case f.name == "references" || f.name == "in-reply-to" || f.name == "message-id":
		return p.folded(f, strings.Join(strings.Fields(value), "\r\n "))
	}
	return literal(f.shown() + ":" + unstructured(f.shown(), decoded) + "\r\n"), nil
}

// folded gives a field whose value is folded already.
func (p *parser) folded(f field, value string) (piece, error) {
	text := []byte(f.shown() + ": " + value + "\r\n")
	if longestLine(text) > maxLine || !isASCII(string(text)) {
		return nil, fmt.Errorf("a line of more than %d octets, or 8-bit text, that cannot be mended", maxLine)
	}
	return literal(text), nil
}

// percentEncodeHigh encodes what is no ASCII in URIs.
func percentEncodeHigh(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if s[i] < utf8.RuneSelf {
			b.WriteByte(s[i])
		} else {
			fmt.Fprintf(&b, "%%%02X", s[i])
		}
	}
	return b.String()
}

// longestLine gives the length of the longest line, without its end.
func longestLine(text []byte) (longest int) {
	for line := range bytes.SplitSeq(text, []byte("\r\n")) {
		longest = max(longest, len(line))
	}
	return longest
}

// leaf adds a part without placeholders, mended where that is needed.
func (p *parser) leaf(e entity, kind string, params map[string]string) {
	encoding := e.encoding()
	body := p.raw[e.body:e.end]
	p.unfilled(e, kind, encoding)
	if kind == "application/ms-tnef" || kind == "application/vnd.ms-tnef" {
		p.note("a part is winmail.dat (" + kind + "), which hardly any program but Outlook can open: send the message from Outlook as HTML or plain text")
	}
	what := p.fault(body, encoding)
	switch {
	case what == "":
		p.untouched(e)
		return
	case e.sealed || strings.HasPrefix(kind, "message/") || strings.HasPrefix(kind, "multipart/"):
		p.note(fmt.Sprintf("a %s part has %s, which some receivers refuse; it is left as it is, for it is signed or a message of its own", kind, what))
		p.untouched(e)
		return
	}
	if !p.fixedContent(e) {
		return
	}
	decoded, err := decodeBody(encoding, body)
	content, charsetErr := p.declared(e, kind, params, decoded)
	if err = errors.Join(err, charsetErr); err != nil {
		p.failAt(e.body, fmt.Errorf("%s part with %s: %w", kind, what, err))
		return
	}
	p.note(fmt.Sprintf("a %s part has %s: it is encoded anew", kind, what))
	p.recode(e, kind, content, decoded)
}

// unfilled looks for placeholders in a part that is sent as it is. In a file or a
// message of its own they may be meant to be read, elsewhere they are a mistake.
func (p *parser) unfilled(e entity, kind, encoding string) {
	body := p.raw[e.body:e.end]
	if strings.HasPrefix(kind, "text/") {
		if decoded, err := decodeBody(encoding, body); err == nil {
			body = decoded
		}
	}
	for _, m := range placeholder.FindAllStringSubmatch(string(body), -1) {
		switch _, err := p.columns.find(strings.TrimSpace(m[1])); {
		case err != nil:
		case e.isAttachment(), strings.HasPrefix(kind, "message/"):
			p.note(fmt.Sprintf("%s in a %s attachment is sent as it is: files and attached messages are not filled in", m[0], kind))
		default:
			p.failAt(p.placeholderLine(e), fmt.Errorf("%s: a placeholder in a %s part: only text/plain and text/html are filled in", m[0], kind))
			return
		}
	}
}

// fault names what in a body some receivers refuse; "" is nothing.
func (p *parser) fault(body []byte, encoding string) string {
	eightBit := slices.Contains([]string{"8bit", "binary"}, encoding) && !p.sevenBit
	switch {
	case longestLine(body) > maxLine:
		return fmt.Sprintf("lines of more than %d octets", maxLine)
	case bytes.IndexByte(body, 0) >= 0:
		return "a NUL"
	case encoding == "binary":
		return "the encoding binary" // RFC 3030 only
	case !isASCII(string(body)) && !eightBit:
		return "raw 8-bit text"
	}
	return ""
}

// declared gives the Content-Type of a part that is encoded anew. Text in UTF-8
// that does not say so is given its charset.
func (p *parser) declared(e entity, kind string, params map[string]string, body []byte) (string, error) {
	charset := strings.ToLower(params["charset"])
	if strings.HasPrefix(kind, "text/") && !isASCII(string(body)) && (charset == "" || charset == "us-ascii") {
		if !utf8.Valid(body) {
			return "", errors.New("it is not UTF-8 and does not say its charset: save the message as UTF-8")
		}
		params["charset"] = "utf-8"
		return "Content-Type: " + mime.FormatMediaType(kind, params) + "\r\n", nil
	}
	for _, f := range e.fields {
		if f.name == "content-type" {
			return string(f.raw), nil
		}
	}
	return "", nil
}

// recode adds a part with its body in quoted-printable or base64.
func (p *parser) recode(e entity, kind, content string, body []byte) {
	encoding, text := "base64", wrap(base64.StdEncoding.EncodeToString(body))+"\r\n"
	if strings.HasPrefix(kind, "text/") {
		var b strings.Builder
		w := quotedprintable.NewWriter(&b)
		w.Write([]byte(lf(string(body)))) // no error: a strings.Builder takes everything
		w.Close()
		encoding, text = "quoted-printable", b.String()
		if contains(text, e.delimiters) {
			encoding, text = "base64", wrap(base64.StdEncoding.EncodeToString(body))+"\r\n"
		}
	}
	var kept []field
	for _, f := range e.fields {
		if f.name != "content-type" && f.name != "content-transfer-encoding" && f.name != "content-md5" {
			kept = append(kept, f)
		}
	}
	p.fields(e, kept)
	p.add(literal(content + "Content-Transfer-Encoding: " + encoding + "\r\n\r\n" + text))
}
