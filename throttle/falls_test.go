package throttle

import (
	"math/rand/v2"
	"testing"
	"time"
)

// taken is a receiver that refuses everything for a part of each period.
type taken struct {
	receiver
	every, part float64
}

func (r *taken) admits(t float64) bool {
	return t-float64(int(t/r.every))*r.every >= r.part && r.receiver.admits(t)
}

// TestRefusalsForAPartOfEachMinuteLowerNoLevel: others take all for some seconds of each
// minute. That looks like a window, but what is accepted in it falls with the level.
func TestRefusalsForAPartOfEachMinuteLowerNoLevel(t *testing.T) {
	for _, part := range []float64{5, 10, 20} {
		for seed := range uint64(5) {
			r := paceRun{now: noon.Add(30 * time.Second)}
			bucket := &bucketReceiver{rate: 20, burst: 20, tokens: 20}
			r.run(&taken{bucket, 60, part}, rand.New(rand.NewPCG(seed, 9)), time.Hour)
			if got := float64(r.accepted) / (20 * (60 - part) * 60); got < 0.6 {
				t.Errorf("%v s of each minute are taken, seed %d: %.2f of what is left is accepted", part, seed, got)
			}
			if share := float64(r.refused) / float64(r.tries); share > 0.05 {
				t.Errorf("%v s of each minute are taken, seed %d: %.2f %% refused", part, seed, 100*share)
			}
		}
	}
}

// TestAWindowThatIsLoweredIsFollowed after the second outage that shows it.
func TestAWindowThatIsLoweredIsFollowed(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 10))
	r, to := paceRun{now: noon}, &fixedReceiver{count: 600, per: 60, phase: 20}
	r.run(to, rng, 15*time.Minute)
	to.count = 200
	r.run(to, rng, 5*time.Minute)
	tries, refused := r.tries, r.refused
	r.run(to, rng, 10*time.Minute)
	if r.pace.level > 1.1*200.0/60 {
		t.Errorf("5 min after the limit was lowered to %.1f/s the level is %.1f/s", 200.0/60, r.pace.level)
	}
	if share := float64(r.refused-refused) / float64(r.tries-tries); share > 0.02 {
		t.Errorf("%.2f %% are refused 5 min after the limit was lowered", 100*share)
	}
}
