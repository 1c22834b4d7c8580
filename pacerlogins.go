package smtpace

import (
	"slices"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/throttle"
)

// logins are the times of the connections that functions open on a line. The server may
// count them: all that begin while the first refusal is on its way are refused with it.
// The zero value has seen none. line.mu guards it.
type logins struct {
	first    time.Time       // the time of the first; zero when there was none
	accepted []time.Time     // the times of those of the last minute, the oldest first
	own      throttle.Limits // limits that are set for the line
	most     int             // limit on those at once while the line is new; 0 when there is none
	rate     int             // number that a refusal has shown to be allowed in a minute; 0 when none has
	before   int             // rate before it was last raised; 0 when it was not
	raiseAt  time.Time       // the time at which it is raised next
	gap      time.Duration   // the time between two raises
}

const (
	// loginPeriod is the period over which servers count logins.
	loginPeriod = time.Minute
	// maxLogins is the number of logins a minute up to which they are counted.
	maxLogins = 1000
	// firstRaise and lastRaise bound the time between two raises of a rate that a
	// refusal has shown. It doubles when one fails.
	firstRaise = 2 * time.Hour
	lastRaise  = 24 * time.Hour
)

// rampSteps are the numbers of connections at once on a new line, each with the time
// after the first connection from which on the next number holds. A server that counts
// logins refuses as many as begin at once when its limit is reached.
var rampSteps = []struct {
	most  int
	until time.Duration
}{{3, 10 * time.Second}, {5, time.Minute}}

// begins notes that a function may open a connection. It reports whether the limits of
// the line have changed.
func (l *logins) begins(now time.Time) bool {
	if l.first.IsZero() {
		l.first = now
	}
	return l.ramp(now) || l.raise(now)
}

// ramp sets the number at once by the age of the line, and reports whether it has
// changed.
func (l *logins) ramp(now time.Time) bool {
	most := 0
	for _, s := range slices.Backward(rampSteps) {
		if now.Sub(l.first) < s.until {
			most = s.most
		}
	}
	changed := most != l.most
	l.most = most
	return changed
}

// raise tests whether more logins are allowed by now, and reports whether it does.
func (l *logins) raise(now time.Time) bool {
	if l.rate == 0 || now.Before(l.raiseAt) {
		return false
	}
	l.before = l.rate
	l.rate += max(l.rate/10, 1)
	l.raiseAt = now.Add(l.gap)
	return true
}

// accept notes that a function begun at a time has sent its message.
func (l *logins) accept(began time.Time) {
	l.tidy(began)
	if len(l.accepted) < maxLogins {
		l.accepted = append(l.accepted, began)
	}
}

// tidy drops the logins that are older than a minute.
func (l *logins) tidy(now time.Time) {
	old := 0
	for old < len(l.accepted) && now.Sub(l.accepted[old]) >= loginPeriod {
		old++
	}
	l.accepted = slices.Delete(l.accepted, 0, old)
}

// refuse learns from a refused login: what was accepted within the minute is allowed. It
// reports false for one that began before the last lesson.
func (l *logins) refuse(now, began time.Time) bool {
	if began.Before(l.raiseAt.Add(-l.gap)) {
		return false
	}
	l.tidy(now)
	seen := max(len(l.accepted), 1)
	switch {
	case l.rate == 0:
		l.rate, l.gap = seen, firstRaise
	case l.before > 0: // the raise has failed
		l.rate, l.gap = l.before, min(2*l.gap, lastRaise)
	default: // fewer are allowed than it seemed
		l.rate = max(min(seen, l.rate*3/4), 1)
	}
	l.before = 0
	l.raiseAt = now.Add(l.gap)
	return true
}

// limits returns the limits of the line with what is known of logins.
func (l *logins) limits() throttle.Limits {
	out := l.own
	if l.most > 0 && (out.Connections <= 0 || out.Connections > l.most) {
		out.Connections = l.most
	}
	if l.rate > 0 {
		learned := throttle.Rate{Count: l.rate, Per: loginPeriod}
		if own := out.ConnectionRate; own.Count == 0 || float64(own.Count)/own.Per.Seconds() > float64(l.rate)/loginPeriod.Seconds() {
			out.ConnectionRate = learned
		}
	}
	return out
}

// countsLogins reports whether the server may count the connections of a call: those to
// a relay, which people log in to.
func (c *call) countsLogins() bool { return c.request.Connect && c.request.Relay != "" }

// connects notes that calls of a line open connections, so that it begins with few.
func (p *Pacer) connects(at *line, now time.Time) {
	at.mu.Lock()
	defer at.mu.Unlock()
	if at.logins.begins(now) {
		p.limitLocked(at, now)
	}
}

// limitLocked gives the Scheduler the limits of a line. The Scheduler gets them under the
// lock of the line, so that the last ones apply in the end.
func (p *Pacer) limitLocked(at *line, now time.Time) {
	if err := p.sched.SetLimits(now, throttle.Scope{Kind: throttle.ScopeEndpoint, Name: at.name}, at.logins.limits()); err != nil {
		p.cfg.Logger.Warn("smtpace: limits of a relay could not be set", "relay", at.name, "error", err)
	}
	p.again.Store(true)
}

// connected notes the outcome of a function that opened a connection, which began at a
// time. For a refused login it makes the outcome one that stops the line for as long as
// the server counts.
func (p *Pacer) connected(at *line, o *throttle.Outcome, began, now time.Time) {
	at.mu.Lock()
	defer at.mu.Unlock()
	switch {
	case o.Verdict.Limit == classify.LimitConnectionRate:
		if at.logins.refuse(now, began) {
			p.limitLocked(at, now)
		}
		o.Verdict.RetryAfter = max(o.Verdict.RetryAfter, loginPeriod)
	case o.Accepted > 0:
		at.logins.accept(began)
	}
}
