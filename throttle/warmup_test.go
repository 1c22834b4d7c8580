package throttle

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestWarmUpCeilings(t *testing.T) {
	table := WarmUp{Start: noon, Table: []int{50, 100, 7}}
	growing := WarmUp{Start: noon, First: 50, Factor: 2, Last: 1000, Hours: 24}
	for _, test := range []struct {
		name      string
		plan      WarmUp
		at        time.Duration
		day, hour int
		ok        bool
	}{
		{"before", table, -1, 0, 0, true},
		{"first day", table, 0, 50, 5, true},
		{"first day's end", table, day - 1, 50, 5, true},
		{"second day", table, day, 100, 9, true},
		{"third day", table, 2 * day, 7, 1, true},
		{"over", table, 3 * day, 0, 0, false},
		{"growing, first day", growing, 0, 50, 3, true},
		{"growing, fifth day", growing, 4 * day, 800, 34, true},
		{"growing, over", growing, 5 * day, 0, 0, false},
		{"growing, long over", growing, 90000 * day, 0, 0, false},
		{"fractions", WarmUp{Start: noon, First: 10, Factor: 1.25, Last: 100, Hours: 1}, day, 12, 12, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			gotDay, gotHour, ok := test.plan.Ceilings(noon.Add(test.at))
			if gotDay != test.day || gotHour != test.hour || ok != test.ok {
				t.Errorf("got %d a day, %d an hour, %v; want %d, %d, %v", gotDay, gotHour, ok, test.day, test.hour, test.ok)
			}
		})
	}
}

func TestWarmUpValidate(t *testing.T) {
	for _, test := range []struct {
		name string
		plan WarmUp
		want []string // in the error; none: it is valid
	}{
		{"table", WarmUp{Start: noon, Table: []int{1}}, nil},
		{"growing", WarmUp{Start: noon, First: 1, Factor: 1.1, Last: 1}, nil},
		{"zero", WarmUp{}, []string{"Start is zero", "First is 0", "Factor is 0"}},
		{"both, First", WarmUp{Start: noon, Table: []int{1}, First: 1}, []string{"one or the other"}},
		{"both, Factor", WarmUp{Start: noon, Table: []int{1}, Factor: 2}, []string{"one or the other"}},
		{"both, Last", WarmUp{Start: noon, Table: []int{1}, Last: 1}, []string{"one or the other"}},
		{"all hours", WarmUp{Start: noon, Table: []int{1}, Hours: 24}, nil},
		{"hours below none", WarmUp{Start: noon, Table: []int{1}, Hours: -1}, []string{"Hours is -1"}},
		{"the longest table", WarmUp{Start: noon, Table: slices.Repeat([]int{1}, longestWarmUp)}, nil},
		{"too long a table", WarmUp{Start: noon, Table: slices.Repeat([]int{1}, longestWarmUp+1)}, []string{"want 3650 at most"}},
		{"growth without end", WarmUp{Start: noon, First: 1, Factor: math.Inf(1), Last: 9}, []string{"Factor is +Inf"}},
		{"a day of nothing", WarmUp{Start: noon, Table: []int{1, 0}}, []string{"day 2 has 0"}},
		{"no growth", WarmUp{Start: noon, First: 1, Factor: 1, Last: 9}, []string{"Factor is 1"}},
		{"no number", WarmUp{Start: noon, First: 1, Factor: math.NaN(), Last: 9}, []string{"Factor is NaN"}},
		{"for ever", WarmUp{Start: noon, First: 1, Factor: 1.0000001, Last: 9}, []string{"days: want 3650"}},
		{"down", WarmUp{Start: noon, First: 10, Factor: 2, Last: 9}, []string{"Last is 9"}},
		{"hours", WarmUp{Start: noon, Table: []int{1}, Hours: 25}, []string{"Hours is 25"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := test.plan.validate()
			if (err == nil) != (test.want == nil) {
				t.Fatalf("the error is %v", err)
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error is %q, want %q in it", err, want)
				}
			}
		})
	}
	if _, err := New[int](Config{WarmUps: map[string]WarmUp{"d": {}}}); err == nil || !strings.Contains(err.Error(), `warm-up of destination "d"`) {
		t.Errorf("New says %v", err)
	}
}

