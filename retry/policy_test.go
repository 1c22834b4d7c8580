package retry

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
)

func newPolicy(t testing.TB, cfg Config) *Policy {
	t.Helper()
	p, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// series returns the waits without jitter after the attempts 1 to n.
func series(p *Policy, c classify.Class, n int) (waits []time.Duration) {
	for i := range n {
		shortest, _ := p.Bounds(c, i+1)
		waits = append(waits, shortest)
	}
	return waits
}

func TestDefaultSeries(t *testing.T) {
	const s, m, h = time.Second, time.Minute, time.Hour
	tests := []struct {
		class classify.Class
		want  []time.Duration
	}{
		{classify.ClassNetwork, []time.Duration{1 * s, 2 * s, 4 * s, 8 * s, 16 * s, 32 * s, 64 * s, 128 * s, 256 * s, 512 * s, 15 * m, 15 * m}},
		{classify.ClassProtocol, []time.Duration{1 * s, 4 * s, 16 * s, 64 * s, 256 * s, 1024 * s, 1 * h, 1 * h}},
		{classify.ClassGreylisted, []time.Duration{5 * m, 10 * m, 20 * m, 40 * m, 40 * m}},
		{classify.ClassServerBusy, []time.Duration{5 * m, 10 * m, 20 * m, 40 * m, 1 * h, 1 * h}},
		{classify.ClassUnknown, []time.Duration{5 * m, 15 * m, 30 * m, 30 * m}},
		{classify.ClassMailboxFull, []time.Duration{1 * h, 4 * h, 12 * h, 12 * h}},
		{classify.ClassRecipientRateLimited, []time.Duration{30 * m, 1 * h, 2 * h, 2 * h}},
		{classify.ClassRateLimited, []time.Duration{5 * m, 10 * m, 20 * m, 30 * m, 30 * m}},
	}
	p := newPolicy(t, Config{})
	for _, tt := range tests {
		if got := series(p, tt.class, len(tt.want)); !slices.Equal(got, tt.want) {
			t.Errorf("%v: %v, want %v", tt.class, got, tt.want)
		}
	}
}

func TestEveryClassHasASchedule(t *testing.T) {
	p := newPolicy(t, Config{})
	for c := range classify.Class(classify.Classes + 3) {
		for _, n := range []int{-1, 0, 1, 2, 1000, math.MaxInt} {
			shortest, longest := p.Bounds(c, n)
			if shortest < time.Second || longest != shortest+shortest/5 || longest > 15*time.Hour {
				t.Errorf("%v, attempt %d: from %v to %v", c, n, shortest, longest)
			}
		}
	}
}

func TestNextStaysWithinBounds(t *testing.T) {
	p := newPolicy(t, Config{})
	for c := range classify.Class(classify.Classes) {
		for n := 1; n < 14; n++ {
			shortest, longest := p.Bounds(c, n)
			seen := map[time.Duration]bool{}
			for range 200 {
				delay, ok := p.Next(classify.Verdict{Class: c}, n, 0)
				if !ok || delay < shortest || delay > longest {
					t.Fatalf("%v, attempt %d: %v, %v, want from %v to %v", c, n, delay, ok, shortest, longest)
				}
				seen[delay] = true
			}
			if len(seen) < 20 {
				t.Errorf("%v, attempt %d: %d different waits of 200, hardly jitter", c, n, len(seen))
			}
		}
	}
}

func TestNextByVerdict(t *testing.T) {
	const hint = 7 * time.Minute
	tests := []struct {
		name     string
		verdict  classify.Verdict
		n        int
		elapsed  time.Duration
		shortest time.Duration // the longest is 20 % more
		ok       bool
	}{
		{"delivered", classify.Verdict{Class: classify.ClassOK, Recipient: classify.RecipientDelivered}, 1, 0, 0, false},
		{"refused", classify.Verdict{Class: classify.ClassBadMailbox, Recipient: classify.RecipientRefused}, 1, 0, 0, false},
		{"refused with a hint", classify.Verdict{Recipient: classify.RecipientRefused, RetryAfter: hint}, 1, 0, 0, false},
		{"a hint longer than the schedule", classify.Verdict{Class: classify.ClassGreylisted, RetryAfter: hint}, 1, 0, hint, true},
		{"a hint shorter than the schedule", classify.Verdict{Class: classify.ClassServerBusy, RetryAfter: hint}, 2, 0, hint, true},
		{"a short hint for the fourth time", classify.Verdict{Class: classify.ClassServerBusy, RetryAfter: hint}, 4, 0, 2 * hint, true},
		{"a short hint for the fifth time", classify.Verdict{Class: classify.ClassServerBusy, RetryAfter: hint}, 5, 0, 4 * hint, true},
		{"a short hint for ever", classify.Verdict{Class: classify.ClassServerBusy, RetryAfter: time.Second}, math.MaxInt, 0, time.Hour, true},
		{"a long hint for ever", classify.Verdict{Class: classify.ClassServerBusy, RetryAfter: 2 * time.Hour}, math.MaxInt, 0, 2 * time.Hour, true},
		{"a hint of a day", classify.Verdict{Class: classify.ClassNetwork, RetryAfter: 24 * time.Hour}, 1, 0, 24 * time.Hour, true},
		{"ambiguous", classify.Verdict{Class: classify.ClassNetwork, Recipient: classify.RecipientAmbiguous}, 1, 0, time.Second, true},
		{"ambiguous again", classify.Verdict{Class: classify.ClassNetwork, Recipient: classify.RecipientAmbiguous}, 2, 0, 5 * time.Second, true},
		{"ambiguous for ever", classify.Verdict{Class: classify.ClassProtocol, Recipient: classify.RecipientAmbiguous}, 99, 0, 30 * time.Second, true},
		{"a limit", classify.Verdict{Class: classify.ClassRateLimited, Limit: classify.LimitMessageRate}, 9, time.Hour, 0, true},
		{"a limit in a 5yz", classify.Verdict{Class: classify.ClassTooManyConnections, Limit: classify.LimitConnections}, 1, 0, 0, true},
		{"a limit with a hint", classify.Verdict{Class: classify.ClassRateLimited, Limit: classify.LimitQuota, RetryAfter: hint}, 1, 0, hint, true},
		{"a limit with nonsense", classify.Verdict{Limit: classify.LimitQuota, RetryAfter: -hint}, 1, 0, 0, true},
		{"the mailbox's limit", classify.Verdict{Class: classify.ClassRecipientRateLimited, Limit: classify.LimitMailboxRate}, 2, 0, time.Hour, true},
		{"changing classes, young", classify.Verdict{Class: classify.ClassNetwork}, 1, 8 * time.Second, time.Second, true},
		{"changing classes, old", classify.Verdict{Class: classify.ClassNetwork}, 1, 80 * time.Minute, 10 * time.Minute, true},
		{"changing classes, very old", classify.Verdict{Class: classify.ClassNetwork}, 1, 80 * time.Hour, 15 * time.Minute, true},
		{"the clock went back", classify.Verdict{Class: classify.ClassNetwork}, 1, -time.Hour, time.Second, true},
	}
	p := newPolicy(t, Config{})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for range 100 {
				delay, ok := p.Next(tt.verdict, tt.n, tt.elapsed)
				jitter := tt.shortest / 5
				if tt.verdict.RetryAfter > 0 {
					jitter = min(jitter, 3*time.Second)
				}
				if ok != tt.ok || delay < tt.shortest || delay > tt.shortest+jitter {
					t.Fatalf("%v, %v, want %v and up to %v more, %v", delay, ok, tt.shortest, jitter, tt.ok)
				}
			}
		})
	}
}

