package throttle

import (
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// TestEvictionForgivesNoDebt has a destination that is in debt, of one kind or
// another, swept often: it is kept until a new one would behave the same.
func TestEvictionForgivesNoDebt(t *testing.T) {
	for _, test := range []struct {
		name   string
		limits Limits
		refuse classify.Limit
		kept   time.Duration
	}{
		{"none", Limits{}, classify.LimitNone, 0},
		{"message rate", Limits{MessageRate: Rate{Count: 1, Per: time.Hour}}, classify.LimitNone, time.Hour},
		{"recipient rate", Limits{RecipientRate: Rate{Count: 1, Per: time.Hour}}, classify.LimitNone, time.Hour},
		{"connection rate", Limits{ConnectionRate: Rate{Count: 1, Per: time.Hour}}, classify.LimitNone, time.Hour},
		{"quota", Limits{Quota: Quota{Count: 5, Per: day}}, classify.LimitNone, day},
		{"lesson", Limits{}, classify.LimitMessageRate, lessonLife},
		{"suspension", Limits{}, classify.LimitQuota, lessonLife},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.limits.Connections = Unlimited
			r := newRig(t, Config{Destination: test.limits})
			r.push("d", "x")
			c := r.mayOpen("relay")
			c.Established(r.now)
			if g := r.grant(c, "x"); test.refuse == classify.LimitNone {
				r.accepted(g)
			} else {
				r.refused(g, classify.StageRcpt, test.refuse, 0)
			}
			c.Closed(r.now, classify.StageIdle, classify.Verdict{}, nil)
			end := r.now.Add(test.kept)
			for r.now.Before(end) {
				if r.s.dests.n != 1 {
					t.Fatalf("it is forgotten %v too early", end.Sub(r.now))
				}
				r.pass(min(end.Sub(r.now), 11*time.Minute))
				if r.now.Before(end) {
					r.s.Sweep(r.now)
				}
			}
			for range 3 {
				r.pass(keepUnused + time.Second)
				r.s.Sweep(r.now)
			}
			if n := r.s.dests.n + r.s.paths.n + r.s.endpoints.n; n != 0 {
				t.Errorf("%d destinations, paths and endpoints are left", n)
			}
			if next := r.s.Sweep(r.now); !next.IsZero() {
				t.Errorf("nothing is left, and the next sweep is at %v", next)
			}
		})
	}
}

func TestWhatIsInUseIsNotForgotten(t *testing.T) {
	r := newRig(t, wide())
	r.push("d", "x")
	c := r.open("relay")
	g := r.grant(c, "x")
	sweep := func() {
		r.pass(time.Hour)
		r.s.Sweep(r.now)
		r.pass(time.Hour)
		r.s.Sweep(r.now)
	}
	sweep()
	r.destination("d")
	r.s.Hold(r.now, "d", Bulk, 1)
	r.accepted(g)
	sweep()
	r.destination("d")
	r.s.Release(r.now, "d", Bulk, 1)
	sweep()
	if r.s.dests.n != 0 {
		t.Error("the destination is kept without work")
	}
	r.endpoint("relay")
	c.Closed(r.now, classify.StageIdle, classify.Verdict{}, nil)
	sweep()
	if r.s.endpoints.n != 0 {
		t.Error("the endpoint is kept without a connection")
	}
}

func TestEndpointThatIsDownIsForgottenAtLast(t *testing.T) {
	r := newRig(t, wide())
	it := r.push("d", "x")
	r.failed(r.mayOpen("relay"), classify.StageConnect, classify.Verdict{})
	r.s.Remove(r.now, it)
	for range 3 {
		r.pass(time.Minute)
		r.s.Sweep(r.now)
	}
	r.endpoint("relay")
	for range 3 {
		r.pass(lessonLife)
		r.s.Sweep(r.now)
	}
	if r.s.endpoints.n != 0 {
		t.Error("it is remembered for ever")
	}
}

// raceDetected reports whether the race detector watches this test.
func raceDetected() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

// TestInvariant9OneOffDestinationsLeaveNothing gives the memory of a million
// destinations back.
func TestInvariant9OneOffDestinationsLeaveNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	heap := func() int {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int(m.HeapAlloc)
	}
	cfg := wide()
	cfg.Endpoints = map[string]Limits{"relay": unlimited}
	r := newRig(t, cfg)
	c := r.open("relay")
	before := heap()
	keys := 1_000_000
	if raceDetected() { // for which this is too many
		keys /= 10
	}
	for i := range keys {
		r.s.Push(r.now, Job[string]{Destination: strconv.Itoa(i), Path: Through("relay"), Fresh: true})
	}
	full := heap()
	for range keys {
		g, _ := c.Next(r.now)
		g.Wrote(r.now)
		g.Done(r.now, Outcome{Accepted: 1})
	}
	r.pass(time.Minute)
	r.s.Sweep(r.now)
	after := heap()
	t.Logf("%d bytes for each of %d destinations; %d bytes left of %d", (full-before)/keys, keys, after-before, full-before)
	if after-before > 1<<20 {
		t.Errorf("%d bytes are left", after-before)
	}
	runtime.KeepAlive(r)
}

// TestDestinationThatIsBarredIsForgottenAtLast: its breaker is remembered while it is
// open, and a day longer than its next probe.
func TestDestinationThatIsBarredIsForgottenAtLast(t *testing.T) {
	r := newRig(t, wide())
	c := r.open("relay")
	r.blames(c, breakAfter, classify.StageRcpt, "s", "d")
	sweep := func(d time.Duration) {
		for range 3 {
			r.pass(d)
			r.s.Sweep(r.now)
		}
	}
	if sweep(time.Hour); !r.destination("d").bars.of("relay").open() {
		t.Fatal("its breaker is forgotten")
	}
	if sweep(lessonLife); r.s.dests.n != 0 {
		t.Error("it is remembered for ever")
	}
}

// An endpoint that is forgotten is looked at no more, whatever is to be looked at first.
func TestAForgottenEndpointHasNoAlarm(t *testing.T) {
	for _, first := range []bool{true, false} {
		r := newRig(t, wide())
		r.s.mu.Lock()
		e, other := r.s.endpointLocked("relay"), r.s.endpointLocked("other")
		for _, of := range []*endpoint[string]{e, other} {
			at := noon.Add(time.Minute)
			if (of == e) != first {
				at = noon.Add(time.Hour)
			}
			r.s.alarmLocked(of, at)
		}
		r.s.forgetEndpointLocked(r.now, e)
		if got, ok := r.s.alarms.first(); e.alarmPos >= 0 || !ok || got != other {
			t.Errorf("first is %v: the forgotten one is at %d, and the first is another: %v", first, e.alarmPos, got != other)
		}
		r.s.alarmLocked(other, time.Time{})
		r.s.alarmLocked(other, noon.Add(2*time.Hour))
		if !other.alarm.Before(noon.Add(2 * time.Hour)) {
			t.Error("an earlier alarm does not stay")
		}
		r.s.alarmLocked(other, noon.Add(time.Second))
		if at := r.s.firstAlarm(); !at.Equal(noon.Add(time.Second)) {
			t.Errorf("the first alarm is at %v", at)
		}
		r.s.mu.Unlock()
	}
}
