package preflight

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Lengths of RSA keys: below the first, receivers must not accept a signature; the
// second is advised (RFC 8301 3.2); above the third, they need not (RFC 6376 3.3.3).
const (
	minRSABits     = 1024
	advisedRSABits = 2048
	maxRSABits     = 4096
)

// dkimKey is a parsed key record (RFC 6376 3.6.1).
type dkimKey struct {
	public  crypto.PublicKey
	bits    int // of an RSA key
	testing bool
}

// Mistakes of key records that have a remedy of their own.
var (
	errRevoked = errors.New("the key is revoked (p= is empty)")
	errNoKey   = errors.New("the record has no p=, and so no key: is it that of a wildcard?")
)

// parseKey reads a key record. Its error says why receivers take no signature by it.
func parseKey(record string) (dkimKey, error) {
	k, err := readKey(record)
	if note := pastedNote(record); err != nil && note != "" {
		err = fmt.Errorf("%w%s", err, note)
	}
	return k, err
}

// readKey reads a key record as it is written.
func readKey(record string) (k dkimKey, err error) {
	t, err := parseTags(record)
	if err != nil {
		return k, err
	}
	encoded, there := t.find("p")
	version, versioned := t.find("v")
	switch {
	case !there:
		return k, errNoKey
	case versioned && (version != "DKIM1" || t[0].name != "v"):
		return k, fmt.Errorf("v=%s: want v=DKIM1, in front", version)
	case encoded == "":
		return k, errRevoked
	}
	if err := checkUse(t); err != nil {
		return k, err
	}
	k.testing = slices.Contains(colonList(t.value("t")), "y")
	raw, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(encoded), ""))
	if err != nil {
		return k, errors.New("p= is not base64: a part may be missing where the key was cut into strings")
	}
	return k, k.decode(strings.ToLower(t.value("k")), raw)
}

// checkUse looks at what a key may be used for.
func checkUse(t tags) error {
	if h, ok := t.find("h"); ok && !slices.Contains(colonList(h), "sha256") {
		return fmt.Errorf("h=%s does not allow sha256, which signatures must use (RFC 8301 3.1)", h)
	}
	if s, ok := t.find("s"); ok && !slices.Contains(colonList(s), "*") && !slices.Contains(colonList(s), "email") {
		return fmt.Errorf("s=%s does not allow mail", s)
	}
	return nil
}

// colonList returns the parts of "a:b".
func colonList(s string) []string {
	parts := strings.Split(s, ":")
	for i, p := range parts {
		parts[i] = strings.TrimSpace(p)
	}
	return parts
}

// decode reads the key itself.
func (k *dkimKey) decode(kind string, raw []byte) error {
	switch kind {
	case "", "rsa":
		public, err := x509.ParsePKIXPublicKey(raw)
		if err != nil {
			public, err = x509.ParsePKCS1PublicKey(raw) // erratum 3017 of RFC 6376
		}
		key, ok := public.(*rsa.PublicKey)
		if err != nil || !ok {
			return errors.New("p= is no RSA key: a part may be missing")
		}
		k.public, k.bits = key, key.N.BitLen()
		if k.bits < minRSABits {
			return fmt.Errorf("the RSA key has %d bits, and receivers take none below %d (RFC 8301 3.2)", k.bits, minRSABits)
		}
		return nil
	case "ed25519":
		if len(raw) != ed25519.PublicKeySize {
			return fmt.Errorf("p= has %d octets, and an Ed25519 key has %d (RFC 8463 4)", len(raw), ed25519.PublicKeySize)
		}
		k.public = ed25519.PublicKey(raw)
		return nil
	}
	return fmt.Errorf("k=%s is no kind of key that receivers know: want rsa or ed25519", kind)
}

// keyRecord returns the record for a public key; "" for one that DKIM does not know.
func keyRecord(public crypto.PublicKey) string {
	if key, ok := public.(ed25519.PublicKey); ok {
		return "v=DKIM1; k=ed25519; p=" + base64.StdEncoding.EncodeToString(key)
	}
	key, ok := public.(*rsa.PublicKey)
	if !ok {
		return ""
	}
	raw, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return ""
	}
	return "v=DKIM1; k=rsa; p=" + base64.StdEncoding.EncodeToString(raw)
}

// sameKey reports whether two public keys are the same.
func sameKey(a, b crypto.PublicKey) bool {
	return bytes.Equal([]byte(keyRecord(a)), []byte(keyRecord(b)))
}

// selector names a key.
type selector struct{ name, domain string }

