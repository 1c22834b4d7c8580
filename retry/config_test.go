package retry

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
)

func TestNewReportsAllMistakes(t *testing.T) {
	_, err := New(Config{
		Schedules: map[classify.Class]Schedule{
			classify.ClassGreylisted: {First: time.Hour, Max: time.Minute},
			classify.ClassNetwork:    {First: -1, Multiplier: math.NaN()},
			classify.ClassTLS:        {Multiplier: 1},
			200:                      {},
		},
		Ambiguous: Schedule{Max: 8 * 24 * time.Hour},
	})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{
		"class greylisted: field Max is 1m0s, must be at least First, 1h0m0s",
		"class network: field First is -1ns, must be at least 1ms",
		"Multiplier is NaN",
		"class tls: field Multiplier is 1, must be from 1.1 to 100",
		"class 200",
		"ambiguous tries: field Max is 192h0m0s, must be at most 168h0m0s",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error does not say %q:\n%v", want, err)
		}
	}
}

func TestScheduleDefaults(t *testing.T) {
	tests := []struct {
		name     string
		schedule Schedule
		want     []time.Duration
	}{
		{"zero", Schedule{}, []time.Duration{5 * time.Minute, 10 * time.Minute, 20 * time.Minute, 40 * time.Minute}},
		{"only First", Schedule{First: time.Minute}, []time.Duration{time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute}},
		{"First beyond the default Max", Schedule{First: time.Hour}, []time.Duration{time.Hour, time.Hour}},
		{"only Max", Schedule{Max: 15 * time.Minute}, []time.Duration{5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 15 * time.Minute}},
		{"Max below the default First", Schedule{Max: time.Second}, []time.Duration{time.Second, time.Second}},
		{"only Multiplier", Schedule{Multiplier: 3}, []time.Duration{5 * time.Minute, 15 * time.Minute, 40 * time.Minute}},
		{"constant", Schedule{First: time.Second, Max: time.Second}, []time.Duration{time.Second, time.Second, time.Second}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newPolicy(t, Config{Schedules: map[classify.Class]Schedule{classify.ClassGreylisted: tt.schedule}})
			if got := series(p, classify.ClassGreylisted, len(tt.want)); !slices.Equal(got, tt.want) {
				t.Errorf("%v, want %v", got, tt.want)
			}
		})
	}
}

// TestPolicyKeepsNothingOfItsConfig changes the map that a policy was made of.
func TestPolicyKeepsNothingOfItsConfig(t *testing.T) {
	schedules := map[classify.Class]Schedule{classify.ClassTLS: {First: time.Second}}
	p := newPolicy(t, Config{Schedules: schedules})
	schedules[classify.ClassTLS] = Schedule{First: time.Hour}
	if shortest, _ := p.Bounds(classify.ClassTLS, 1); shortest != time.Second {
		t.Errorf("first wait is %v, want 1s", shortest)
	}
}

func FuzzNew(f *testing.F) {
	f.Add(int64(time.Second), int64(time.Hour), 2.0)
	f.Add(int64(time.Millisecond), int64(7*24*time.Hour), 1.1)
	f.Fuzz(func(t *testing.T, first, longest int64, multiplier float64) {
		s := Schedule{time.Duration(first), time.Duration(longest), multiplier}
		p, err := New(Config{Schedules: map[classify.Class]Schedule{classify.ClassLoop: s}})
		if err != nil {
			return
		}
		waits := series(p, classify.ClassLoop, 400)
		if !slices.IsSorted(waits) || waits[0] < minFirst || waits[399] > maxMax {
			t.Errorf("%+v: waits from %v to %v", s, waits[0], waits[399])
		}
	})
}
