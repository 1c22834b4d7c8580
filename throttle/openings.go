package throttle

import (
	"time"

	"github.com/smtpace/smtpace/classify"
)

const (
	// alikeSpells is the factor by which the times from one spell to the next differ at
	// most where a receiver counts connections over a time.
	alikeSpells = 1.7
	// leastSpells is the number of spells, alike in number and time, that show a limit.
	leastSpells = 3
	// shorter is the factor of the period after each one that was kept: probes come
	// late, so they measure too long a period. longer is the factor after a connection
	// was refused all the same.
	shorter, longer = 0.96, 1.06
	// mostKept bounds the number of periods that are kept before a shorter one is tried.
	mostKept = 64
	// explained is the part of a limit that must have been opened within its period when
	// one more is refused. Two that were refused with fewer disprove it. The period counts
	// as longer times what it is: it may be short by so much, and then the refusal comes
	// just when those that were opened count no more.
	explained, mostUnexplained = 0.7, 2
	// vainOpenings is the number of connections in a row that could not be opened. After
	// so many, something else is the reason.
	vainOpenings = 4
)

// inferredOpeningsKind is the kind of the meter of a limit of connections over time
// that no reply names.
var inferredOpeningsKind = &meterKind{name: "inferred connection-rate", unit: connections, limit: classify.LimitConnectionRate, learned: true}

// openings finds a limit of connections over time that no reply names: a host lets so
// many be opened, then none for some time, and then as many again. A spell is a run of
// connections that were opened between two failures. A limit that is wrong holds back
// little: it lets as many go as before, and its period becomes shorter while nothing
// fails.
//
// It exists once a connection could not be opened.
type openings struct {
	spells            // of connections
	kept    int       // connections opened since the period was changed
	patient int       // periods to be kept before a shorter one is tried
	odd     int       // failures that the limit does not explain
	lately  *quotaLog // connections opened within longer times the period of the limit; nil without one
}

// opened notes an open connection, and returns the limit that it shows; a zero Quota for
// none.
func (o *openings) opened(now, begun time.Time) (found Quota) {
	o.kept++
	if limit := o.letIn(now, begun, alikeSpells); o.alike >= leastSpells && limit.Count > 1 {
		found = limit
	}
	return found
}

// learnsOpening notes a connection that is open. It reports whether that has shown a
// limit.
func (e *endpoint[T]) learnsOpening(now, begun time.Time, generation int32) bool {
	found := e.openings.opened(now, begun)
	l, limited := e.meter(inferredOpeningsKind).(*statedLimit)
	o := e.openings
	if limited {
		o.lately.enter(o.lately.advance(now), 1)
	}
	switch {
	case limited && o.kept >= l.log.quota.Count*max(o.patient, 1):
		l.log.set(now, Quota{Count: l.log.quota.Count, Per: max(time.Duration(shorter*float64(l.log.quota.Per)), time.Second)})
		o.kept = 0
	case limited || found.Count == 0:
		return false
	default:
		l = &statedLimit{log: *newQuotaLog(found)}
		e.learning(now, generation).note(now, classify.LimitConnectionRate, nil)
		e.fit(l, inferredOpeningsKind, generation)
		l.take(now, 1)
		o.kept, o.patient, o.lately = 0, 1, newQuotaLog(lengthened(found))
		o.lately.enter(now, 1)
	}
	return true
}

// missedOpening notes a connection that could not be opened, for a reason without a limit
// in it.
func (e *endpoint[T]) missedOpening(now time.Time) {
	if e.openings == nil {
		e.openings = &openings{}
	}
	o := e.openings
	o.refused(now)
	l, limited := e.meter(inferredOpeningsKind).(*statedLimit)
	switch {
	case !limited:
	case o.failed >= vainOpenings || o.unexplained(now, l.log.quota):
		e.drop(func(m fitted) bool { return m.kind == inferredOpeningsKind })
		*o = openings{}
	default:
		l.log.set(now, lengthened(l.log.quota))
		o.kept, o.patient = 0, min(2*max(o.patient, 1), mostKept)
	}
}

// lengthened returns a limit with a period that is longer by the factor of that name.
func lengthened(q Quota) Quota {
	return Quota{Count: q.Count, Per: min(time.Duration(longer*float64(q.Per)), day)}
}

// unexplained counts a failure that comes long before so many are opened, itself
// included, as the limit lets go. It reports whether there were several.
func (o *openings) unexplained(now time.Time, limit Quota) bool {
	if o.lately.set(now, lengthened(limit)); float64(o.lately.sum+1) < explained*float64(limit.Count) {
		o.odd++
	}
	return o.odd >= mostUnexplained
}