// host returns the name of the key record.
func (s selector) host() string { return s.name + "._domainkey." + s.domain }

// keyFacts is the answer of DNS about a key.
type keyFacts struct {
	selector
	key     dkimKey
	records int
	err     error // failure of DNS; nil when it answered
	mistake error // the key cannot be used
}

// usable reports whether signatures by the key can be valid; known is false if that is
// not known.
func (k keyFacts) usable() (ok, known bool) { return k.mistake == nil, k.err == nil }

// maxSignatures is the number of signatures of a sample that are looked at.
const maxSignatures = 10

// findKeys asks for the key of the selector, or for those of the sample's signatures.
func (r *run) findKeys(ctx context.Context) (found []keyFacts) {
	var selectors []selector
	if r.DKIMSelector != "" {
		selectors = []selector{{strings.ToLower(r.DKIMSelector), r.dkimDomain}}
	} else if r.sample != nil {
		selectors = r.sample.selectors()
	}
	for _, s := range selectors {
		found = append(found, r.findKey(ctx, s))
	}
	return found
}

// findKey asks for one key.
func (r *run) findKey(ctx context.Context, s selector) keyFacts {
	k := keyFacts{selector: s}
	if !isAskable(k.host()) {
		k.mistake = fmt.Errorf("%s is no name that DNS can have", quote(k.host()))
		return k
	}
	records, err := r.dns.txt(ctx, k.host())
	k.records = len(records)
	switch {
	case err != nil:
		k.err = err
	case len(records) == 0:
		k.mistake = errors.New("there is no key at " + k.host())
	case len(records) > 1:
		k.mistake = fmt.Errorf("there are %d records at %s, and receivers may take any of them (RFC 6376 3.6.2.2)", len(records), k.host())
	default:
		k.key, k.mistake = parseKey(records[0])
	}
	if k.err == nil && k.mistake == nil && r.DKIMKey != nil && r.DKIMSelector != "" && !sameKey(r.DKIMKey, k.key.public) {
		k.mistake = errors.New("the key in DNS is not that of the private key that signs")
	}
	return k
}

// checkKeys looks at each key.
func checkKeys(_ context.Context, r *run) (found []Finding) {
	keys := r.keys()
	if len(keys) == 0 {
		return []Finding{finding("dkim.key", "").is(Unknown, "the selector is not known, and there is no sample with a signature").
			mend("Name the selector (Sender.DKIMSelector; -dkim-selector of the program), or give a message as receivers get it.")}
	}
	for _, k := range keys {
		found = append(found, r.keyFinding(k))
	}
	return found
}

// keyFinding looks at one key.
func (r *run) keyFinding(k keyFacts) Finding {
	out := finding("dkim.key", k.host())
	wanted := ""
	if r.DKIMSelector != "" && r.DKIMKey != nil {
		wanted = keyRecord(r.DKIMKey)
	}
	renew := "Make a new RSA key of 2,048 bits, publish it under another selector, and sign with that."
	switch {
	case k.err != nil:
		return out.is(Unknown, "DNS did not say: %s", cause(k.err))
	case k.mistake != nil && wanted != "":
		return out.is(Fail, "%v", k.mistake).mend("Publish the key that signs, and nothing else at this name.").publish(k.host(), wanted)
	case errors.Is(k.mistake, errRevoked), k.mistake != nil && k.key.bits > 0 && k.key.bits < minRSABits:
		return out.is(Fail, "%v", k.mistake).mend("%s", renew)
	case k.mistake != nil:
		return out.is(Fail, "%v", k.mistake).mend(`Publish the key that signs: %s. IN TXT "v=DKIM1; k=rsa; p=..." with what the signer gives behind p=.`, k.host())
	case k.key.testing:
		return out.is(Warn, "t=y: the key is marked as being tested, and receivers may treat the mail as unsigned").mend("Publish it without t=y.").publish(k.host(), keyRecord(k.key.public))
	case k.key.bits > maxRSABits:
		return out.is(Warn, "the RSA key has %d bits, and receivers need not take more than %d (RFC 6376 3.3.3)", k.key.bits, maxRSABits).mend("%s", renew)
	case k.key.bits == 0:
		return out.is(Warn, "an Ed25519 key, which large receivers do not verify yet").mend("Sign with an RSA key of 2,048 bits as well.")
	case k.key.bits < advisedRSABits:
		return out.is(Warn, "the RSA key has %d bits; %d are advised (RFC 8301 3.2)", k.key.bits, advisedRSABits).mend("%s", renew)
	}
	return out.is(OK, "an RSA key of %d bits", k.key.bits)
}
