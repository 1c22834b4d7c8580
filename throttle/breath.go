package throttle

import "time"

// firstPause and longestPause bound the pauses before the next connection.
const (
	firstPause   = time.Second
	longestPause = time.Minute
)

// breath is a pause that doubles until a connection is opened.
type breath struct {
	until time.Time
	step  time.Duration // the last pause; 0 when a connection was opened since
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
