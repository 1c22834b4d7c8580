package pool

// TLS is a mode of encryption of a connection. The zero value is TLSDefault.
// Certificates are verified in every mode but TLSNone, unless the endpoint's
// TLSConfig says otherwise.
type TLS uint8

// The ways to encrypt.
const (
	TLSDefault       TLS = iota // TLSImplicit on port 465 (RFC 8314 3.3), else TLSMandatory
	TLSMandatory                // STARTTLS (RFC 3207); a server without it is an error
	TLSImplicit                 // TLS from the first byte
	TLSOpportunistic            // STARTTLS where it is offered, else clear text; never a login in clear text
	TLSNone                     // clear text; with a login only to the loopback
)

var tlsNames = [...]string{"default", "mandatory", "implicit", "opportunistic", "none"}

// String returns the mode in lower case.
func (t TLS) String() string {
	if int(t) < len(tlsNames) {
		return tlsNames[t]
	}
	return "invalid"
}
