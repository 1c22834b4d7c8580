package throttle

import (
	"math"
	"testing"
	"time"
)

func TestRecentCountsTheLastMinute(t *testing.T) {
	var r recentCounts
	for i := range 120 {
		r.add(noon.Add(time.Duration(i)*time.Second), 2)
	}
	at := noon.Add(119 * time.Second)
	if got := r.sum(at); got < 114 || got > 126 {
		t.Errorf("of two a second %v count, want about 120", got)
	}
	if got := r.sum(at.Add(30 * time.Second)); got < 54 || got > 66 {
		t.Errorf("30 s later %v count, want about 60", got)
	}
	if got := r.sum(at.Add(2 * time.Minute)); got != 0 {
		t.Errorf("two minutes later %v count, want none", got)
	}
}

func TestRecentWidensToAnHour(t *testing.T) {
	var r recentCounts
	r.add(noon, 100)
	at := noon.Add(20 * time.Second)
	r.covers(at, time.Hour)
	if got := r.sum(at.Add(30 * time.Minute)); r.span() != time.Hour || got < 95 || got > 100 {
		t.Errorf("over %v %v count, want 100 in an hour", r.span(), got)
	}
	if got := r.sum(at.Add(70 * time.Minute)); got != 0 {
		t.Errorf("70 minutes later %v count, want none", got)
	}
}

// TestRecentCoversTheWindowsOfReceivers: the shortest usual one in which a receiver can
// have refused for so long, never a shorter one than before.
func TestRecentCoversTheWindowsOfReceivers(t *testing.T) {
	var r recentCounts
	for _, test := range []struct{ refused, want time.Duration }{
		{time.Second, time.Minute},
		{61 * time.Second, time.Minute},
		{121 * time.Second, 2 * time.Minute},
		{500 * time.Second, 10 * time.Minute},
		{601 * time.Second, 10 * time.Minute},
		{100 * time.Second, 10 * time.Minute},
		{16 * time.Minute, 20 * time.Minute},
		{5 * time.Hour, time.Hour},
		{time.Minute, time.Hour},
	} {
		if r.covers(noon, test.refused); r.span() != test.want {
			t.Errorf("after refusals for %v it counts over %v, want %v", test.refused, r.span(), test.want)
		}
	}
}

// TestRecentBeyondABurst: the rate is that of the part of the time in which most was
// accepted, without the burst.
func TestRecentBeyondABurst(t *testing.T) {
	for _, test := range []struct {
		name     string
		accepted []int // in each 5 s, the last of which has just ended
		burst    float64
		want     float64
	}{
		{"nothing", nil, 5, 0},
		{"the burst alone", []int{5}, 5, 0},
		{"more", []int{15}, 5, 2},
		{"steady", []int{10, 10, 10, 10, 10, 10}, 5, 55.0 / 30},
		{"rising", []int{1, 1, 1, 20, 20}, 5, 3.5},
		{"long ago", []int{100, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 5, 0},
		{"a minute ago", []int{65, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 5, 1},
	} {
		r, now := recentCounts{}, noon
		r.advance(now)
		for _, n := range test.accepted {
			r.add(now, n)
			now = now.Add(5 * time.Second)
		}
		if got := r.beyond(now, test.burst); math.Abs(got-test.want) > 1e-9 {
			t.Errorf("%s: got %v, want %v", test.name, got, test.want)
		}
	}
}

func TestTallyCountsWhatIsOfLate(t *testing.T) {
	var y recentTotals
	at := noon
	for range 60 { // a minute of one a second
		y.count(at, 3)
		at = at.Add(time.Second)
	}
	if y.messages != 60 || y.recipients != 180 || y.span != 59*time.Second {
		t.Errorf("%+v; want 60 messages to 180 in 59s", y)
	}
	for range 10_000 { // then 100 a second
		at = at.Add(10 * time.Millisecond)
		y.count(at, 1)
	}
	if rate := float64(y.messages) / y.span.Seconds(); rate < 60 || rate > 101 {
		t.Errorf("it is %v a second, want nearly 100", rate)
	}
	if at = at.Add(lately + 1); !y.stale(at) {
		t.Error("a minute later it is not stale")
	}
	y.count(at, 1)
	if y.messages != 1 || !y.since().Equal(at) {
		t.Errorf("after a minute of nothing: %+v, want one from now", y)
	}
}
