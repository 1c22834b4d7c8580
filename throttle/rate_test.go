package throttle

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func TestReadRate(t *testing.T) {
	for _, tc := range []struct {
		name, in string
		want     Rate
		text     string // what String makes of it
	}{
		{"a second", "50/s", Rate{Count: 50, Per: time.Second}, "50/s"},
		{"a minute", "10/m", Rate{Count: 10, Per: time.Minute}, "10/m"},
		{"an hour", "1000/h", Rate{Count: 1000, Per: time.Hour}, "1000/h"},
		{"a day", "5/d", Rate{Count: 5, Per: 24 * time.Hour}, "5/d"},
		{"a millisecond", "1/ms", Rate{Count: 1, Per: time.Millisecond}, "1/ms"},
		{"several seconds", "3/10s", Rate{Count: 3, Per: 10 * time.Second}, "3/10s"},
		{"milliseconds", "1/500ms", Rate{Count: 1, Per: 500 * time.Millisecond}, "1/500ms"},
		{"days", "7/2d", Rate{Count: 7, Per: 48 * time.Hour}, "7/2d"},
		{"60 seconds are a minute", "7/60s", Rate{Count: 7, Per: time.Minute}, "7/m"},
		{"a fraction", "7/1.5s", Rate{Count: 7, Per: 1500 * time.Millisecond}, "7/1500ms"},
		{"two units", "7/1h30m", Rate{Count: 7, Per: 90 * time.Minute}, "7/90m"},
		{"below a millisecond", "7/1.5ms", Rate{Count: 7, Per: 1500 * time.Microsecond}, "7/1.5ms"},
		{"burst", "50/s burst 10", Rate{Count: 50, Per: time.Second, Burst: 10}, "50/s burst 10"},
		{"burst of 1", "50/s burst 1", Rate{Count: 50, Per: time.Second, Burst: 1}, "50/s burst 1"},
		{"spaces", "\t50  /  s   burst  10 ", Rate{Count: 50, Per: time.Second, Burst: 10}, "50/s burst 10"},
		{"the longest days", "1/106751d", Rate{Count: 1, Per: 106751 * 24 * time.Hour}, "1/106751d"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := readRate(tc.in)
			if err != nil {
				t.Fatal(err)
			}
			if got != tc.want || got.String() != tc.text {
				t.Errorf("readRate(%q) = %+v, %q; want %+v, %q", tc.in, got, got, tc.want, tc.text)
			}
			if again, err := readRate(got.String()); again != got || err != nil {
				t.Errorf("readRate(%q) = %+v, %v; want %+v again", got, again, err, got)
			}
		})
	}
}

