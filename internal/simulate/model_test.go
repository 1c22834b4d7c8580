package simulate

import (
	"math/rand/v2"
	"testing"
	"time"
)

func newRand() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }

// ask asks a gate n times at each of some times and returns how many were let
// through at each.
func ask(g gate, n int, times ...time.Duration) []int {
	var got []int
	for _, now := range times {
		k := 0
		for range n {
			if g.admit(query{now: now, box: 1}) {
				k++
			}
		}
		got = append(got, k)
	}
	return got
}

func TestModelsOverTime(t *testing.T) {
	const s = time.Second
	for _, tt := range []struct {
		name  string
		model Model
		times []time.Duration
		want  []int // of 10 asked at each
	}{
		{"bucket", Bucket{Count: 2, Per: s, Burst: 5}, []time.Duration{0, s, s + s/2, 100 * s}, []int{5, 2, 1, 5}},
		{"bucket without a burst", Bucket{Count: 1, Per: s}, []time.Duration{0, s / 2, s, 9 * s}, []int{1, 0, 1, 1}},
		{"bucket in minutes", Bucket{Count: 6, Per: time.Minute}, []time.Duration{0, 9 * s, 10 * s}, []int{1, 0, 1}},
		{"sliding window", SlidingWindow{3, 10 * s}, []time.Duration{0, 9 * s, 10 * s, 19 * s, 21 * s}, []int{3, 0, 3, 0, 3}},
		{"greylist", Greylist{5 * s}, []time.Duration{0, 4 * s, 5 * s}, []int{0, 0, 10}},
		{"outage", Outage{From: s, For: s}, []time.Duration{0, s, 2*s - 1, 2 * s}, []int{10, 0, 0, 10}},
		{"outage to the end", Outage{}, []time.Duration{0, time.Hour}, []int{0, 0}},
		{"changing", Changing{At: s, First: SlidingWindow{1, time.Hour}, Then: SlidingWindow{2, time.Hour}},
			[]time.Duration{0, s - 1, s, 2 * s}, []int{1, 0, 2, 0}},
		{"mailbox", Mailbox{Bucket{Count: 1, Per: s, Burst: 2}}, []time.Duration{0, s}, []int{2, 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := ask(tt.model.gate(newRand()), 10, tt.times...)
			for i := range got {
				if got[i] != tt.want[i] {
					t.Errorf("at %v %d of 10 were let through, want %d", tt.times[i], got[i], tt.want[i])
				}
			}
		})
	}
}

func TestSlidingWindowForgetsOneByOne(t *testing.T) {
	g := SlidingWindow{3, 10 * time.Second}.gate(newRand())
	for i, want := range []bool{true, true, true, false, false, false, false, false, false, false, true, true, true, false} {
		if got := g.admit(query{now: time.Duration(i) * time.Second}); got != want {
			t.Errorf("second %d: %v, want %v", i, got, want)
		}
	}
}

func TestFixedWindowTurnsWhenTheSeedSays(t *testing.T) {
	turns := map[int]bool{}
	for seed := range uint64(20) {
		g := FixedWindow{5, time.Minute}.gate(rand.New(rand.NewPCG(seed, 0)))
		var at []int // seconds at which it let through again
		for second := range 180 {
			if ask(g, 10, time.Duration(second)*time.Second)[0] > 0 {
				at = append(at, second)
			}
		}
		if len(at) != 4 && len(at) != 3 {
			t.Fatalf("seed %d: it turned at %v, want the beginning and every minute from some second on", seed, at)
		}
		for i := 2; i < len(at); i++ {
			if at[i]-at[i-1] != 60 {
				t.Errorf("seed %d: it turned at %v, want a minute between", seed, at)
			}
		}
		turns[at[1]] = true
	}
	if len(turns) < 10 {
		t.Errorf("20 seeds turn at %d different seconds, want them spread", len(turns))
	}
}

func TestModelsOfConnections(t *testing.T) {
	for _, tt := range []struct {
		name  string
		model Model
		query query
		want  bool
	}{
		{"below the cap", Connections{3}, query{open: 2}, true},
		{"at the cap", Connections{3}, query{open: 3}, false},
		{"the last message", PerConnection{40}, query{carried: 39}, true},
		{"one too many", PerConnection{40}, query{carried: 40}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.model.gate(newRand()).admit(tt.query); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestMailboxesAndTriplesAreApart(t *testing.T) {
	for name, m := range map[string]Model{
		"mailbox": Mailbox{SlidingWindow{1, time.Hour}}, "greylist": Greylist{0},
	} {
		g := m.gate(newRand())
		for box := 1; box <= 3; box++ {
			first, second := g.admit(query{box: box}), g.admit(query{box: box})
			if first == second {
				t.Errorf("%s %d: both tries got %v", name, box, first)
			}
		}
	}
}

func TestBadHostsComeAtRandom(t *testing.T) {
	got := ask(BadHosts{Bad: 1, Of: 4}.gate(newRand()), 10_000, 0)[0]
	if got < 7300 || got > 7700 {
		t.Errorf("%d of 10,000 met a good host, want about 7,500", got)
	}
}
