package throttle

import "time"

const (
	// widenEvery is how often a window that was refused grows by one again.
	widenEvery = time.Minute
	// suspension is how long a refused quota stops what it counts when the
	// reply does not say: shorter than the hour that most are counted by, and
	// long enough to cost few tries.
	suspension = time.Hour
	// lessonLife is how long a lesson is remembered after the last refusal.
	lessonLife = time.Hour
	// firstPause and longestPause bound the pauses while nothing is accepted.
	firstPause   = time.Second
	longestPause = time.Minute
	// longestHint is how long a receiver may ask for.
	longestHint = day
)

// lessons is what refusals have taught about a scope.
type lessons struct {
	last     time.Time // of the last lesson
	evidence error     // what it was learned from
	narrowed time.Time // when the window was refused, or grew since; zero: never

	messages      breath // before the next transaction
	opening       breath // before the next connection
	recipients    pace
	perConnection int // 0: nothing was refused
	perMessage    int
}

// breath is a pause that doubles while nothing is accepted.
type breath struct {
	until time.Time
	step  time.Duration // the last pause; 0 when something was accepted since
}

func (b *breath) lengthen(now time.Time) {
	b.step = min(max(2*b.step, firstPause), longestPause)
	b.hint(now, b.step)
}

// hint obeys a delay that the receiver asked for.
func (b *breath) hint(now time.Time, d time.Duration) {
	if until := now.Add(min(d, longestHint)); until.After(b.until) {
		b.until = until
	}
}

// at is when the next transaction may begin. While nothing is accepted they go
// one at a time.
func (l *lessons) at(now time.Time, flying int) time.Time {
	if l.messages.step > 0 && flying > 0 && !l.messages.until.After(now) {
		return now.Add(firstPause) // earlier when that one ends
	}
	if next := l.recipients.at(); next.After(l.messages.until) {
		return next
	}
	return l.messages.until
}

// paced reports whether transactions go one at a time or at a learned rate.
func (l *lessons) paced() bool { return l.messages.step > 0 || l.recipients.base > 0 }

func (l *lessons) stale(now time.Time) bool {
	return now.Sub(l.last) > lessonLife && !l.messages.until.After(now) && !l.opening.until.After(now)
}
