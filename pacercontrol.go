package smtpace

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/smtpace/smtpace/throttle"
)

// Stats returns a snapshot, as that of a Sender: deliveries and transactions are calls,
// connections the places for them, and relays what they go through. Destinations and
// relays are sorted by name.
func (p *Pacer) Stats() Stats {
	p.endTabs()
	now := time.Now()
	inner := p.sched.Stats(now)
	out := Stats{
		Time: now, Total: p.counters.total(), Queued: inner.Queued, InFlight: inner.InFlight,
		Connections: inner.Connections, Scopes: inner.Scopes,
	}
	for _, e := range inner.Endpoints {
		out.Relays = append(out.Relays, p.relayStats(e))
	}
	out.Destinations = p.counters.destinations(inner.Destinations)
	slices.SortFunc(out.Relays, func(a, b RelayStats) int { return cmp.Compare(a.Name, b.Name) })
	out.Total.Waiting = p.running.Load()
	return out
}

// relayStats returns the statistics of a line that the Scheduler knows.
func (p *Pacer) relayStats(inner throttle.EndpointStats) RelayStats {
	out := RelayStats{EndpointStats: inner}
	at := p.lines.at(inner.Name)
	at.mu.Lock()
	defer at.mu.Unlock()
	out.Counts, out.Opened = at.counts.clone(), at.opened
	return out
}

// NextTurn returns the time at which a call of Try for a destination would have its
// turn. It takes nothing. A turn that is due has the present time. to is an address, a
// domain or the name of a destination. The error wraps ErrInvalid.
func (p *Pacer) NextTurn(to string) (time.Time, error) {
	at, err := p.resolve(to)
	if err != nil {
		return time.Time{}, err
	}
	now := time.Now()
	f := p.forecast(now, at.destination)
	return later(f.at, p.book.booked(f.scope)), nil
}

// Explain returns the reasons for the pace at a destination, as that of a Sender.
// domain is a recipient's, or the name of a destination.
func (p *Pacer) Explain(domain string) throttle.Explanation {
	p.endTabs()
	return p.sched.Explain(time.Now(), p.destinationOf(domain))
}

// Pause lets calls for a domain wait, with all that shares its destination, until
// Resume. Functions that run go on. domain is as in Explain.
func (p *Pacer) Pause(domain string) {
	p.sched.Pause(time.Now(), p.destinationOf(domain))
	p.endTabs()
}

// Resume ends a Pause. What has waited goes at the learned pace.
func (p *Pacer) Resume(domain string) {
	p.sched.Resume(time.Now(), p.destinationOf(domain))
	p.drive()
}

// Forget drops the lessons about a domain's destination, or about the relay of that name,
// and the times handed out to callers of Try. Limits that are set, and what has been used
// of them, stay.
func (p *Pacer) Forget(domain string) {
	p.endTabs()
	name := p.destinationOf(domain)
	p.sched.Forget(time.Now(), name)
	p.book.forget(name)
	p.book.forget(throttle.ScopeEndpoint.String() + " " + name)
	p.drive()
}

// RetryNow makes waiting calls of Do for a domain's destination due within a second, as
// Sender.RetryNow does for messages. domain is as in Explain.
func (p *Pacer) RetryNow(domain string) {
	p.sched.RetryNow(time.Now(), p.destinationOf(domain))
	p.drive()
}

// SetLimits changes the limits of a scope, as that of a Sender. The scopes that
// requests name are the tenant, the sender and the sender's domain.
func (p *Pacer) SetLimits(of throttle.Scope, l throttle.Limits) error {
	if err := checkPaced(l); err != nil {
		return err
	}
	of, err := normalScope(of)
	if err != nil {
		return err
	}
	if of.Kind == throttle.ScopeDestination {
		of.Name = p.destinationOf(of.Name)
	}
	if err = l.Validate(); err == nil && of.Kind == throttle.ScopeEndpoint {
		at := p.lines.limit(of.Name, l != throttle.Limits{})
		at.mu.Lock()
		at.logins.own = l
		p.limitLocked(at, time.Now())
		at.mu.Unlock()
	} else if err == nil {
		err = p.sched.SetLimits(time.Now(), of, l)
	}
	p.endTabs()
	p.drive()
	return err
}

// Snapshot returns what was learned, and what has been used of rates, quotas and
// warm-ups, as JSON for Restore. A Pacer with a Memory needs no call of it.
func (p *Pacer) Snapshot() ([]byte, error) {
	p.endTabs()
	return p.sched.Snapshot(time.Now())
}

// Restore takes over a Snapshot, also one of a Sender, aged by the time since then. Call
// it before anything is sent. It changes nothing when it returns an error.
func (p *Pacer) Restore(snapshot []byte) error { return p.sched.Restore(time.Now(), snapshot) }

// destinationOf returns the destination of a domain, or the one of this name.
func (p *Pacer) destinationOf(name string) string {
	if p.receivers.profiles.ByName(name) != nil {
		return name
	}
	normal, err := normalDomain(name)
	if err != nil || !strings.ContainsAny(normal, ".[") {
		return name
	}
	return p.receivers.destination(normal)
}
