package smtpace

import (
	"fmt"

	"github.com/smtpace/smtpace/pool"
)

// TLSPolicy is the proof that the TLS of a hop must give before the hop gets mail, as
// MTA-STS, DANE or you demand it. The needs are pool.NeedWebPKI, pool.NeedMTASTS,
// pool.NeedDANE and pool.NeedOpportunistic; the zero value leaves everything to
// Relay.TLS and Relay.TLSConfig.
//
// A hop that does not prove what is needed rests, and the next one serves. Where
// none does, mail waits until it expires. It is never refused, and never sent in
// clear text, for that reason; the errors wrap [pool.ErrTLSProof]. A policy that is
// not valid, or contradicts the Relay, makes the Route an error.
//
// The policy is part of the hop's identity: mail goes over connections that have
// proved what its own Route needs. In Stats, logs and errors the hop has the name of
// the Relay and the proof, "mx.example.com:25 [mta-sts mx.example.com]". Its
// connections and the Relay's Limits are counted apart from those of other policies
// at the same Relay; the limits of the destination apply to all.
type TLSPolicy = pool.TLSPolicy

// name returns the name of the hop's endpoint.
func (h Hop) name() string {
	if h.TLSPolicy.Need == 0 {
		return h.Relay.name()
	}
	return h.endpoint().Name
}

// endpoint returns the settings of connections to the hop.
func (h Hop) endpoint() pool.Endpoint {
	e := h.Relay.endpoint()
	e.TLSPolicy = h.TLSPolicy
	if proof := e.Proof(); proof != "" {
		e.Name += " [" + proof + "]"
	}
	return e
}

// validate reports the first mistake of a hop of a Route.
func (h Hop) validate() error {
	r := h.Relay
	if r.Name == "" && (r.Credentials != nil || r.SASL != nil || r.TLSConfig != nil || r.DialContext != nil) {
		return fmt.Errorf("relay %q of a Route has Credentials, SASL, a TLSConfig or a DialContext and no Name: the Name tells it from others at the same address", r.Addr)
	}
	return r.validateAs(h.endpoint())
}
