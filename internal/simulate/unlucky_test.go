package simulate

import (
	"fmt"
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// A few refusals at random that come close together at the start bring a rate down to a
// fiftieth of what the receiver takes. It is found again within minutes. Each seed is one
// with such luck: it ended near zero for good, at paces of single connections in the last.
func TestBadLuckAtTheStartIsMadeGood(t *testing.T) {
	if shortLength < time.Minute {
		t.Skip("the race detector is on")
	}
	for _, test := range []struct {
		share   float64
		seed    uint64
		goodput float64
	}{{0.03, 1, 0.9}, {0.03, 5, 0.6}, {0.04, 1, 0.9}, {0.1, 39, 0.75}} {
		t.Run(fmt.Sprintf("%g %%, seed %d", 100*test.share, test.seed), func(t *testing.T) {
			t.Parallel()
			sc := single([]Scenario{{
				Name: "noise", Length: 15 * time.Minute,
				Hosts: []Receiver{{Service: 200 * time.Millisecond, Rules: []Rule{at(classify.StageMail, tooMuch, random(test.share))}}},
				Goals: Goals{Refused: 1.5*test.share + 0.01, Goodput: test.goodput},
			}})[0]
			s, err := sc.Score(Paced, test.seed)
			if err != nil {
				t.Fatal(err)
			}
			for _, miss := range sc.Goals.Misses(s) {
				t.Error(miss)
			}
		})
	}
}
