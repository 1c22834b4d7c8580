package pool

// TLS is a mode of encryption of a connection. The zero value is
// TLSImplicit on port 465 (RFC 8314 3.3), TLSNone on a Unix socket, and TLSMandatory
// elsewhere.
// Certificates are verified in every mode but TLSNone, unless the endpoint's
// TLSConfig or TLSPolicy says otherwise.
type TLS uint8

// The ways to encrypt.
//
// An endpoint with TLSOpportunistic and without a login gets its mail also after failed
// handshakes, unless the certificate was the reason. Further connections offer less,
// and at last clear text, but not before TLS has failed for 5 minutes at that address.
// A server that does not offer STARTTLS gets mail in clear text at once, unless TLS has
// worked there within a day. [Conn.Security] returns the mode that was used.
const (
	tlsDefault       TLS = iota // the zero value
	TLSMandatory                // STARTTLS (RFC 3207); a server without it is an error
	TLSImplicit                 // TLS from the first byte
	TLSOpportunistic            // STARTTLS where it is offered, else clear text; see above
	TLSNone                     // clear text; with a login only as AllowInsecureLogin says
)

var tlsNames = [...]string{"default", "mandatory", "implicit", "opportunistic", "none"}

// String returns the mode in lower case.
func (t TLS) String() string {
	if int(t) < len(tlsNames) {
		return tlsNames[t]
	}
	return "invalid"
}
