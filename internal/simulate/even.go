package simulate

import (
	"fmt"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// even returns receivers without a burst: each message must come its full interval
// after the one before, and what varies on the way there is refused. An oracle that
// keeps to the rate meets such refusals too, so it sends a little later.
func even() []Scenario {
	var list []Scenario
	for _, r := range []struct {
		perSecond int
		trip      time.Duration
		goodput   float64 // of few messages, and of ones that vary much, less is found
	}{
		{20, 10 * time.Millisecond, 0.9}, {20, 100 * time.Millisecond, 0.8}, {50, 10 * time.Millisecond, 0.9},
		{5, 40 * time.Millisecond, 0.9}, {1, 10 * time.Millisecond, 0.75},
	} {
		varies := r.trip / 10 // two messages, each up to a tenth of half of it early or late
		interval := time.Second/time.Duration(r.perSecond) + varies
		list = append(list, Scenario{
			Name:      fmt.Sprintf("%d/s burst 1, round trip %v", r.perSecond, r.trip),
			RoundTrip: r.trip,
			Hosts:     []Receiver{{Rules: []Rule{{At: classify.StageMail, Model: perSecond(r.perSecond, 1), Reply: tooMuch}}}},
			Oracle:    Limits{Rate: steady(1 / interval.Seconds())}, Goals: Goals{Refused: 0.015, Goodput: r.goodput},
		})
	}
	return append(list, evenWithoutWords()...)
}

// evenWithoutWords returns receivers without a burst that name no limit. All but the first
// of the messages that come at once are refused, as in an outage.
func evenWithoutWords() (list []Scenario) {
	for _, r := range []struct {
		count int
		per   time.Duration
		way   string
		reply string
	}{
		{6, time.Minute, "451", noReason}, {30, time.Minute, "421", noReasonEnds}, {30, time.Minute, "end", noWord},
		{2, time.Second, "451", noReason}, {20, time.Second, "421", noReasonEnds},
	} {
		interval := time.Duration(float64(time.Second)/rate(r.count, r.per)) + 2*time.Millisecond
		list = append(list, Scenario{
			Name: fmt.Sprintf("%d in %v burst 1, told by %s", r.count, r.per, r.way), Length: time.Hour,
			Hosts:  []Receiver{{Rules: []Rule{{At: classify.StageMail, Model: Bucket{r.count, r.per, 1}, Reply: r.reply}}}},
			Oracle: Limits{Rate: steady(1 / interval.Seconds())}, Goals: Goals{Refused: 0.03, Goodput: 0.85},
		})
	}
	return list
}
