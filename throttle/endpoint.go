package throttle

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// How long an endpoint that cannot be reached rests.
const (
	firstRest   = time.Second
	longestRest = 5 * time.Minute
	restJitter  = 0.2 // a rest is up to this much longer, at random
)

// endpoint is what connections go to, its limits, and a breaker: after a
// connection could not be opened it rests, and then one connection probes it.
type endpoint[T any] struct {
	scope
	pinned      bool // named in Config: never forgotten
	established int
	paths       []*path[T]
	turn        int  // which of them is asked first
	idle        bool // it is in Scheduler.idle

	down      bool
	until     time.Time     // when down: no probe before
	rest      time.Duration // the last one
	probing   bool
	loginOnce bool // a login was refused, and is tried once more at once
	faults    int  // openings that failed, one for each event
}

// nextProbe is when an endpoint that is down may be probed; zero when it is
// being probed.
func (e *endpoint[T]) nextProbe() time.Time {
	if e.probing {
		return time.Time{}
	}
	return e.until
}

// up notes that a connection is ready for mail.
func (e *endpoint[T]) up(now time.Time) []Change {
	wasDown := e.down
	e.down, e.rest, e.probing, e.loginOnce = false, 0, false, false
	if e.learned != nil {
		e.learned.opening.step = 0
	}
	// Refusals overtake those that were let in at the same time.
	e.window = max(e.window, e.established)
	if !wasDown {
		return nil
	}
	return []Change{{Time: now, Scope: e.kind, Name: e.name}}
}

// failed learns from a connection that could not be opened. What began before
// the last such lesson tells nothing new; a delay that it asks for is obeyed.
func (e *endpoint[T]) failed(now time.Time, c *Conn[T], stage classify.Stage, v classify.Verdict, err error) []Change {
	if v.Throttled() && v.RetryAfter > 0 {
		e.lessons().opening.hint(now, v.RetryAfter)
	}
	if c.faults != e.faults {
		return nil
	}
	e.faults++
	if v.Throttled() {
		return e.crowded(now, v, err)
	}
	if stage == classify.StageAuth && v.Class == classify.SMTPAuth && !e.loginOnce {
		e.loginOnce = true
		return nil
	}
	e.loginOnce = false
	if e.established > 0 { // those go on; only another has to wait
		e.learn(now, err)
		e.learned.opening.lengthen(now)
		return []Change{{Time: now, Scope: e.kind, Name: e.name, Until: e.learned.opening.until, Reason: err}}
	}
	e.down = true
	e.rest = min(max(2*e.rest, firstRest), longestRest)
	e.until = now.Add(e.rest + time.Duration(rand.Float64()*restJitter*float64(e.rest)))
	if hint := now.Add(min(v.RetryAfter, longestHint)); hint.After(e.until) {
		e.until = hint
	}
	return []Change{{Time: now, Scope: e.kind, Name: e.name, Until: e.until, Reason: err}}
}

// crowded learns from a connection that was refused for the sake of a limit:
// when it is that of connections, the cap is what was established then.
func (e *endpoint[T]) crowded(now time.Time, v classify.Verdict, err error) []Change {
	l := e.learn(now, err)
	c := Change{Time: now, Scope: e.kind, Name: e.name, Limit: v.Limit, Reason: err}
	if v.Limit == classify.LimitConnections {
		c.From = e.window
		e.narrow(now, e.established)
		c.To = e.window
	}
	switch {
	case v.Limit == classify.LimitConnections && e.established > 0:
	case v.Limit == classify.LimitQuota && v.RetryAfter == 0:
		l.opening.hint(now, suspension)
	default:
		l.opening.lengthen(now)
	}
	c.Until = l.opening.until
	return []Change{c}
}

func (e *endpoint[T]) leave(p *path[T]) {
	if i := slices.Index(e.paths, p); i >= 0 {
		e.paths = slices.Delete(e.paths, i, i+1)
	}
}
