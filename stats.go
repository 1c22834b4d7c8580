package smtpace

import (
	"cmp"
	"slices"
	"time"

	"github.com/smtpace/smtpace/throttle"
)

// Stats is a snapshot of the queue, the connections and the outcomes of a Sender,
// as plain data for JSON.
type Stats struct {
	Time         time.Time          `json:"time"`
	Queued       int                `json:"queued"`    // deliveries
	InFlight     int                `json:"in_flight"` // transactions
	Connections  int                `json:"connections"`
	Held         int                `json:"held"` // messages whose rendered bytes are in memory
	HeldBytes    int64              `json:"held_bytes"`
	Total        Counts             `json:"total"`
	Relays       []RelayStats       `json:"relays,omitempty"`
	Destinations []DestinationStats `json:"destinations,omitempty"`
	// Scopes are the scopes of Route.Parents that have limits.
	Scopes []throttle.ScopeStats `json:"scopes,omitempty"`
}

// RelayStats are the connections, the pace and the answers of one relay.
type RelayStats struct {
	throttle.EndpointStats
	Opened int64  `json:"opened"`           // connections that were opened
	Failed int64  `json:"failed"`           // connections that could not be opened
	Fault  string `json:"fault,omitempty"`  // reason why the last connection could not be opened, such as a refused login; "" when it could
	TLS    string `json:"tls,omitempty"`    // encryption of the last connection: "TLS 1.3", or "clear text"; where encryption is opportunistic, also why it is not better
	Proved string `json:"proved,omitempty"` // what TLS has proved on the last connection: "none", "webpki", "mta-sts" or "dane"; "" before the first
	Counts        // counts of its answers: only Delivered, Refused, Deferred, Ambiguous, Tries, Throttled
}

// DestinationStats are the queue, the pace and the outcomes of one destination.
// Destinations that were not used for long are left out.
type DestinationStats struct {
	throttle.DestinationStats
	Counts
}

// Stats returns a snapshot. Destinations and relays are sorted by name.
func (s *Sender) Stats() Stats {
	now := time.Now()
	inner := s.sched.Stats(now)
	out := Stats{
		Time: now, Total: s.counters.total(), Queued: inner.Queued, InFlight: inner.InFlight,
		Connections: inner.Connections, Held: inner.Held, HeldBytes: inner.HeldBytes,
		Scopes: inner.Scopes,
	}
	for _, e := range inner.Endpoints {
		out.Relays = append(out.Relays, s.relayStats(e))
	}
	out.Destinations = s.counters.destinations(inner.Destinations)
	slices.SortFunc(out.Relays, func(a, b RelayStats) int { return cmp.Compare(a.Name, b.Name) })
	out.Total.Waiting = s.registry.waiting.Load()
	return out
}

// destinations returns the statistics of the destinations that the Scheduler knows and
// of those that are counted, sorted by name.
func (c *counters) destinations(known []throttle.DestinationStats) (all []DestinationStats) {
	counted := c.all()
	all = make([]DestinationStats, 0, max(len(known), len(counted)))
	for _, d := range known {
		all = append(all, DestinationStats{d, counted[d.Name]})
		delete(counted, d.Name)
	}
	for name, counts := range counted { // not used for a while
		all = append(all, DestinationStats{throttle.DestinationStats{Name: name}, counts})
	}
	slices.SortFunc(all, func(a, b DestinationStats) int { return cmp.Compare(a.Name, b.Name) })
	return all
}

// relayStats returns the statistics of a relay that the Scheduler knows.
func (s *Sender) relayStats(inner throttle.EndpointStats) RelayStats {
	out := RelayStats{EndpointStats: inner}
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
	if e.opened > 0 {
		out.TLS, out.Proved = e.security.String(), e.security.Proved
	}
	if e.fault != nil {
		out.Fault = e.fault.Error()
	}
	return out
}
