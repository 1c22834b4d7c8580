// Package dkim signs messages with DomainKeys Identified Mail (RFC 6376), by RSA
// or by Ed25519 (RFC 8463), with relaxed canonicalization of header and body.
package dkim

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// minBits is the size of an RSA key below which receivers take no signature
// (RFC 8301 3.2).
const minBits = 1024

// Signer signs the mail of one domain. It is safe for concurrent use.
type Signer struct {
	domain, selector string
	algorithm        string
	key              crypto.Signer
}

// NewSigner returns a Signer for the selector of a domain, whose DNS record has
// the public key. The key is in PEM: PKCS #8 or, for RSA, PKCS #1.
func NewSigner(domain, selector string, key []byte) (*Signer, error) {
	s := &Signer{domain: domain, selector: selector}
	for name, value := range map[string]string{"domain": domain, "selector": selector} {
		if !isName(value) {
			return nil, fmt.Errorf("dkim: the %s %q is no domain name", name, value)
		}
	}
	private, err := parseKey(key)
	if err != nil {
		return nil, err
	}
	switch private := private.(type) {
	case *rsa.PrivateKey:
		if bits := private.N.BitLen(); bits < minBits {
			return nil, fmt.Errorf("dkim: the RSA key has %d bits: receivers take none below %d, and 2048 are usual", bits, minBits)
		}
		s.algorithm, s.key = "rsa-sha256", private
	case ed25519.PrivateKey:
		s.algorithm, s.key = "ed25519-sha256", private
	default:
		return nil, fmt.Errorf("dkim: a key of type %T: it must be RSA or Ed25519", private)
	}
	return s, nil
}

// Domain returns the domain that signs.
func (s *Signer) Domain() string { return s.domain }

// Public returns the key that the DNS record must have.
func (s *Signer) Public() crypto.PublicKey { return s.key.Public() }

// Covers reports whether the signatures may count for mail from a domain: the
// one that signs, one below it or one above it (RFC 7489 3.1.1, relaxed). ""
// stands for a domain that is not known, and true.
func (s *Signer) Covers(from string) bool {
	from, own := "."+strings.ToLower(from), "."+strings.ToLower(s.domain)
	return from == "." || strings.HasSuffix(from, own) || strings.HasSuffix(own, from)
}

// isName reports whether s is a domain name in ASCII.
func isName(s string) bool {
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != "" {
			return false
		}
	}
	return true
}

// parseKey reads the first private key of a file, which may begin with other blocks or a
// byte order mark.
func parseKey(text []byte) (any, error) {
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	instead := ""
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if strings.HasSuffix(block.Type, "PRIVATE KEY") {
			return parseBlock(block)
		}
		instead = fmt.Sprintf(", but %q", block.Type)
	}
	return nil, fmt.Errorf("dkim: no private key in PEM (-----BEGIN PRIVATE KEY-----)%s", instead)
}

func parseBlock(block *pem.Block) (key any, err error) {
	switch {
	case block.Type == "ENCRYPTED PRIVATE KEY", block.Headers["DEK-Info"] != "": // RFC 1421 4.6.1.3
		return nil, errors.New("dkim: the key is encrypted: \"openssl pkey\" writes it without a password")
	case block.Type == "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	default:
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	}
	if err != nil {
		return nil, fmt.Errorf("dkim: the key is %q: %w", block.Type, err)
	}
	return key, nil
}

// signed are the fields that a signature covers where a message has them (RFC
// 6376 5.4.1), those of lists with them (RFC 8058 4). The first six are covered
// once more than they are there, so that nobody can add another (8.15).
var signed = []string{
	"from", "to", "cc", "subject", "date", "reply-to",
	"sender", "message-id", "in-reply-to", "references", "mime-version", "content-type", "content-transfer-encoding",
	"list-id", "list-unsubscribe", "list-unsubscribe-post", "list-help", "list-subscribe", "list-post", "list-owner", "list-archive",
}

// sealedFields is the number of signed fields that are covered once more than they occur.
const sealedFields = 6

