package simulate

import (
	"fmt"
	"time"

	"github.com/smtpace/smtpace/classify"
)

const (
	tooManyRecipients      = "450 4.7.1 Error: too many recipients from 192.0.2.1"
	tooManyRecipientsClose = "421 4.7.1 mx.example Error: too many recipients from 192.0.2.1"
)

// severalRecipients returns messages to 5, 20 and 100 recipients, for receivers that
// limit the rate of recipients or that of messages. All figures count recipients.
func severalRecipients() (list []Scenario) {
	for _, n := range []int{5, 20, 100} {
		list = append(list,
			toSeveral(n, "200 recipients a minute burst 30", Bucket{Count: 200, Per: time.Minute, Burst: 30}, tooManyRecipients),
			Scenario{
				Name: fmt.Sprintf("10/s burst 20, %d recipients each", n), Length: 10 * time.Minute, Waiting: 1000,
				Hosts:        []Receiver{{Rules: []Rule{{At: classify.StageMail, Model: perSecond(10, 20), Reply: tooMuch}}}},
				Destinations: []Destination{{Name: "example.com", Recipients: n}},
				Oracle:       Limits{Rate: steady(10 * margin)}, Allowed: steady(float64(10 * n)),
				Goals: Goals{Refused: 0.015, Goodput: 0.95},
			})
	}
	return list
}

// toSeveral returns a receiver that limits the rate of recipients, and messages to n.
func toSeveral(n int, name string, b Bucket, reply string) Scenario {
	return Scenario{
		Name: fmt.Sprintf("%s, %d recipients each", name, n), Length: 20 * time.Minute, Waiting: 1000,
		Hosts:        []Receiver{{Rules: []Rule{{At: classify.StageRcpt, Model: b, Reply: reply}}}},
		Destinations: []Destination{{Name: "example.com", Recipients: n}},
		Oracle:       Limits{Recipients: min(n, b.Burst/2), Rate: steady(rate(b.Count, b.Per) * 0.99)},
		Allowed:      steady(rate(b.Count, b.Per)),
		Goals:        Goals{Refused: 0.03, Goodput: 0.9},
	}
}

// recipientsInOtherWords returns limits on recipients in other forms: told as a limit on
// messages, told with the end of the connection, counted over a window, or fast.
func recipientsInOtherWords() (list []Scenario) {
	bucket := Bucket{Count: 200, Per: time.Minute, Burst: 30}
	for _, n := range []int{2, 5, 20, 100} {
		closes := toSeveral(n, "200 recipients a minute burst 30, 421", bucket, tooManyRecipientsClose)
		asMail := toSeveral(n, "200 recipients a minute burst 30, told as too much mail", bucket, tooMuch)
		fast := toSeveral(n, "100 recipients a second burst 100", perSecond(100, 100), tooManyRecipients)
		window := toSeveral(n, "600 recipients a fixed minute", bucket, tooManyRecipients)
		window.Hosts = []Receiver{{Rules: []Rule{{At: classify.StageRcpt, Model: FixedWindow{600, time.Minute}, Reply: tooManyRecipients}}}}
		window.Oracle.Rate, window.Allowed, window.Length = steady(10*0.99), steady(10), 30*time.Minute
		list = append(list, closes, asMail, fast, window)
	}
	small := Bucket{Count: 1000, Per: time.Minute, Burst: 10}
	return append(list, toSeveral(20, "1000 recipients a minute burst 10, 421", small, tooManyRecipientsClose))
}
