package throttle

import (
	"testing"
	"time"
)

func TestMessageCap(t *testing.T) {
	type event struct {
		accepted, refused int // ordinals; one is 0
		want              int // the cap afterwards
	}
	for _, test := range []struct {
		name   string
		events []event
	}{
		{"the first refusal is the cap", []event{{refused: 41, want: 40}, {accepted: 40, want: 40}, {refused: 41, want: 40}}},
		{"one that is lower and not contradicted lowers it", []event{{refused: 41, want: 40}, {refused: 21, want: 20}}},
		{"one that is contradicted does not", []event{{refused: 41, want: 40}, {accepted: 30, want: 40}, {refused: 21, want: 40}, {refused: 21, want: 40}}},
		{"three alike do", []event{{accepted: 30}, {refused: 21}, {refused: 21}, {refused: 21, want: 20}}},
		{"three different ones mean that there is none", []event{
			{refused: 41, want: 40}, {accepted: 40, want: 40}, {refused: 7, want: 40}, {refused: 21, want: 40}, {refused: 3, want: 0}, {refused: 60, want: 0},
		}},
		{"nor one then, until three are alike", []event{
			{accepted: 40}, {refused: 7}, {refused: 21}, {refused: 3}, {refused: 16}, {refused: 16}, {refused: 16, want: 15},
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var c messageCap
			for i, e := range test.events {
				if e.refused > 0 {
					c.refused(e.refused)
				} else {
					c.accepted(e.accepted)
				}
				if int(c.most) != e.want {
					t.Fatalf("after event %d the cap is %d, want %d", i, c.most, e.want)
				}
			}
		})
	}
}

// TestACapOfMessagesIsTestedAgain with connections that carry what it allows, and a
// receiver that allows more from some time on.
func TestACapOfMessagesIsTestedAgain(t *testing.T) {
	for _, test := range []struct {
		allowed, want int
		refused       int // at most
	}{{40, 40, 8}, {60, 60, 8}, {500, 100, 1}} {
		var c messageCap
		c.refused(41)
		refused := 0
		for at := time.Duration(0); at < day; at += 10 * time.Second {
			for n := 1; n <= 100 && (c.most == 0 || n <= int(c.most)); n++ {
				if n > test.allowed {
					c.refused(n)
					refused++
					break
				}
				c.accepted(n)
				c.retest(noon.Add(at), n)
			}
		}
		if got := int(c.most); min(got, 100) != test.want || refused > test.refused {
			t.Errorf("where %d are allowed the cap is %d after a day with %d refusals, want %d and %d at most", test.allowed, got, refused, test.want, test.refused)
		}
	}
}

// A test of a higher cap that fails makes the next come later, up to a bound; a cap that is
// lowered for another reason does not.
func TestGapsBetweenTestsOfAMessageCap(t *testing.T) {
	const gap = 100
	for _, tt := range []struct{ raised, most, gap, want int32 }{
		{1, 1, gap, 2 * gap}, {8, 8, gap, 2 * gap}, {8, 7, gap, 2 * gap}, {8, 9, gap, gap}, {0, 0, gap, gap},
		{8, 8, int32(longestRaise / time.Second), int32(longestRaise / time.Second)},
	} {
		c := messageCap{raised: tt.raised, most: 2 * tt.raised, gap: tt.gap, test: 9}
		if c.lower(tt.most); c.gap != tt.want || c.most != tt.most || c.raised != 0 || c.test != 0 {
			t.Errorf("%+v: got %+v", tt, c)
		}
	}
}

// A test that is due doubles the cap, once: the next waits for what the first has shown.
func TestACapOfMessagesIsDoubledOnce(t *testing.T) {
	c := messageCap{most: 40}
	c.retest(noon, 39)
	if c.test != 0 {
		t.Error("a connection below the cap has set the time of a test")
	}
	c.retest(noon, 40)
	c.retest(noon.Add(firstRaise-time.Second), 40)
	if c.most != 40 {
		t.Errorf("before the test is due the cap is %d", c.most)
	}
	c.retest(noon.Add(firstRaise), 40)
	if c.most != 80 || c.raised != 40 {
		t.Errorf("the cap of %d is tested with %d, want 40 with 80", c.raised, c.most)
	}
	for ordinal, beyond := range map[int]bool{40: false, 41: true, 80: true} {
		if c.exceededBy(ordinal) != beyond {
			t.Errorf("message %d is beyond the cap that was found: %v", ordinal, !beyond)
		}
	}
	c.retest(noon.Add(firstRaise), 41)
	if c.retest(noon.Add(firstRaise), 80); c.most != 80 {
		t.Errorf("the cap is doubled again at once, to %d", c.most)
	}
}
