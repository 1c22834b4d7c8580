package simulate_test

import (
	"fmt"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/internal/simulate"
)

// A receiver allows 2 connections and 20 messages a second. A sender with 20
// connections has most of its tries refused, one that knows the limits none.
func ExampleScenario_Run() {
	sc := simulate.Scenario{
		Name: "20/s",
		Hosts: []simulate.Receiver{{Rules: []simulate.Rule{
			{At: classify.StageBanner, Model: simulate.Connections{Max: 2}, Reply: "421 4.7.0 too many connections"},
			{At: classify.StageMail, Model: simulate.Bucket{Count: 20, Per: time.Second, Burst: 10}, Reply: "450 4.7.1 too much mail"},
		}}},
		Destinations: []simulate.Destination{{Name: "example.com", Messages: 1000}},
		Oracle:       simulate.Limits{Connections: 2, Rate: []simulate.Stretch{{PerSecond: 20}}},
	}
	for _, c := range []simulate.Control{simulate.Unpaced, simulate.Oracle} {
		r, err := sc.Run(c, 1)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%v: %d messages in %v, %.0f %% refused\n", c, r.Accepted, r.Length.Round(time.Second), 100*r.RefusedShare())
	}
	// Output:
	// unpaced: 1000 messages in 50s, 95 % refused
	// oracle: 1000 messages in 50s, 0 % refused
}