func TestReadRateRefuses(t *testing.T) {
	for _, tc := range []struct{ name, in, says string }{
		{"nothing", "", "slash"},
		{"a number", "50", "slash"},
		{"no count", "/s", `count ""`},
		{"no period", "50/", `period ""`},
		{"zero", "0/s", `count "0"`},
		{"negative", "-5/s", `count "-5"`},
		{"a fraction", "1.5/s", `count "1.5"`},
		{"a space within", "5 0/s", `count "5 0"`},
		{"more than an int", "99999999999999999999/s", "count"},
		{"unknown unit", "50/x", `period "x"`},
		{"a number without unit", "50/10", `period "10"`},
		{"zero period", "50/0s", `period "0s"`},
		{"negative period", "50/-1s", `period "-1s"`},
		{"zero days", "50/0d", `period "0d"`},
		{"days that overflow", "50/106752d", "period"},
		{"two slashes", "50/1/s", `period "1/s"`},
		{"burst of zero", "50/s burst 0", `burst "0"`},
		{"burst of nothing", "50/s burst", `period "s burst"`},
		{"a bare burst", "burst 10", "slash"},
		{"burst in words", "50/s burst ten", `burst "ten"`},
		{"two bursts", "50/s burst 1 burst 2", `period "s burst 1"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := readRate(tc.in)
			if err == nil {
				t.Fatalf("readRate(%q) = %+v; want an error", tc.in, got)
			}
			for _, part := range []string{"throttle: rate ", tc.says} {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("readRate(%q): error %q does not say %q", tc.in, err, part)
				}
			}
			if got != (Rate{}) {
				t.Errorf("readRate(%q) = %+v with an error; want zero", tc.in, got)
			}
		})
	}
}

func TestRateValidate(t *testing.T) {
	for _, tc := range []struct {
		name string
		in   Rate
		want []string // nil: valid
	}{
		{"zero", Rate{}, nil},
		{"plain", Rate{Count: 1, Per: time.Second}, nil},
		{"burst", Rate{Count: 1, Per: time.Second, Burst: 5}, nil},
		{"no period", Rate{Count: 1}, []string{"Per is 0"}},
		{"no count", Rate{Per: time.Second}, []string{"Count is 0"}},
		{"bare burst", Rate{Burst: 5}, []string{"there is no rate"}},
		{"burst and period", Rate{Per: time.Second, Burst: 5}, []string{"Count is 0"}},
		{"all negative", Rate{Count: -1, Per: -2, Burst: -3}, []string{"Count is -1", "Per is -2ns", "Burst is -3"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			wantMistakes(t, tc.in.validate(), tc.want)
			_, err := tc.in.MarshalText()
			wantMistakes(t, err, tc.want)
		})
	}
}

// wantMistakes checks that err says all of want, one a line, and nothing else.
func wantMistakes(t *testing.T, err error, want []string) {
	t.Helper()
	if err == nil {
		if len(want) > 0 {
			t.Errorf("no error; want %q", want)
		}
		return
	}
	if got := strings.Count(err.Error(), "\n") + 1; got != len(want) {
		t.Errorf("error %q has %d mistakes; want %d", err, got, len(want))
	}
	for _, part := range want {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q does not say %q", err, part)
		}
	}
}

func TestRateAndQuotaInJSON(t *testing.T) {
	type config struct {
		Rate  Rate
		Quota Quota
	}
	for _, tc := range []struct {
		name string
		in   config
		text string
	}{
		{"zero", config{}, `{"Rate":"","Quota":""}`},
		{"set", config{Rate{50, time.Second, 10}, Quota{1000, 24 * time.Hour}}, `{"Rate":"50/s burst 10","Quota":"1000/d"}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			text, err := json.Marshal(tc.in)
			if err != nil || string(text) != tc.text {
				t.Fatalf("Marshal(%+v) = %s, %v; want %s", tc.in, text, err, tc.text)
			}
			got := config{Rate{1, 1, 1}, Quota{1, 1}}
			if err := json.Unmarshal(text, &got); err != nil || got != tc.in {
				t.Errorf("Unmarshal(%s) = %+v, %v; want %+v", text, got, err, tc.in)
			}
		})
	}
	kept := config{Rate{1, 1, 1}, Quota{1, 1}}
	for _, text := range []string{`{"Rate":"50"}`, `{"Quota":"50/s burst 3"}`} {
		got := kept
		if err := json.Unmarshal([]byte(text), &got); err == nil || got != kept {
			t.Errorf("Unmarshal(%s) = %+v, %v; want an error and nothing changed", text, got, err)
		}
	}
}

func FuzzReadRate(f *testing.F) {
	for _, seed := range []string{"50/s", "1000/h burst 10", "3/10s", "1/500ms", "7/2d", "1/2562047h47m16.854775807s", "1/1.5µs", "burst", "//"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := readRate(text)
		if err != nil {
			if r != (Rate{}) {
				t.Fatalf("readRate(%q) = %+v with an error", text, r)
			}
			return
		}
		if err := r.validate(); err != nil {
			t.Fatalf("readRate(%q) = %+v, which is invalid: %v", text, r, err)
		}
		if again, err := readRate(r.String()); err != nil || again != r {
			t.Fatalf("readRate(%q) = %+v, %v; want %+v, as of %q", r, again, err, r, text)
		}
		// What can be said can be used: a token comes again in the end.
		b := newBucket(r)
		b.take(noon, r.burst())
		b.commit(noon, r.burst())
		if at := b.at(noon, 1); at != never && b.at(at, 1) != at {
			t.Fatalf("a bucket of %q has a token at %v, and then only at %v", r, at, b.at(at, 1))
		}
	})
}

