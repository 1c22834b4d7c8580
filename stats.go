package smtpace

import (
	"cmp"
	"slices"
	"time"

	"github.com/smtpace/smtpace/throttle"
)

// Stats is what a Sender is doing and has done, as plain data for JSON.
type Stats struct {
	Time         time.Time          `json:"time"`
	Queued       int                `json:"queued"`    // deliveries
	InFlight     int                `json:"in_flight"` // transactions
	Connections  int                `json:"connections"`
	Held         int                `json:"held"` // messages held rendered
	HeldBytes    int64              `json:"held_bytes"`
	Total        Counts             `json:"total"`
	Relays       []RelayStats       `json:"relays,omitempty"`
	Destinations []DestinationStats `json:"destinations,omitempty"`
}

// RelayStats is one relay: its connections, its pace, and its answers.
type RelayStats struct {
	Name          string     `json:"name"`
	Connections   int        `json:"connections"` // being opened and closed included
	Established   int        `json:"established"`
	InFlight      int        `json:"in_flight"`               // transactions
	RestingUntil  *time.Time `json:"resting_until,omitempty"` // set while it cannot be reached
	Opened        int64      `json:"opened"`                  // connections that were opened, ever
	Failed        int64      `json:"failed"`                  // connections that could not be
	Fault         string     `json:"fault,omitempty"`         // the reason why the last could not be, such as a refused login; "" when it could
	throttle.Pace            // the limits in use
	Counts                   // of its answers: only delivered, refused, deferred, ambiguous, tries, throttled
}

// DestinationStats is one destination: what waits there, and what became of
// its mail. Destinations that were not used for long are left out.
type DestinationStats struct {
	Name          string `json:"name"`
	Queued        int    `json:"queued"`    // deliveries
	InFlight      int    `json:"in_flight"` // transactions
	Held          int    `json:"held"`      // messages held rendered
	throttle.Pace        // the limits in use
	Counts
}

// Stats returns a snapshot, destinations and relays sorted by name.
func (s *Sender) Stats() Stats {
	now := time.Now()
	inner := s.sched.Stats(now)
	out := Stats{
		Time: now, Total: s.counters.total(), Queued: inner.Queued, InFlight: inner.InFlight,
		Connections: inner.Connections, Held: inner.Held, HeldBytes: inner.HeldBytes,
	}
	for _, e := range inner.Endpoints {
		out.Relays = append(out.Relays, s.relayStats(e))
	}
	seen := map[string]bool{}
	for _, d := range inner.Destinations {
		seen[d.Name] = true
		out.Destinations = append(out.Destinations, DestinationStats{
			Name: d.Name, Queued: d.Queued, InFlight: d.InFlight, Held: d.Held, Pace: d.Pace, Counts: s.counters.of(d.Name),
		})
	}
	for name, counts := range s.counters.all() {
		if !seen[name] {
			out.Destinations = append(out.Destinations, DestinationStats{Name: name, Counts: counts})
		}
	}
	slices.SortFunc(out.Relays, func(a, b RelayStats) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(out.Destinations, func(a, b DestinationStats) int { return cmp.Compare(a.Name, b.Name) })
	out.Total.Waiting = s.registry.waiting.Load()
	return out
}

func (s *Sender) relayStats(inner throttle.EndpointStats) RelayStats {
	out := RelayStats{
		Name: inner.Name, Connections: inner.Connections, Established: inner.Established, InFlight: inner.InFlight,
		RestingUntil: inner.RestingUntil, Pace: inner.Pace,
	}
	s.mu.Lock()
	e := s.endpoints[inner.Name]
	s.mu.Unlock()
	if e == nil {
		return out
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	out.Counts = e.counts.clone()
	out.Opened, out.Failed = e.opened, e.failed
	if e.fault != nil {
		out.Fault = e.fault.Error()
	}
	return out
}
