package throttle

import "time"

const (
	// firstTest and longestTest bound how long a number of connections that was
	// refused is left alone before it is tried again. A test costs one refused
	// connection; at one a minute and then ever fewer that is nothing, and a
	// cap that was raised is found within the hour.
	firstTest   = time.Minute
	longestTest = time.Hour
)

// connectionCap is what refusals have taught of how many may be at once. The zero
// connectionCap was never refused.
type connectionCap struct {
	failed int       // the least that was refused; 0 when none was
	test   time.Time // when that many may be tried again
	gap    time.Duration
	tested bool // the last step up was a test
}

// refused notes that there is room for so many and not for one more.
func (c *connectionCap) refused(now time.Time, room int) {
	switch {
	case c.tested && room+1 == c.failed-1:
		c.gap = min(4*c.gap, longestTest)
	case room+1 == c.failed:
		c.gap = min(2*c.gap, longestTest)
	default:
		c.gap = firstTest
	}
	c.failed, c.test, c.tested = room+1, now.Add(c.gap), false
}

// grown is the window after a success while all of it was in use: one more, but
// of those that were refused only when their time has come. Such a test counts
// as passed until it fails, and then the next comes sooner.
func (c *connectionCap) grown(now time.Time, window int) int {
	switch {
	case c.failed == 0 || window+1 < c.failed:
	case now.Before(c.test):
		return window
	default:
		c.failed, c.test, c.tested = window+2, now.Add(c.gap), true
		c.gap = max(c.gap/2, firstTest/8)
	}
	return window + 1
}
