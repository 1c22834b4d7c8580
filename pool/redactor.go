package pool

import (
	"cmp"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
)

// redactor takes the secrets of a login out of texts, in clear and as a server
// that echoes a line of the login would show them. The zero redactor knows
// none.
type redactor struct{ replacer *strings.Replacer }

// minSecret is the length below which a form is left alone: to hunt for a
// secret of three bytes would tear every text apart and hide nothing.
const minSecret = 4

// newRedactor returns the redactor of one login.
func newRedactor(user, secret string) redactor {
	if len(secret) < minSecret {
		return redactor{}
	}
	forms := []string{
		secret,
		encode("\x00" + user + "\x00" + secret),
		encode(user + ":" + secret),
		encode("user=" + user + "\x01auth=Bearer " + secret + "\x01\x01"),
		encode(secret),
	}
	forms = append(forms, alignments(secret)...)
	forms = slices.DeleteFunc(forms, func(f string) bool { return len(f) < minSecret })
	// The replacer prefers earlier pairs: the longest form hides most.
	slices.SortFunc(forms, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	pairs := make([]string, 0, 2*len(forms))
	for _, f := range forms {
		pairs = append(pairs, f, "[secret]")
	}
	return redactor{strings.NewReplacer(pairs...)}
}

// alignments returns what base64 makes of the secret wherever it stands in a
// longer text: there are three ways, and their ends, which depend on the
// neighbours, are cut off.
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

func encode(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

// redact returns the text without secrets.
func (r redactor) redact(text string) string {
	if r.replacer == nil {
		return text
	}
	return r.replacer.Replace(text)
}

// clean returns err, or only its text, redacted, when that tells a secret.
func (r redactor) clean(err error) error {
	if text := r.redact(err.Error()); text != err.Error() {
		return errors.New(text)
	}
	return err
}
