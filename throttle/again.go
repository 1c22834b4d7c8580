package throttle

import "time"

// Again lets one more message to one recipient go under a grant whose message was
// accepted, without asking the Scheduler, and reports whether it may. It may where
// nothing but numbers at once limits what the grant was given for: no limit over time,
// no lesson and no scope that the job names. The grant keeps its place, so that no number
// at once is exceeded. mailbox is that of the message, as Job.Mailbox. Wrote and Asked are
// not called again. It takes no lock.
//
// The messages before count when the grant ends. The caller must end it within a second
// or so, when anything waits, and before it reports a refusal or changes anything: what
// goes under it has no turn among others.
func (g *Grant[T]) Again(now time.Time, mailbox string) bool {
	if !g.MayAgain() {
		return false
	}
	g.more++
	g.begun, g.mailbox = now, mailbox
	return true
}

// MayAgain reports whether Again would let another message go.
func (g *Grant[T]) MayAgain() bool {
	g.use("MayAgain")
	return g.bare && g.c.s.generation.Load() == g.generation
}

// isBare reports whether nothing but numbers at once limits what a new grant was given
// for.
func (g *Grant[T]) isBare() bool {
	for _, sc := range g.scopes {
		if sc.state != nil {
			return false
		}
	}
	return g.n == 1 && g.item.job.Scopes == nil && g.item.job.Tries == nil && g.d.boxes == nil && !g.newcomer && len(g.probes) == 0 && !g.last
}

// countMoreLocked counts the messages that Again has let go and learns from them.
func (g *Grant[T]) countMoreLocked(now time.Time) (changes []Change) {
	n := g.more
	if n == 0 {
		return nil
	}
	g.more = 0
	changes = g.acceptedLocked(now, &Outcome{Accepted: n})
	g.c.e.recent.messages += int32(n - 1)
	g.d.recent.messages += int32(n - 1)
	return changes
}
