package simulate

import (
	"math/rand/v2"
	"time"
)

// Model is a limit of a receiver. It is a description: every run makes its own
// state of it. There are no models outside this package.
type Model interface {
	gate(rng *rand.Rand) gate
}

// gate is the state of a Model in one run.
type gate interface {
	// admit reports whether what is asked may happen, and counts it if so.
	admit(q query) bool
}

// query is a question to a receiver: may this happen?
type query struct {
	now     time.Duration // since the start of the run
	open    int           // connections to the host, this one excluded
	carried int           // messages that the connection has begun, this one excluded
	box     int           // the recipient; at StageBanner 0
	bytes   int           // the size that MAIL announces (RFC 1870)
	domain  string        // and its destination
	sender  string        // the address of the envelope sender
	tenant  string        // and the tenant
	line    *line         // the connection that asks
}

// custom is a Model that a function makes for each run.
type custom func(rng *rand.Rand) admitter

func (c custom) gate(rng *rand.Rand) gate { return c(rng) }

// admitter is a gate that is a function.
type admitter func(q query) bool

func (f admitter) admit(q query) bool { return f(q) }

// rate returns the events a second of count in every per.
func rate(count int, per time.Duration) float64 { return float64(count) / per.Seconds() }

// Connections allows Max connections at once. It belongs to StageBanner. A
// connection counts from its arrival until its socket is gone.
type Connections struct{ Max int }

func (c Connections) gate(*rand.Rand) gate { return c }

func (c Connections) admit(q query) bool { return q.open < c.Max }

// PerConnection allows Max messages on one connection. It belongs to StageMail.
type PerConnection struct{ Max int }

func (p PerConnection) gate(*rand.Rand) gate { return p }

func (p PerConnection) admit(q query) bool { return q.carried < p.Max }

// BadHosts is a name behind which Of hosts take turns at random. Bad of them
// refuse everybody. It belongs to StageBanner.
type BadHosts struct{ Bad, Of int }

func (b BadHosts) gate(rng *rand.Rand) gate { return &badHosts{b, rng} }

type badHosts struct {
	BadHosts
	rng *rand.Rand
}

func (b *badHosts) admit(query) bool { return b.rng.IntN(b.Of) >= b.Bad }

// Greylist refuses every triple of client, sender and recipient until Delay
// has passed since it was first seen (RFC 6647). There is one client and one
// sender here, so a triple is a recipient. It belongs to StageRcpt.
type Greylist struct{ Delay time.Duration }

func (g Greylist) gate(*rand.Rand) gate {
	return &greylist{delay: g.Delay, seen: map[int]time.Duration{}}
}

type greylist struct {
	delay time.Duration
	seen  map[int]time.Duration
}

func (g *greylist) admit(q query) bool {
	first, known := g.seen[q.box]
	if !known {
		g.seen[q.box] = q.now
		return false
	}
	return q.now-first >= g.delay
}

// Mailbox allows every recipient as much as Each does. It belongs to StageRcpt.
type Mailbox struct{ Each Model }

func (m Mailbox) gate(rng *rand.Rand) gate {
	return &mailboxes{each: m.Each, rng: rng, by: map[int]gate{}}
}

type mailboxes struct {
	each Model
	rng  *rand.Rand
	by   map[int]gate
}

func (m *mailboxes) admit(q query) bool {
	g := m.by[q.box]
	if g == nil {
		g = m.each.gate(m.rng)
		m.by[q.box] = g
	}
	return g.admit(q)
}

// Outage refuses everything from From on, for For; a For of zero lasts to the
// end. At StageConnect or StageBanner it also resets the connections that are
// open when it begins.
type Outage struct{ From, For time.Duration }

func (o Outage) gate(*rand.Rand) gate { return o }

func (o Outage) admit(q query) bool {
	return q.now < o.From || o.For > 0 && q.now >= o.From+o.For
}

// Changing is First until At, and Then from At on. Then begins as new.
type Changing struct {
	At          time.Duration
	First, Then Model
}

func (c Changing) gate(rng *rand.Rand) gate {
	return &changing{at: c.At, first: c.First.gate(rng), then: c.Then.gate(rng)}
}

type changing struct {
	at          time.Duration
	first, then gate
}

func (c *changing) admit(q query) bool {
	if q.now < c.at {
		return c.first.admit(q)
	}
	return c.then.admit(q)
}
