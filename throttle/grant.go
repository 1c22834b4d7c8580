package throttle

import (
	"time"

	"github.com/smtpace/smtpace/classify"
)

// Grant is an item's turn: it may go now, on the connection that asked, with
// the tokens of every limit concerned. What it has in hand occupies the limits
// until it is written, so that no delay in between can make them be exceeded.
type Grant[T any] struct {
	c       *Conn[T]
	it      *Item[T]
	d       *destination[T]
	n       int
	begun   time.Time
	ordinal int
	last    bool
	wrote   bool
	asked   bool
	over    bool
}

// Value is the job's.
func (g *Grant[T]) Value() T { return g.it.job.Value }

// Recipients is how many of the job's recipients may go; the rest must be
// pushed again.
func (g *Grant[T]) Recipients() int { return g.n }

// Last reports whether the connection must end after this.
func (g *Grant[T]) Last() bool { return g.last }

// Wrote notes that MAIL is being written: the message counts from now.
func (g *Grant[T]) Wrote(now time.Time) {
	g.c.s.mu.Lock()
	defer g.c.s.mu.Unlock()
	if g.wrote || g.over {
		return
	}
	g.wrote = true
	g.each(func(s *scope) { s.wrote(now) })
	g.c.s.placeLocked(g.d, now)
}

// Asked notes that the last RCPT is being written: the recipients count from
// now. Until then they occupy their limits.
func (g *Grant[T]) Asked(now time.Time) {
	g.c.s.mu.Lock()
	defer g.c.s.mu.Unlock()
	if g.asked || g.over {
		return
	}
	g.asked = true
	g.each(func(s *scope) { s.asked(now, g.n) })
	g.c.s.placeLocked(g.d, now)
}

// Return ends a grant of which nothing was written: everything is given back.
func (g *Grant[T]) Return(now time.Time) {
	g.c.s.mu.Lock()
	defer g.c.s.mu.Unlock()
	g.endLocked(now)
}

// Done ends a grant and teaches what the transaction has shown.
func (g *Grant[T]) Done(now time.Time, o Outcome) []Change {
	s := g.c.s
	s.mu.Lock()
	defer s.mu.Unlock()
	if g.over {
		return nil
	}
	if o.Accepted > 0 {
		s.process.succeeded(now, o.Accepted)
		g.c.e.succeeded(now, o.Accepted)
		g.d.succeeded(now, o.Accepted)
	}
	var changes []Change
	if o.Verdict.Throttled() && o.Verdict.Limit != classify.LimitMailboxRate {
		whose := &g.d.scope
		if o.Stage <= classify.StageMail {
			whose = &g.c.e.scope
		}
		changes = whose.refused(now, g.begun, o, g.ordinal)
	}
	g.endLocked(now)
	return changes
}

// endLocked gives back what was not used.
func (g *Grant[T]) endLocked(now time.Time) {
	if g.over {
		return
	}
	g.over = true
	g.each(func(s *scope) {
		s.flying--
		if !g.wrote {
			s.unwritten(now)
		}
		if !g.asked {
			s.unasked(now, g.n)
		}
	})
	g.d.busy--
	g.c.s.placeLocked(g.d, now)
}

func (g *Grant[T]) each(f func(*scope)) {
	f(&g.c.s.process)
	f(&g.c.e.scope)
	f(&g.d.scope)
}