func TestReadQuota(t *testing.T) {
	for _, tc := range []struct {
		name, in string
		want     Quota
		text     string
	}{
		{"a day", "1000/d", Quota{1000, 24 * time.Hour}, "1000/d"},
		{"hours", " 500 / 6h ", Quota{500, 6 * time.Hour}, "500/6h"},
		{"24 hours are a day", "1/24h", Quota{1, 24 * time.Hour}, "1/d"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := readQuota(tc.in)
			if err != nil || got != tc.want || got.String() != tc.text {
				t.Errorf("readQuota(%q) = %+v, %q, %v; want %+v, %q", tc.in, got, got, err, tc.want, tc.text)
			}
		})
	}
	for _, tc := range []struct{ name, in, says string }{
		{"nothing", "", "slash"},
		{"a burst", "1000/d burst 5", `period "d burst 5"`},
		{"zero", "0/d", `count "0"`},
	} {
		t.Run("refuses "+tc.name, func(t *testing.T) {
			got, err := readQuota(tc.in)
			if err == nil || !strings.Contains(err.Error(), tc.says) || !strings.HasPrefix(err.Error(), "throttle: quota ") || got != (Quota{}) {
				t.Errorf("readQuota(%q) = %+v, %v; want an error that says %q", tc.in, got, err, tc.says)
			}
		})
	}
}

func TestQuotaValidate(t *testing.T) {
	for _, tc := range []struct {
		name string
		in   Quota
		want []string
	}{
		{"zero", Quota{}, nil},
		{"set", Quota{1, time.Hour}, nil},
		{"no period", Quota{Count: 1}, []string{"Per is 0"}},
		{"no count", Quota{Per: 1}, []string{"Count is 0"}},
		{"both negative", Quota{-1, -1}, []string{"Count is -1", "Per is -1ns"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			wantMistakes(t, tc.in.validate(), tc.want)
			_, err := tc.in.MarshalText()
			wantMistakes(t, err, tc.want)
		})
	}
}

// TestProbesOfAnOutage: the next one comes at its time, and beside one that takes long.
func TestProbesOfAnOutage(t *testing.T) {
	until := noon.Add(time.Minute)
	for _, tt := range []struct {
		name     string
		inFlight int
		probed   time.Time
		now      time.Time
		want     time.Time
	}{
		{"nothing is under way", 0, noon, until, until},
		{"no probe is under way", 1, time.Time{}, until, until},
		{"not yet", 1, noon, until.Add(-1), until},
		{"a probe is under way", 1, until.Add(-10 * time.Second), until, until.Add(20 * time.Second)},
		{"it takes long", 1, until.Add(-30 * time.Second), until, until},
		{"it takes longer", 1, until.Add(-31 * time.Second), until, until},
	} {
		o := outage{until: until, probed: tt.probed, stuck: 30 * time.Second}
		if got := o.at(tt.now, tt.inFlight); !got.Equal(tt.want) {
			t.Errorf("%s: %v after noon, want %v", tt.name, got.Sub(noon), tt.want.Sub(noon))
		}
	}
	o := outage{until: noon, last: noon.Add(-time.Minute), asked: 30 * time.Second}
	if late := o.probe(noon.Add(time.Second)); late != time.Second || o.stuck != longProbe {
		t.Errorf("the first probe is %v late, and takes long after %v", late, o.stuck)
	}
	for range 20 {
		before := o.stuck
		if late := o.probe(noon.Add(time.Minute)); late != 0 || o.stuck != min(2*before, longestWait) {
			t.Errorf("a further probe is %v late, and takes long after %v, not %v", late, o.stuck, before)
		}
	}
	for asked, want := range map[time.Duration]time.Duration{0: time.Minute, time.Minute: time.Minute, time.Minute + 1: time.Minute + 1, longestHint: longestHint, longestHint + 1: longestHint} {
		o := outage{until: until}
		if o.hint(noon, asked); o.until.Sub(noon) != want {
			t.Errorf("asked for %v: it lasts %v, want %v", asked, o.until.Sub(noon), want)
		}
	}
}

// TestOneRefusalOfFew: none of the probes was refused, and of what was under way two of
// three were accepted.
func TestOneRefusalOfFew(t *testing.T) {
	for _, tt := range []struct {
		inFlight, passed, probes int
		want                     bool
	}{{1, 0, 0, true}, {1, 0, 1, false}, {2, 1, 0, false}, {2, 2, 0, true}, {3, 3, 0, false}, {3, 4, 0, true}, {3, 9, 1, false}} {
		o := outage{}
		o.inFlight, o.passed, o.probes = tt.inFlight, tt.passed, tt.probes
		if got := o.isolated(); got != tt.want {
			t.Errorf("%d refused and %d accepted of what was under way, %d probes refused: %v", tt.inFlight, tt.passed, tt.probes, got)
		}
	}
}
