package throttle

import (
	"math/rand/v2"
	"testing"
	"time"
)

// TestConnectionsAreTestedEverMoreRarely above a cap that stays: the concurrency is
// below it but for the tests.
func TestConnectionsAreTestedEverMoreRarely(t *testing.T) {
	var c connectionCap
	const allowed = 3
	concurrency, refused := 1, []time.Duration{}
	for at := time.Duration(0); at < 12*time.Hour; at += time.Second {
		concurrency = c.grown(noon.Add(at), concurrency)
		if concurrency > allowed {
			refused = append(refused, at)
			concurrency = allowed
			c.refused(noon.Add(at), allowed)
		}
	}
	for i := 2; i < len(refused); i++ {
		if gap, before := refused[i]-refused[i-1], refused[i-1]-refused[i-2]; gap < before {
			t.Errorf("test %d comes %v after the one before, and that %v after its", i, gap, before)
		}
	}
	if n := len(refused); n < 8 || n > 20 {
		t.Errorf("%d were refused in 12 hours, want about one an hour: %v", n, refused)
	}
}

func TestConnectionsFollowACapThatIsRaised(t *testing.T) {
	var c connectionCap
	concurrency, allowed := 3, 3
	c.refused(noon, 3)
	for at := time.Duration(0); at < time.Hour; at += time.Second {
		if at == 10*time.Minute {
			allowed = 10
		}
		if concurrency = c.grown(noon.Add(at), concurrency); concurrency > allowed {
			concurrency = allowed
			c.refused(noon.Add(at), allowed)
		}
	}
	if concurrency != 10 {
		t.Errorf("50 minutes after 10 are allowed the concurrency is %d", concurrency)
	}
}

func TestConnectionsGrowFreelyBelowWhatFailed(t *testing.T) {
	var c connectionCap
	c.refused(noon, 5)
	concurrency := 1
	for range 10 {
		concurrency = c.grown(noon, concurrency)
	}
	if concurrency != 5 {
		t.Errorf("the concurrency grows to %d at once, want 5", concurrency)
	}
}

// TestRefusalsInARowAreOneLesson narrows step by step within a moment: none of
// the steps was a test that failed, so the next test is not far.
func TestRefusalsInARowAreOneLesson(t *testing.T) {
	var c connectionCap
	for room := 4; room > 0; room-- {
		c.refused(noon, room)
	}
	if got := c.test.Sub(noon); got != firstTest {
		t.Errorf("the next test is in %v, want %v", got, firstTest)
	}
	at := c.test
	if got := c.grown(at, 1); got != 2 {
		t.Fatalf("the concurrency is %d when a test is due, want 2", got)
	}
	c.refused(at, 1)
	if got := c.test.Sub(at); got <= firstTest/2 {
		t.Errorf("after a test that failed the next is in %v", got)
	}
}

// TestRandomRefusalsLowerNoCap has a share of all connections refused whatever their
// number, while connections come and go.
func TestRandomRefusalsLowerNoCap(t *testing.T) {
	for _, share := range []float64{0.02, 0.1} {
		var c connectionCap
		rng := rand.New(rand.NewPCG(1, uint64(1000*share)))
		const most = 10
		concurrency, open, sum, steps := 1, 0, 0, 0
		for at := time.Duration(0); at < 10*time.Minute; at += 50 * time.Millisecond {
			now := noon.Add(at)
			if open > 0 && steps%3 == 0 { // one ends
				open--
			}
			for open < concurrency {
				if rng.Float64() >= share {
					open++
					c.opened(now, now, open)
					continue
				}
				if !c.strayed(now, open+1) {
					concurrency = max(open, 1)
					c.refused(now, concurrency)
				}
				break
			}
			if open == concurrency && concurrency < most {
				concurrency = c.grown(now, concurrency)
			}
			sum, steps = sum+open, steps+1
		}
		if mean := float64(sum) / float64(steps); mean < 0.85*most {
			t.Errorf("with %g %% refused %.1f connections are open on average, want about %d", 100*share, mean, most)
		}
	}
}

// TestACapThatIsLoweredCostsFewRefusals while connections end one by one.
func TestACapThatIsLoweredCostsFewRefusals(t *testing.T) {
	var c connectionCap
	const before, after = 10, 3
	concurrency, open, refused := before, 0, 0
	for at := time.Duration(0); at < 10*time.Minute; at += 100 * time.Millisecond {
		now, allowed := noon.Add(at), before
		if at >= time.Minute {
			allowed = after
		}
		if open > 0 {
			open--
		}
		for open < concurrency {
			if open < allowed {
				open++
				c.opened(now, now, open)
				continue
			}
			refused++
			if !c.strayed(now, open+1) {
				concurrency = open
				c.refused(now, concurrency)
			}
			break
		}
		if open == concurrency && concurrency < before {
			concurrency = c.grown(now, concurrency)
		}
	}
	if concurrency > after+1 || refused > 20 {
		t.Errorf("the concurrency is %d of %d, and %d were refused", concurrency, after, refused)
	}
}
