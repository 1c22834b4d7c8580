package throttle

import "time"

const (
	// firstTest and longestTest bound the time for which a refused number of
	// connections is left alone before it is tried again. A test costs one
	// refused connection. The time between two grows while they fail: fourfold up to
	// quickTests, twofold from then on. A cap that was raised is found within the
	// hour.
	firstTest   = 15 * time.Second
	quickTests  = time.Minute
	longestTest = time.Hour
	// enoughStrays is the number of connections refused in a row, although as many
	// were open before, from which on the cap counts as lowered.
	enoughStrays = 3
	// enoughHeld is the number of times that the last connection within a cap must open
	// to show that the cap is no lower.
	enoughHeld = 5
	// provenFor is the time for which a number of connections counts as accepted.
	provenFor = 10 * time.Minute
)

// connectionCap finds the number of connections that may be open at once from
// refusals. The zero connectionCap was never refused.
type connectionCap struct {
	failed int           // the least number that was refused; 0 when none was
	test   time.Time     // the time at which that many may be tried again
	gap    time.Duration // the time between two tests
	proof  *capProof     // nil when none was opened since the first refusal
}

// capProof is the evidence against a cap. Below a cap nothing is refused and above it
// everything is. So a refusal of a number that was accepted lately is a stray and no
// lesson by itself: as many are tried again at once. Several strays in a row show that
// the cap was lowered.
type capProof struct {
	tested  bool      // whether the last step up was a test
	number  int       // the largest number that was open since the cap was last lowered
	at      time.Time // the last time at which so many were
	lesson  time.Time // the time at which the cap was last lowered
	strays  int       // in a row
	inARow  int       // lessons since a connection was last opened
	held    int       // connections opened since the lesson as the last that the cap allows
	lowered bool      // whether strays have shown that the cap was lowered: none is tolerated until it has held
}

// proven returns the proof, made when it is first used.
func (c *connectionCap) proven() *capProof {
	if c.proof == nil {
		c.proof = &capProof{}
	}
	return c.proof
}

// strayed notes that a number was refused, and reports whether the refusal is a stray.
func (c *connectionCap) strayed(now time.Time, number int) bool {
	p := c.proven()
	if p.lowered || number > p.number || now.Sub(p.at) > provenFor {
		return false
	}
	p.strays++
	p.lowered = p.strays >= enoughStrays
	return !p.lowered
}

// refused notes that so many are allowed and not one more.
func (c *connectionCap) refused(now time.Time, room int) {
	p, again := c.proven(), room+1 == c.failed
	switch {
	case p.tested && room+1 == c.failed-1, again && c.gap < quickTests:
		c.gap = min(4*c.gap, longestTest)
	case again:
		c.gap = min(2*c.gap, longestTest)
	default:
		c.gap = max(c.gap/2, firstTest)
	}
	c.failed, c.test, p.tested = room+1, now.Add(c.gap), false
	p.number, p.strays, p.held, p.lesson = 0, 0, 0, now
	p.inARow++
}

// putOff has the refused number left alone for the delay that a reply asks for.
func (c *connectionCap) putOff(now time.Time, d time.Duration) {
	c.test = later(c.test, now.Add(min(d, longestHint)))
}

// opened notes that a connection begun at a time is open, as the last of so many. Where a
// number that was refused is open after a test, there is no cap any more: the number
// grows as if nothing was refused.
func (c *connectionCap) opened(now, begun time.Time, number int) {
	p := c.proven()
	if begun.Before(p.lesson) { // its refusals overtook it
		if c.failed > 0 {
			c.failed = max(c.failed, number+1)
		}
		return
	}
	p.strays, p.inARow = 0, 0
	if number+1 >= c.failed {
		if p.held++; p.held >= enoughHeld {
			p.lowered = false
		}
	}
	if number >= p.number || now.Sub(p.at) > provenFor {
		p.number, p.at = number, now
	}
	if p.tested && c.failed > 0 && number+1 >= c.failed {
		c.failed, p.lowered = 0, false
	}
}

// again reports whether several lessons came without a connection that was opened in
// between: ended connections still count there, or few are let in for a time.
func (c *connectionCap) again() bool { return c.proof != nil && c.proof.inARow > 1 }

// testing reports whether the last step up was a test.
func (c *connectionCap) testing() bool { return c.proof != nil && c.proof.tested }

// grown returns the concurrency after a success while all of it was in use. It is
// one more; a number that was refused is tested only when its time has come. A
// test counts as passed until it fails, and then the next comes sooner.
func (c *connectionCap) grown(now time.Time, concurrency int) int {
	switch {
	case c.failed == 0 || concurrency+1 < c.failed:
	case now.Before(c.test):
		return concurrency
	default:
		c.failed, c.test, c.proven().tested = concurrency+2, now.Add(c.gap), true
		c.gap = max(c.gap/2, firstTest/8)
	}
	return concurrency + 1
}
