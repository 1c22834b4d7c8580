package throttle

import (
	"time"

	"github.com/smtpace/smtpace/classify"
)

// learnedBytesKind is the kind of the meter of bytes that refusals have taught.
var learnedBytesKind = &meterKind{name: "learned byte-rate", unit: bytes, limit: classify.LimitMessageRate, learned: true}

// sizesForMean is the number of messages whose mean size becomes the unit.
const sizesForMean = 20

// byteUnits turns bytes into the units in which a learned rate counts: a unit is about
// the mean size of a message. So what holds for rates of messages holds for those of
// bytes. What is left over counts with the next message.
type byteUnits struct {
	mean     float64 // bytes of a unit
	sizes    int     // the number of sizes in mean, up to sizesForMean
	taken    float64 // bytes that are left over of those taken
	accepted float64 // and of those accepted
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
	if units = int(all / u.mean); units < 0 {
		units = 0
	}
	return units, all - float64(units)*u.mean
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
	rate := s.learnRate(now, learnedBytesKind, int(s.recent.messages), s.recent.since(), r.generation)
	if fresh {
		rate.bytes, rate.strict = &byteUnits{}, true
	}
	if !rate.known() {
		rate.bytes.sees(r.size)
	}
	n, _ := rate.bytes.split(float64(r.size), 0)
	return rate.refusedFor(now, r.begun, max(n, 1), o.Verdict.RetryAfter)
}

// acceptedUnits returns the units of what was accepted.
func (r *learnedRate) acceptedUnits(n int) (units int) {
	if r.bytes == nil {
		return n
	}
	if !r.known() {
		r.bytes.sees(n)
	}
	units, r.bytes.accepted = r.bytes.split(float64(n), r.bytes.accepted)
	return units
}

// perSecond returns the level in the unit of the limit.
func (r *learnedRate) perSecond() float64 {
	if r.bytes == nil {
		return r.level
	}
	return r.level * r.bytes.mean
}
