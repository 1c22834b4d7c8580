package throttle

import "time"

const (
	// tightened is the factor by which the refusal of an early message shortens the delay
	// that is made good. After mostTightened such refusals no delay is made good.
	tightened     = 4
	mostTightened = 5
	// firstEven and mostEven are the numbers of delays that are not made good before a
	// longer one is tried again. The number doubles each time.
	firstEven, mostEven = 100, 12_800
	// surelyEven is the number of them from which on a receiver is taken to have no burst.
	surelyEven = 2
	// fewAtOnce is the burst from which on a receiver is known to take what comes early.
	fewAtOnce = 3
	// earlyInARow is the number of tolerated refusals in a row of early messages that
	// count as one refusal of an early message: at random some of them are early.
	earlyInARow = 2
	// early is the part of its interval in which a message must come to count as early.
	early = 0.97
)

// catchUp bounds the delay that is made good by sending sooner afterwards. A receiver
// with a burst has gained as much meanwhile. One without a burst has not: it refuses
// what comes sooner than its interval, at any rate. So a refusal of an early message
// says nothing of the rate, and shortens the delay that is made good. The zero catchUp
// has seen no such refusal.
type catchUp struct {
	inARow int8          // tolerated refusals in a row of early messages
	times  int8          // the number of times that the delay was shortened
	wait   int32         // delays that are not made good, before it is lengthened again
	left   int32         // of these
	took   time.Time     // the time at which the last message went
	gap    time.Duration // its interval
	begun  time.Time     // the time of the first message in a row that was early
	latest time.Time     // the time of the last of them
}

// within returns the part of a delay up to which it is made good.
func (c *catchUp) within(slack time.Duration) time.Duration {
	if c.times >= mostTightened {
		return 0
	}
	for range c.times {
		slack /= tightened
	}
	return slack
}

// goes notes that n go, and the interval behind them. Several at once tell nothing.
func (c *catchUp) goes(now time.Time, gap time.Duration, n int) {
	if n > 1 {
		c.took, c.gap = now, 0
		return
	}
	if now.Sub(c.took) < time.Duration(early*float64(c.gap)) {
		if !c.latest.Equal(c.took) {
			c.begun = now
		}
		c.latest = now
	}
	c.took, c.gap = now, gap
}

// hurried reports whether a try that began at a time came early.
func (c *catchUp) hurried(begun time.Time) bool {
	return !c.latest.IsZero() && !begun.Before(c.begun) && !begun.After(c.latest)
}

// onlyEarly notes a tolerated refusal, and reports whether early messages alone are
// refused.
func (c *catchUp) onlyEarly(early bool) bool {
	c.inARow++
	if !early {
		c.inARow = 0
	}
	if c.inARow < earlyInARow {
		return false
	}
	c.inARow = 0
	return true
}

// tighten notes that an early message alone was refused.
func (c *catchUp) tighten() {
	c.times = min(c.times+1, mostTightened)
	c.wait = min(max(2*c.wait, firstEven), mostEven)
	c.left = c.wait
}

// lost notes a delay that is not made good.
func (c *catchUp) lost() {
	if c.times == 0 {
		return
	}
	if c.left--; c.left <= 0 {
		c.times--
		c.left = c.wait
	}
}

// even reports whether the receiver has no burst, as far as is known.
func (c *catchUp) even() bool { return c.times >= surelyEven }
