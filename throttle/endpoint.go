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
	turn        int // which of them is asked first

	down      bool
	until     time.Time     // when down: no probe before
	rest      time.Duration // the last one
	probing   bool
	loginOnce bool // a login was refused, and is tried once more at once
}

// queued is how many items wait for the endpoint, whoever serves them now.
func (e *endpoint[T]) queued() int {
	n := 0
	for _, p := range e.paths {
		n += p.queued
	}
	return n
}

// up notes that a connection is ready for mail.
func (e *endpoint[T]) up(now time.Time) []Change {
	wasDown := e.down
	e.down, e.rest, e.probing, e.loginOnce = false, 0, false, false
	if e.learned != nil {
		e.learned.opening.step = 0
	}
	if !wasDown {
		return nil
	}
	return []Change{{Time: now, Scope: e.kind, Name: e.name}}
}

// failed learns from a connection that could not be opened.
func (e *endpoint[T]) failed(now time.Time, stage classify.Stage, v classify.Verdict, err error) []Change {
	if v.Throttled() {
		return e.crowded(now, v, err)
	}
	if stage == classify.StageAuth && v.Class == classify.SMTPAuth && !e.loginOnce {
		e.loginOnce = true
		return nil
	}
	e.loginOnce = false
	if e.established > 0 { // those go on; only another has to wait
		e.lessons().opening.lengthen(now)
		return []Change{{Time: now, Scope: e.kind, Name: e.name, Until: e.learned.opening.until, Reason: err}}
	}
	e.down = true
	e.rest = min(max(2*e.rest, firstRest), longestRest)
	e.until = now.Add(e.rest + time.Duration(rand.Float64()*restJitter*float64(e.rest)))
	if hint := now.Add(v.RetryAfter); hint.After(e.until) {
		e.until = hint
	}
	return []Change{{Time: now, Scope: e.kind, Name: e.name, Until: e.until, Reason: err}}
}

// crowded learns from a connection that was refused for the sake of a limit:
// when it is that of connections, the cap is what was established then.
func (e *endpoint[T]) crowded(now time.Time, v classify.Verdict, err error) []Change {
	l := e.lessons()
	l.last, l.evidence = now, err
	c := Change{Time: now, Scope: e.kind, Name: e.name, Limit: v.Limit, Reason: err}
	if v.Limit == classify.LimitConnections && e.established > 0 {
		c.From = e.window
		e.narrow(now, e.established)
		c.To = e.window
	} else {
		e.narrow(now, max(e.established, 1))
		l.opening.lengthen(now)
	}
	if hint := now.Add(v.RetryAfter); v.RetryAfter > 0 && hint.After(l.opening.until) {
		l.opening.until = hint
	}
	c.Until = l.opening.until
	return []Change{c}
}

func (e *endpoint[T]) leave(p *path[T]) {
	if i := slices.Index(e.paths, p); i >= 0 {
		e.paths = slices.Delete(e.paths, i, i+1)
	}
}
