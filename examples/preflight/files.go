package main

import (
	"bytes"
	"context"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/emersion/go-msgauth/dkim"
	"github.com/smtpace/smtpace"
)

// readRelay reads the flags of the relay.
func (o *options) readRelay() {
	relay := smtpace.Relay{Addr: o.relay}
	if mode, ok := tlsModes[o.tls]; ok {
		relay.TLS = mode
	} else if o.tls != "" {
		o.fail("tls", errors.New("must be none, opportunistic, mandatory or implicit"))
	}
	if secret := os.Getenv(o.passwordEnv); o.user != "" && secret != "" {
		user := o.user
		relay.Credentials = func(context.Context) (string, string, error) { return user, secret, nil }
	} else if o.user != "" || o.passwordEnv != "" {
		o.fail("user", errors.New("a login needs -user and -password-env, the environment variable that has the password"))
	}
	if o.ca != "" {
		roots, err := x509.SystemCertPool()
		if err != nil {
			roots = x509.NewCertPool()
		}
		text, err := os.ReadFile(o.ca)
		if err == nil && !roots.AppendCertsFromPEM(text) {
			err = fmt.Errorf("%s has no certificate in PEM", o.ca)
		}
		o.fail("ca", err)
		relay.TLSConfig = &tls.Config{RootCAs: roots}
	}
	if o.relay != "" {
		o.sender.Relay = &relay
	} else if o.user != "" || o.tls != "" || o.ca != "" {
		o.fail("", errors.New("-user, -tls and -ca belong to -relay"))
	}
}

// readMessage reads the message and the key, and signs the one with the other.
func (o *options) readMessage() {
	if o.dkimKey != "" {
		signer, err := readKey(o.dkimKey)
		o.fail("dkim-key", err)
		if o.signer = signer; signer != nil {
			o.sender.DKIMKey = signer.Public()
		}
		if o.sender.DKIMSelector == "" {
			o.fail("dkim-key", errors.New("needs -dkim-selector, the name of the key in DNS"))
		}
	}
	if o.message == "" {
		return
	}
	text, err := os.ReadFile(o.message)
	o.fail("message", err)
	o.sender.Sample = text
	if o.signer == nil || len(o.errs) > 0 || bytes.Contains(bytes.ToLower(text), []byte("dkim-signature:")) {
		return
	}
	domain := o.sender.DKIMDomain
	if domain == "" {
		domain = strings.TrimSuffix(o.sender.From[strings.LastIndexByte(o.sender.From, '@')+1:], ">")
	}
	if domain == "" {
		o.fail("dkim-key", errors.New("needs -from or -dkim-domain, the domain that signs"))
		return
	}
	if !bytes.Contains(text, []byte("\r\n")) { // a file as editors save it
		text = bytes.ReplaceAll(text, []byte("\n"), []byte("\r\n"))
	}
	var out bytes.Buffer
	err = dkim.Sign(&out, bytes.NewReader(text), &dkim.SignOptions{
		Domain: domain, Selector: o.sender.DKIMSelector, Signer: o.signer,
		HeaderCanonicalization: dkim.CanonicalizationRelaxed, BodyCanonicalization: dkim.CanonicalizationRelaxed,
	})
	o.fail("message", err)
	o.sender.Sample = out.Bytes()
}

// readKey reads a private key in PEM.
func readKey(path string) (crypto.Signer, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("%s has no private key in PEM (-----BEGIN PRIVATE KEY-----)", path)
	}
	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("%s: a key of type %T: it must be RSA or Ed25519", path, key)
	}
	return signer, nil
}
