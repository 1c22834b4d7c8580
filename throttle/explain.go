package throttle

import (
	"cmp"
	"math"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// Explanation says how fast mail to a destination goes, and why. It is plain
// data for JSON.
type Explanation struct {
	Time        time.Time `json:"time"`
	Destination string    `json:"destination"`
	Known       bool      `json:"known"` // whether anything has waited for it lately or was learned of it
	Queued      int       `json:"queued"`
	InFlight    int       `json:"in_flight"`
	Parked      int       `json:"parked,omitempty"` // of the queued, those for mailboxes that get too much mail, and those of a tenant, sender or other scope whose limit holds them
	Endpoint    string    `json:"endpoint,omitempty"`
	Proved      string    `json:"proved,omitempty"` // what TLS has proved on the last connection to the endpoint; the user of the Scheduler sets it

	Pace            // of the destination
	Via  *Pace      `json:"via,omitempty"`  // of the endpoint that serves it
	Rate float64    `json:"rate,omitempty"` // per second, the lowest that applies; 0 when none does
	Bind Binding    `json:"binding"`
	Next *time.Time `json:"next,omitempty"` // the time at which the next may go; nil: now, after a change, or when what was put off is due again
	ETA  *time.Time `json:"eta,omitempty"`  // the time at which the queue will be empty at this rate; nil when it is unknown
}

// Binding names the limit that holds mail up.
type Binding struct {
	Scope string `json:"scope"` // the ScopeKind: "process", "endpoint", "destination", "tenant"; "" when nothing does
	Name  string `json:"name,omitempty"`
	// Limit is the name of a classify.Limit, or one of these: "pause"; "hint", a delay
	// that the receiver asked for; "outage", while nothing is accepted; "unreachable";
	// "breaker", while mail is lost or refused for reasons that are not the messages';
	// "warm-up"; "opening", the gap after connections that failed; "held", the bound of
	// Config.MaxHeld or MaxHeldBytes, for the process or for the share of the
	// destination.
	Limit   string `json:"limit,omitempty"`
	Learned bool   `json:"learned,omitempty"` // from refusals; else it is set
}

// Explain returns the present pace of the mail to a destination, the limit that binds,
// the last lesson with its reply, and the earliest time of the next message.
func (s *Scheduler[T]) Explain(now time.Time, name string) Explanation {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := Explanation{Time: now, Destination: name}
	d, ok := s.dests.get(name)
	if !ok {
		if s.paused[name] {
			out.Bind = Binding{Scope: "destination", Name: name, Limit: "pause"}
		}
		return out
	}
	out.Known, out.Queued, out.InFlight, out.Parked, out.Pace = true, int(d.queued), int(d.inUse), d.parked()+s.parkedAt(d), d.pace(now)
	e := d.path().server()
	scopes := []*scope{&s.process, &d.scope}
	if e == nil {
		e = d.path().soonestUp()
	}
	if e != nil {
		out.Endpoint, out.Via = e.name, new(e.pace(now))
		scopes = append(scopes, &e.scope)
	}
	var next time.Time
	out.Bind, next = s.binding(now, d, e, scopes)
	if next.After(now) && !next.Equal(never) {
		out.Next = &next
	}
	out.Rate = lowestRate(scopes)
	if d.paused || out.Queued == 0 {
		return out
	}
	if rate := d.expected(now, out.Rate); rate > 0 {
		wait := time.Duration(min(float64(out.Queued)/rate, horizon.Seconds()) * float64(time.Second))
		out.ETA = new(maxTime(now, next).Add(wait))
	}
	return out
}

// soonestUp returns the endpoint that is probed first when all rest.
func (p *path[T]) soonestUp() (first *endpoint[T]) {
	for _, e := range p.endpoints {
		if first == nil || e.restsUntil().Before(first.restsUntil()) {
			first = e
		}
	}
	return first
}

func maxTime(a, b time.Time) time.Time {
	if b.After(a) && !b.Equal(never) {
		return b
	}
	return a
}

// binding returns the limit that lets the next go last, and the time of that.
func (s *Scheduler[T]) binding(now time.Time, d *destination[T], e *endpoint[T], scopes []*scope) (b Binding, next time.Time) {
	if d.paused {
		return Binding{Scope: d.kind.String(), Name: d.name, Limit: "pause"}, time.Time{}
	}
	if e != nil && e.down {
		return Binding{Scope: e.kind.String(), Name: e.name, Limit: "unreachable", Learned: true}, e.nextProbe()
	}
	if e != nil {
		by := d.path().breakerAt(e)
		if e.rests() {
			by = &e.breaker
		}
		if by.open() {
			return Binding{Scope: e.kind.String(), Name: e.name, Limit: "breaker", Learned: true}, by.nextProbe()
		}
		if by := cmp.Or(d.bars.of(e.name), d.bars.ofSender(e.name, d.path().sender)); by.open() {
			return Binding{Scope: d.kind.String(), Name: d.name, Limit: "breaker", Learned: true}, by.nextProbe()
		}
	}
	next = now
	for _, sc := range scopes {
		sc.binds(now, func(limit string, learned bool, at time.Time) {
			if at.After(next) {
				b, next = Binding{Scope: sc.kind.String(), Name: sc.name, Limit: limit, Learned: learned}, at
			}
		})
	}
	if b.Limit != "" || d.queued == 0 {
		return b, next
	}
	full := func(sc *scope) {
		b = Binding{Scope: sc.kind.String(), Name: sc.name, Limit: classify.LimitConnections.String(), Learned: int(sc.concurrency) < ceiling(sc.limits.Connections)}
	}
	if n := s.parkedAt(d); n > 0 && n == int(d.queued) {
		return s.firstOfParents(now, d)
	}
	switch {
	case d.free() <= 0:
		full(&d.scope)
	case e != nil && e.free() <= 0:
		full(&e.scope)
	case int(s.process.inUse) >= ceiling(s.process.limits.Connections):
		full(&s.process)
	case s.waitsForRoom(d):
		b = Binding{Scope: s.process.kind.String(), Limit: "held"}
	case d.cappedPos >= 0:
		b = Binding{Scope: d.kind.String(), Name: d.name, Limit: "held"}
	}
	return b, next
}

// parkedAt returns the number of a destination's items that are parked for scopes of
// their jobs.
func (s *Scheduler[T]) parkedAt(d *destination[T]) (n int) {
	d.each(func(f *flow[T]) {
		if lots := s.lotsOf(f); lots != nil {
			for _, l := range lots.lots {
				n += l.parked.n
			}
		}
	})
	return n
}

// firstOfParents returns the limit that holds a destination's first parked item, and the
// time at which the item goes.
func (s *Scheduler[T]) firstOfParents(now time.Time, d *destination[T]) (b Binding, next time.Time) {
	next = never
	d.each(func(f *flow[T]) {
		if lots := s.lotsOf(f); lots != nil {
			for _, l := range lots.lots {
				if this, at := l.turns.of.binding(now); b.Scope == "" || at.Before(next) {
					b, next = this, at
				}
			}
		}
	})
	return b, next
}

// binding returns the limit of a parent that lets its next message go last, and the time
// of that; never means after a change.
func (p *parent[T]) binding(now time.Time) (b Binding, next time.Time) {
	next = now
	p.binds(now, func(limit string, learned bool, at time.Time) {
		if at.After(next) {
			b, next = Binding{Scope: p.kind.String(), Name: p.name, Limit: limit, Learned: learned}, at
		}
	})
	if b.Scope == "" && p.parked > 0 && p.free() <= 0 {
		return Binding{Scope: p.kind.String(), Name: p.name, Limit: classify.LimitConnections.String()}, never
	}
	return b, next
}

// binds calls f with every limit over time of this scope and the time at which
// it lets the next message go.
func (s *scope) binds(now time.Time, f func(limit string, learned bool, at time.Time)) {
	for _, m := range s.meters() {
		if m.lifted || m.kind.unit == connections && (!m.kind.learned || s.inUse > 0) {
			continue
		}
		what, at := m.explain(now)
		switch {
		case m.kind.unit == connections:
			what = backoffName
		case what == "":
			what = m.kind.limit.String()
		}
		f(what, m.kind.learned, at)
	}
}

// lowestRate returns the lowest rate of messages that is set or learned, per
// second. It is 0 when there is none.
func lowestRate(scopes []*scope) float64 {
	lowest := math.Inf(1)
	for _, s := range scopes {
		if r := s.limits.MessageRate; r.Count > 0 {
			lowest = min(lowest, float64(perSecond(r)))
		}
		if r := s.rate(learnedMessagesKind); r != nil && r.known() && !r.apart {
			lowest = min(lowest, r.rateEstimate.rate())
		}
	}
	if math.IsInf(lowest, 1) {
		return 0
	}
	return lowest
}

// expected returns the messages a second that will go. It is the rate that applies, or
// the recent one if that is lower: a rate may be shared with other destinations.
// Without a rate it is the recent one.
func (d *destination[T]) expected(now time.Time, rate float64) float64 {
	over := d.recent.span.Seconds()
	if d.recent.stale(now) || d.recent.messages < 10 || over <= 0 {
		return rate
	}
	lately := float64(d.recent.messages-1) / over
	if rate == 0 {
		return lately
	}
	return min(rate, lately)
}
