package throttle

import (
	"strings"
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// restarted returns a rig whose Scheduler is a new one with what the old one had learned,
// so much later.
func (r *rig) restarted(cfg Config, later time.Duration) *rig {
	r.Helper()
	text, err := r.s.Snapshot(r.now)
	if err != nil {
		r.Fatal(err)
	}
	next := newRig(r.T, cfg)
	next.now = r.now.Add(later)
	if err := next.s.Restore(next.now, text); err != nil {
		r.Fatalf("%v in %s", err, text)
	}
	return next
}

// taught has an endpoint "relay" with a cap and destination "d" with a rate of
// about 10/s.
func taught(t *testing.T, cfg Config) *rig {
	r := newRig(t, cfg)
	r.push("d", "x")
	widen(5, &r.endpoint("relay").scope, &r.destination("d").scope)
	c := r.open("relay")
	for range 41 {
		r.exchange(c, "x")
		r.push("d", "x")
		r.pass(100 * time.Millisecond)
	}
	r.refused(r.grant(c, "x"), classify.StageRcpt, classify.LimitMessageRate, 0)
	r.pass(blindWait)
	r.push("d", "x")
	r.exchange(c, "x")
	r.push("d", "x")
	r.now = r.destination("d").rate(learnedMessagesKind).rateEstimate.next
	r.refused(r.grant(c, "x"), classify.StageMail, classify.LimitMessagesPerConnection, 0)
	return r
}

func TestSnapshotKeepsWhatWasLearned(t *testing.T) {
	r := taught(t, wide())
	want := r.destination("d").rate(learnedMessagesKind).rateEstimate
	next := r.restarted(wide(), time.Hour)
	next.push("d", "x")
	l := next.destination("d").learned()
	got := next.destination("d").rate(learnedMessagesKind)
	if l == nil || got == nil || got.level != want.level || got.depth != want.depth || got.reach != min(want.reach, leastReach) { // one refusal has shown it
		t.Fatalf("the destination knows %+v and %+v, want the level of %+v", l, got, want)
	}
	if got := next.now.Sub(l.last); got < time.Hour || l.evidence != errRefused.Error() || l.limit != classify.LimitMessageRate {
		t.Errorf("the lesson is %v old, for %v, from %q", got, l.limit, l.evidence)
	}
	if got, want := next.endpoint("relay").messagesAtMost(), r.endpoint("relay").messagesAtMost(); got != want || got > 100 {
		t.Errorf("a connection may carry %d, want %d", got, want)
	}
	c := next.open("relay")
	next.exchange(c, "x")
	next.push("d", "x")
	next.none(c, spacing(1, got.level*(1-got.depth)))
}

func TestSnapshotLessonsAgeOut(t *testing.T) {
	r := taught(t, wide())
	next := r.restarted(wide(), lessonLife+time.Second)
	next.push("d", "x")
	if l := next.destination("d").learned(); l != nil {
		t.Errorf("it still knows %+v", l)
	}
	if l := next.endpoint("relay").learned(); l != nil {
		t.Errorf("the endpoint still knows %+v", l)
	}
}

// TestSnapshotOfASnapshot has nothing sent in between: nothing is lost, and the
// ages add up.
func TestSnapshotOfASnapshot(t *testing.T) {
	r := taught(t, wide())
	next := r.restarted(wide(), 20*time.Hour).restarted(wide(), time.Hour)
	next.push("d", "x")
	l := next.destination("d").learned()
	if rate := next.destination("d").rate(learnedMessagesKind); l == nil || rate == nil || !rate.known() {
		t.Fatal("the lesson is lost")
	}
	if age := next.now.Sub(l.last); age < 21*time.Hour || age > 21*time.Hour+time.Minute {
		t.Errorf("it is %v old, want 21h", age)
	}
	next = r.restarted(wide(), 20*time.Hour).restarted(wide(), 10*time.Hour)
	next.push("d", "x")
	if next.destination("d").learned() != nil {
		t.Error("after 30 hours it is still known")
	}
}

// TestSnapshotForgivesNoDebt: what was used of a limit before a restart counts
// after it.
func TestSnapshotForgivesNoDebt(t *testing.T) {
	for _, test := range []struct {
		name   string
		limits Limits
		after  time.Duration // the next may go so long after the first
	}{
		{"message rate", Limits{MessageRate: Rate{Count: 1, Per: time.Hour}}, time.Hour},
		{"recipient rate", Limits{RecipientRate: Rate{Count: 1, Per: time.Hour}}, time.Hour},
		{"quota", Limits{Quota: Quota{Count: 1, Per: day}}, day},
	} {
		for name, set := range map[string]func(*Config, Limits){
			"process":     func(c *Config, l Limits) { c.Process = l },
			"endpoint":    func(c *Config, l Limits) { c.Endpoint = l },
			"destination": func(c *Config, l Limits) { c.Destination = l },
		} {
			t.Run(test.name+" of the "+name, func(t *testing.T) {
				cfg := wide()
				test.limits.Connections = Unlimited
				set(&cfg, test.limits)
				r := newRig(t, cfg)
				r.push("d", "x")
				r.exchange(r.open("relay"), "x")
				for _, later := range []time.Duration{0, 20 * time.Minute, test.after - time.Minute} {
					next := r.restarted(cfg, later)
					next.push("d", "x")
					c := next.open("relay")
					g, again := askNext(c, next.now)
					if wait := again.Sub(next.now); g != nil || wait < test.after-later || wait > test.after-later+time.Second {
						t.Errorf("%v later the next goes after %v, want %v", later, wait, test.after-later)
					}
				}
				next := r.restarted(cfg, test.after+time.Second)
				next.push("d", "x")
				next.exchange(next.open("relay"), "x")
			})
		}
	}
}

func TestSnapshotKeepsAWarmUp(t *testing.T) {
	r, c := warmed(t, true)
	r.exchange(c, "x")
	r.push("d", "x")
	r.exchange(c, "x")
	next := r.restarted(r.s.cfg, time.Minute)
	if got := next.newcomers("d", 24); got != 22 {
		t.Errorf("%d were taken, want the other 22 of the 24 of today", got)
	}
	next.none(next.open("relay"), 59*time.Minute) // two an hour
}

func TestSnapshotPauseEndsWhenItWould(t *testing.T) {
	r, _, grants := crowd(t, 1)
	r.refused(grants[0], classify.StageRcpt, classify.LimitQuota, 0)
	next := r.restarted(wide(), 20*time.Minute)
	next.push("d", "x")
	c := next.open("relay")
	next.none(c, 40*time.Minute)
	next.pass(40 * time.Minute)
	next.exchange(c, "x")
}

func TestRestoreRefusesWhatIsNoSnapshot(t *testing.T) {
	const head = `{"version":2,"taken":"2000-01-01T12:00:00Z",`
	for _, test := range []struct{ name, text, want string }{
		{"nothing", ``, "unexpected end"},
		{"another version", `{"version":1,"taken":"2000-01-01T12:00:00Z"}`, "version 1, want 2"},
		{"no time", `{"version":2}`, `"taken" is missing`},
		{"the future", `{"version":2,"taken":"2100-01-01T12:00:00Z"}`, "in the future"},
		{"no name", head + `"destinations":{"":{}}}`, "a name has 0 bytes"},
		{"a long name", head + `"endpoints":{"` + strings.Repeat("x", 2000) + `":{}}}`, "a name has 2000 bytes"},
		{"negative use", head + `"process":{"meters":{"rate":{"used":-1}}}}`, "process: rate: used: -1 is out of range"},
		{"absurd quota", head + `"destinations":{"d":{"meters":{"quota":{"slots":[{"age":1,"n":-5}]}}}}}`, "quota: slots: -5"},
		{"unknown limit", head + `"destinations":{"d":{"lessons":{"age":1,"limit":"?"}}}}`, "limit"},
		{"a rate of nothing", head + `"destinations":{"d":{"meters":{"learned rate":{"rate":{"per_second":0,"depth":0,"reach":2}}}}}}`, "a rate of 0"},
		{"negative cap", head + `"destinations":{"d":{"lessons":{"age":1,"limit":"none","messages_per_connection":-1}}}}`, "-1 is out of range"},
		{"warm-up", head + `"destinations":{"d":{"meters":{"warm-up":{"warm_up":{"day":-1}}}}}}`, "warm_up: -1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t, wide())
			err := r.s.Restore(r.now, []byte(test.text))
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.HasPrefix(err.Error(), "throttle: snapshot: ") {
				t.Errorf("the error is %v, want %q in it", err, test.want)
			}
		})
	}
}

