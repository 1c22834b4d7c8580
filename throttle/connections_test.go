package throttle

import (
	"testing"
	"time"
)

// TestConnectionsAreTestedEverMoreRarely above a cap that stays: the window is
// below it but for the tests.
func TestConnectionsAreTestedEverMoreRarely(t *testing.T) {
	var c connections
	const allowed = 3
	window, refused := 1, []time.Duration{}
	for at := time.Duration(0); at < 12*time.Hour; at += time.Second {
		window = c.grown(noon.Add(at), window)
		if window > allowed {
			refused = append(refused, at)
			window = allowed
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
	var c connections
	window, allowed := 3, 3
	c.refused(noon, 3)
	for at := time.Duration(0); at < time.Hour; at += time.Second {
		if at == 10*time.Minute {
			allowed = 10
		}
		if window = c.grown(noon.Add(at), window); window > allowed {
			window = allowed
			c.refused(noon.Add(at), allowed)
		}
	}
	if window != 10 {
		t.Errorf("50 minutes after 10 are allowed the window is %d", window)
	}
}

func TestConnectionsGrowFreelyBelowWhatFailed(t *testing.T) {
	var c connections
	c.refused(noon, 5)
	window := 1
	for range 10 {
		window = c.grown(noon, window)
	}
	if window != 5 {
		t.Errorf("the window grows to %d at once, want 5", window)
	}
}
