package throttle

import (
	"math"
	"time"
)

// How a learned rate moves.
const (
	// margin is how far below what a receiver is thought to allow a rate begins
	// after a refusal, at least. Together with the cubic it costs half a percent
	// of the rate; without it every small error of an estimate is refused.
	margin = 0.02
	// deepest is how far below, at most, when little is known.
	deepest = 0.5
	// confidence is after how many times as many messages as the last estimate
	// was made from a rate is back at it: estimates get better by about that
	// factor each, at the cost of a refusal.
	confidence = 2
	// budget is after how many messages for each refused one, at most, a rate
	// is back at its level. The next refusal comes at about 2.5 times as many,
	// so that about one message of 375 is refused in the long run.
	budget = 150
	// leastReach is the least of that; and each estimate at least halves what
	// was before, so that a rate that was known well is searched for calmly.
	leastReach = 10
	// wellKnown is after how many estimates a level is: those before may be of
	// a burst alone.
	wellKnown = 3
	// overBurst is that for each message of the burst that a receiver lets
	// pass: what rises faster is far above the level before it is refused.
	overBurst = 2
	// A delay of up to leastSlack, or of what half of the receiver's burst covers
	// but no more than mostSlack, is made good by going faster afterwards: timers
	// are late and machines busy, and the receiver's bucket has filled up by as
	// much meanwhile.
	leastSlack = 100 * time.Millisecond
	mostSlack  = time.Second
	// waited is how late a message may go and still count as having waited for
	// its turn. Those that did not wait tell nothing of the rate.
	waited = 10 * time.Millisecond
	// longestSpace is the most that there is between two messages.
	longestSpace = day
	// An outage of windowOutage or more, in which windowMessages or more would
	// have passed at the average rate, is that of a receiver that counts over a
	// window and not of a bucket, which gives again at once.
	windowOutage   = 2 * time.Second
	windowMessages = 8
	// surelyMinute is the longest outage that a receiver has that counts by the
	// minute; seen with what the gaps of the probes add.
	surelyMinute = 66 * time.Second
)

// pace finds a rate, of messages, recipients or connections, from what is
// accepted and what is refused. The zero pace knows nothing and allows
// everything.
//
// The first refusal begins an outage; the first thing accepted after it ends
// it, and that is when the level is estimated: what was accepted from the last
// refusal of the outage before to the last refusal of this one, over that time.
// At both the receiver had nothing left to give, so that this is what it gives,
// unless it spilled some in between. From just below the level, the rate rises
// as CUBIC does (RFC 9438): quickly at first, hardly at all around the level,
// ever faster above it. It rises with what is sent, not with time, so that
// refusals are a small share of what is accepted, at any rate.
type rateEstimate struct {
	level float64   // what the receiver is thought to allow, per second; 0: not known
	depth float64   // how far below it the rate began, as a share of it
	reach float64   // after how much it is back at the level
	sent  float64   // how much was sent since, that waited for its turn
	next  time.Time // when the next may go

	accepted int       // since then
	since    time.Time // the last refusal of the last outage, later by what was idle
	outage   outage
	ended    time.Time // the last outage
	born     time.Time // the first refusal ever

	estimates int8 // so far; wellKnown and more are wellKnown

	// The first estimate is too high by the burst that the receiver let pass;
	// these tell how large that was, when the level is known.
	atFirst float64       // accepted before the first refusal
	firstIn time.Duration // and in what time

	recent    recentCounts
	windowEnd time.Time // an end of an outage of a receiver that counts over a window; zero: of another
}

// newPace is a pace to which its scope's first refusal has come: so much was
// accepted since then.
func newRateEstimate(now time.Time, accepted int, since time.Time) rateEstimate {
	p := rateEstimate{born: now, accepted: accepted, since: since}
	if accepted == 0 {
		p.since = now
	} else {
		p.recent.add(now, accepted)
	}
	return p
}

// known reports whether there is a level.
func (p *rateEstimate) known() bool { return p.level > 0 }

// rate is what may go per second at present; 0 when no level is known.
func (p *rateEstimate) rate() float64 {
	if !p.known() {
		return 0
	}
	x := (p.sent - p.reach) / p.reach
	return p.level * (1 + p.depth*x*x*x)
}

// at is when the next may go. While an outage lasts they go one at a time.
func (p *rateEstimate) at(now time.Time, flying int) time.Time {
	if !p.outage.lasts() {
		return p.next
	}
	if flying > 0 && !p.outage.until.After(now) {
		return now.Add(slowBlind) // earlier when that one ends
	}
	return p.outage.until
}

// take counts n that go.
func (p *rateEstimate) take(now time.Time, n int) {
	if !p.known() || p.outage.lasts() {
		return
	}
	step, late := spacing(n, p.rate()), now.Sub(p.next)
	if late > max(step, p.slack()) { // the time that was idle does not count
		p.since = p.since.Add(late)
		p.next = now
	}
	if late <= max(step, waited) {
		p.sent += float64(n)
	}
	p.next = p.next.Add(step)
}

