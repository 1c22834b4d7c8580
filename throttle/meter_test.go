package throttle

import (
	"testing"
	"time"
)

// What a receiver accepts changes nothing of a limit that is set, stated or asked for: it
// is a ceiling. Such a limit lets one message go at a time, a pause holds all alike.
func TestAcceptanceMovesNoCeiling(t *testing.T) {
	limits := &Limits{
		MessageRate: Rate{Count: 10, Per: time.Minute}, ByteRate: Rate{Count: 1000, Per: time.Minute},
		Quota: Quota{Count: 10, Per: time.Hour},
	}
	for name, test := range map[string]struct {
		meter  meter
		spaces bool
		what   string // what it is called in an explanation
	}{
		"rate":       {settings[0].fit(limits), true, "message-rate"},
		"byte rate":  {settings[2].fit(limits), true, "byte-rate"},
		"quota":      {settings[4].fit(limits), true, "quota"},
		"warm-up":    {&warmUpMeter{plan: &WarmUp{Start: noon, Table: []int{24, 48}, Hours: 24}}, true, "warm-up"},
		"stated":     {&statedLimit{log: *newQuotaLog(Quota{Count: 10, Per: time.Hour})}, true, "stated limit"},
		"pause":      {&pause{until: noon}, false, "hint"},
		"by a quota": {&pause{until: noon, quota: true}, false, "quota"},
		"backoff":    {&backoff{}, false, "opening"},
	} {
		m := test.meter
		before := m.at(noon, 1)
		if m.accepted(noon, noon, 5) || !m.at(noon, 1).Equal(before) {
			t.Errorf("%s: an acceptance has moved it", name)
		}
		if m.spaces() != test.spaces {
			t.Errorf("%s: it spaces what may go: %v", name, !test.spaces)
		}
		if what, until := m.explain(noon); what != test.what || !until.Equal(before) {
			t.Errorf("%s: it is explained as %q until %v, want %q until %v", name, what, until, test.what, before)
		}
	}
}

// A snapshot keeps no limit that a receiver states, asks for or shows by its delays: the
// next reply tells it again. And it leaves out meters that have nothing to keep.
func TestMetersThatAreNotKept(t *testing.T) {
	stated := &statedLimit{log: *newQuotaLog(Quota{Count: 10, Per: time.Hour})}
	stated.take(noon, 3)
	limits := &Limits{MessageRate: Rate{Count: 10, Per: time.Minute}, Quota: Quota{Count: 10, Per: time.Hour}}
	for name, m := range map[string]meter{
		"stated": stated, "pause": &pause{until: noon.Add(time.Hour)}, "backoff": &backoff{pause: pause{until: noon.Add(time.Hour)}},
		"delays": &delayRate{rateEstimate: rateEstimate{level: 1}}, "a rate that knows nothing": &learnedRate{},
		"a full bucket": settings[0].fit(limits), "an empty quota": settings[4].fit(limits),
		"an unused warm-up": &warmUpMeter{plan: &WarmUp{Start: noon, Table: []int{24}}},
	} {
		if r, kept := m.record(noon); kept {
			t.Errorf("%s: %+v is kept", name, r)
		}
	}
	if stated.asNew(noon) || (&learnedRate{}).asNew(noon) || (&delayRate{}).asNew(noon) {
		t.Error("a lesson is forgotten because nothing is under way")
	}
}

// A pause is as a new one from the time on at which it ends.
func TestPausesEnd(t *testing.T) {
	p := &pause{until: noon}
	for at, want := range map[time.Duration]bool{-1: false, 0: true, 1: true} {
		if got := p.asNew(noon.Add(at)); got != want {
			t.Errorf("%v after its end it is as new: %v", at, got)
		}
	}
}

// A record is taken over by a meter that is not in use, and only by such a one: what was
// counted since would be counted twice, or forgotten.
func TestMetersInUseTakeNothingOver(t *testing.T) {
	limits := &Limits{MessageRate: Rate{Count: 10, Per: time.Minute, Burst: 10}, Quota: Quota{Count: 10, Per: time.Hour}}
	for name, test := range map[string]struct {
		make func() meter
		r    meterRecord
		left int // with the record
	}{
		"rate":    {func() meter { return settings[0].fit(limits) }, meterRecord{Used: 4}, 6},
		"quota":   {func() meter { return settings[4].fit(limits) }, meterRecord{Slots: []slotRecord{{N: 3}, {N: 1}}}, 6},
		"warm-up": {func() meter { return &warmUpMeter{plan: &WarmUp{Start: noon, Table: []int{10}, Hours: 1}} }, meterRecord{Warm: &warmUpRecord{Today: 4, ThisHour: 4}}, 6},
	} {
		left := func(m meter) (n int) {
			for n = 0; n < 20 && m.at(noon, n+1).Equal(noon); n++ {
			}
			return n
		}
		m := test.make()
		if m.restore(noon, test.r, 0); left(m) != test.left {
			t.Errorf("%s: %d may go with the record, want %d", name, left(m), test.left)
		}
		if m.restore(noon, test.r, 0); left(m) != test.left {
			t.Errorf("%s: %d may go with the record twice, want %d", name, left(m), test.left)
		}
		m = test.make()
		m.take(noon, 1)
		m.commit(noon, 1)
		if m.restore(noon, test.r, 0); left(m) != 9 {
			t.Errorf("%s: %d may go after one, want 9", name, left(m))
		}
		if m.restore(noon, meterRecord{}, 0); left(m) != 9 {
			t.Errorf("%s: %d may go after one and an empty record, want 9", name, left(m))
		}
	}
}

// A message takes one of each unit but of those of which it takes more.
func TestWhatAMessageTakes(t *testing.T) {
	for _, test := range []struct {
		l    load
		want [connections]int
	}{
		{message(3, 500), [connections]int{messages: 1, recipients: 3, bytes: 500}},
		{message(1, 0), [connections]int{messages: 1, recipients: 1, bytes: 1}},
	} {
		for u := messages; u < connections; u++ {
			if got := test.l.of(u); got != test.want[u] {
				t.Errorf("%+v: %d of unit %d, want %d", test.l, got, u, test.want[u])
			}
		}
	}
	var none unitSet
	some := none
	some.add(recipients)
	for u := messages; u < unitCount; u++ {
		if none.has(u) || some.has(u) != (u == recipients) {
			t.Errorf("unit %d: none has it: %v, some have it: %v", u, none.has(u), some.has(u))
		}
	}
}
