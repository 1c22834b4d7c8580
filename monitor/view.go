package monitor

import (
	"time"

	"github.com/smtpace/smtpace"
	"github.com/smtpace/smtpace/throttle"
)

// The forms in which the page gets what it shows. Times are Unix milliseconds; 0 is
// none.

// totals is the sum of all mail.
type totals struct {
	Waiting     int64 `json:"waiting"` // messages
	Queued      int   `json:"queued"`
	InFlight    int   `json:"inFlight"`
	Connections int   `json:"connections"`
	Delivered   int64 `json:"delivered"`
	Refused     int64 `json:"refused"`
	GaveUp      int64 `json:"gaveUp"`
	Unknown     int64 `json:"unknown"`
	Throttled   int64 `json:"throttled"`
}

// totalsOf returns the totals of a sample.
func totalsOf(s *smtpace.Stats) totals {
	return totals{
		Waiting: s.Total.Waiting, Queued: s.Queued, InFlight: s.InFlight, Connections: s.Connections,
		Delivered: s.Total.Delivered, Refused: s.Total.Refused, GaveUp: s.Total.GaveUp, Unknown: s.Total.Unknown, Throttled: s.Total.Throttled,
	}
}

// row is one destination in the list. Point has no time: it is that of the sample.
type row struct {
	Name     string  `json:"name"`
	State    state   `json:"state"`
	Bind     string  `json:"bind,omitempty"`
	Queued   int     `json:"queued"`
	InFlight int     `json:"inFlight"`
	Next     int64   `json:"next,omitempty"`
	ETA      int64   `json:"eta,omitempty"`
	Reply    string  `json:"reply,omitempty"` // the last that taught something
	At       int64   `json:"at,omitempty"`
	Taught   string  `json:"taught,omitempty"`
	Point    point   `json:"point"`
	History  []point `json:"history,omitempty"` // only when the row is new to the viewer
}

// relay is one relay or host.
type relay struct {
	Name        string `json:"name"`
	State       state  `json:"state"`
	Connections int    `json:"connections"`
	InFlight    int    `json:"inFlight"`
	Concurrency int    `json:"concurrency"`
	Rate        string `json:"rate,omitempty"`
	Delivered   int64  `json:"delivered"`
	Refused     int64  `json:"refused"`
	TLS         string `json:"tls,omitempty"`
	Trouble     string `json:"trouble,omitempty"`
	Until       int64  `json:"until,omitempty"`
	Reply       string `json:"reply,omitempty"`
	At          int64  `json:"at,omitempty"`
}

// tenant is one scope that Route.Parents name: a tenant, a sender, a source address.
type tenant struct {
	Kind     string `json:"kind"`
	Name     string `json:"name"`
	Parked   int    `json:"parked"`
	InFlight int    `json:"inFlight"`
	Bind     string `json:"bind,omitempty"`
	Next     int64  `json:"next,omitempty"`
}

// refusal is a lesson in the list of all.
type refusal struct {
	At     int64  `json:"at"`
	Scope  string `json:"scope"`
	Name   string `json:"name"`
	Reply  string `json:"reply"`
	Taught string `json:"taught,omitempty"`
}

// detail is the page of one destination.
type detail struct {
	row
	Known    bool           `json:"known"`
	Words    []phrase       `json:"words"`
	Refusals []refusal      `json:"refusals"`
	Counts   smtpace.Counts `json:"counts"`
}

// state is the condition of a destination or relay, in a word.
type state string

const (
	idle    state = "idle"    // nothing waits
	sending state = "sending" // nothing holds it up
	paced   state = "paced"   // a limit spaces its messages
	waiting state = "waiting" // for the next try, a quota, or a time that the receiver asked for
	outage  state = "outage"  // it accepts nothing at present, or cannot be reached
	paused  state = "paused"  // by the operator
)

// stateOf returns the state of a destination.
func stateOf(x *throttle.Explanation, sent float64) state {
	switch x.Bind.Limit {
	case "pause":
		return paused
	case "outage", "unreachable", "breaker":
		return outage
	case "hint", "quota", "warm-up", "opening", "held":
		return waiting
	case "":
	default:
		return paced
	}
	switch {
	case x.InFlight > 0 || sent > 0:
		return sending
	case x.Queued > 0:
		return waiting
	}
	return idle
}

// rowOf returns the row of a destination. Its Explanation was asked for already.
func rowOf(d *smtpace.DestinationStats, x *throttle.Explanation, t *track) row {
	r := row{
		Name: d.Name, Queued: d.Queued, InFlight: d.InFlight, Bind: binding(x.Bind), Next: ms(x.Next), ETA: ms(x.ETA),
		Reply: d.LastRefusal, At: ms(d.RefusedAt),
	}
	r.Point = point{0, 0, 0, perSecond(d.MessageRate), float64(d.Concurrency), float64(d.Queued)}
	if t != nil {
		r.Point = t.newest()
		r.Point[0] = 0
		if n := len(t.lessons); n > 0 {
			r.Taught = t.lessons[n-1].text()
		}
	}
	r.State = stateOf(x, r.Point[1])
	return r
}

// relayOf returns the form of a relay.
func relayOf(s *smtpace.RelayStats, now time.Time) relay {
	r := relay{
		Name: s.Name, State: idle, Connections: s.Connections, InFlight: s.InFlight, Concurrency: s.Concurrency, Rate: s.MessageRate,
		Delivered: s.Delivered, Refused: refusals(&s.Counts), TLS: s.TLS, Trouble: s.Fault, Until: ms(s.RestingUntil),
		Reply: s.LastRefusal, At: ms(s.RefusedAt),
	}
	switch {
	case s.Breaker != "":
		r.State, r.Trouble = outage, s.Breaker
	case s.RestingUntil != nil:
		r.State = outage
	case s.PausedUntil != nil && s.PausedUntil.After(now):
		r.State, r.Until = waiting, ms(s.PausedUntil)
	case s.MessageRate != "":
		r.State = paced
	case s.InFlight > 0 || s.Connections > 0:
		r.State = sending
	}
	return r
}

// tenantOf returns the form of a scope.
func tenantOf(s *throttle.ScopeStats) tenant {
	return tenant{Kind: s.Kind, Name: s.Name, Parked: s.Parked, InFlight: s.InFlight, Bind: binding(s.Bind), Next: ms(s.Next)}
}

// refusalOf returns the form of a lesson.
func refusalOf(l *lesson) refusal {
	return refusal{At: l.At.UnixMilli(), Scope: l.Scope, Name: l.Name, Reply: l.Reply, Taught: l.text()}
}

// ms returns a time in Unix milliseconds; 0 for nil.
func ms(t *time.Time) int64 {
	if t == nil || t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}