// slack is how late a message may go so that the next go the sooner.
func (p *rateEstimate) slack() time.Duration {
	covered := time.Duration(min(p.burst()/p.level/2, mostSlack.Seconds()) * float64(time.Second))
	return max(leastSlack, covered)
}

// back gives back what take has taken.
func (p *rateEstimate) release(n int) {
	if !p.known() || p.outage.lasts() {
		return
	}
	p.sent = max(p.sent-float64(n), 0)
	p.next = p.next.Add(-spacing(n, p.rate()))
}

// spacing is how long n take at a rate.
func spacing(n int, rate float64) time.Duration {
	return time.Duration(min(float64(n)/rate, longestSpace.Seconds()) * float64(time.Second))
}

// accept notes that n were accepted, of a try that began at a time. It reports
// whether an outage is over and the level was estimated.
func (p *rateEstimate) accept(now, begun time.Time, n int) bool {
	over := p.outage.lasts() && begun.After(p.outage.began)
	if over {
		p.estimate(now)
	}
	p.accepted += n
	p.recent.add(now, n)
	return over
}

// refuse notes a refusal of a try that began at a time. It reports whether it
// begins an outage; those of tries that were under way when one began or ended
// tell nothing new.
func (p *rateEstimate) refuse(now, begun time.Time) bool {
	switch {
	case p.outage.lasts():
		p.outage.refused(now, begun, !p.known(), p.nextWindowEnd(now))
	case begun.Before(p.ended):
	default:
		wait := blindWait
		if p.known() { // a bucket has the next by then
			wait = spacing(3, 2*p.level)
		}
		p.outage.begin(now, wait)
		return true
	}
	return false
}

// estimate ends an outage.
func (p *rateEstimate) estimate(now time.Time) {
	o := &p.outage
	n, over := float64(max(p.accepted, 1)), max(o.last.Sub(p.since).Seconds(), 0.001)
	first, long := !p.known(), o.length() >= windowOutage && o.length().Seconds()*n/over >= windowMessages
	if first {
		p.atFirst, p.firstIn = n, o.began.Sub(p.since)
	}
	switch {
	case long && p.estimates >= wellKnown && p.windowEnd.IsZero():
		// A bucket that is well known lets nothing pass for long: that was something
		// else, or else it happens again.
		over = max(o.began.Sub(p.since).Seconds(), 0.001)
	default:
		n, over = p.better(n, over, long)
	}
	doubt := max(2/n, o.gap.Seconds()/over)
	if first && !long { // the burst is in it
		doubt = deepest
	}
	if long {
		p.noteWindow(o)
	}
	p.level = n / over
	p.depth = min(max(doubt, margin), deepest)
	p.reach = max(leastReach, p.reach/2, min(confidence*n, max(budget*float64(o.inFlight), overBurst*p.burst())))
	p.sent, p.accepted = 0, 0
	p.estimates = min(p.estimates+1, wellKnown)
	p.since, p.ended = o.last, now
	*o = outage{}
	p.next = now.Add(spacing(1, p.rate()))
}

// turned notes an outage as that of a receiver that counts over a window.
func (p *rateEstimate) noteWindow(o *outage) {
	p.windowEnd = o.last
	if o.length() > surelyMinute && p.recent.width == 0 {
		p.recent.widen(o.last)
	}
}

// better improves on the estimate of n in a time, which is too low where the
// receiver spilled. What one that counts over a window has accepted in that,
// when it refuses, is what it allows. What another allows is the rate that it
// refused, less what its burst has hidden while the rate rose to that.
func (p *rateEstimate) better(n, over float64, long bool) (float64, float64) {
	if long || !p.windowEnd.IsZero() {
		span := p.recent.span().Seconds()
		if sum := p.recent.sum(p.outage.last); sum/span > n/over {
			return sum, span
		}
		return n, over
	}
	if p.sent <= p.reach {
		return n, over
	}
	return max(n, p.crossed()*over), over
}

// crossed is what the receiver allows, as far as the rate tells at which it has
// refused. That is too high by what the burst has hidden: from the allowed rate
// R on, the rate rose with the slope s to r while b were taken from the bucket,
// so that r = R + sqrt(2 b s R).
func (p *rateEstimate) crossed() float64 {
	x := (p.sent - p.reach) / p.reach
	slope := 3 * p.depth * x * x / p.reach * p.level
	c := math.Sqrt(2 * (p.burst() + float64(p.outage.inFlight-1)) * slope)
	root := (math.Sqrt(c*c+4*p.rate()) - c) / 2
	return root * root
}

// burst is how much the receiver lets pass at once, as far as can be told.
func (p *rateEstimate) burst() float64 { return max(1, p.atFirst-p.level*p.firstIn.Seconds()) }

// nextTurn is when the window of the receiver may turn next; zero when it is
// not known to have one.
func (p *rateEstimate) nextWindowEnd(now time.Time) time.Time {
	if p.windowEnd.IsZero() {
		return time.Time{}
	}
	span := p.recent.span()
	return p.windowEnd.Add((now.Sub(p.windowEnd)/span + 1) * span)
}
