package simulate

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// TestOneRefusesByConnection: a connection stays with its host. The first host refuses
// everything in its time, and the others refuse nothing.
func TestOneRefusesByConnection(t *testing.T) {
	const from, until = time.Minute, time.Hour
	admits := oneRefuses(3, from, until)(rand.New(rand.NewPCG(1, 2)))
	refused := 0
	for range 300 {
		l := &line{}
		first := admits(query{line: l, now: from})
		if !first {
			refused++
		}
		if admits(query{line: l, now: until - 1}) != first {
			t.Fatal("a connection changes its host")
		}
		if !admits(query{line: l, now: from - 1}) || !admits(query{line: l, now: until}) {
			t.Fatal("a connection is refused before or after the time of its host")
		}
	}
	if refused < 75 || refused > 125 {
		t.Errorf("%d of 300 connections are refused, want about 100", refused)
	}
}

// TestNewestRefusedServesTheOldest, and another once one of these has ended.
func TestNewestRefusedServesTheOldest(t *testing.T) {
	admits := newestRefused(2)(nil)
	a, b, c := &line{counted: true}, &line{counted: true}, &line{counted: true}
	for range 2 {
		if !admits(query{line: a}) || !admits(query{line: b}) || admits(query{line: c}) {
			t.Fatal("want the first two of three connections to be served")
		}
	}
	a.counted = false
	if !admits(query{line: c}) {
		t.Error("a connection is refused although one of two has ended")
	}
}

// TestFirstRefusedIsByConnection: the first message of each connection is refused, and no
// other.
func TestFirstRefusedIsByConnection(t *testing.T) {
	admits := firstRefused(nil)
	a, b := &line{}, &line{}
	for i, want := range []bool{false, true, true} {
		for _, l := range []*line{a, b} {
			if got := admits(query{line: l}); got != want {
				t.Errorf("message %d of a connection is admitted: %v, want %v", i+1, got, want)
			}
		}
	}
}

// TestABadHostWithoutWordsStopsNobody: where one of several hosts refuses everything and
// names no limit, the others are soon given nearly as much as without it.
func TestABadHostWithoutWordsStopsNobody(t *testing.T) {
	run := func(t *testing.T, rules ...Rule) *Result {
		sc := Scenario{
			Name: t.Name(), Length: 5 * time.Minute, Destinations: []Destination{{Name: "example.com"}}, Hosts: []Receiver{{Rules: rules}},
		}
		r, err := sc.Run(Paced, 1)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	without := run(t).Accepted
	for _, test := range []struct {
		name    string
		hosts   int
		stage   classify.Stage
		from    time.Duration
		refused float64 // at most
	}{
		{"1 of 2 at MAIL", 2, classify.StageMail, 0, 0.015},
		{"1 of 2 at RCPT", 2, classify.StageRcpt, 0, 0.03},
		{"1 of 3 at RCPT", 3, classify.StageRcpt, 0, 0.03},
		{"1 of 3 at RCPT from minute 2", 3, classify.StageRcpt, 2 * time.Minute, 0.03},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := run(t, at(test.stage, noReason, oneRefuses(test.hosts, test.from, time.Hour)))
			if float64(r.Accepted) < 0.7*float64(without) || float64(r.Refused) > test.refused*float64(r.Tries) {
				t.Errorf("%d of %d tries refused, %d accepted; %d without the bad host", r.Refused, r.Tries, r.Accepted, without)
			}
		})
	}
}
