package throttle

import (
	"testing"
	"time"
)

// TestConnectionsAreTestedEverMoreRarely above a cap that stays: the window is
// below it but for the tests.
func TestConnectionsAreTestedEverMoreRarely(t *testing.T) {
	var c connectionCap
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
	var c connectionCap
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
	var c connectionCap
	c.refused(noon, 5)
	window := 1
	for range 10 {
		window = c.grown(noon, window)
	}
	if window != 5 {
		t.Errorf("the window grows to %d at once, want 5", window)
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
		t.Fatalf("the window is %d when a test is due, want 2", got)
	}
	c.refused(at, 1)
	if got := c.test.Sub(at); got <= firstTest/2 {
		t.Errorf("after a test that failed the next is in %v", got)
	}
}
