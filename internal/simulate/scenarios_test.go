package simulate

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/internal/race"
)

// seeds and shortLength are the numbers that runs are cut to in tests. The command has 20
// seeds.
var seeds, shortLength = func() (uint64, time.Duration) {
	if race.Enabled {
		return 1, 10 * time.Second
	}
	return 3, time.Minute
}()

// short returns a scenario cut to its first minutes, for what shows itself soon.
func short(sc Scenario) Scenario {
	sc = sc.settle()
	sc.Length = min(sc.Length, shortLength/time.Duration(len(sc.Hosts)))
	return sc
}

// fewer returns a scenario with a twelfth of its messages where it has many hosts: what
// they do to each other shows itself in a minute.
func fewer(sc Scenario) Scenario {
	if len(sc.Hosts) == 1 {
		return sc
	}
	sc.Destinations = slices.Clone(sc.Destinations)
	for i := range sc.Destinations {
		sc.Destinations[i].Messages /= 12
	}
	return sc
}

// forEach runs a test of every scenario at the same time.
func forEach(t *testing.T, test func(t *testing.T, sc Scenario)) {
	for _, sc := range Scenarios() {
		t.Run(sc.Name, func(t *testing.T) {
			t.Parallel()
			test(t, sc)
		})
	}
}

func TestPacedReachesTheGoals(t *testing.T) {
	forEach(t, func(t *testing.T, sc Scenario) {
		if sc.Goals == (Goals{}) {
			t.Skip("it has no goals")
		}
		var worst Score
		for seed := range seeds {
			s, err := fewer(sc).Score(Paced, seed+1)
			if err != nil {
				t.Fatal(err)
			}
			if seed == 0 {
				worst = s
			}
			worst = worst.Worse(s)
		}
		for _, miss := range sc.Goals.Misses(worst) {
			t.Errorf("worst of %d seeds: %s", seeds, miss)
		}
	})
}

// What is reached must not hang on the distance that the scenarios have.
func TestPacedReachesTheGoalsNearAndFar(t *testing.T) {
	forEach(t, func(t *testing.T, sc Scenario) {
		if sc.Goals == (Goals{}) || sc.Allowed == nil || sc.has(Connections{}) || shortLength < time.Minute {
			t.Skip("what may be sent is a matter of the distance too, or the race detector is on")
		}
		for _, distance := range []time.Duration{time.Millisecond, 30 * time.Millisecond} {
			sc.RoundTrip = distance
			s, err := sc.Score(Paced, 1)
			if err != nil {
				t.Fatal(err)
			}
			for _, miss := range sc.Goals.Misses(s) {
				t.Errorf("round trip %v: %s", distance, miss)
			}
		}
	})
}

// No message is lost or sent twice: what was not accepted is still with the
// sender, and if it is given the time all of it is accepted.
func TestEveryMessageIsAcceptedOnce(t *testing.T) {
	forEach(t, func(t *testing.T, sc Scenario) {
		sc.Destinations = slices.Clone(sc.Destinations)
		for i := range sc.Destinations {
			sc.Destinations[i].Messages = max(100/len(sc.Destinations), 10)
		}
		sc.Length = 6 * time.Hour
		for c := range Control(Controls) {
			if c == Unpaced && (len(sc.Hosts) > 1 || sc.has(Greylist{})) {
				continue // it tries what cannot succeed a million times
			}
			r := mustRun(t, sc, c, 1)
			for _, d := range r.Destinations {
				if dead := len(sc.Hosts) > 1 && d.Name == domain(19); d.Accepted != d.Created && !dead {
					t.Errorf("%v: %s has %d of %d messages after %v", c, d.Name, d.Accepted, d.Created, r.Length)
				}
			}
		}
	})
}

func TestARunIsRepeatable(t *testing.T) {
	forEach(t, func(t *testing.T, sc Scenario) {
		sc = short(sc)
		for c := range Control(Controls) {
			one, two := mustRun(t, sc, c, 7), mustRun(t, sc, c, 7)
			two.Lessons, one.Lessons = nil, nil // of the same errors at other addresses
			if !reflect.DeepEqual(one, two) {
				t.Errorf("%v: seed 7 gave %d tries and %d accepted, then %d and %d", c, one.Tries, one.Accepted, two.Tries, two.Accepted)
			}
		}
		if one, other := newNetwork(sc, 7, &Result{}), newNetwork(sc, 8, &Result{}); one.start.Equal(other.start) {
			t.Error("seeds 7 and 8 are the same")
		}
	})
}

