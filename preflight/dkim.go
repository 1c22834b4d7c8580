package preflight

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/emersion/go-msgauth/dkim"
)

// signatureFacts is the worth of the signatures of the sample.
type signatureFacts struct {
	count   int
	valid   []validSignature
	wrong   []string // why others are not valid
	trouble []string // why nobody knows about others
}

// validSignature is one that receivers accept.
type validSignature struct {
	domain  string
	headers []string // in lower case
}

// findSignature verifies the signatures of the sample.
func (r *run) findSignature(ctx context.Context) (f signatureFacts) {
	if r.sample == nil {
		return f
	}
	f.count = len(r.sample.all("dkim-signature"))
	if f.count == 0 {
		return f
	}
	verdicts, err := dkim.VerifyWithOptions(bytes.NewReader(r.sample.raw), &dkim.VerifyOptions{
		LookupTXT:        func(name string) ([]string, error) { return strict{r.dns}.LookupTXT(ctx, name) },
		MaxVerifications: maxSignatures,
	})
	if err != nil && !errors.Is(err, dkim.ErrTooManySignatures) {
		f.wrong = append(f.wrong, cause(err))
	}
	for _, v := range verdicts {
		switch {
		case v.Err == nil:
			f.valid = append(f.valid, validSignature{strings.ToLower(v.Domain), lowered(v.HeaderKeys)})
		case dkim.IsTempFail(v.Err):
			f.trouble = append(f.trouble, quote(v.Domain)+": "+cause(v.Err))
		default:
			f.wrong = append(f.wrong, quote(v.Domain)+": "+cause(v.Err))
		}
	}
	return f
}

func lowered(names []string) []string {
	names = slices.Clone(names)
	for i, n := range names {
		names[i] = strings.ToLower(n)
	}
	return names
}

// covers reports whether a valid signature covers all of the fields.
func (f signatureFacts) covers(names ...string) bool {
	return slices.ContainsFunc(f.valid, func(v validSignature) bool { return v.covers(names...) })
}

func (v validSignature) covers(names ...string) bool {
	return !slices.ContainsFunc(names, func(n string) bool { return !slices.Contains(v.headers, n) })
}

// checkSignature looks at the signatures of the sample.
func checkSignature(_ context.Context, r *run) []Finding {
	f := r.signature()
	out := finding("dkim.signature", "")
	var own []validSignature
	for _, v := range f.valid {
		if organizational(v.domain) == organizational(r.domain) {
			own = append(own, v)
		}
	}
	switch {
	case f.count == 0 && r.Relay != nil:
		out = out.is(Unknown, "the sample has no signature; the relay may add one").mend("Check a message as a receiver got it.")
	case f.count == 0:
		out = out.is(Fail, "the sample has no signature").mend("Sign with DKIM, for the domain of From.")
	case len(f.valid) == 0 && len(f.trouble) > 0:
		out = out.is(Unknown, "DNS did not say: %s", list(f.trouble))
	case len(f.valid) == 0:
		out = out.is(Fail, "no signature is valid: %s", list(f.wrong)).mend("Sign last, after everything else was put into the message, with the key that DNS has.")
	case len(own) == 0:
		out = out.is(Warn, "the valid signature is of %s, which is not the domain of From: it does not count for DMARC", quote(f.valid[0].domain)).
			mend("Sign for %s, with d=%s.", r.domain, organizational(r.domain))
	case !slices.ContainsFunc(own, func(v validSignature) bool { return v.covers("subject", "date", "to") }):
		out = out.is(Warn, "the signature of %s is valid, but does not cover Subject, Date and To: others can change them", own[0].domain).
			mend("Sign all fields that RFC 6376 5.4.1 names.")
	case len(f.wrong) > 0:
		out = out.is(Warn, "a signature of %s is valid, but another is not: %s", own[0].domain, list(f.wrong)).mend("Remove the signature that is broken, or repair it.")
	default:
		out = out.is(OK, "the signature of %s is valid", own[0].domain)
	}
	return []Finding{out}
}
