package throttle

import (
	"math"
	"slices"
	"time"
)

// Constants of the control by time.
const (
	// armSamples is the number of transactions over which an arm of an experiment is
	// measured. mostSamples is that number where the transactions differ so much that
	// fewer show nothing.
	armSamples  = 48
	mostSamples = 4 * armSamples
	// fewSamples is the least number that raises a suspicion.
	fewSamples = 2
	// outlier is the multiple of the median from which on a time counts as so long. A
	// single slow message weighs no more than that.
	outlier = 4
	// leastSpread is the least standard deviation of a time, as a part of it, that is
	// believed.
	leastSpread = 0.2
	// worthwhile is the part of the throughput that more connections must bring
	// beyond what fewer did, of what they would if they were independent.
	worthwhile = 0.2
	// equal is the part of the throughput that fewer connections must keep to stay.
	equal = 0.98
	// unsuspected is the number of arms at one number of connections after which
	// a quarter of them is tried once, when they were not compared with fewer yet.
	unsuspected = 8
	// slowed is the factor by which transactions at the same number of connections
	// must have become slower to raise a suspicion.
	slowed = 1.5
	// shortest is the mean time of a transaction, in seconds, below which there is no
	// suspicion: it is the time of our own processors, and a try with fewer connections
	// costs more than they do.
	shortest = 1e-3
	// firstTrialGap and longestTrialGap bound the time between two experiments that found
	// nothing.
	firstTrialGap   = time.Minute
	longestTrialGap = time.Hour
	// silence is the time without the end of a transaction after which an experiment is
	// given up, in mean times of a transaction. leastSilence is its least. The
	// connections that are left are all slow then, and mail must not wait for them.
	silence      = 10
	leastSilence = time.Second
)

// crowding finds the number of connections beyond which one more brings nothing, from the
// durations of transactions. It learns only while all connections are busy.
//
// A suspicion decides nothing. It begins an experiment: for some transactions there are
// fewer connections, and only if as much is accepted then does it stay so. Whatever
// made the times longer, fewer connections cost nothing in that case. Later, one more is
// tried ever more rarely.
type crowding struct {
	limit    int32 // connections at once; 0 is none
	found    int32 // the limit outside of experiments
	phase    phase
	arm      arm       // what is being measured
	known    measure   // what was measured last outside of experiments, at the fewest connections that are like it
	base     measure   // what the experiment is compared with
	compared bool      // whether more connections have brought more than half of what they would alone, or an experiment was made
	arms     int       // measures in a row at the same number
	heard    time.Time // the time at which a transaction last ended
	late     int       // transactions since the experiment began, while it has too few connections
	next     time.Time
	gap      time.Duration
}

type phase uint8

const (
	steady    phase = iota
	certain         // more is measured before an experiment
	withFewer       // an experiment with fewer connections
	withMore        // an experiment with one more
)

// arm collects the times of transactions at one number of connections.
type arm struct {
	n     int // connections; 0 when it is empty
	skip  int // transactions that began at another number
	times []float64
}

// measure is the result of an arm.
type measure struct {
	n    float64 // connections; 0 when nothing is known
	mean float64 // of the times, in seconds
	err  float64 // the standard error of the mean, as a part of it
}

// rate returns the transactions a second.
func (m measure) rate() float64 { return m.n / m.mean }

// against returns the part of the throughput of another measure, and its error.
func (m measure) against(other measure) (ratio, err float64) {
	return m.rate() / other.rate(), math.Hypot(m.err, other.err)
}

// begin empties the arm for a number of connections.
func (a *arm) begin(n, skip int) { a.n, a.skip, a.times = n, skip, a.times[:0] }

// near reports whether a number counts as the arm's: connections come and go.
func (a *arm) near(n int) bool { return 8*max(n-a.n, a.n-n) <= a.n }

// add notes the time of a transaction.
func (a *arm) add(t time.Duration) {
	if a.skip > 0 {
		a.skip--
		return
	}
	a.times = append(a.times, max(t.Seconds(), 1e-6))
}

// measure returns what the arm has shown.
func (a *arm) measure() measure {
	sorted := slices.Clone(a.times)
	slices.Sort(sorted)
	most := outlier * sorted[len(sorted)/2]
	sum, squares := 0.0, 0.0
	for _, t := range sorted {
		t = min(t, most)
		sum += t
		squares += t * t
	}
	n := float64(len(sorted))
	mean := sum / n
	spread := math.Sqrt(max(squares/n-mean*mean, 0) / n)
	return measure{n: float64(a.n), mean: mean, err: max(spread/mean, leastSpread/math.Sqrt(n))}
}

// took notes that a transaction took so long, while n connections were busy and no
// other. It reports whether the limit has changed.
func (c *crowding) took(now time.Time, n int, t time.Duration) bool {
	was := c.limit
	c.heard = now
	switch {
	case c.phase == withFewer && n > int(c.limit): // those end
		if c.late++; c.late > armSamples { // one is slow
			c.settle(now, c.base)
		}
		return c.limit != was
	case c.phase == withMore && n < int(c.limit): // those are being opened
		if c.late++; c.late > mostSamples { // another limit is lower
			c.found = 0
			c.settle(now, c.base)
		}
		return c.limit != was
	case c.arm.n == 0:
		c.arm.begin(n, 0)
	case !c.arm.near(n):
		c.ends(now)
		c.arm.begin(n, 0)
	}
	c.arm.add(t)
	if len(c.arm.times) >= armSamples {
		c.full(now)
	}
	return c.limit != was
}

