package main

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
)

// A message that is encrypted was encrypted for somebody, and to all others it is noise.
// Encrypted files that are attached to a message, and messages that are, are the sender's
// affair.

// encryptedKinds are the media types of what is encrypted, and by what.
var encryptedKinds = map[string]string{
	"multipart/encrypted": "OpenPGP", "application/pgp-encrypted": "OpenPGP", // RFC 3156; the latter alone is what Exchange leaves of the former
	"application/x-microsoft-rpmsg-message": "Microsoft",
}

// pgpMessage matches the first line of a text that is encrypted (RFC 9580 6.2).
var pgpMessage = regexp.MustCompile(`(?m)(?:^|>)-----BEGIN PGP MESSAGE-----[ \t\r]*(?:$|<)`)

// readableCMS are the object identifiers of content that everybody can read: signed and
// compressed data (RFC 5652 5.1, RFC 3274 1.1).
var readableCMS = [][]byte{[]byte("\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02"), []byte("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x09")}

// encryptedBy names what an entity is encrypted by; "" is nothing.
func (p *parser) encryptedBy(e entity, kind string, params map[string]string) string {
	switch {
	case encryptedKinds[kind] != "":
		return encryptedKinds[kind]
	case isCMS(kind, params) && !p.isReadableCMS(e):
		return "S/MIME"
	case (kind == "text/plain" || isHTML(kind)) && !e.isAttachment():
		if text, _ := p.decodeText(e, e.encoding(), params["charset"]); pgpMessage.MatchString(text) {
			return "OpenPGP"
		}
	}
	return ""
}

// isCMS reports whether a media type is that of a message in CMS (RFC 8551 3.2). Some
// gateways leave its name only.
func isCMS(kind string, params map[string]string) bool {
	return kind == "application/pkcs7-mime" || kind == "application/x-pkcs7-mime" ||
		kind == "application/octet-stream" && strings.EqualFold(params["name"], "smime.p7m")
}

// isReadableCMS reports whether everybody can read what a CMS structure has in it.
func (p *parser) isReadableCMS(e entity) bool {
	content, err := decodeBody(e.encoding(), p.raw[e.body:e.end])
	if err != nil {
		return false
	}
	content = content[:min(len(content), 40)]
	for _, id := range readableCMS {
		if bytes.Contains(content, id) {
			return true
		}
	}
	return false
}

// refusesEncrypted reports whether an entity is encrypted, which is a mistake.
func (p *parser) refusesEncrypted(e entity, kind string, params map[string]string) bool {
	by := p.encryptedBy(e, kind, params)
	if by == "" {
		if e.top != nil && isCMS(kind, params) {
			p.note("the text is inside its signature (S/MIME): it is sent as it is, and programs without S/MIME show a file instead")
		}
		return false
	}
	at := e.body
	for _, f := range e.fields {
		if f.name == "content-type" && !strings.HasPrefix(kind, "text/") {
			at = f.start
		}
	}
	p.failAt(at, fmt.Errorf("it is encrypted (%s) for those whom it was written to, and nobody else could read it: save it decrypted", by))
	return true
}
