// Package redact removes the secrets of a login from texts of a server, which may echo
// them.
package redact

import (
	"cmp"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
)

// Redactor removes the secrets of a login from texts, in clear and in the encodings of
// a login's lines, for a server may echo those. Upper and lower case are alike. A part
// of a secret is removed if it has at least secretRun bytes. The zero Redactor removes
// nothing.
type Redactor struct {
	forms []string // the texts to remove, in lower case, the longest first
	runs  string   // those of at least secretRun bytes, of which parts are removed too
}

const (
	// minSecret is the least length in bytes of a text that is removed. A shorter one
	// would be found in almost every text.
	minSecret = 4
	// secretRun is the least length in bytes of a part of such a text that is removed.
	secretRun = 8
	// minDigest is the least length of a part of a response that is removed by itself.
	minDigest = 16
)

// New returns a Redactor for the secret of a login.
func New(user, secret string) Redactor {
	if len(secret) < minSecret {
		return Redactor{}
	}
	return Redactor{}.with(append(alignments(secret),
		secret,
		encode("\x00"+user+"\x00"+secret),
		encode(user+":"+secret),
		encode("user="+user+"\x01auth=Bearer "+secret+"\x01\x01"),
		encode(secret),
	)...)
}

// And returns a Redactor that also removes a text, in clear and in base64. Of a text
// with an "@" it removes no parts in clear: they may name the user.
func (r Redactor) And(text string) Redactor {
	if len(text) < minSecret {
		return r
	}
	r = r.with(append(alignments(text), encode(text))...)
	if strings.Contains(text, "@") {
		r.forms = append(slices.Clip(r.forms), lower(text))
		return r.sorted()
	}
	return r.with(text)
}

// AndUnknown returns a Redactor that also removes a response of a login whose secret is
// not known, and its parts.
func (r Redactor) AndUnknown(response string) Redactor {
	r = r.And(response)
	for part := range strings.FieldsFuncSeq(response, func(c rune) bool { return c <= ' ' || c == 0x7f }) {
		r = r.And(part)
	}
	return r
}

// AndResponse returns a Redactor that also removes a response of a login in base64,
// and the digests and tokens in it in clear.
func (r Redactor) AndResponse(response string) Redactor {
	if len(response) < minSecret {
		return r
	}
	forms := append(alignments(response), encode(response))
	for _, part := range strings.FieldsFunc(response, func(c rune) bool { return !isDigestRune(c) }) {
		if len(part) >= minDigest {
			forms = append(forms, part)
		}
	}
	return r.with(forms...)
}

// isDigestRune reports whether a character can be part of a digest in hexadecimal or
// base64. Names of hosts and addresses of users have others.
func isDigestRune(c rune) bool {
	return c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || strings.ContainsRune("+/=_-", c)
}

// with returns a Redactor that also removes the forms.
func (r Redactor) with(forms ...string) Redactor {
	r.forms = slices.Clip(r.forms)
	for _, form := range forms {
		if form = lower(form); len(form) < minSecret || slices.Contains(r.forms, form) {
			continue
		}
		r.forms = append(r.forms, form)
		if len(form) >= secretRun {
			r.runs += form + "\x00"
		}
	}
	return r.sorted()
}

// sorted returns r with the longest form first.
func (r Redactor) sorted() Redactor {
	slices.SortFunc(r.forms, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	return r
}

// alignments returns the three texts that stand for the secret in the base64 of a
// longer text, one for each position modulo 3. It cuts off the ends, which depend
// on the bytes around the secret.
func alignments(secret string) []string {
	var forms []string
	for shift := range 3 {
		text := encode(strings.Repeat("\x00", shift) + secret)
		text = strings.TrimRight(text, "=")
		first := (shift*8 + 5) / 6 // digits that hold bits of what comes before
		last := (shift + len(secret)) * 8 / 6
		forms = append(forms, text[first:last])
	}
	return forms
}

// encode returns s in base64.
func encode(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

// Longest returns the length of the longest form.
func (r Redactor) Longest() int {
	if len(r.forms) == 0 {
		return 0
	}
	return len(r.forms[0])
}

// Redact returns the text with every secret replaced by "[secret]".
func (r Redactor) Redact(text string) string { return r.RedactTo(text, len(text)) }

// RedactTo returns the first limit bytes of a text, redacted. A secret that goes on
// behind them is found as well.
func (r Redactor) RedactTo(text string, limit int) string {
	secret := r.find(text)
	text = text[:min(len(text), limit)]
	if secret == nil {
		return text
	}
	var b strings.Builder
	for i := range len(text) {
		switch {
		case !secret[i]:
			b.WriteByte(text[i])
		case i == 0 || !secret[i-1]:
			b.WriteString("[secret]")
		}
	}
	return b.String()
}

// find returns which bytes of a text belong to a secret; nil when none does.
func (r Redactor) find(text string) (secret []bool) {
	if len(r.forms) == 0 {
		return nil
	}
	text = lower(text)
	mark := func(at, n int) {
		if secret == nil {
			secret = make([]bool, len(text))
		}
		for i := range n {
			secret[at+i] = true
		}
	}
	for i := 0; i+secretRun <= len(text); i++ {
		if strings.Contains(r.runs, text[i:i+secretRun]) {
			mark(i, secretRun)
		}
	}
	for _, form := range r.forms {
		for at := 0; ; at++ {
			next := strings.Index(text[at:], form)
			if next < 0 {
				break
			}
			at += next
			mark(at, len(form))
		}
	}
	return secret
}

// lower returns a text of the same length with its ASCII letters in lower case.
func lower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// Clean returns err, or an error of its redacted text if that contains a secret.
func (r Redactor) Clean(err error) error {
	if text := r.Redact(err.Error()); text != err.Error() {
		return errors.New(text)
	}
	return err
}
