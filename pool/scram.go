package pool

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"strconv"
	"strings"

	"github.com/wneessen/go-mail"
	"golang.org/x/text/secure/precis"
)

// Bounds on the iterations that a server may demand. RFC 7677 4 has 4096 as the least.
// The greatest is the number that OWASP advises for PBKDF2 with SHA-256 (Password Storage
// Cheat Sheet), about a second of computing; the protocol has none.
const (
	minIterations = 4096
	maxIterations = 600_000
)

// scramName writes a name as RFC 5802 5.1 wants it.
var scramName = strings.NewReplacer("=", "=3D", ",", "=2C")

// scram is SCRAM with SHA-1 (RFC 5802) or SHA-256 (RFC 7677), with the binding to the
// TLS channel for the mechanisms of -PLUS.
type scram struct {
	name, user, secret string
	hash               func() hash.Hash
	tls                *tls.ConnectionState
	stop               <-chan struct{}

	step      int    // messages sent
	header    string // the GS2 header
	binding   []byte // data of the channel binding
	nonce     string // of the client
	bare      string // the first message without the header
	signature []byte // that the server must send
	verified  bool
}

// newSCRAM returns the login by a mechanism of SCRAM. Its computation ends when stop
// is closed.
func newSCRAM(m mail.SMTPAuthType, user, secret string, state *tls.ConnectionState, stop <-chan struct{}) *scram {
	s := &scram{name: string(m), user: user, secret: secret, hash: sha256.New, stop: stop, header: "n,,"}
	if strings.HasPrefix(s.name, "SCRAM-SHA-1") {
		s.hash = sha1.New
	}
	if strings.HasSuffix(s.name, "-PLUS") {
		s.tls = state
	}
	return s
}

func (s *scram) readsChallenges() {}

// Start implements SASL. It sends no initial response, which servers that do not
// know one would refuse.
func (s *scram) Start() (string, []byte, error) {
	nonce := make([]byte, 18)
	rand.Read(nonce)
	s.nonce = encode(string(nonce))
	return s.name, nil, s.bind()
}

// bind sets the channel binding: tls-exporter (RFC 9266), or tls-unique (RFC 5929)
// where TLS is older than 1.3 and has it.
func (s *scram) bind() error {
	if s.tls == nil {
		return nil
	}
	kind := "tls-unique"
	s.binding = s.tls.TLSUnique
	if s.tls.Version >= tls.VersionTLS13 || len(s.binding) == 0 {
		kind = "tls-exporter"
		var err error
		if s.binding, err = s.tls.ExportKeyingMaterial("EXPORTER-Channel-Binding", nil, 32); err != nil {
			return fmt.Errorf("pool: no channel binding: %w", err)
		}
	}
	s.header = "p=" + kind + ",,"
	return nil
}

// Next implements SASL.
func (s *scram) Next(challenge []byte) ([]byte, error) {
	s.step++
	switch s.step {
	case 1:
		return s.first()
	case 2:
		return s.final(string(challenge))
	case 3:
		if bytes.HasPrefix(challenge, []byte("e=")) {
			return nil, nil // the error (RFC 5802 5.1); the refusal follows
		}
		return nil, s.verify(challenge)
	}
	return nil, fmt.Errorf("%w: a challenge after the end of %s", ErrProtocol, s.name)
}

// first returns the client's first message.
func (s *scram) first() ([]byte, error) {
	user, err := precis.OpaqueString.String(s.user) // RFC 8265, which follows SASLprep
	if err != nil {
		return nil, errors.New("pool: the user contains characters that SCRAM cannot carry")
	}
	s.bare = "n=" + scramName.Replace(user) + ",r=" + s.nonce
	return []byte(s.header + s.bare), nil
}

