package pool

import (
	"cmp"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
)

// redactor removes the secrets of a login from texts, in clear and in the encodings
// in which a server may echo a line of the login. The zero redactor removes nothing.
type redactor struct {
	forms    []string // the texts to remove
	replacer *strings.Replacer
}

// minSecret is the least length in bytes of a text that is removed. A shorter one
// would be found in almost every text.
const minSecret = 4

// newRedactor returns a redactor for the secret of a login.
func newRedactor(user, secret string) redactor {
	if len(secret) < minSecret {
		return redactor{}
	}
	return redactor{}.with(append(alignments(secret),
		secret,
		encode("\x00"+user+"\x00"+secret),
		encode(user+":"+secret),
		encode("user="+user+"\x01auth=Bearer "+secret+"\x01\x01"),
		encode(secret),
	))
}

// and returns a redactor that also removes a text, in clear and in base64.
func (r redactor) and(text string) redactor {
	if len(text) < minSecret {
		return r
	}
	return r.with(append(alignments(text), text, encode(text)))
}

// with returns a redactor that also removes the forms.
func (r redactor) with(forms []string) redactor {
	forms = append(forms, r.forms...)
	forms = slices.DeleteFunc(forms, func(f string) bool { return len(f) < minSecret })
	// The replacer prefers earlier pairs, so the longest form comes first.
	slices.SortFunc(forms, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	pairs := make([]string, 0, 2*len(forms))
	for _, f := range forms {
		pairs = append(pairs, f, "[secret]")
	}
	return redactor{forms, strings.NewReplacer(pairs...)}
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

// redact returns the text with every secret replaced by "[secret]".
func (r redactor) redact(text string) string {
	if r.replacer == nil {
		return text
	}
	return r.replacer.Replace(text)
}

// clean returns err, or an error of its redacted text if that contains a secret.
func (r redactor) clean(err error) error {
	if text := r.redact(err.Error()); text != err.Error() {
		return errors.New(text)
	}
	return err
}