// TestSnapshotsAreBounded counts the scopes of all kinds together, and the bytes of a name.
func TestSnapshotsAreBounded(t *testing.T) {
	scopes := func(n int, name string) map[string]scopeRecord {
		all := map[string]scopeRecord{}
		for i := range n {
			all[name[:len(name)-1]+string(rune('a'+i))] = scopeRecord{}
		}
		return all
	}
	name := strings.Repeat("x", longestName)
	for _, tt := range []struct {
		endpoints, destinations, scopes int
		name                            string
		taken                           time.Duration // after now
		want                            string        // in the error; "" is none
	}{
		{2, 2, 2, name, day, ""},
		{3, 2, 2, name, 0, "7 scopes, want 6"},
		{2, 3, 2, name, 0, "7 scopes, want 6"},
		{2, 2, 3, name, 0, "7 scopes, want 6"},
		{1, 0, 0, name + "x", 0, "endpoint: a name has 1025 bytes"},
		{0, 1, 0, name + "x", 0, "destination: a name has 1025 bytes"},
		{0, 0, 1, name + "x", 0, "scope: a name has 1025 bytes"},
		{0, 0, 0, name, day + 1, "in the future"},
	} {
		snap := snapshot{
			Version: snapshotVersion, Taken: noon.Add(tt.taken),
			Endpoints: scopes(tt.endpoints, tt.name), Destinations: scopes(tt.destinations, tt.name), Scopes: scopes(tt.scopes, tt.name),
		}
		if err := snap.validate(noon, 6); tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%d, %d and %d scopes, taken %v from now: %v, want %q", tt.endpoints, tt.destinations, tt.scopes, tt.taken, err, tt.want)
		}
	}
}

