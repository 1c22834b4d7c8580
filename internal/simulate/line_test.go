package simulate

import (
	"math"
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// few returns a scenario with so many messages for one host.
func few(n int, rules ...Rule) Scenario {
	return Scenario{
		Name: "few", Hosts: []Receiver{{Rules: rules}},
		Destinations: []Destination{{Name: "example.com", Messages: n}},
		Oracle:       Limits{Connections: 1},
	}
}

func mustRun(t *testing.T, sc Scenario, c Control, seed uint64) *Result {
	t.Helper()
	r, err := sc.Run(c, seed)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// about reports whether two durations differ by a tenth at most: what times
// vary by, over many.
func about(got, want time.Duration) bool {
	return math.Abs(got.Seconds()-want.Seconds()) <= want.Seconds()/10
}

func TestAMessageTakesARoundTripAndTheService(t *testing.T) {
	sc := few(1000)
	sc.RoundTrip = 50 * time.Millisecond
	opening, envelope := 200*time.Millisecond, 50*time.Millisecond
	for _, tt := range []struct {
		control Control
		each    time.Duration
	}{
		{Oracle, 70 * time.Millisecond},   // the next envelope is written with the dot
		{Postfix, 120 * time.Millisecond}, // and here after its reply
	} {
		r := mustRun(t, sc, tt.control, 1)
		want := opening + envelope + 1000*tt.each
		if tt.control == Postfix {
			want /= initialConcurrency // and more, as it widens
			if r.Length > want {
				t.Errorf("%v: 1,000 messages took %v, want at most %v", tt.control, r.Length, want)
			}
			continue
		}
		if !about(r.Length, want) {
			t.Errorf("%v: 1,000 messages took %v, want about %v", tt.control, r.Length, want)
		}
	}
}

func TestAReceiverThatClosesIsDialledAgain(t *testing.T) {
	sc := few(100, Rule{At: classify.StageMail, Model: PerConnection{10}, Reply: enoughHere})
	r := mustRun(t, sc, Oracle, 1) // which does not know of the cap here
	if r.Accepted != 100 || r.Refused != 9 {
		t.Errorf("%d accepted, %d refused; want 100, and one refusal after each 10 but the last", r.Accepted, r.Refused)
	}
	if want := 10 + 100 + 9; r.Tries != want {
		t.Errorf("%d tries, want %d: 10 connections, 100 messages, 9 refusals", r.Tries, want)
	}
}

func TestTwoRefusalsAtMailEndALine(t *testing.T) {
	sc := few(1, Rule{At: classify.StageMail, Model: Outage{For: time.Second}, Reply: tooMuch})
	r := mustRun(t, sc, Unpaced, 1)
	// 20 lines, of which one at a time has the message: a line is used twice.
	lines := r.Tries - r.Refused - r.Accepted
	if r.Accepted != 1 || lines < r.Refused/2 {
		t.Errorf("%d lines for %d refusals, want one for every two", lines, r.Refused)
	}
}

func TestAnOutageResetsWhatIsOpen(t *testing.T) {
	sc := few(2000, Rule{At: classify.StageConnect, Model: Outage{From: 2 * time.Second, For: 10 * time.Second}})
	for c := range Control(Controls) {
		r := mustRun(t, sc, c, 1)
		if r.Accepted != 2000 {
			t.Errorf("%v: %d of 2,000 accepted", c, r.Accepted)
		}
		if r.Refused == 0 {
			t.Errorf("%v: nothing was refused in an outage", c)
		}
		for second := 3; second < 12; second++ {
			if second < len(r.Seconds) && r.Seconds[second].Accepted > 0 {
				t.Errorf("%v: %d messages were accepted in second %d of an outage from 2 to 12", c, r.Seconds[second].Accepted, second)
			}
		}
	}
}

func TestATarpitIsSlow(t *testing.T) {
	sc := few(20)
	sc.Hosts[0].Tarpit = Tarpit{Free: SlidingWindow{10, time.Hour}, Delay: time.Minute}
	r := mustRun(t, sc, Oracle, 1)
	if !about(r.Length, 10*time.Minute) || r.Accepted < 19 {
		t.Errorf("%d accepted in %v, want the last ten to take a minute each", r.Accepted, r.Length)
	}
}

func TestALineThatRestsIsEnded(t *testing.T) {
	sc := few(2, Rule{At: classify.StageRcpt, Model: Greylist{5 * time.Minute}, Reply: greylisted})
	r := mustRun(t, sc, Paced, 1)
	if r.Accepted != 2 || r.Tries < 6 {
		t.Errorf("%d accepted in %d tries, want two connections at least: one rests for %v only", r.Accepted, r.Tries, idleTime)
	}
}

func TestARuleAboutADomainConcernsNoOther(t *testing.T) {
	sc := few(100, Rule{At: classify.StageRcpt, Domain: "slow.example", Model: Outage{}, Reply: tooMuch})
	sc.Destinations = append(sc.Destinations, Destination{Name: "slow.example", Messages: 1})
	sc.Length = time.Minute
	r := mustRun(t, sc, Oracle, 1)
	if got := r.Destinations; got[0].Accepted != 100 || got[1].Accepted != 0 {
		t.Errorf("accepted are %d and %d, want all 100 and none", got[0].Accepted, got[1].Accepted)
	}
}
