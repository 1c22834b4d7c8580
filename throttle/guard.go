package throttle

import (
	"math"
	"math/bits"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// Tries is the record of the tries of one delivery. All jobs that carry a part of
// the delivery share it, so that a refusal is never repeated at the speed of the
// wire, whatever was answered. The Scheduler holds back the jobs of a delivery to
// n recipients in two ways:
//
//   - At most log2(n) + 8 tries begin less than a second after the one before.
//   - After those, a try begins a second or more after the one before, and the
//     gap doubles with each that is refused, to half an hour, or to half an hour
//     divided by n if that is more than a minute.
//
// A job pushed with a NotBefore further away is not held back, as its recipients have
// waited. A try in which a recipient was accepted clears the record: it is no repetition.
//
// The fields belong to the Scheduler that the jobs are pushed to.
type Tries struct {
	recipients int
	hasty      int           // number of tries that began within shortestTryGap of the one before
	last       time.Time     // the time at which the last try began or ended
	before     time.Time     // the value of last before the last try began
	gap        time.Duration // the wait before the next try once no hasty one is left; 0 before the first such wait
	due        bool          // whether the last try was held back, or might as well have been
}

const (
	// hastyTries is the number of hasty tries beyond the log2(n) that it takes to
	// come from n recipients to one by halves.
	hastyTries = 8
	// shortestTryGap and longestTryGap bound the gap between two tries of a delivery
	// to one recipient that has no hasty tries left.
	shortestTryGap = time.Second
	longestTryGap  = 30 * time.Minute
	// longestTryGapOfMany bounds it where the delivery has many recipients, so that
	// each of them gets a try within hours.
	longestTryGapOfMany = time.Minute
)

// NewTries returns the record of a delivery after its first try has ended, to n
// recipients without one accepted.
func NewTries(now time.Time, n int) *Tries {
	return &Tries{recipients: max(n, 1), hasty: 1, last: now}
}

// spent reports whether no hasty try is left.
func (t *Tries) spent() bool { return t.hasty >= hastyTries+bits.Len(uint(max(t.recipients, 1)))-1 }

// at returns the earliest time of the next try, of a job that was pushed with so
// long a wait; zero is at once.
func (t *Tries) at(wait time.Duration) time.Time {
	if t == nil || !t.spent() {
		return time.Time{}
	}
	gap := max(t.gap, shortestTryGap)
	if wait >= gap {
		return time.Time{}
	}
	return t.last.Add(gap)
}

// begins counts a try of a job that was pushed with so long a wait, and reports
// whether it is a hasty one.
func (t *Tries) begins(now time.Time, wait time.Duration) (hasty bool) {
	if t == nil {
		return false
	}
	waited := max(now.Sub(t.last), wait)
	if hasty = waited < shortestTryGap; hasty {
		t.hasty++
	}
	t.due = t.spent() && waited < 2*max(t.gap, shortestTryGap)
	t.before, t.last = t.last, now
	return hasty
}

// returned takes back a try of which nothing was written.
func (t *Tries) returned(begun time.Time, hasty bool) {
	if t == nil || !t.last.Equal(begun) { // another has begun since
		return
	}
	if hasty {
		t.hasty--
	}
	t.last = t.before
}

// ended notes the number of recipients that a try was accepted for.
func (t *Tries) ended(now time.Time, accepted int) {
	switch {
	case t == nil:
	case accepted > 0:
		*t = Tries{recipients: t.recipients, last: now}
	default:
		t.last = now
		if t.due {
			longest := max(longestTryGap/time.Duration(max(t.recipients, 1)), longestTryGapOfMany)
			t.gap = min(max(2*t.gap, shortestTryGap), longest)
		}
	}
}

// hold puts a queued item aside until a time.
func (f *flow[T]) hold(now time.Time, it *Item[T], until time.Time) {
	it.list.remove(it)
	f.d.boxes.left(now, it, false)
	if f.blocked == it {
		f.blocked, f.need = nil, 0
	}
	it.job.NotBefore = until
	f.aside(it)
}

// fewer returns the number of recipients that a transaction may have after one
// to o.Recipients was refused as too many, when all of them had been accepted.
// It is the number that the reply states, or half.
func fewer(o Outcome) int {
	if st := o.Verdict.Stated; st.Limit == classify.LimitRecipientsPerMessage && st.Count > 0 && st.Count < int64(o.Recipients) {
		return int(st.Count)
	}
	return (o.Recipients + 1) / 2
}

// afterAll reports whether a refusal came to DATA or the dot, after recipients had
// been accepted.
func afterAll(o Outcome) bool {
	return o.Stage >= classify.StageData && o.Stage <= classify.StageDot && o.Recipients > 0
}

// splits learns from a refusal of too many recipients after all of them had been
// accepted. Where there was only one, their number is not the reason: then it forgets the
// cap learned from such refusals, so that no other mail is split for it. A further test
// would lose its whole transaction, so time alone brings one. It reports whether there is
// a new cap.
func (l *learned) splits(now time.Time, o Outcome, c *Change) bool {
	if o.Recipients == 1 {
		l.perMessage = nil
		return false
	}
	some := fewer(o)
	if known := l.perMessage.cap(); known < o.Recipients { // this was the test of one more
		some = max(some, known)
	}
	l.capsRecipients(now, o.Recipients, some, c)
	l.perMessage.left = math.Inf(1)
	return true
}
