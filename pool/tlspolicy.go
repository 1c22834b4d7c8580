package pool

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// TLSNeed is a kind of proof that TLS must give before a server gets mail. The zero
// value leaves that to [Endpoint].TLS and TLSConfig.
type TLSNeed uint8

// The needs. A server that does not give the proof gets no mail, not in clear text
// either.
const (
	needDefault       TLSNeed = iota // the zero value
	NeedOpportunistic                // nothing: TLS where it works, with any certificate, as for TLSOpportunistic (RFC 7435)
	NeedWebPKI                       // TLS, and a certificate of a trusted authority for one of Names
	NeedMTASTS                       // a host that one of Names lists; TLS, and a certificate of a trusted authority for it (RFC 8461 4)
	NeedDANE                         // TLS, and a certificate that one of Records stands for (RFC 7672)
)

var needNames = [...]string{"default", "opportunistic", "webpki", "mta-sts", "dane"}

// String returns the need in lower case.
func (n TLSNeed) String() string {
	if int(n) < len(needNames) {
		return needNames[n]
	}
	return "invalid"
}

// TLSPolicy is the proof that TLS must give before a server gets mail. The zero value
// leaves that to [Endpoint].TLS and TLSConfig. It is a plain value, and must not be
// changed while it is in use.
type TLSPolicy struct {
	Need TLSNeed

	// Names are host names of A-labels, in any case.
	//
	//   - NeedWebPKI: the certificate must be valid for one of them. The server is
	//     asked for the first (SNI), unless TLSConfig has a ServerName.
	//   - NeedMTASTS: the "mx" fields of the policy. "*." in front stands for one
	//     label (RFC 8461 4.1). One of them must match the host, which is the
	//     ServerName of TLSConfig, else the host of Addr. The certificate must be
	//     valid for that host.
	//   - NeedDANE: for a match of a record of usage 2, the certificate must be valid
	//     for one of them. The TLSA base domain comes first; the server is asked for
	//     it (SNI). Then come the recipients' domain and the name that it is an alias
	//     of (RFC 7672 3.2.2). Names do not matter for records of usage 3. Domains of
	//     one host share connections if their Names are equal, so name only those
	//     that are needed.
	Names []string

	// Records are the TLSA records of NeedDANE. One of them must match. An empty list
	// means that there were records and none was usable: TLS is required then, and the
	// certificate proves nothing (RFC 7672 2.2). [TLSA.Usable] reports whether a record
	// is usable.
	Records []TLSA
}

// ErrTLSProof means that a server has not given the proof needed by the TLSPolicy of its
// endpoint. It does not offer STARTTLS or refuses it, its certificate is another one, or
// its name is not on the list. The cause is wrapped. The error says nothing about the
// mail.
var ErrTLSProof = errors.New("pool: server does not prove what its TLS policy needs")

// proves reports whether the policy needs TLS, so that clear text is no way out.
func (p TLSPolicy) proves() bool { return p.Need > NeedOpportunistic }

// unproved returns the failure of a server to prove what is needed; err where nothing
// is.
func (p TLSPolicy) unproved(err error) error {
	if err == nil || !p.proves() {
		return err
	}
	return fmt.Errorf("%w (%s): %w", ErrTLSProof, p.Need, err)
}

// lists returns nil if the policy lets mail go to a host. Only that of MTA-STS may
// not.
func (p TLSPolicy) lists(host string) error {
	if p.Need != NeedMTASTS || slices.ContainsFunc(p.Names, func(pattern string) bool { return matchesMX(pattern, host) }) {
		return nil
	}
	return fmt.Errorf("host %q matches none of the policy's MX patterns %q", host, p.Names)
}

// matchesMX reports whether an MX pattern matches a host (RFC 8461 4.1).
func matchesMX(pattern, host string) bool {
	pattern, host = normalHost(pattern), normalHost(host)
	below, wildcard := strings.CutPrefix(pattern, "*.")
	if !wildcard {
		return pattern == host
	}
	label, rest, _ := strings.Cut(host, ".")
	return label != "" && rest == below
}