// Sign returns the field DKIM-Signature for a message, with its line end, to be
// put in front of it. Every line of the message must end in CRLF.
func (s *Signer) Sign(message []byte, now time.Time) ([]byte, error) {
	header, body := split(message)
	fields := parseFields(header)
	names, covered := cover(fields)
	if names[1] != "from" { // the name without a field alone
		return nil, errors.New("dkim: a message without From cannot be signed")
	}
	sum := sha256.Sum256(relaxBody(body))
	signature := fmt.Sprintf("DKIM-Signature: v=1; a=%s; c=relaxed/relaxed; d=%s; s=%s;\r\n t=%s; bh=%s;\r\n h=%s;\r\n b=",
		s.algorithm, s.domain, s.selector, strconv.FormatInt(now.Unix(), 10), base64.StdEncoding.EncodeToString(sum[:]),
		strings.Join(names, ":\r\n  "))
	hash := sha256.New()
	for _, f := range covered {
		hash.Write(append(relaxField(f), "\r\n"...))
	}
	hash.Write(relaxField([]byte(signature)))
	raw, err := s.sign(hash.Sum(nil))
	if err != nil {
		return nil, fmt.Errorf("dkim: %w", err)
	}
	for chunk := range slices.Chunk([]byte(base64.StdEncoding.EncodeToString(raw)), 70) {
		signature += string(chunk) + "\r\n  "
	}
	return []byte(strings.TrimSuffix(signature, "  ")), nil
}

// sign signs a SHA-256. Ed25519 signs it as a message of its own (RFC 8463 3).
func (s *Signer) sign(sum []byte) ([]byte, error) {
	if key, ok := s.key.(ed25519.PrivateKey); ok {
		return ed25519.Sign(key, sum), nil
	}
	return s.key.Sign(rand.Reader, sum, crypto.SHA256)
}

// cover chooses the fields that the signature covers. Of several of one name the
// last is the first to be named (RFC 6376 5.4.2). A name without a field covers
// that there is no further one.
func cover(fields []field) (names []string, covered [][]byte) {
	for i, name := range signed {
		for _, f := range slices.Backward(fields) {
			if f.name == name {
				names = append(names, name)
				covered = append(covered, f.raw)
			}
		}
		if i < sealedFields {
			names = append(names, name)
		}
	}
	return names, covered
}

// field is one field of a header.
type field struct {
	name string // in lower case
	raw  []byte // folded, without the last CRLF
}

// split parts a message into its header, with the last CRLF, and its body.
func split(message []byte) (header, body []byte) {
	if bytes.HasPrefix(message, []byte("\r\n")) {
		return nil, message[2:]
	}
	header, body, ok := bytes.Cut(message, []byte("\r\n\r\n"))
	if ok {
		header = message[:len(header)+2]
	}
	return header, body
}

// parseFields parts a header into its fields.
func parseFields(header []byte) (fields []field) {
	for line := range bytes.SplitAfterSeq(header, []byte("\r\n")) {
		switch name, _, ok := bytes.Cut(line, []byte(":")); {
		case len(line) > 0 && (line[0] == ' ' || line[0] == '\t') && len(fields) > 0:
			last := &fields[len(fields)-1]
			last.raw = append(last.raw[:len(last.raw):len(last.raw)], line...)
		case ok:
			fields = append(fields, field{strings.ToLower(string(bytes.TrimRight(name, " \t"))), line})
		}
	}
	for i := range fields {
		fields[i].raw = bytes.TrimSuffix(fields[i].raw, []byte("\r\n"))
	}
	return fields
}

// relaxField gives a field in the relaxed form (RFC 6376 3.4.2), without CRLF.
func relaxField(raw []byte) []byte {
	name, value, _ := bytes.Cut(raw, []byte(":"))
	unfolded := bytes.ReplaceAll(value, []byte("\r\n"), nil)
	out := append(bytes.ToLower(bytes.TrimRight(name, " \t")), ':')
	return append(out, bytes.Trim(squeeze(unfolded), " ")...)
}

// relaxBody gives a body in the relaxed form (RFC 6376 3.4.4).
func relaxBody(body []byte) []byte {
	var out []byte
	for line := range bytes.SplitSeq(body, []byte("\r\n")) {
		out = append(append(out, bytes.TrimRight(squeeze(line), " ")...), "\r\n"...)
	}
	for bytes.HasSuffix(out, []byte("\r\n")) {
		out = out[:len(out)-2]
	}
	if len(out) > 0 {
		out = append(out, "\r\n"...)
	}
	return out
}

// squeeze makes every run of blanks and tabs one blank.
func squeeze(line []byte) []byte {
	out := make([]byte, 0, len(line))
	for _, c := range line {
		if c == '\t' {
			c = ' '
		}
		if c != ' ' || len(out) == 0 || out[len(out)-1] != ' ' {
			out = append(out, c)
		}
	}
	return out
}
