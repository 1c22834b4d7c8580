package throttle

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

var (
	everyLimit = Limits{
		Connections:           5,
		ConnectionRate:        Rate{1, time.Second, 0},
		MessageRate:           Rate{10, time.Second, 5},
		RecipientRate:         Rate{100, time.Minute, 50},
		ByteRate:              Rate{6_000_000, time.Minute, 2_000_000},
		MessagesPerConnection: 20,
		RecipientsPerMessage:  50,
		Quota:                 Quota{1000, 24 * time.Hour},
	}
	everyLimitText = "connections:5,connection-rate:1/s,rate:10/s burst 5,recipient-rate:100/m burst 50,byte-rate:6000000/m burst 2000000,per-connection:20,per-message:50,quota:1000/d"
)

func TestParseLimits(t *testing.T) {
	for _, tc := range []struct {
		name, in string
		want     Limits
		text     string
	}{
		{"two", "connections:5,rate:10/s burst 5", Limits{Connections: 5, MessageRate: Rate{10, time.Second, 5}}, "connections:5,rate:10/s burst 5"},
		{"all", everyLimitText, everyLimit, everyLimitText},
		{"another order", "quota:9/h,connections:5", Limits{Connections: 5, Quota: Quota{9, time.Hour}}, "connections:5,quota:9/h"},
		{"spaces", " per-message : 7 , rate: 10 / s burst 5 ", Limits{RecipientsPerMessage: 7, MessageRate: Rate{10, time.Second, 5}}, "rate:10/s burst 5,per-message:7"},
		{"nothing", "", Limits{}, ""},
		{"blanks", " \t", Limits{}, ""},
		{"unlimited", "connections:unlimited,per-connection:unlimited,per-message:unlimited",
			Limits{Connections: Unlimited, MessagesPerConnection: Unlimited, RecipientsPerMessage: Unlimited},
			"connections:unlimited,per-connection:unlimited,per-message:unlimited"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := ParseLimits(tc.in)
			if err != nil || got != tc.want || got.String() != tc.text {
				t.Fatalf("ParseLimits(%q) = %+v, %v; want %+v\nin text %q; want %q", tc.in, got, err, tc.want, got, tc.text)
			}
			if again, err := ParseLimits(got.String()); err != nil || again != got {
				t.Errorf("ParseLimits(%q) = %+v, %v; want %+v again", got, again, err, got)
			}
		})
	}
	if text := (Limits{}).String(); text != "" {
		t.Errorf("the zero Limits are %q; want an empty text", text)
	}
}

func TestParseLimitsRefuses(t *testing.T) {
	for _, tc := range []struct {
		name, in string
		want     []string // mistakes
	}{
		{"a comma alone", ",", []string{"want a key, a colon and a value", "want a key, a colon and a value"}},
		{"a comma too many", "connections:5,", []string{"want a key, a colon and a value"}},
		{"no value", "connections", []string{`limit "connections": want a key`}},
		{"unknown key", "conections:5", []string{`limit "conections" is unknown: want one of connections, connection-rate, rate, recipient-rate, byte-rate, per-connection, per-message, quota`}},
		{"twice", "rate:1/s,rate:2/s", []string{`limit "rate" is given twice`}},
		{"zero", "connections:0", []string{`limit "connections" is "0": want a whole number from 1, or "unlimited"`}},
		{"negative", "connections:-1", []string{`limit "connections" is "-1": want`}},
		{"not a number", "per-message:many", []string{`limit "per-message" is "many": want`}},
		{"bad rate", "rate:10", []string{`limit "rate" is "10": there is no slash; want a rate such as`}},
		{"a rate cannot be unlimited", "rate:unlimited", []string{`limit "rate" is "unlimited"`}},
		{"quota with a burst", "quota:10/d burst 2", []string{`want a quota such as`}},
		{"all together", "x:1,connections:0,rate:y", []string{`"x"`, `"connections"`, `"rate"`}},
		{"contradiction", "per-message:50,recipient-rate:100/s", []string{"want a burst of 50 there"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := ParseLimits(tc.in)
			if err == nil {
				t.Fatalf("ParseLimits(%q) = %+v; want an error", tc.in, got)
			}
			wantMistakes(t, err, tc.want)
			if got != (Limits{}) {
				t.Errorf("ParseLimits(%q) = %+v with an error; want zero", tc.in, got)
			}
			for line := range strings.Lines(err.Error()) {
				if !strings.HasPrefix(line, "throttle: ") {
					t.Errorf("error %q does not name the package", line)
				}
			}
		})
	}
}

func TestLimitsValidate(t *testing.T) {
	bad := Rate{Count: 1}
	for _, tc := range []struct {
		name string
		in   Limits
		want []string
	}{
		{"zero", Limits{}, nil},
		{"all", everyLimit, nil},
		{"unlimited", Limits{Connections: Unlimited, MessagesPerConnection: Unlimited, RecipientsPerMessage: Unlimited}, nil},
		{"unlimited recipients are split by the burst", Limits{RecipientsPerMessage: Unlimited, RecipientRate: Rate{1, 1, 1}}, nil},
		{"a recipient rate alone", Limits{RecipientRate: Rate{1, 1, 0}}, nil},
		{"every field", Limits{-2, bad, bad, bad, bad, -3, -4, Quota{Count: 1}}, []string{
			"Connections is -2", "MessagesPerConnection is -3", "RecipientsPerMessage is -4",
			"ConnectionRate.Count is 1", "MessageRate.Count is 1", "RecipientRate.Count is 1", "ByteRate.Count is 1", "Quota.Count is 1",
		}},
		{"two mistakes in one field", Limits{MessageRate: Rate{-1, -1, 0}}, []string{"MessageRate.Count is -1", "MessageRate.Per is -1ns"}},
		{"recipients above the burst", Limits{RecipientsPerMessage: 6, RecipientRate: Rate{1, time.Second, 5}}, []string{"want a burst of 6"}},
		{"recipients at the burst", Limits{RecipientsPerMessage: 5, RecipientRate: Rate{1, time.Second, 5}}, nil},
		{"burst above the quota", Limits{MessageRate: Rate{1, time.Second, 6}, Quota: Quota{5, time.Hour}}, []string{"want a burst of 5 at most"}},
		{"burst at the quota", Limits{MessageRate: Rate{1, time.Second, 5}, Quota: Quota{5, time.Hour}}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) { wantMistakes(t, tc.in.Validate(), tc.want) })
	}
}