// warmed has a destination that may get 24 today, 2 an hour, and 48 tomorrow.
func warmed(t *testing.T, refuse bool) (*rig, *Conn[string]) {
	cfg := wide()
	cfg.WarmUps = map[string]WarmUp{"d": {Start: noon, Table: []int{24, 48}, Refuse: refuse}}
	r := newRig(t, cfg)
	r.push("d", "x")
	c := r.open("relay")
	widen(9, &r.destination("d").scope)
	return r, c
}

func TestWarmUpWaitsForTheHourAndTheDay(t *testing.T) {
	r, c := warmed(t, false)
	for range 200 {
		r.push("d", "x")
	}
	for hour := range 12 {
		r.exchange(c, "x")
		r.exchange(c, "x")
		if hour < 11 {
			r.none(c, time.Hour)
			r.pass(time.Hour)
		}
	}
	r.none(c, 13*time.Hour) // the day is full
	r.pass(13 * time.Hour)
	for range 4 {
		r.exchange(c, "x")
	}
	r.none(c, time.Hour)
	r.pass(day)
	for range 100 { // the warm-up is over
		r.exchange(c, "x")
	}
}

func TestWarmUpCountsWhatIsInHandOnceWritten(t *testing.T) {
	r, c := warmed(t, false)
	r.push("d", "x")
	r.push("d", "x")
	g, h := r.grant(c, "x"), r.grant(c, "x")
	r.none(c, time.Hour)
	h.Return(r.now)
	r.push("d", "x")
	h = r.grant(c, "x")
	r.pass(time.Hour)
	r.accepted(g) // both count for this hour
	r.accepted(h)
	r.none(c, time.Hour)
}

// TestPushRefusesNewcomersBeyondToday where the warm-up says so; what is not new waits
// in any case.
func TestPushRefusesNewcomersBeyondToday(t *testing.T) {
	for _, test := range []struct {
		name                  string
		refuse                bool
		destination           string
		want                  int // of a hundred
		queuedMore, sentFirst int
	}{
		{"one is queued", true, "d", 23, 0, 0},
		{"the queue counts", true, "d", 3, 20, 0},
		{"what was sent counts", true, "d", 22, 0, 1},
		{"nothing is left", true, "d", 0, 40, 0},
		{"waits instead", false, "d", 100, 0, 0},
		{"another", true, "e", 100, 0, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			r, c := warmed(t, test.refuse)
			for range test.sentFirst {
				r.exchange(c, "x")
				r.push("d", "x")
			}
			for range test.queuedMore {
				r.push("d", "x")
			}
			if got := r.newcomers(test.destination, 100); got != test.want {
				t.Errorf("%d newcomers were taken, want %d", got, test.want)
			}
			if r.s.Push(r.now, Job[string]{Destination: test.destination, Path: Through("relay")}) == nil {
				t.Error("one that came before was refused")
			}
		})
	}
}

// newcomers pushes n of them for a destination and returns how many were taken.
func (r *rig) newcomers(destination string, n int) (taken int) {
	for range n {
		if r.s.Push(r.now, Job[string]{Destination: destination, Path: Through("relay"), Newcomer: true}) != nil {
			taken++
		}
	}
	return taken
}

// TestWarmUpRestoresOnlyWhatItLacks: a meter that has counted keeps its counts, and a
// record of another kind changes nothing.
func TestWarmUpRestoresOnlyWhatItLacks(t *testing.T) {
	now := noon.Add(time.Hour)
	record := meterRecord{Warm: &warmUpRecord{Day: 0, Hour: 1, Today: 9, ThisHour: 3}}
	for _, tt := range []struct {
		name            string
		today, reserved int
		record          meterRecord
		want            int // of the day
	}{
		{"new", 0, 0, record, 9},
		{"has written", 5, 0, record, 5},
		{"has reserved", 0, 2, record, 0},
		{"new, another record", 0, 0, meterRecord{}, 0},
		{"has written, another record", 5, 0, meterRecord{}, 5},
	} {
		w := &warmUpMeter{plan: &WarmUp{Start: noon, First: 100, Factor: 2, Last: 1000}, today: tt.today, reserved: tt.reserved}
		if w.restore(now, tt.record, 0); w.today != tt.want || w.reserved != tt.reserved {
			t.Errorf("%s: got %d today and %d reserved, want %d and %d", tt.name, w.today, w.reserved, tt.want, tt.reserved)
		}
	}
}
