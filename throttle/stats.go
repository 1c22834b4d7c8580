package throttle

import (
	"cmp"
	"slices"
	"strconv"
	"time"
)

// Stats is the state of a Scheduler, as plain data for JSON, sorted by name.
type Stats struct {
	Queued       int                `json:"queued"`
	InFlight     int                `json:"in_flight"` // transactions
	Connections  int                `json:"connections"`
	Held         int                `json:"held"` // messages held rendered
	HeldBytes    int64              `json:"held_bytes"`
	Endpoints    []EndpointStats    `json:"endpoints,omitempty"`
	Destinations []DestinationStats `json:"destinations,omitempty"`
	Scopes       []ScopeStats       `json:"scopes,omitempty"` // those that jobs name and that have limits
}

// Pace is the speed at which an endpoint or a destination is used, and its
// cause.
type Pace struct {
	Concurrency int        `json:"concurrency"`            // the most connections or transactions at once
	MessageRate string     `json:"message_rate,omitempty"` // learned, "4.5/s"; "" when none was
	Inferred    string     `json:"inferred,omitempty"`     // the refusals that a rate was inferred from, when none names it; "" when none was
	PausedUntil *time.Time `json:"paused_until,omitempty"` // nil when there is no pause
	LastRefusal string     `json:"last_refusal,omitempty"` // the reply that taught the last lesson
	RefusedAt   *time.Time `json:"last_refused,omitempty"` // the time of the last lesson
	Breaker     string     `json:"breaker,omitempty"`      // the answer that has opened the breaker; for the breaker of a sender "domain: " stands in front; "" when it is closed
}

// EndpointStats is the state of one endpoint.
type EndpointStats struct {
	Name         string     `json:"name"`
	Connections  int        `json:"connections"` // those being opened or closed included
	Established  int        `json:"established"`
	InFlight     int        `json:"in_flight"`
	RestingUntil *time.Time `json:"resting_until,omitempty"` // the time of the next probe; nil unless it cannot be reached or its breaker is open
	Pace
}

// DestinationStats is the state of one destination.
type DestinationStats struct {
	Name     string `json:"name"`
	Queued   int    `json:"queued"`    // deliveries
	InFlight int    `json:"in_flight"` // transactions
	Held     int    `json:"held"`      // messages held rendered
	Pace
}

// ScopeStats is the state of a scope with limits that jobs name.
type ScopeStats struct {
	Kind     string     `json:"kind"` // a ScopeKind in text
	Name     string     `json:"name"`
	Parked   int        `json:"parked"`    // deliveries that wait for its limits; others of it may wait in the queue
	InFlight int        `json:"in_flight"` // transactions
	Limits   Limits     `json:"limits"`
	Rate     float64    `json:"rate,omitempty"` // per second, the lowest that applies; 0 when none does
	Bind     Binding    `json:"binding"`        // the limit that holds up the next message
	Next     *time.Time `json:"next,omitempty"` // the time at which the next may go; nil: now, or after a change
}

// stats returns the state of a parent.
func (p *parent[T]) stats(now time.Time) ScopeStats {
	out := ScopeStats{Kind: p.kind.String(), Name: p.name, Parked: p.parked, InFlight: int(p.inFlight), Limits: *p.limits, Rate: lowestRate([]*scope{&p.scope})}
	bind, next := p.binding(now)
	out.Bind = bind
	if next.After(now) && !next.Equal(never) {
		out.Next = &next
	}
	return out
}

// ScopeStats returns the state of the scopes of a list that have limits.
func (s *Scheduler[T]) ScopeStats(now time.Time, l *ScopeList) (all []ScopeStats) {
	if l == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, of := range l.scopes {
		if p := s.parentLocked(now, of); p != nil {
			all = append(all, p.stats(now))
		}
	}
	return all
}

// Stats returns the state of the Scheduler. It does not stop the sending: with
// many destinations they are not all of the same moment.
func (s *Scheduler[T]) Stats(now time.Time) Stats {
	s.mu.Lock()
	out := Stats{
		InFlight: int(s.process.inFlight), Connections: int(s.process.inUse), Held: s.rendered, HeldBytes: s.renderedBytes,
	}
	known := s.dests.n
	s.mu.Unlock()
	out.Destinations = make([]DestinationStats, 0, known)
	var endpoints []EndpointStats
	s.endpoints.eachInBatches(&s.mu, func(e *endpoint[T]) {
		es := EndpointStats{
			Name: e.name, Connections: int(e.inUse), Established: int(e.established), InFlight: int(e.inFlight), Pace: e.pace(now),
		}
		if e.rests() || e.suspects() {
			es.RestingUntil = new(e.restsUntil())
		}
		endpoints = append(endpoints, es)
	}, func() { endpoints = moved(&out.Endpoints, endpoints) })
	destinations := make([]DestinationStats, 0, batch)
	s.dests.eachInBatches(&s.mu, func(d *destination[T]) {
		out.Queued += int(d.queued)
		destinations = append(destinations, DestinationStats{
			Name: d.name, Queued: int(d.queued), InFlight: int(d.inUse), Held: d.renders(), Pace: d.pace(now),
		})
	}, func() { destinations = moved(&out.Destinations, destinations) })
	var scopes []ScopeStats
	s.parents.eachInBatches(&s.mu, func(p *parent[T]) { scopes = append(scopes, p.stats(now)) },
		func() { scopes = moved(&out.Scopes, scopes) })
	slices.SortFunc(out.Scopes, func(a, b ScopeStats) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name)) })
	slices.SortFunc(out.Endpoints, func(a, b EndpointStats) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(out.Destinations, func(a, b DestinationStats) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// moved appends a batch to what is there, without the lock that the batch was
// made under, and returns room for the next.
func moved[E any](to *[]E, batch []E) []E {
	*to = append(*to, batch...)
	return batch[:0]
}

// pace returns the Pace of an endpoint.
func (e *endpoint[T]) pace(now time.Time) Pace {
	p := e.stats(now)
	if sp := e.spread; sp.spreads() {
		p.MessageRate = rateText(sp.each * float64(max(sp.members, 1)))
	}
	if e.breaker.open() {
		p.Breaker = e.breaker.reason
		return p
	}
	for sender, b := range e.bySender {
		if b.open() {
			p.Breaker = sender + ": " + b.reason
		}
	}
	return p
}

// pace returns the Pace of a destination.
func (d *destination[T]) pace(now time.Time) Pace {
	p := d.stats(now)
	if b := d.bars.soonest(); b != nil {
		p.Breaker, p.PausedUntil = b.reason, new(b.until)
	}
	return p
}

func (s *scope) stats(now time.Time) Pace {
	p := Pace{Concurrency: min(int(s.concurrency), ceiling(s.limits.Connections))}
	l := s.learned()
	if l == nil {
		return p
	}
	if r := s.rate(learnedMessagesKind); r != nil && r.known() {
		p.MessageRate = rateText(r.rateEstimate.rate())
	}
	if i := s.inferred(); i != nil {
		p.Inferred = i.text()
	}
	if until := s.pausedUntil(now); !until.IsZero() {
		p.PausedUntil = &until
	}
	p.LastRefusal = l.evidence
	if !l.last.IsZero() {
		p.RefusedAt = new(l.last)
	}
	return p
}

// rateText returns a learned rate as text: "4.5/s".
func rateText(perSecond float64) string {
	return strconv.FormatFloat(perSecond, 'g', 3, 64) + "/s"
}