func TestLimitsOr(t *testing.T) {
	other := Limits{9, Rate{9, 9, 9}, Rate{9, 9, 9}, Rate{9, 9, 9}, Rate{9, 9, 9}, 9, 9, Quota{9, 9}}
	for _, tc := range []struct {
		name       string
		l, d, want Limits
	}{
		{"nothing set", Limits{}, everyLimit, everyLimit},
		{"all set", everyLimit, other, everyLimit},
		{"no defaults", everyLimit, Limits{}, everyLimit},
		{"a rate is taken whole", Limits{MessageRate: Rate{1, 1, 0}}, Limits{MessageRate: Rate{2, 2, 2}}, Limits{MessageRate: Rate{1, 1, 0}}},
		{"unlimited is set", Limits{Connections: Unlimited}, Limits{Connections: 5}, Limits{Connections: Unlimited}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := tc.l.or(tc.d); got != tc.want {
				t.Errorf("got %+v\nwant %+v", got, tc.want)
			}
		})
	}
}

func TestLimitsInJSON(t *testing.T) {
	type relay struct {
		Addr   string
		Limits Limits
		Other  *Limits `json:",omitempty"`
		Zero   Limits  `json:",omitzero"`
	}
	r := relay{Addr: "a:25", Limits: everyLimit, Other: &Limits{Connections: Unlimited}}
	text, err := json.Marshal(r)
	if want := `{"Addr":"a:25","Limits":"` + everyLimitText + `","Other":"connections:unlimited"}`; err != nil || string(text) != want {
		t.Fatalf("got %s, %v; want %s", text, err, want)
	}
	again := relay{Zero: everyLimit}
	if err := json.Unmarshal([]byte(strings.Replace(string(text), "}", `,"Zero":""}`, 1)), &again); err != nil ||
		again.Limits != r.Limits || *again.Other != *r.Other || again.Zero != (Limits{}) {
		t.Errorf("%s is read as %+v (%v)", text, again, err)
	}
	if text, err := json.Marshal(Limits{Connections: -2}); err == nil || !strings.Contains(err.Error(), "Connections is -2") {
		t.Errorf("invalid Limits are %s (%v); want the error of Validate", text, err)
	}
	if err := json.Unmarshal([]byte(`"connections:0"`), &again.Limits); err == nil || again.Limits != r.Limits {
		t.Errorf("a wrong text: %v, Limits are %v; want an error, and what was there", err, again.Limits)
	}
}

// anyLimits returns Limits with fields of any kind, few of them zero.
func anyLimits(r *rand.Rand) Limits {
	number := func() int { return []int{0, Unlimited, 1, 1 + r.IntN(100), 1 + r.IntN(math.MaxInt32)}[r.IntN(5)] }
	per := func() time.Duration {
		units := []time.Duration{1, time.Microsecond, time.Millisecond, time.Second, time.Minute, time.Hour, day}
		unit := units[r.IntN(len(units))]
		return time.Duration(1+r.Int64N([]int64{1, 100, math.MaxInt64 / int64(unit)}[r.IntN(3)])) * unit
	}
	rate := func() Rate {
		if r.IntN(4) == 0 {
			return Rate{}
		}
		return Rate{Count: 1 + r.IntN(1000), Per: per(), Burst: r.IntN(2) * r.IntN(1000)}
	}
	l := Limits{
		Connections: number(), ConnectionRate: rate(), MessageRate: rate(), RecipientRate: rate(),
		MessagesPerConnection: number(), RecipientsPerMessage: number(),
	}
	if r.IntN(2) == 0 {
		l.Quota = Quota{Count: 1 + r.IntN(1000), Per: per()}
	}
	return l
}

// TestLimitsRoundTrip reads the texts of valid Limits again.
func TestLimitsRoundTrip(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	valid := 0
	for range 20000 {
		l := anyLimits(r)
		if l.Validate() != nil {
			continue
		}
		valid++
		text, err := l.MarshalText()
		if again, err2 := ParseLimits(l.String()); err != nil || err2 != nil || again != l || string(text) != l.String() {
			t.Fatalf("seed %d: %+v in text is %q (%q, %v), and read again %+v (%v)", seed, l, l, text, err, again, err2)
		}
	}
	if valid < 2000 {
		t.Errorf("only %d of 20000 Limits are valid", valid)
	}
}

func FuzzParseLimits(f *testing.F) {
	for _, seed := range []string{everyLimitText, "connections:unlimited", "rate:10/s burst 5,rate:1/s", "quota:1/d,per-message:2", ",:"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		l, err := ParseLimits(text)
		if err != nil {
			if l != (Limits{}) {
				t.Fatalf("ParseLimits(%q) = %+v with an error", text, l)
			}
			return
		}
		if err := l.Validate(); err != nil {
			t.Fatalf("ParseLimits(%q) = %+v, which is invalid: %v", text, l, err)
		}
		if again, err := ParseLimits(l.String()); err != nil || again != l {
			t.Fatalf("ParseLimits(%q) = %+v, %v; want %+v, as of %q", l, again, err, l, text)
		}
	})
}
