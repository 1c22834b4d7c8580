package smtpace

import (
	"sync"
	"time"

	"github.com/smtpace/smtpace/throttle"
)

// forecast is what is expected of the next turn at a destination.
type forecast struct {
	first time.Time     // the time at which the first message in the queue has its turn
	at    time.Time     // the time at which a message that is the last in the queue has its turn
	gap   time.Duration // the time between two turns
	scope string        // what holds it up, and so shares its turns: a relay, the process, else the destination
}

// assumedGap is the time between two turns at a destination of which nothing is known.
const assumedGap = 50 * time.Millisecond

// forecast returns when the last message in the queue of a destination, or the next
// one if there is none, has its turn.
func (p *Pacer) forecast(now time.Time, destination string) forecast {
	x := p.sched.Explain(now, destination)
	f := forecast{at: now, gap: assumedGap, scope: destination}
	if x.Bind.Scope == throttle.ScopeEndpoint.String() || x.Bind.Scope == throttle.ScopeProcess.String() {
		f.scope = x.Bind.Scope + " " + x.Bind.Name
	}
	if x.Next != nil {
		f.at = *x.Next
	}
	switch {
	case x.Rate > 0:
		f.gap = time.Duration(float64(time.Second) / x.Rate)
	case x.ETA != nil && x.ETA.After(f.at):
		f.gap = x.ETA.Sub(f.at) / time.Duration(x.Queued)
	case x.Window > 0:
		f.gap = assumedGap / time.Duration(x.Window)
	}
	f.first = f.at
	if x.Queued > 1 {
		f.at = f.at.Add(time.Duration(x.Queued-1) * f.gap)
	}
	return f
}

// book is the times at which callers of Try were told to come back, by forecast.scope.
// Its lock is a leaf.
type book struct {
	mu     sync.Mutex
	next   map[string]time.Time // the end of what was handed out
	trying map[string]int       // number of calls of Try that are queued, by destination
}

// tries counts n more calls of Try that are queued at a destination.
func (b *book) tries(destination string, n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.trying == nil {
		b.trying = map[string]int{}
	}
	if b.trying[destination] += n; b.trying[destination] == 0 {
		delete(b.trying, destination)
	}
}

// maxBooked is the number of scopes of which the book keeps more than it needs.
const maxBooked = 10_000

// appoint returns the time at which to come back to a destination, not before a time:
// the next that no other caller was given.
func (p *Pacer) appoint(now, earliest time.Time, destination string) time.Time {
	f := p.forecast(now, destination)
	b := &p.book
	b.mu.Lock()
	defer b.mu.Unlock()
	// Others that try now do not stay in the queue for longer than they may wait.
	if leave := time.Duration(b.trying[destination]-1)*f.gap - p.cfg.MaxWait; leave > 0 {
		f.at = later(f.first, f.at.Add(-leave))
	}
	at := later(f.at, earliest)
	if booked := b.next[f.scope]; booked.After(at) {
		at = booked
	}
	b.tidy(now)
	b.next[f.scope] = at.Add(f.gap)
	return at
}

// booked returns the end of what was handed out for a scope.
func (b *book) booked(scope string) time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.next[scope]
}

// tidy drops what has passed, where there is much.
func (b *book) tidy(now time.Time) {
	if b.next == nil {
		b.next = map[string]time.Time{}
	}
	if len(b.next) < maxBooked {
		return
	}
	for name, at := range b.next {
		if at.Before(now) {
			delete(b.next, name)
		}
	}
}