// normalHost returns a host name in lower case without a dot at its end.
func normalHost(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

// Proof returns what the TLSPolicy needs of a connection, as text, such as "mta-sts
// mx.example.com" or "dane" and a hash of the records; "" for the zero policy.
// Endpoints of one server whose texts are equal may share a connection. Those of
// others must not: it may have proved less.
func (e Endpoint) Proof() string {
	p := e.TLSPolicy
	if p.Need == needDefault {
		return ""
	}
	text := p.Need.String()
	if parts := strings.Join(p.parts(normalHost(e.serverName())), " "); len(parts) > maxProof || p.Need == NeedDANE {
		sum := sha256.Sum256([]byte(parts))
		text += " " + hex.EncodeToString(sum[:16]) // 2^64 tries for two that are equal
	} else if parts != "" {
		text += " " + parts
	}
	return text
}

// maxProof is the number of bytes of a Proof beyond which it is a hash.
const maxProof = 100

// parts returns what two policies of the same need must have in common where the
// server is asked for a name.
func (p TLSPolicy) parts(host string) []string {
	switch p.Need {
	case NeedMTASTS:
		if p.lists(host) == nil {
			return []string{host} // the same for all that list it
		}
		return append([]string{host}, p.normalNames()...)
	case NeedWebPKI:
		return append([]string{host}, p.normalNames()...)
	case NeedDANE:
		var records []string
		for _, r := range p.Records {
			records = append(records, r.String())
		}
		slices.Sort(records) // in DNS they have no order
		parts := append([]string{host}, records...)
		if p.needsNames() {
			parts = append(parts, p.normalNames()...)
		}
		return parts
	}
	return nil
}

// normalNames returns Names in one spelling.
func (p TLSPolicy) normalNames() []string {
	names := make([]string, len(p.Names))
	for i, name := range p.Names {
		names[i] = normalHost(name)
	}
	return names
}

// needsNames reports whether the policy cannot be used without Names.
func (p TLSPolicy) needsNames() bool {
	return p.Need == NeedWebPKI || p.Need == NeedMTASTS ||
		slices.ContainsFunc(p.Records, func(r TLSA) bool { return r.Usage == usageTA })
}

// validate reports the mistakes of the policy of an endpoint.
func (p TLSPolicy) validate(e Endpoint, wrong func(format string, args ...any)) {
	if int(p.Need) >= len(needNames) {
		wrong("TLSPolicy: unknown need %d", p.Need)
	}
	if len(p.Names) > 0 && !p.proves() || len(p.Records) > 0 && p.Need != NeedDANE {
		wrong("TLSPolicy: the need %s has no use for Names, or for Records; NeedWebPKI and NeedMTASTS take Names, NeedDANE both", p.Need)
		return
	}
	if p.needsNames() && len(p.Names) == 0 {
		wrong("TLSPolicy: the need %s has no Names; want those that the certificate must be valid for, or the MX patterns of MTA-STS", p.Need)
	}
	for _, name := range p.Names {
		host := name
		if p.Need == NeedMTASTS {
			host = strings.TrimPrefix(name, "*.")
		}
		if !isHostName(host) {
			wrong("TLSPolicy: name %q of the need %s is not valid; want a host name of letters, digits, hyphens and dots, with \"*.\" in front for MTA-STS only", name, p.Need)
		}
	}
	for i, r := range p.Records {
		if err := r.Usable(); err != nil {
			wrong("TLSPolicy: Records[%d]: %w", i, err)
		}
	}
	p.validateMode(e, wrong)
}

// validateMode reports where the policy contradicts other settings of an endpoint.
func (p TLSPolicy) validateMode(e Endpoint, wrong func(format string, args ...any)) {
	mode := e.mode()
	switch {
	case p.Need == NeedOpportunistic && mode != TLSOpportunistic:
		wrong("TLSPolicy: the need opportunistic contradicts TLS %s; want TLSOpportunistic or the zero value, and neither port 465 nor a Unix socket", mode)
	case p.Need == NeedOpportunistic && e.logsIn():
		wrong("TLSPolicy: the need opportunistic proves nothing to a login; want NeedWebPKI, or no login")
	case p.proves() && (mode == TLSOpportunistic || mode == TLSNone):
		wrong("TLSPolicy: the need %s contradicts TLS %s; want TLSMandatory, TLSImplicit or the zero value, and no Unix socket", p.Need, mode)
	case p.Need == NeedDANE && len(p.Records) == 0 && e.logsIn():
		wrong("TLSPolicy: the need dane without Records proves nothing to a login; want Records, or no login")
	case p.proves() && e.TLSConfig != nil && e.TLSConfig.InsecureSkipVerify:
		wrong("TLSPolicy: the need %s contradicts InsecureSkipVerify of TLSConfig; want one of them", p.Need)
	}
}

// isHostName reports whether a text is a host name of A-labels. Underscores are
// allowed, as some MX hosts have them.
func isHostName(name string) bool {
	name = strings.TrimSuffix(name, ".")
	if _, err := netip.ParseAddr(name); err == nil || len(name) > 253 {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || strings.ContainsFunc(label, func(r rune) bool {
			return !isLetter(r) && (r < '0' || r > '9') && r != '-' && r != '_'
		}) {
			return false
		}
	}
	return true
}
