package simulate

import (
	"time"

	"github.com/smtpace/smtpace/throttle"
)

// settled is the time from which on refusals count as late: the first minute is
// for learning.
const settled = time.Minute

// Result is the outcome of a run.
type Result struct {
	Scenario string
	Control  Control
	Seed     uint64
	Start    time.Time     // of the sender's clock
	Length   time.Duration // of the run

	// Tries are connections and recipients of transactions with a known outcome, and
	// refused MAILs. Refused are those that were not taken, for whatever reason. The Late
	// ones ended after the first minute.
	Tries, Refused         int
	LateTries, LateRefused int

	Created  int // messages, one for each of their recipients
	Accepted int
	Hot      int // of the accepted ones, those to hot mailboxes

	Destinations []Delivered // in the order of the Scenario
	Seconds      []Second    // in their order, all of the run

	// Bans are those of a receiver that punishes.
	Bans []Ban

	// Lessons are the changes that Paced has learned, in the order of their
	// times.
	Lessons []throttle.Change

	// Digest is a checksum of the times and outcomes of all tries, in their order.
	Digest uint64
}

// RefusedShare returns the share of all tries that was refused.
func (r *Result) RefusedShare() float64 { return share(r.Refused, r.Tries) }

// LateRefusedShare returns the share of the tries after the first minute that
// was refused.
func (r *Result) LateRefusedShare() float64 { return share(r.LateRefused, r.LateTries) }

func share(part, all int) float64 {
	if all == 0 {
		return 0
	}
	return float64(part) / float64(all)
}

func (r *Result) second(now time.Duration) *Second {
	i := int(now / time.Second)
	for len(r.Seconds) <= i {
		r.Seconds = append(r.Seconds, Second{})
	}
	return &r.Seconds[i]
}

func (r *Result) tried(now time.Duration, taken, refused int) {
	r.digest(uint64(now), uint64(taken), uint64(refused))
	r.Tries += taken + refused
	late := now >= settled
	if late {
		r.LateTries += taken + refused
		r.LateRefused += refused
	}
	r.Refused += refused
	r.second(now).Refused += refused
}

// digest adds numbers to the Digest, by the prime of the FNV hash.
func (r *Result) digest(numbers ...uint64) {
	for _, n := range numbers {
		r.Digest = (r.Digest ^ n) * 1099511628211
	}
}

func (r *Result) took(now time.Duration, m *message, taken int) {
	r.Accepted += taken
	if last := len(r.Bans) - 1; last >= 0 && r.Bans[last].Over == 0 && now-r.Bans[last].Began > r.Bans[last].Block/10 { // not in flight before
		r.Bans[last].Over = now
	}
	r.second(now).Accepted += taken
	if m.hot() {
		r.Hot += taken
	}
}

// Delivered counts the messages to one destination.
type Delivered struct {
	Name              string
	Created, Accepted int
	Last              time.Duration // when the last was accepted
}

// Second counts the messages accepted and the tries refused in one second.
type Second struct{ Accepted, Refused int }
