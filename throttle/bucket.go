package throttle

import (
	"math"
	"time"

	"golang.org/x/time/rate"
)

// never is what at returns when no passing of time alone will do: something
// that is held must be written or given back first. (A bucket also says it of
// what is beyond its horizon.)
var never = time.Date(9999, time.December, 31, 23, 59, 59, 0, time.UTC)

// thinning is by how much less than its Rate a bucket gives. The limiter
// counts in float64, and what its roundings add up to in a Per is far less than
// this, so that a Rate is kept exactly; it costs 1 ns in 100 s.
const thinning = 1e-11

// horizon is how far at looks ahead: a Duration ends at 292 years, and no
// process waits that long.
const horizon = 100 * 365 * day

// bucket keeps a Rate. Events are counted when they are written, but tokens
// are taken before; so what is held in between takes room in the bucket, and
// the bucket cannot fill up behind it: tokens and held are never more than the
// burst together, however long a token is in hand.
//
// It is not safe for concurrent use. Time that goes backwards stands still.
type bucket struct {
	kind     *meterKind // nil where no scope has it
	limiter  *rate.Limiter
	burst    int
	reserved int       // taken, and neither written nor given back
	clock    time.Time // the latest time seen by a change
}

// newBucket returns a full bucket; r is valid and not zero.
func newBucket(r Rate) *bucket {
	return &bucket{limiter: rate.NewLimiter(perSecond(r), r.burst()), burst: r.burst()}
}

func perSecond(r Rate) rate.Limit {
	return rate.Limit(float64(r.Count) / r.Per.Seconds() * (1 - thinning))
}

// at returns the earliest time from now on at which n tokens may be taken, if
// nothing else is taken before; or never, when too many are held for n to fit,
// or when it is beyond the horizon.
func (b *bucket) at(now time.Time, n int) time.Time {
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

// wait estimates for how many nanoseconds from t on n tokens are not there.
// It is 1 at least, or less when AllowN lets them go: what the limiter lacks
// then comes in within a nanosecond, the shortest time that can be told.
func (b *bucket) wait(t time.Time, n int) float64 {
	lack := float64(n) - b.limiter.TokensAt(t)
	return lack / float64(b.limiter.Limit()) * float64(time.Second)
}

// take takes n tokens, which are there: at has said so.
func (b *bucket) take(now time.Time, n int) {
	b.clock = b.advanced(now)
	if !b.limiter.AllowN(b.clock, n) {
		b.limiter.SetBurstAt(b.clock, 0) // pours out what is there
	}
	b.reserved += n
	b.limiter.SetBurstAt(b.clock, b.room())
}

// commit notes that n of the tokens held are on the wire.
func (b *bucket) commit(now time.Time, n int) {
	b.clock = b.advanced(now)
	b.reserved -= n
	b.limiter.SetBurstAt(b.clock, b.room())
}

// release returns n of the tokens held, which will not be used.
func (b *bucket) release(now time.Time, n int) {
	b.commit(now, n)
	b.limiter.AllowN(b.clock, -n)
}

// set changes the rate. What has been used stays used: a larger bucket is not
// filled up, a smaller one spills. What is held stays held.
func (b *bucket) set(now time.Time, r Rate) {
	b.clock = b.advanced(now)
	b.burst = r.burst()
	b.limiter.SetLimitAt(b.clock, perSecond(r))
	b.limiter.SetBurstAt(b.clock, b.room())
}

// idle reports whether b behaves like a new bucket.
func (b *bucket) asNew(now time.Time) bool {
	return b.reserved == 0 && b.limiter.TokensAt(b.advanced(now)) >= float64(b.burst)
}

// room is how many tokens fit beside those held. A smaller rate set meanwhile
// may leave none.
func (b *bucket) room() int { return max(b.burst-b.reserved, 0) }

// advanced is now, or the latest time seen if that is later.
func (b *bucket) advanced(now time.Time) time.Time {
	if now.Before(b.clock) {
		return b.clock
	}
	return now
}

func (b *bucket) accepted(time.Time, time.Time, int) bool { return false }
func (b *bucket) spaces() bool                            { return true }

func (b *bucket) explain(now time.Time) (string, time.Time) {
	return b.kind.limit.String(), b.at(now, 1)
}

// record keeps what b lacks to be full.
func (b *bucket) record(now time.Time) (meterRecord, bool) {
	used := max(float64(b.burst)-b.limiter.TokensAt(b.advanced(now)), 0)
	return meterRecord{Used: used}, used > 0
}

// restore uses tokens of a new bucket, of which so many were used that long
// ago: as if whole tokens had been used a little earlier.
func (b *bucket) restore(now time.Time, r meterRecord, age time.Duration) {
	if !b.clock.IsZero() || !(r.Used > 0) {
		return
	}
	whole := math.Ceil(min(r.Used, float64(b.burst)))
	since := age + duration(max(whole-r.Used, 0)/float64(b.limiter.Limit()))
	b.limiter.AllowN(now.Add(-since), int(whole))
	b.clock = now
}
