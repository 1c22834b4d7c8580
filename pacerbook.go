package smtpace

import (
	"sync"
	"time"

	"github.com/smtpace/smtpace/throttle"
)

// forecast is the expectation of the next turn at a destination.
type forecast struct {
	first time.Time     // the time at which the first message in the queue has its turn
	at    time.Time     // the time at which a message that is the last in the queue has its turn
	gap   time.Duration // the time between two turns
	guess bool          // whether gap comes from no limit
	scope string        // what holds it up, and so shares its turns: a relay, the process, else the destination
}

// assumedGap is the time between two turns at a destination of which nothing is known.
const assumedGap = 50 * time.Millisecond

// pausedWait is the time after which callers of Try come back to a paused destination:
// nobody knows the end of the pause.
const pausedWait = time.Minute

// forecast returns the time of the turn of the last message in the queue of a
// destination, or of the next message if the queue is empty.
func (p *Pacer) forecast(now time.Time, destination string) forecast {
	x := p.sched.Explain(now, destination)
	f := forecast{at: now, gap: assumedGap, guess: true, scope: destination}
	if x.Bind.Scope == throttle.ScopeEndpoint.String() || x.Bind.Scope == throttle.ScopeProcess.String() {
		f.scope = x.Bind.Scope + " " + x.Bind.Name
	}
	if x.Bind.Limit == "pause" {
		f.first, f.at, f.gap, f.guess = now.Add(pausedWait), now.Add(pausedWait), 0, false
		return f
	}
	queued := x.Queued - x.Parked // those that are parked hold up no others
	own := f.scope != destination || x.Bind.Scope == "" || x.Bind.Scope == throttle.ScopeDestination.String()
	if own && x.Next != nil {
		f.at = *x.Next
	}
	switch {
	case x.Rate > 0:
		f.gap, f.guess = gapOf(x.Rate), false
	case own && queued > 0 && x.ETA != nil && x.ETA.After(f.at):
		f.gap = x.ETA.Sub(f.at) / time.Duration(x.Queued)
	case x.Concurrency > 0:
		f.gap = assumedGap / time.Duration(x.Concurrency)
	}
	f.first = f.at
	f.at = f.at.Add(time.Duration(max(queued-1, 0)) * f.gap)
	return f
}

// forecasts returns what is expected of a destination, and of the scopes with limits
// that a request names.
func (p *Pacer) forecasts(now time.Time, destination string, scopes *throttle.ScopeList) []forecast {
	all := []forecast{p.forecast(now, destination)}
	for _, s := range p.sched.ScopeStats(now, scopes) {
		f := forecast{first: now, gap: assumedGap, scope: s.Kind + " " + s.Name}
		if s.Next != nil {
			f.first = *s.Next
		}
		if s.Rate > 0 {
			f.gap = gapOf(s.Rate)
		}
		f.at = f.first.Add(time.Duration(s.Parked) * f.gap)
		all = append(all, f)
	}
	if len(all) > 1 && all[0].guess { // its pace may be that of the scopes
		all[0].at, all[0].gap = all[0].first, 0
	}
	return all
}

// gapOf returns the time between two messages at a rate in messages a second.
func gapOf(rate float64) time.Duration { return time.Duration(float64(time.Second) / rate) }

// book is the times at which callers of Try were told to come back, by forecast.scope.
// Its lock is a leaf.
type book struct {
	mu     sync.Mutex
	next   map[string]time.Time // the end of what was handed out
	trying map[string]int       // number of calls of Try that are queued, by destination and by ScopeList.Key
	tidyAt int                  // length of next at which it is tidied; 0 means maxBooked
}

// tries counts n more calls of Try that are queued at a destination, with scopes.
func (b *book) tries(destination string, scopes *throttle.ScopeList, n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.trying == nil {
		b.trying = map[string]int{}
	}
	for _, name := range [...]string{destination, scopes.Key()} {
		if b.trying[name] += n; b.trying[name] == 0 {
			delete(b.trying, name)
		}
	}
}

// maxBooked is the number of scopes up to which the book keeps what has passed.
const maxBooked = 10_000

// appoint returns the time at which to come back to a destination, not before a given
// time: the next one not given to another caller. It is booked where most were booked:
// the others of a tenant's destinations do not wait for the tenant.
func (p *Pacer) appoint(now, earliest time.Time, destination string, scopes *throttle.ScopeList) time.Time {
	all := p.forecasts(now, destination, scopes)
	b := &p.book
	b.mu.Lock()
	defer b.mu.Unlock()
	at, booked, last := earliest, earliest, all[0]
	for i, f := range all {
		trying := b.trying[destination]
		if i > 0 {
			trying = b.trying[scopes.Key()]
		}
		// Others that try now stay in the queue for as long as they may wait, and not longer.
		if leave := time.Duration(trying-1)*f.gap - p.cfg.MaxWait; leave > 0 {
			f.at = later(f.first.Add(min(f.at.Sub(f.first), p.cfg.MaxWait)), f.at.Add(-leave))
		}
		own := later(f.at, b.next[f.scope])
		at = later(at, own)
		if f.guess && len(all) > 1 {
			continue // its pace is that of the scopes
		}
		if own.After(booked) || own.Equal(booked) && f.gap > last.gap {
			booked, last = own, f
		}
	}
	b.tidy(now)
	b.next[last.scope] = later(b.next[last.scope], booked.Add(last.gap))
	return at
}

// booked returns the end of what was handed out for a scope.
func (b *book) booked(scope string) time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.next[scope]
}

// forget drops what was handed out for a scope.
func (b *book) forget(scope string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.next, scope)
}

// tidy drops what has passed, where there is twice as much as was left the last time.
func (b *book) tidy(now time.Time) {
	if b.next == nil {
		b.next = map[string]time.Time{}
	}
	if len(b.next) < max(b.tidyAt, maxBooked) {
		return
	}
	for name, at := range b.next {
		if at.Before(now) {
			delete(b.next, name)
		}
	}
	b.tidyAt = 2 * len(b.next)
}
