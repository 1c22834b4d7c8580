package throttle

import "time"

const (
	// endsSpell is the number of refusals in a row that ends a spell: one bad host of
	// several refuses one here and there.
	endsSpell = 4
	// leastShut is the part of the time from one spell to the next in which all must
	// have been refused.
	leastShut = 0.3
	// regularly is the greatest factor between the times from one spell of messages to
	// the next. leastRegular is the number of spells, alike in number and time, that show
	// a limit. A receiver that accepts one of ten at random is as regular once in some
	// thousand spells.
	regularly    = 1.3
	leastRegular = 4
)

// spells finds the rhythm of a receiver that counts over a time, without words: it lets so
// many in, then none for some time, and then as many again. A spell is a run of what was
// let in between two runs of refusals. The zero spells has seen nothing.
type spells struct {
	n      int           // let in in the present spell
	first  time.Time     // the time of the first of these
	failed int           // refusals behind these; one that was let in and began behind them ends the count
	shut   time.Time     // the time of the first of these refusals
	missed time.Time     // the time of the last refusal
	lastN  int           // let in in the spell before
	last   time.Duration // the time from its first to that of the present one
	alike  int           // spells in a row that were alike
}

// letIn notes that one was let in whose try began at a time. When a new spell begins it
// returns the limit that the last two show, if they were alike; differ is the factor by which
// their times may differ then. Otherwise it returns the zero Quota.
func (s *spells) letIn(now, begun time.Time, differ float64) (limit Quota) {
	if begun.After(s.missed) { // refusals overtake those that were let in at the same time
		if s.failed >= endsSpell && s.n > 0 {
			limit = s.ends(now, differ)
		}
		s.failed = 0
	}
	if s.n == 0 {
		s.first = now
	}
	s.n++
	return limit
}

// ends ends a spell, and compares it with the one before.
func (s *spells) ends(now time.Time, differ float64) (limit Quota) {
	took, shut := now.Sub(s.first), s.missed.Sub(s.shut)
	same := took >= time.Second && shut.Seconds() >= leastShut*took.Seconds() && max(s.n-s.lastN, s.lastN-s.n) <= s.n/8 &&
		took.Seconds() <= differ*s.last.Seconds() && s.last.Seconds() <= differ*took.Seconds()
	if s.alike++; same {
		limit = Quota{Count: max(s.n, s.lastN), Per: min(took, s.last)}
	} else {
		s.alike = 1
	}
	s.lastN, s.last, s.n = s.n, took, 0
	return limit
}

// refused notes a refusal.
func (s *spells) refused(now time.Time) {
	if s.failed == 0 {
		s.shut = now
	}
	s.failed++
	s.missed = now
}

// keepsRhythm notes a message that was accepted. Where spells of them are alike for long, the
// receiver counts over their time, however few they are.
func (i *inference) keepsRhythm(now, begun time.Time) {
	if i.phase > probing || i.kind == learnedRecipientsKind {
		i.rhythm = spells{}
		return
	}
	limit := i.rhythm.letIn(now, begun, regularly)
	if i.rhythm.alike >= leastRegular && limit.Count > 0 {
		i.regular, i.spell, i.taken, i.takenAt, i.takenFor = true, float64(limit.Count), 1, now, limit.Per
	}
}