// FuzzRestore has whatever it takes send all the same, and be taken again.
func FuzzRestore(f *testing.F) {
	r := taught(&testing.T{}, wide())
	text, err := r.s.Snapshot(r.now)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{"version":2,"taken":"2000-01-01T12:00:00Z","destinations":{"d":{"meters":{"quota":{"slots":[{"age":1e12,"n":5}]}}}}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		cfg := wide()
		cfg.Destination.MessageRate = Rate{Count: 10, Per: time.Second}
		cfg.Destination.Quota = Quota{Count: 100, Per: time.Hour}
		r := newRig(t, cfg)
		if r.s.Restore(r.now, text) != nil {
			return
		}
		r.push("d", "x")
		for turns := 0; ; turns++ {
			if c, again := r.askOpen("relay"); c != nil {
				c.Established(r.now)
				g, at := askNext(c, r.now)
				if g != nil {
					r.accepted(g)
					break
				}
				c.Closed(r.now, classify.StageIdle, classify.Verdict{}, nil)
				again = at
				r.now = again
			} else if !again.IsZero() {
				r.now = again
			} else if _, at := r.askReady("relay"); at.After(r.now) {
				r.now = at
			}
			if turns > 1000 {
				t.Fatalf("nothing goes: %+v", r.s.Explain(r.now, "d"))
			}
		}
		if _, err := r.s.Snapshot(r.now); err != nil {
			t.Fatal(err)
		}
	})
}

// TestADoubtfulRateIsTestedSoon after a restart: one that a single refusal has shown,
// that is on trial, or that was confirmed long ago.
func TestADoubtfulRateIsTestedSoon(t *testing.T) {
	for _, test := range []struct {
		name      string
		confirmed int
		ago       time.Duration
		reach     float64
		estimates int8
	}{
		{"well known", wellKnown, time.Minute, 500, wellKnown},
		{"shown once", 1, time.Minute, leastReach, 1},
		{"on trial", 0, time.Minute, leastReach, 0},
		{"well known, long ago", wellKnown, 17 * time.Hour, leastReach, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := estimateRecord{Level: 10, Depth: 0.1, Reach: 500, Confirmed: test.confirmed, Ago: seconds(test.ago - time.Second)}
			p := r.estimate(noon, time.Second)
			if p.level != 10 || p.reach != test.reach || p.estimates != test.estimates {
				t.Errorf("it is %.0f a second, back after %.0f messages, shown by %d refusals; want 10, %.0f and %d", p.level, p.reach, p.estimates, test.reach, test.estimates)
			}
		})
	}
}
