package pool

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"testing"
	"time"
)

// Dates of the certificates of tests. The clock of a bubble starts in 2000.
var (
	longAgo  = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)
	Expired  = time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC)
	FarAhead = time.Date(2090, 1, 1, 0, 0, 0, 0, time.UTC)
)

// Issuer is a certificate and its key, for tests.
type Issuer struct {
	Cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// NewAuthority makes a certificate that is its own authority.
func NewAuthority(t testing.TB) *Issuer {
	t.Helper()
	return issue(t, nil, &x509.Certificate{Subject: pkix.Name{CommonName: "authority"}, IsCA: true, NotAfter: FarAhead})
}

// Authority makes an authority below i.
func (i *Issuer) Authority(t testing.TB) *Issuer {
	t.Helper()
	return issue(t, i, &x509.Certificate{Subject: pkix.Name{CommonName: "intermediate"}, IsCA: true, NotAfter: FarAhead})
}

// Server makes the certificate of a server below i, and below nobody for nil.
func (i *Issuer) Server(t testing.TB, until time.Time, names ...string) *Issuer {
	t.Helper()
	return issue(t, i, &x509.Certificate{DNSNames: names, NotAfter: until, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
}

func issue(t testing.TB, by *Issuer, template *x509.Certificate) *Issuer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber, template.NotBefore, template.BasicConstraintsValid = big.NewInt(time.Now().UnixNano()), longAgo, true
	template.KeyUsage = x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign
	if by == nil {
		by = &Issuer{template, key}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by.Cert, &key.PublicKey, by.key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &Issuer{cert, key}
}

// Pool returns the pool of roots that holds i alone.
func (i *Issuer) Pool() *x509.CertPool {
	roots := x509.NewCertPool()
	roots.AddCert(i.Cert)
	return roots
}

// Config returns the configuration of a server that shows i and the certificates above
// it.
func (i *Issuer) Config(above ...*Issuer) *tls.Config {
	shown := tls.Certificate{Certificate: [][]byte{i.Cert.Raw}, PrivateKey: i.key}
	for _, a := range above {
		shown.Certificate = append(shown.Certificate, a.Cert.Raw)
	}
	return &tls.Config{Certificates: []tls.Certificate{shown}}
}
