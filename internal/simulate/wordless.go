package simulate

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// What receivers say that name no limit.
const (
	noReason      = "451 4.7.1 Try again later"
	noReasonEnds  = "421 Service not available, closing transmission channel"
	noWord        = "" // the connection ends
	localProblem  = "451 Temporary local problem - please try later"
	internalError = "451 4.3.0 Internal error"
)

// Wordless is a scenario of the table with its limits told in ways that do not name
// them.
type Wordless struct {
	Worded Scenario
	Ways   []Scenario
}

// WordlessLimits returns the scenarios that the controller is judged by, with every
// limit told as a temporary refusal without a reason, as the same with the end of the
// connection, and as that end without a reply.
func WordlessLimits() (list []Wordless) {
	for _, sc := range judged() {
		w := Wordless{Worded: sc}
		for _, way := range []struct{ name, reply string }{{"451", noReason}, {"421", noReasonEnds}, {"closed", noWord}} {
			w.Ways = append(w.Ways, told(sc, way.name, way.reply))
		}
		list = append(list, w)
	}
	return list
}

// told returns a scenario whose limits are told by a reply.
func told(sc Scenario, way, reply string) Scenario {
	sc.Name = fmt.Sprintf("%s: %s", sc.Name, way)
	sc.Goals = Goals{Goodput: 0.93}
	sc.Hosts = slices.Clone(sc.Hosts)
	for i := range sc.Hosts {
		sc.Hosts[i].Rules = slices.Clone(sc.Hosts[i].Rules)
		for k := range sc.Hosts[i].Rules {
			r := &sc.Hosts[i].Rules[k]
			if _, greylists := r.Model.(Greylist); !greylists && r.At != classify.StageConnect {
				r.Reply = reply
			}
		}
	}
	return sc
}

// Limitless returns receivers that refuse without words and have no limit. Where
// limits are inferred all the same, mail is slower for it.
func Limitless() []Scenario {
	list := []Scenario{
		finite("no refusals", time.Hour, Receiver{}),
		finite("greylisting for 5 min", time.Hour, one(classify.StageRcpt, localProblem, Greylist{5 * time.Minute})),
		finite("greylisting for 1 min, 421", time.Hour, one(classify.StageRcpt, noReasonEnds, Greylist{time.Minute})),
		finite("outage of 10 s", 3*time.Hour, one(classify.StageMail, internalError, Outage{20 * time.Second, 10 * time.Second})),
		finite("outage of 5 min", 3*time.Hour, one(classify.StageMail, internalError, Outage{20 * time.Second, 5 * time.Minute})),
		finite("outage of 1 h", 6*time.Hour, one(classify.StageMail, internalError, Outage{20 * time.Second, time.Hour})),
		finite("outage of 5 min from the start", 3*time.Hour, one(classify.StageMail, internalError, Outage{0, 5 * time.Minute})),
		finite("outage of 5 min, closed", 3*time.Hour, one(classify.StageMail, noWord, Outage{20 * time.Second, 5 * time.Minute})),
		finite("1 % of RCPT at random", 3*time.Hour, one(classify.StageRcpt, internalError, custom(random(0.01)))),
		finite("5 % of RCPT at random", 3*time.Hour, one(classify.StageRcpt, internalError, custom(random(0.05)))),
		finite("5 % of MAIL at random", 3*time.Hour, one(classify.StageMail, noReason, custom(random(0.05)))),
		finite("5 % of MAIL at random, closed", 3*time.Hour, one(classify.StageMail, noWord, custom(random(0.05)))),
		finite("30 % of MAIL at random, 421", 3*time.Hour, one(classify.StageMail, noReasonEnds, custom(random(0.3)))),
		finite("one bad host of four, 421 at the banner", 3*time.Hour, one(classify.StageBanner, noReasonEnds, BadHosts{1, 4})),
		finite("one bad host of four, refuses MAIL", 3*time.Hour, one(classify.StageMail, internalError, custom(badBehindBanner(1, 4)))),
		finite("every 20th recipient for 2 h", 6*time.Hour, one(classify.StageRcpt, localProblem, bad(1, 20))),
		finite("5 % of recipients in blocks of 500, for 2 h", 6*time.Hour, one(classify.StageRcpt, localProblem, bad(500, 20))),
		finite("first 500 of each 2000 recipients, for 2 h", 6*time.Hour, one(classify.StageRcpt, localProblem, bad(500, 4))),
		finite("one campaign of four, interleaved, for 2 h", 6*time.Hour, one(classify.StageRcpt, noReason, bad(1, 4))),
		finite("one campaign of four, in blocks of 2000, for 2 h", 6*time.Hour, one(classify.StageRcpt, noReason, bad(2000, 4))),
		finite("blocked for 4 h after 30 s", 12*time.Hour, one(classify.StageMail, noReason, Outage{30 * time.Second, 4 * time.Hour})),
	}
	one := finite("5 % of RCPT at random, one connection", 3*time.Hour, Receiver{Service: 90 * time.Millisecond, Rules: []Rule{
		connections(1), {At: classify.StageRcpt, Model: custom(random(0.05)), Reply: internalError}}})
	one.Destinations[0].Messages = 5000
	return append(list, one)
}

// finite returns a list of messages for one receiver.
func finite(name string, length time.Duration, r Receiver) Scenario {
	return Scenario{Name: name, Length: length, Hosts: []Receiver{r}, Destinations: []Destination{{Name: "example.com", Messages: 20_000}}}
}

// one returns a receiver with one rule.
func one(at classify.Stage, reply string, m Model) Receiver {
	return Receiver{Rules: []Rule{{At: at, Model: m, Reply: reply}}}
}

// bad refuses the first of so many blocks of recipients for two hours.
func bad(block, of int) Model {
	return custom(func(*rand.Rand) admitter {
		return func(q query) bool { return q.box/block%of != 0 || q.now >= 2*time.Hour }
	})
}

// badBehindBanner returns a name behind which hosts take turns at random. Some of them
// refuse every message, after a banner like the others'.
func badBehindBanner(bad, of int) func(*rand.Rand) admitter {
	return func(rng *rand.Rand) admitter {
		by := map[*line]bool{}
		return func(q query) bool {
			is, known := by[q.line]
			if !known {
				is = rng.IntN(of) < bad
				by[q.line] = is
			}
			return !is
		}
	}
}

// Reached returns the time at which a share of the messages was accepted, to the tenth of
// a second where known; the length of the run when it never was.
func (r *Result) Reached(part float64) time.Duration {
	wanted := part * float64(r.Created)
	got := 0.0
	for i, s := range r.Seconds {
		if n := float64(s.Accepted); got+n >= wanted && n > 0 {
			return time.Duration((float64(i) + (wanted-got)/n) * float64(time.Second))
		}
		got += float64(s.Accepted)
	}
	return r.Length
}