// final returns the client's final message, the proof of the secret.
func (s *scram) final(challenge string) ([]byte, error) {
	nonce, salt, iterations, err := parseServerFirst(challenge)
	if err != nil {
		return nil, err
	}
	if !strings.HasPrefix(nonce, s.nonce) || nonce == s.nonce {
		return nil, fmt.Errorf("%w: the server's nonce does not continue the client's", ErrProtocol)
	}
	secret, err := precis.OpaqueString.String(s.secret)
	if err != nil {
		return nil, errors.New("pool: the secret contains characters that SCRAM cannot carry")
	}
	salted, err := s.saltSecret(secret, salt, iterations)
	if err != nil {
		return nil, err
	}
	message := "c=" + encode(s.header+string(s.binding)) + ",r=" + nonce
	signed := []byte(s.bare + "," + challenge + "," + message)
	proof := s.mac(salted, []byte("Client Key"))
	digest := s.hash()
	digest.Write(proof)
	for i, b := range s.mac(digest.Sum(nil), signed) {
		proof[i] ^= b
	}
	s.signature = s.mac(s.mac(salted, []byte("Server Key")), signed)
	return []byte(message + ",p=" + encode(string(proof))), nil
}

// parseServerFirst reads the server's first message (RFC 5802 7). Extensions that
// must be understood are an error; others are ignored.
func parseServerFirst(text string) (nonce string, salt []byte, iterations int, err error) {
	parts := strings.SplitN(text, ",", 4)
	if len(parts) < 3 || !strings.HasPrefix(parts[0], "r=") || !strings.HasPrefix(parts[1], "s=") || !strings.HasPrefix(parts[2], "i=") {
		return "", nil, 0, fmt.Errorf("%w: unreadable challenge of SCRAM", ErrProtocol)
	}
	salt, err = base64.StdEncoding.DecodeString(parts[1][2:])
	if err != nil || len(salt) == 0 {
		return "", nil, 0, fmt.Errorf("%w: unreadable salt of SCRAM", ErrProtocol)
	}
	iterations, err = strconv.Atoi(parts[2][2:])
	if err != nil || iterations < minIterations || iterations > maxIterations {
		return "", nil, 0, fmt.Errorf("%w: %.12q iterations of SCRAM; between %d and %d are taken",
			ErrProtocol, parts[2][2:], minIterations, maxIterations)
	}
	return parts[0][2:], salt, iterations, nil
}

// stopEvery is the number of iterations, well below a millisecond, after which the
// computation looks whether it should end.
const stopEvery = 256

// saltSecret returns Hi of RFC 5802 2.2, which is PBKDF2 with one block. It ends
// with context.Canceled when stop is closed.
func (s *scram) saltSecret(secret string, salt []byte, iterations int) ([]byte, error) {
	mac := hmac.New(s.hash, []byte(secret))
	mac.Write(salt)
	mac.Write([]byte{0, 0, 0, 1})
	u := mac.Sum(nil)
	sum := bytes.Clone(u)
	for i := 1; i < iterations; i++ {
		if i%stopEvery == 0 {
			select {
			case <-s.stop:
				return nil, context.Canceled
			default:
			}
		}
		mac.Reset()
		mac.Write(u)
		u = mac.Sum(u[:0])
		for j, b := range u {
			sum[j] ^= b
		}
	}
	return sum, nil
}

// mac returns the HMAC of a message.
func (s *scram) mac(key, message []byte) []byte {
	mac := hmac.New(s.hash, key)
	mac.Write(message)
	return mac.Sum(nil)
}

// verify checks the server's final message.
func (s *scram) verify(challenge []byte) error {
	text, _, _ := strings.Cut(string(challenge), ",")
	signature, found := strings.CutPrefix(text, "v=")
	got, err := base64.StdEncoding.DecodeString(signature)
	if !found || err != nil || !hmac.Equal(got, s.signature) {
		return errNoProof
	}
	s.verified = true
	return nil
}

// proved implements prover.
func (s *scram) proved() error {
	if !s.verified {
		return errNoProof
	}
	return nil
}

// errNoProof is the error for a server that has not proved its knowledge of the secret.
var errNoProof = fmt.Errorf("%w: the server has not proved that it knows the secret (RFC 5802 3)", ErrProtocol)

// encode returns s in base64.
func encode(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
