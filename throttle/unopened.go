package throttle

import (
	"time"

	"github.com/smtpace/smtpace/classify"
)

const (
	// sameCrowd is the number of connections in a row that could not be opened beside the
	// same number of others. After so many, that number is a cap. One bad host of four
	// looks so once in 4,000 times.
	sameCrowd = 6
	// sameAgain is that number where a cap was found before and is tested again.
	sameAgain = 3
	// mostFewer is the number of failures in a row beside fewer that tell nothing: a server
	// may count a connection for a while after it has ended.
	mostFewer = 2
)

// unopened finds a cap of connections that no reply names: further ones end without
// a banner or before they are ready, always beside as many. The zero value has seen
// none.
type unopened struct {
	at    int32 // the number of connections that were established then
	fails int   // in a row; one that was opened beside so many ends the row
	fewer int   // in a row since, beside fewer
}

// raised notes that so many connections are established.
func (u *unopened) raised(established int32) {
	if established > u.at {
		*u = unopened{}
	}
}

// failed counts a connection that could not be opened beside so many. It reports
// whether their number is the reason.
func (u *unopened) failed(beside int32, known *connectionCap) bool {
	if beside < u.at && u.fewer < mostFewer { // one that has just ended may still count
		u.fewer++
		return false
	}
	if beside != u.at {
		*u = unopened{at: beside}
	}
	u.fails++
	u.fewer = 0
	return u.fails >= sameCrowd || u.fails >= sameAgain && known.testing() && known.failed == int(beside)+2
}

// crowded learns from a connection that could not be opened beside others, for a reason
// without a limit in it. It reports whether their number is the reason.
func (e *endpoint[T]) crowded(now time.Time, c *Conn[T], generation int32, err error) (Change, bool) {
	l := e.learning(now, generation)
	if c.s.wordsOnly || !e.inferring(now).unopened.failed(e.established, &l.connections) {
		return Change{}, false
	}
	e.inferred().unopened = unopened{}
	change := Change{Time: now, Scope: e.kind.String(), Name: e.name, Limit: classify.LimitConnections, Reason: err}
	e.narrow(now, l, int(e.established), &change)
	l.note(now, classify.LimitConnections, err)
	return change, true
}

// refusedMeanwhile takes a connection refused at its banner for a probe of the outage
// begun by refusals on connections, if there is one: whoever is banned may not even come
// in. It reports whether it was one. As the server may also be away, the gap is no more
// than a part of a long outage, unless the receiver may punish or counts over a window,
// or asks for a longer delay.
func (e *endpoint[T]) refusedMeanwhile(now time.Time, c *Conn[T], asked time.Duration) (changes []Change, probe bool) {
	rate, i := e.rate(learnedMessagesKind), e.inferred()
	if rate == nil || !rate.outage.lasts() {
		return nil, false
	}
	if e.down {
		changes = []Change{{Time: now, Scope: e.kind.String(), Name: e.name}}
	}
	e.down, e.rest = false, 0
	o := &rate.outage
	switch {
	case i == nil || i.phase != probing || i.rate != rate:
		rate.refuse(now, c.begun, 1)
	case i.probed(now, c.begun, furtherTry):
		e.letGo()
		return changes, true
	}
	if o.length() > surelyMinute && rate.windowEnd.IsZero() && !rate.bans.suspects() {
		o.soon(now)
	}
	o.hint(now, asked)
	return changes, true
}
