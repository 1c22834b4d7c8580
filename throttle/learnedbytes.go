package throttle

import (
	"math"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// learnedBytesKind is the kind of the meter of bytes that refusals have taught.
var learnedBytesKind = &meterKind{name: "learned byte-rate", unit: bytes, limit: classify.LimitMessageRate, learned: true}

// sizesForMean is the number of messages whose mean size becomes the unit.
const sizesForMean = 20

// unitsOfMean is the number of units in a message of the mean size.
const unitsOfMean = 8

// byteUnits turns bytes into the units in which a learned rate counts: a unit is about
// the mean size of a message. So what holds for rates of messages holds for those of
// bytes. What is left over counts with the next message.
type byteUnits struct {
	mean     float64 // bytes of a unit
	sizes    int     // the number of sizes in mean, up to sizesForMean
	taken    float64 // bytes that are left over of those taken
	accepted float64 // and of those accepted
	largest  float64 // bytes of the largest message that was accepted
}

// sees takes the size of a message into the mean, while no level is known.
func (u *byteUnits) sees(size int) {
	if u.sizes < sizesForMean {
		u.sizes++
		u.mean += (max(float64(size), 1) - u.mean) / float64(u.sizes)
	}
}

// split returns the units of some bytes and of those that were left over, and what is
// left over then.
func (u *byteUnits) split(size, over float64) (units int, rest float64) {
	all := size + over
	unit := u.mean / unitsOfMean
	units = max(int(math.Ceil(all/unit)), 0)
	return units, all - float64(units)*unit
}

// need returns the units of a message that is to go.
func (r *learnedRate) need(n int) int {
	if r.bytes == nil {
		return n
	}
	units, _ := r.bytes.split(float64(n), r.bytes.taken)
	return units
}

func (r *learnedRate) take(now time.Time, n int) {
	if r.apart {
		return
	}
	if r.bytes != nil {
		n, r.bytes.taken = r.bytes.split(float64(n), r.bytes.taken)
	}
	r.rateEstimate.take(now, n)
}

// countsBytes reports whether a refusal is for the rate of bytes.
func countsBytes(o Outcome) bool {
	return o.Verdict.Octets && o.Verdict.Limit == classify.LimitMessageRate
}

// refusedBytes learns from the refusal of a message for the rate of bytes.
func (s *scope) refusedBytes(now time.Time, o Outcome, r refusal) bool {
	fresh := s.rate(learnedBytesKind) == nil
	rate := s.learnRate(now, learnedBytesKind, unitsOfMean*int(s.recent.messages), s.recent.since(), r.generation)
	if fresh {
		rate.bytes, rate.strict, rate.grain = &byteUnits{}, true, unitsOfMean
	}
	if !rate.known() {
		rate.bytes.sees(r.size)
	}
	rate.atFirst, rate.firstIn = rate.bytes.burst(), 0 // it takes as much at once
	if rate.known() && !rate.few() {
		rate.estimates = wellKnown
	}
	return rate.refusedFor(now, r.begun, 1, false, o.Verdict.RetryAfter)
}

// acceptedBytes notes that a message of some bytes was accepted. What passes in the
// time of a few large messages tells little of a rate that is known.
func (r *learnedRate) acceptedBytes(now, begun time.Time, size int) (changed bool) {
	u := r.bytes
	if !r.known() {
		u.sees(size)
	}
	u.largest = max(u.largest, float64(size))
	n, rest := u.split(float64(size), u.accepted)
	u.accepted = rest
	was, few := r.level, r.few()
	changed = r.accept(now, begun, n)
	switch {
	case !changed || was == 0:
	case few:
		r.level = min(r.level, was)
		if r.estimates >= wellKnown {
			r.level = max(r.level, keptLevel*was)
		}
	}
	return changed
}

// few reports whether hardly more was accepted since the last outage than a receiver
// takes at once.
func (r *learnedRate) few() bool { return float64(r.rateEstimate.accepted) < 2*r.bytes.burst() }

// burst returns the units of the largest message that was accepted.
func (u *byteUnits) burst() float64 { return u.largest / u.mean * unitsOfMean }

// perSecond returns the level in the unit of the limit.
func (r *learnedRate) perSecond() float64 {
	if r.bytes == nil {
		return r.level
	}
	return r.level * r.bytes.mean / unitsOfMean
}
