package pool

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"errors"
	"fmt"
)

// TLSA is a TLSA record (RFC 6698 2.1). It must come from a DNS answer that is
// authenticated.
type TLSA struct {
	Usage    uint8  // 2: Data stands for an authority above the certificate (DANE-TA); 3: for the certificate itself (DANE-EE)
	Selector uint8  // 0: the whole certificate; 1: its SubjectPublicKeyInfo
	Matching uint8  // 0: Data as it is; 1: its SHA-256; 2: its SHA-512
	Data     []byte // the certificate association data, in binary
}

// The usages that RFC 7672 3.1 has for SMTP.
const (
	usageTA = 2
	usageEE = 3
)

// String returns the record as it stands in a zone file.
func (r TLSA) String() string {
	return fmt.Sprintf("%d %d %d %X", r.Usage, r.Selector, r.Matching, r.Data)
}

// Usable returns nil for a record that SMTP can use, and else the reason why not. A
// Router leaves out those of a DNS answer that are not usable (RFC 7672 3.1.3).
func (r TLSA) Usable() error {
	want := map[uint8]int{1: sha256.Size, 2: sha512.Size}[r.Matching]
	switch {
	case r.Usage != usageTA && r.Usage != usageEE:
		return fmt.Errorf("TLSA record has usage %d; want 2 or 3 for SMTP (RFC 7672 3.1)", r.Usage)
	case r.Selector > 1:
		return fmt.Errorf("TLSA record has selector %d; want 0 or 1 (RFC 6698 2.1.2)", r.Selector)
	case r.Matching > 2:
		return fmt.Errorf("TLSA record has matching type %d; want 0, 1 or 2 (RFC 6698 2.1.3)", r.Matching)
	case len(r.Data) == 0:
		return errors.New("TLSA record has no data; want a certificate, a key or a hash of one")
	case want > 0 && len(r.Data) != want:
		return fmt.Errorf("TLSA record of matching type %d has %d bytes of data; want the %d of a hash in binary", r.Matching, len(r.Data), want)
	}
	return nil
}

// matches reports whether the record stands for a certificate.
func (r TLSA) matches(cert *x509.Certificate) bool {
	data := cert.Raw
	if r.Selector == 1 {
		data = cert.RawSubjectPublicKeyInfo
	}
	switch r.Matching {
	case 1:
		sum := sha256.Sum256(data)
		data = sum[:]
	case 2:
		sum := sha512.Sum512(data)
		data = sum[:]
	}
	return bytes.Equal(data, r.Data)
}

// anchors returns the certificates for a record of usage 2: the matching ones of the
// chain, and the one in the record. It returns nil when there is none.
func (p TLSPolicy) anchors(chain []*x509.Certificate) *x509.CertPool {
	var roots *x509.CertPool
	add := func(cert *x509.Certificate) {
		if roots == nil {
			roots = x509.NewCertPool()
		}
		roots.AddCert(cert)
	}
	for _, r := range p.Records {
		if r.Usage != usageTA {
			continue
		}
		for _, cert := range chain {
			if r.matches(cert) {
				add(cert)
			}
		}
		if r.Selector == 0 && r.Matching == 0 {
			if cert, err := x509.ParseCertificate(r.Data); err == nil {
				add(cert)
			}
		}
	}
	return roots
}