// hasOutage reports whether a host cannot be reached at times.
func (sc *Scenario) hasOutage() bool { return sc.has(Outage{}) || sc.has(BadHosts{}) }

// has reports whether a rule has a model of the same kind.
func (sc *Scenario) has(m Model) bool {
	for _, h := range sc.Hosts {
		for _, r := range h.Rules {
			if reflect.TypeOf(r.Model) == reflect.TypeOf(m) {
				return true
			}
		}
	}
	return false
}

func TestOracleIsNeverRefused(t *testing.T) {
	forEach(t, func(t *testing.T, sc Scenario) {
		if sc.hasOutage() || sc.has(Greylist{}) {
			t.Skip("nobody could avoid refusals")
		}
		for seed := range seeds {
			s, err := short(sc).Score(Oracle, seed+1)
			if err != nil {
				t.Fatal(err)
			}
			if s.RefusedTries > 0 {
				t.Errorf("seed %d: %d tries were refused: the oracle is wrong", seed+1, s.RefusedTries)
			}
			if sc.Allowed != nil && s.Goodput < 0.985 {
				t.Errorf("seed %d: goodput %.3f, want at least 0.985", seed+1, s.Goodput)
			}
		}
	})
}

func TestUnpacedIsMostlyRefused(t *testing.T) {
	for _, sc := range judged() {
		switch {
		case sc.Name == "40 messages per connection", len(sc.Hosts) > 1, sc.Destinations[0].Recipients > 1:
			continue // little is refused of 40, of a MAIL for many, and much of one in 20
		}
		if got := mustRun(t, short(sc), Unpaced, 1).RefusedShare(); got <= 0.5 {
			t.Errorf("%s: only %.1f %% refused", sc.Name, 100*got)
		}
	}
}

func TestRepliesMeanWhatTheScenariosNeed(t *testing.T) {
	for _, tt := range []struct {
		at    classify.Stage
		reply string
		limit classify.Limit
		class classify.Class
	}{
		{classify.StageBanner, tooManyConnections, classify.LimitConnections, classify.ClassTooManyConnections},
		{classify.StageMail, tooMuchAndClose, classify.LimitMessageRate, classify.ClassRateLimited},
		{classify.StageMail, tooMuch, classify.LimitMessageRate, classify.ClassRateLimited},
		{classify.StageRcpt, tooMuch, classify.LimitMessageRate, classify.ClassRateLimited},
		{classify.StageRcpt, tooMuchForDomain, classify.LimitMessageRate, classify.ClassRateLimited},
		{classify.StageMail, enoughHere, classify.LimitMessagesPerConnection, classify.ClassConnectionMessageLimit},
		{classify.StageRcpt, greylisted, classify.LimitNone, classify.ClassGreylisted},
		{classify.StageRcpt, mailboxTooFast, classify.LimitMailboxRate, classify.ClassRecipientRateLimited},
		{classify.StageBanner, notAvailable, classify.LimitNone, classify.ClassServerBusy},
	} {
		t.Run(fmt.Sprint(tt.at, " ", tt.reply), func(t *testing.T) {
			v := Rule{At: tt.at, Model: Outage{}, Reply: tt.reply}.answer().verdict
			if v.Limit != tt.limit || v.Class != tt.class {
				t.Errorf("the verdict is %v, %v; want %v, %v", v.Class, v.Limit, tt.class, tt.limit)
			}
		})
	}
}

// BenchmarkRun tells how much faster than time a run is.
func BenchmarkRun(b *testing.B) {
	sc := buckets()[0]
	sc.Destinations = []Destination{{Name: "example.com"}}
	var virtual time.Duration
	for b.Loop() {
		r, err := sc.Run(Paced, 1)
		if err != nil {
			b.Fatal(err)
		}
		virtual += r.Length
	}
	b.ReportMetric(virtual.Seconds()/b.Elapsed().Seconds(), "virtual-s/s")
}
