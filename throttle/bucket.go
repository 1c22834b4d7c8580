package throttle

import (
	"math"
	"time"

	"github.com/smtpace/smtpace/classify"
	"golang.org/x/time/rate"
)

// never is the time that at returns while no passing of time alone will do:
// reserved tokens must be written or released first. A bucket also returns it
// for what lies beyond its horizon.
var never = time.Date(9999, time.December, 31, 23, 59, 59, 0, time.UTC)

// thinning is the part by which a bucket gives less than its Rate. The limiter
// counts in float64, and its roundings add up to far less than this part in one
// Per. So a Rate is kept exactly, at a cost of 1 ns in 100 s.
const thinning = 1e-11

// horizon is the time that at looks ahead. A Duration ends at 292 years, and no
// process waits that long.
const horizon = 100 * 365 * day

// bucket keeps a Rate. Events count when they are written, but their tokens are
// taken before. Reserved tokens therefore take room in the bucket, so that it
// cannot fill up behind them: the tokens in the bucket and those reserved never
// exceed the burst together, however long a token is reserved.
//
// It is not safe for concurrent use. Time that goes backwards stands still.
type bucket struct {
	kind     *meterKind // nil where no scope has it
	limiter  *rate.Limiter
	burst    int
	reserved int       // tokens taken, and neither written nor released
	large    int       // of these, those of a message that is larger than the burst; 0 for none
	excess   int       // the part of large that was never in the bucket
	clock    time.Time // the latest time of a change
}

// newBucket returns a full bucket; r is valid and not zero.
func newBucket(r Rate) *bucket {
	return &bucket{limiter: rate.NewLimiter(perSecond(r), r.burst()), burst: r.burst()}
}

func perSecond(r Rate) rate.Limit {
	return rate.Limit(float64(r.Count) / r.Per.Seconds() * (1 - thinning))
}

// at returns the earliest time from now on at which n tokens may be taken if
// nothing else is taken before. More than the burst may be when the bucket is full.
// It returns never while too many are reserved for n to fit, and for a time beyond
// the horizon.
func (b *bucket) at(now time.Time, n int) time.Time {
	n = min(n, b.burst)
	if n > b.room() {
		return never
	}
	begin := b.advanced(now)
	for t := begin; t.Sub(begin) < horizon; {
		wait := b.wait(t, n)
		if wait < 1 {
			return t
		}
		t = t.Add(time.Duration(min(wait, float64(horizon))))
	}
	return never
}

// wait estimates the nanoseconds from t on until n tokens are there. It returns
// less than 1 when AllowN lets them go: the limiter then lacks less than comes
// in within a nanosecond.
func (b *bucket) wait(t time.Time, n int) float64 {
	lack := float64(n) - b.limiter.TokensAt(t)
	return lack / float64(b.limiter.Limit()) * float64(time.Second)
}

// take takes n tokens, which at has allowed.
func (b *bucket) take(now time.Time, n int) {
	b.clock = b.advanced(now)
	if !b.limiter.AllowN(b.clock, min(n, b.burst)) {
		b.limiter.SetBurstAt(b.clock, 0) // pours out what is there
	}
	b.reserved += n
	if n > b.burst {
		b.large, b.excess = n, b.excess+n-b.burst
	}
	b.limiter.SetBurstAt(b.clock, b.room())
}

// commit counts n of the reserved tokens as written. Nothing comes in before what
// they were more than the burst has.
func (b *bucket) commit(now time.Time, n int) {
	excess := b.free(now, n)
	if excess > 0 {
		b.clock = b.clock.Add(b.after(excess))
		b.limiter.SetBurstAt(b.clock, 0)
		b.limiter.SetBurstAt(b.clock, b.room())
	}
}

// release returns n of the reserved tokens unused.
func (b *bucket) release(now time.Time, n int) {
	excess := b.free(now, n)
	b.limiter.AllowN(b.clock, excess-n)
}

// free has n reserved tokens take no more room, and returns the part of them that
// was never in the bucket.
func (b *bucket) free(now time.Time, n int) (excess int) {
	b.clock = b.advanced(now)
	b.reserved -= n
	if n == b.large {
		excess = b.excess
		b.large, b.excess = 0, 0
	}
	b.limiter.SetBurstAt(b.clock, b.room())
	return excess
}

// after returns the time in which n tokens come in.
func (b *bucket) after(n int) time.Duration {
	return time.Duration(min(float64(n)/float64(b.limiter.Limit())*float64(time.Second), float64(horizon)))
}

// refund returns n tokens that were written and not used after all.
func (b *bucket) refund(now time.Time, n int) {
	if late := b.clock.Sub(now); late > 0 { // those beyond the burst have not come in
		back := min(late, b.after(n))
		b.clock = b.clock.Add(-back)
		n -= int(math.Ceil(back.Seconds() * float64(b.limiter.Limit())))
	}
	b.limiter.AllowN(b.advanced(now), -max(n, 0))
}

// set changes the rate. What was used stays used: a larger bucket is not filled
// up, a smaller one spills. What is reserved stays reserved.
func (b *bucket) set(now time.Time, r Rate) {
	b.clock = b.advanced(now)
	b.burst = r.burst()
	b.limiter.SetLimitAt(b.clock, perSecond(r))
	b.limiter.SetBurstAt(b.clock, b.room())
}

// asNew reports whether b behaves like a new bucket.
func (b *bucket) asNew(now time.Time) bool {
	return b.reserved == 0 && b.limiter.TokensAt(b.advanced(now)) >= float64(b.burst)
}

// room returns the number of tokens that fit beside those reserved. It is 0
// when a smaller rate was set meanwhile.
func (b *bucket) room() int { return max(b.burst-b.reserved, 0) }

// advanced returns now, or the latest time seen if that is later.
func (b *bucket) advanced(now time.Time) time.Time {
	if now.Before(b.clock) {
		return b.clock
	}
	return now
}

func (b *bucket) accepted(time.Time, time.Time, int) bool { return false }
func (b *bucket) spaces() bool                            { return true }

func (b *bucket) explain(now time.Time) (string, time.Time) {
	if b.kind.limit == classify.LimitNone {
		return b.kind.name, b.at(now, 1)
	}
	return b.kind.limit.String(), b.at(now, 1)
}

// record returns the tokens that b lacks to be full.
func (b *bucket) record(now time.Time) (meterRecord, bool) {
	used := max(float64(b.burst)-b.limiter.TokensAt(b.advanced(now)), 0)
	used += max(b.clock.Sub(now), 0).Seconds() * float64(b.limiter.Limit())
	return meterRecord{Used: used}, used > 0
}

// restore uses tokens of a new bucket as if r.Used had been used that long ago:
// whole tokens, a little earlier.
func (b *bucket) restore(now time.Time, r meterRecord, age time.Duration) {
	if !b.clock.IsZero() || !(r.Used > 0) {
		return
	}
	whole := math.Ceil(min(r.Used, float64(b.burst)))
	since := age + duration(max(whole-r.Used, 0)/float64(b.limiter.Limit()))
	since -= duration(max(r.Used-whole, 0) / float64(b.limiter.Limit())) // that much more was used than it holds
	b.limiter.AllowN(now.Add(-since), int(whole))
	b.clock = maxTime(now, now.Add(-since))
}
