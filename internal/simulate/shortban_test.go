package simulate

import (
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// TestShortPunishmentsAreToldFromWindows: a receiver that refuses everything for seconds
// whenever its limit is passed accepts about as much in each minute, as one does that counts
// over a window. Its limit is found all the same.
func TestShortPunishmentsAreToldFromWindows(t *testing.T) {
	for _, test := range []struct {
		name    string
		model   Model
		allowed float64 // per second
		block   time.Duration
		extend  bool
	}{
		{"20/s, 10 s", perSecond(20, 20), 20, 10 * time.Second, false},
		{"20/s, 60 s", perSecond(20, 20), 20, time.Minute, false},
		{"100/s, 5 s, extended", perSecond(100, 50), 100, 5 * time.Second, true},
		{"300 a minute, 30 s, extended", SlidingWindow{300, time.Minute}, 5, 30 * time.Second, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			sc := Scenario{
				Name: test.name, Length: 2 * time.Hour, Destinations: []Destination{{Name: "example.com"}},
				Hosts: []Receiver{{Rules: []Rule{at(classify.StageMail, tooMuch, penalty(test.model, test.block, test.extend))}}},
			}
			r, err := sc.Run(Paced, 1)
			if err != nil {
				t.Fatal(err)
			}
			allowed := test.allowed * sc.Length.Seconds()
			if float64(r.Accepted) < 0.65*allowed || r.Refused > 80 {
				t.Errorf("%d of %.0f are accepted and %d refused", r.Accepted, allowed, r.Refused)
			}
		})
	}
}