// experimentEnds returns the time at which the experiment under way is given up if no
// transaction ends until then; zero when none is under way.
func (c *crowding) experimentEnds() time.Time {
	if !c.experiments() {
		return time.Time{}
	}
	return c.heard.Add(max(leastSilence, time.Duration(silence*c.base.mean*float64(time.Second))))
}

// lapse gives up an experiment in which no transaction has ended for long. The next
// comes later than this one did.
func (c *crowding) lapse(now time.Time) {
	if at := c.experimentEnds(); at.IsZero() || now.Before(at) {
		return
	}
	c.idles()
	c.postpone(now)
}

// idles notes that a connection has nothing to do: times tell nothing then.
func (c *crowding) idles() {
	c.phase, c.limit = steady, c.found
	c.arm.n, c.arm.times = 0, c.arm.times[:0]
}

// ends considers an arm that is not full, as the number of connections has changed.
func (c *crowding) ends(now time.Time) {
	if c.phase == steady && len(c.arm.times) >= fewSamples {
		c.consider(now, c.arm.measure())
	}
}

// full considers an arm that has as many times as are wanted.
func (c *crowding) full(now time.Time) {
	m := c.arm.measure()
	switch c.phase {
	case steady:
		c.consider(now, m)
	case certain:
		c.tryFewer(m, c.base.n)
	case withFewer:
		if !c.judgeFewer(now, m) {
			return
		}
	case withMore:
		c.judgeMore(now, m)
	}
	c.arm.begin(c.arm.n, c.arm.skip)
}

// consider compares a measure with what is known of fewer connections.
func (c *crowding) consider(now time.Time, m measure) {
	switch wait := now.Before(c.next); {
	case c.known.n == 0 || m.n < c.known.n:
		c.known, c.arms = m, 0
	case c.found > 0 && !wait:
		c.tryMore(m)
	case m.n >= 1.5*c.known.n:
		if c.bringsLittle(m, wait) {
			return
		}
		c.known, c.arms, c.compared = m, 0, true
	case !wait && m.mean*(1-2*m.err) > slowed*c.known.mean && m.n > 1:
		c.suspect(m, m.n-max(1, math.Floor(m.n/4)))
	case m.mean < c.known.mean:
		c.known.mean, c.known.err = m.mean, m.err
	default:
		if c.arms++; c.arms == unsuspected && m.n > 1 && !c.compared {
			c.suspect(m, max(1, math.Floor(m.n/4)))
		}
	}
}

// bringsLittle reports whether more connections brought less than half of what they
// would if they were independent. That begins an experiment.
func (c *crowding) bringsLittle(m measure, wait bool) bool {
	ratio, err := m.against(c.known)
	if ratio*(1+2*err) >= (1+m.n/c.known.n)/2 {
		return false
	}
	if !wait {
		c.suspect(m, c.known.n)
	}
	return true
}

// suspect begins an experiment with so many connections. More is measured before it
// where little is. Among short transactions it does nothing.
func (c *crowding) suspect(m measure, to float64) {
	if m.mean < shortest {
		return
	}
	if len(c.arm.times) >= armSamples {
		c.tryFewer(m, to)
		return
	}
	c.phase, c.limit, c.base.n, c.base.mean = certain, int32(m.n), to, m.mean
}

func (c *crowding) tryFewer(m measure, to float64) {
	c.phase, c.base, c.limit, c.late = withFewer, m, int32(to), 0
	c.arm.n, c.arm.skip = int(to), int(m.n)
}

func (c *crowding) tryMore(m measure) {
	c.phase, c.base, c.limit, c.late = withMore, m, c.found+max(1, c.found/4), 0
	c.arm.n, c.arm.skip = int(c.limit), int(c.limit)
}

// judgeFewer ends an experiment with fewer connections, or goes on to fewer still. It
// reports false when more must be measured.
func (c *crowding) judgeFewer(now time.Time, m measure) bool {
	ratio, err := m.against(c.base)
	switch least := (1 + m.n/c.base.n) / 2; {
	case ratio < equal && c.found > 0: // the step to it may have been large
		c.tryMore(c.base)
	case ratio < equal:
		c.settle(now, c.base)
	case ratio*(1-2*err) > least && m.n > 1:
		c.found, c.known, c.gap = c.limit, m, firstTrialGap
		c.tryFewer(m, m.n-max(1, math.Floor(m.n/4)))
	case ratio*(1-2*err) > least:
		c.found, c.known, c.gap = c.limit, m, firstTrialGap
		c.tryMore(m)
	case len(c.arm.times) < mostSamples:
		return false
	default:
		c.settle(now, c.base)
	}
	return true
}

// judgeMore ends an experiment with more connections, or goes on to more still.
func (c *crowding) judgeMore(now time.Time, m measure) {
	if ratio, _ := m.against(c.base); ratio >= 1+worthwhile*(m.n/c.base.n-1) {
		c.found, c.known = c.limit, m
		c.tryMore(m)
		return
	}
	c.settle(now, c.base)
}

// experiments reports whether an experiment is under way.
func (c *crowding) experiments() bool { return c != nil && c.phase != steady }

// postpone puts the next experiment off for longer than the last.
func (c *crowding) postpone(now time.Time) {
	c.gap = min(max(2*c.gap, firstTrialGap), longestTrialGap)
	c.next = now.Add(c.gap)
}

// settle ends an experiment. The next comes later than this one did.
func (c *crowding) settle(now time.Time, m measure) {
	c.postpone(now)
	c.phase, c.limit, c.arms, c.compared = steady, c.found, 0, true
	if m.n <= 1.5*c.known.n {
		c.known = m
	}
}