// TestElapsedNeverBindsASeries holds for every class: as long as the class stays
// the same, the schedule alone decides.
func TestElapsedNeverBindsASeries(t *testing.T) {
	p := newPolicy(t, Config{})
	for c := range classify.Class(classify.Classes) {
		var elapsed time.Duration
		for n := 1; n < 50; n++ {
			shortest, longest := p.Bounds(c, n)
			delay, _ := p.Next(classify.Verdict{Class: c}, n, elapsed)
			if delay > longest {
				t.Fatalf("%v, attempt %d after %v: %v, want from %v to %v", c, n, elapsed, delay, shortest, longest)
			}
			elapsed += longest
		}
	}
}

// TestChangingTroubleIsTriedEverLater has a delivery that fails in two ways in
// turn, so that no series ever gets beyond its first wait.
func TestChangingTroubleIsTriedEverLater(t *testing.T) {
	p := newPolicy(t, Config{})
	tries := 0
	for elapsed := time.Duration(0); elapsed < 24*time.Hour; tries++ {
		class := []classify.Class{classify.ClassNetwork, classify.ClassProtocol}[tries%2]
		delay, _ := p.Next(classify.Verdict{Class: class}, 1, elapsed)
		elapsed += delay
	}
	if tries > 250 {
		t.Errorf("%d tries in a day", tries)
	}
}

func BenchmarkNext(b *testing.B) {
	p := newPolicy(b, Config{})
	v := classify.Verdict{Class: classify.ClassGreylisted}
	b.ReportAllocs()
	for b.Loop() {
		p.Next(v, 3, time.Minute)
	}
}

// Greylisting lasts as long as the reply says, which the receiver knows and the
// schedule only guesses.
func TestGreylistingHintReplacesTheSchedule(t *testing.T) {
	p, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	for _, hint := range []time.Duration{3 * time.Second, 24 * time.Hour} {
		v := classify.Verdict{Class: classify.ClassGreylisted, RetryAfter: hint}
		delay, ok := p.Next(v, 3, time.Hour)
		if !ok || delay < hint || delay > hint+min(hint/5, 3*time.Second) {
			t.Errorf("hint %v: delay %v, %v", hint, delay, ok)
		}
	}
}
