package main

import (
	"encoding/base64"
	"strings"
	"testing"
)

// The beginnings of CMS structures (RFC 5652 3), by their object identifiers.
const (
	envelopedCMS = "\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03\xa0\x80\x30\x80"
	signedCMS    = "\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02\xa0\x80\x30\x80"
	authCMS      = "\x30\x80\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x17\xa0\x80\x30\x80"
)

// TestEncryptedSources: what only those can read for whom it was encrypted is a mistake.
// A signature hides nothing, and a file that is attached is the sender's affair.
func TestEncryptedSources(t *testing.T) {
	b64 := base64.StdEncoding.EncodeToString
	pkcs7 := func(kind, more, content string) string {
		return "Content-Type: " + kind + more + "\nContent-Transfer-Encoding: base64\nContent-Disposition: attachment; filename=smime.p7m\n\n" + b64([]byte(content)) + "\n"
	}
	within := func(parts ...string) string {
		return "Content-Type: multipart/mixed; boundary=b\n\n--b\n\nHi\n--b\n" + strings.Join(parts, "\n--b\n") + "\n--b--\n"
	}
	const pgp = "Content-Type: multipart/encrypted; protocol=\"application/pgp-encrypted\"; boundary=e\n\n--e\nContent-Type: application/pgp-encrypted\n\nVersion: 1\n\n--e\nContent-Type: application/octet-stream\n\n-----BEGIN PGP MESSAGE-----\n\nhQ\n-----END PGP MESSAGE-----\n--e--\n"
	for name, c := range map[string]struct{ raw, line, want string }{
		"S/MIME":                    {pkcs7("application/pkcs7-mime", "; smime-type=enveloped-data", envelopedCMS), "m.eml:2", "encrypted (S/MIME)"},
		"S/MIME, old name":          {pkcs7("application/x-pkcs7-mime", "; smime-type=Enveloped-Data", envelopedCMS), "m.eml:2", "encrypted (S/MIME)"},
		"S/MIME, authenticated":     {pkcs7("application/pkcs7-mime", "; smime-type=authEnveloped-data", authCMS), "m.eml:2", "encrypted (S/MIME)"},
		"S/MIME without a type":     {pkcs7("application/pkcs7-mime", "; name=smime.p7m", envelopedCMS), "m.eml:2", "encrypted (S/MIME)"},
		"S/MIME that says signed":   {pkcs7("application/pkcs7-mime", "; smime-type=signed-data", envelopedCMS), "m.eml:2", "encrypted (S/MIME)"},
		"S/MIME as a file":          {pkcs7("application/octet-stream", "; name=\"smime.p7m\"", envelopedCMS), "m.eml:2", "encrypted (S/MIME)"},
		"S/MIME that is not base64": {"Content-Type: application/pkcs7-mime\nContent-Transfer-Encoding: base64\n\n!!\n", "m.eml:2", "encrypted (S/MIME)"},
		"S/MIME with a footer":      {within(pkcs7("application/pkcs7-mime", "; smime-type=enveloped-data", envelopedCMS)), "m.eml:8", "encrypted (S/MIME)"},
		"PGP":                       {pgp, "m.eml:2", "encrypted (OpenPGP)"},
		"PGP with a footer":         {within(pgp), "m.eml:8", "encrypted (OpenPGP)"},
		"PGP in text":               {"Subject: x\n\nHi\n\n-----BEGIN PGP MESSAGE-----\n\nhQ\n-----END PGP MESSAGE-----\n", "m.eml:4", "encrypted (OpenPGP)"},
		"PGP in encoded text":       {"Content-Transfer-Encoding: quoted-printable\n\n-----BEGIN PGP MESSAGE-----=\n\n\nhQ\n-----END PGP MESSAGE-----\n", "m.eml:4", "encrypted (OpenPGP)"},
		"Outlook's rights":          {within("Content-Type: application/x-microsoft-rpmsg-message; name=message.rpmsg\nContent-Disposition: attachment\n\nx"), "m.eml:8", "encrypted (Microsoft)"},
		"signed":                    {pkcs7("application/pkcs7-mime", "; smime-type=signed-data", signedCMS), "", ""},
		"signed without a type":     {pkcs7("application/pkcs7-mime", "; name=smime.p7m", signedCMS), "", ""},
		"signed, in the clear":      {"Content-Type: multipart/signed; protocol=\"application/pkcs7-signature\"; boundary=s\n\n--s\n\nHi\n--s\nContent-Type: application/pkcs7-signature\n\nx\n--s--\n", "", ""},
		"certificates":              {within(pkcs7("application/pkcs7-mime", "; smime-type=certs-only; name=smime.p7c", signedCMS)), "", ""},
		"encrypted file attached":   {within("Content-Type: application/octet-stream; name=price.pdf.gpg\nContent-Disposition: attachment\nContent-Transfer-Encoding: base64\n\nhQ==\n"), "", ""},
		"text of PGP attached":      {within("Content-Type: text/plain; name=x.asc\nContent-Disposition: attachment; filename=x.asc\n\n-----BEGIN PGP MESSAGE-----\n\nhQ\n"), "", ""},
		"encrypted mail attached":   {within("Content-Type: message/rfc822\nContent-Disposition: attachment\n\nFrom: a@x.example\n" + pgp), "", ""},
		"key":                       {"Subject: x\n\n-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nx\n", "", ""},
		"spoken of":                 {"Subject: x\n\nA line \"-----BEGIN PGP MESSAGE-----\" begins it.\n", "", ""},
	} {
		_, err := parseTemplate("m.eml", []byte("From: n@sender.example\n"+c.raw), crowdTerms)
		if (err != nil) != (c.want != "") || err != nil && (!strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), c.line+":")) {
			t.Errorf("%s: got %v, want %s %q", name, err, c.line, c.want)
		}
	}
}

// TestOpaqueSignedSources are sent, and said to be what they are.
func TestOpaqueSignedSources(t *testing.T) {
	tmpl := mustTemplate(t, "From: n@sender.example\nContent-Type: application/pkcs7-mime; smime-type=signed-data\nContent-Transfer-Encoding: base64\n\n"+base64.StdEncoding.EncodeToString([]byte(signedCMS+"{{.name}}"))+"\n")
	if notes := strings.Join(tmpl.notes, "\n"); !strings.Contains(notes, "the text is inside its signature (S/MIME)") {
		t.Errorf("got %q", notes)
	}
}
