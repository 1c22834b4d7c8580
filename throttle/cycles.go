package throttle

import "time"

const (
	// leastOfCycle and mostOfCycle bound the level of a receiver that counts over a
	// window after a short outage, in parts of what it accepted in the last two cycles.
	leastOfCycle = 0.85
	mostOfCycle  = 1.5
)

// cycles counts what was accepted from the end of one long outage to the end of the next,
// over two of these. A receiver with a window has accepted about its rate in that time,
// however the window lies. The zero cycles has counted nothing.
type cycles struct {
	n    float64       // accepted since the last end
	from time.Time     // that end
	took time.Duration // the lengths of the last two cycles
	last float64       // accepted in the last one
	one  time.Duration // its length
	both float64       // accepted in both
}

// ends ends a cycle.
func (c *cycles) ends(now time.Time) {
	took := now.Sub(c.from)
	if c.from.IsZero() || took <= 0 {
		*c = cycles{from: now}
		return
	}
	*c = cycles{from: now, one: took, last: c.n, took: took + c.one, both: c.n + c.last}
}

// rate returns what was accepted per second in the last two cycles, or in the one under
// way where that is longer and less was accepted; 0 when none has ended.
func (c *cycles) rate(now time.Time) float64 {
	if c.took <= 0 {
		return 0
	}
	rate := c.both / c.took.Seconds()
	if lasts := now.Sub(c.from); lasts > c.took {
		rate = min(rate, c.n/lasts.Seconds())
	}
	return rate
}

// counts notes that so many were accepted.
func (b *bans) counts(n int) {
	if b != nil {
		b.cycles.n += float64(n)
	}
}

// within returns a level within the bounds of what the last cycles tell. A long outage
// ends a cycle.
func (b *bans) within(now time.Time, level float64, long bool) float64 {
	if b == nil || !b.window {
		return level
	}
	if long {
		b.cycles.ends(now)
		return max(level, b.cycles.rate(now))
	}
	if r := b.cycles.rate(now); r > 0 {
		return min(max(level, leastOfCycle*r), mostOfCycle*r)
	}
	return level
}
