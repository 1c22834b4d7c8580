package simulate

import (
	"fmt"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/throttle"
)

// What receivers say, in words that real ones use.
const (
	tooManyConnections = "421 4.7.0 mx.example Error: too many connections from 192.0.2.1"
	tooMuchAndClose    = "421 4.7.1 mx.example Error: too much mail from 192.0.2.1"
	tooMuch            = "450 4.7.1 Error: too much mail from 192.0.2.1"
	tooMuchForDomain   = "450 4.7.1 too many messages for this domain"
	enoughHere         = "421 4.7.0 mx.example Error: too many messages in this connection"
	greylisted         = "450 4.2.0 Recipient address rejected: Greylisted"
	mailboxTooFast     = "450 4.2.1 The user you are trying to contact is receiving mail at a rate that prevents additional messages from being delivered"
	notAvailable       = "421 4.3.2 mx.example Service not available, closing transmission channel"
)

// midway is the time at which limits change.
const midway = 5 * time.Minute

// margin is the part by which an oracle stays below a rate that is judged to
// the event: the way to the host varies.
const margin = 0.998

// Scenarios returns those of the table that the controller is judged by, and
// some more without goals except to do no harm.
func Scenarios() []Scenario {
	return append(judged(), further()...)
}

func judged() []Scenario {
	list := []Scenario{{
		Name:   "3 connections",
		Hosts:  []Receiver{{Rules: []Rule{connections(3)}}},
		Oracle: Limits{Connections: 3},
		Goals:  Goals{Refused: 0.005, LateRefused: 0.002, Goodput: 0.97},
	}}
	list = append(list, buckets()...)
	list = append(list, windows()...)
	list = append(list, Scenario{
		Name:   "40 messages per connection",
		Hosts:  []Receiver{{Service: 100 * time.Millisecond, Rules: []Rule{{At: classify.StageMail, Model: PerConnection{40}, Reply: enoughHere}}}},
		Oracle: Limits{Connections: 10, PerConnection: 40},
		Goals:  Goals{RefusedTries: 10, NoneLate: true, Goodput: 0.97},
	}, relay(), gmail())
	list = append(list, changes()...)
	return single(append(list, neighbours()))
}

// single adds a destination at the first host to scenarios that have none.
func single(list []Scenario) []Scenario {
	for i := range list {
		if list[i].Destinations == nil {
			list[i].Destinations = []Destination{{Name: "example.com"}}
		}
	}
	return list
}

// setBytes returns a limit of bytes set by the user, for messages as large as the whole
// burst of the receiver.
func setBytes() Scenario {
	sizes := Sizes{5_000, 2_000_000}
	perMessage := 100_000 / sizes.mean()
	return Scenario{
		Name:    "6 MB a minute, messages of 5 KB to 2 MB, the limit set",
		Hosts:   []Receiver{{Rules: []Rule{{At: classify.StageMail, Model: ByteBucket{Count: 6_000_000, Per: time.Minute, Burst: 2_000_000}, Reply: tooMuch}}}},
		Sizes:   sizes,
		Waiting: 100,
		Set:     throttle.Limits{ByteRate: throttle.Rate{Count: 6_000_000 * margin, Per: time.Minute, Burst: 2_000_000}},
		Oracle:  Limits{Rate: steady(perMessage * margin)},
		Allowed: steady(perMessage), Goals: Goals{RefusedTries: 0, NoneLate: true, Goodput: 0.95},
	}
}

func connections(n int) Rule {
	return Rule{At: classify.StageBanner, Model: Connections{n}, Reply: tooManyConnections}
}

func buckets() []Scenario {
	fifty := Bucket{Count: 50, Per: time.Second, Burst: 20}
	goals := Goals{Refused: 0.015, LateRefused: 0.005, Goodput: 0.95}
	return []Scenario{{
		Name:    "50/s burst 20, 421 at MAIL, 3 connections",
		Hosts:   []Receiver{{Rules: []Rule{connections(3), {At: classify.StageMail, Model: fifty, Reply: tooMuchAndClose}}}},
		Oracle:  Limits{Connections: 3, Rate: steady(50 * margin)},
		Allowed: steady(50), Goals: goals,
	}, {
		Name:    "50/s burst 20, 450 at MAIL, 3 connections",
		Hosts:   []Receiver{{Rules: []Rule{connections(3), {At: classify.StageMail, Model: fifty, Reply: tooMuch}}}},
		Oracle:  Limits{Connections: 3, Rate: steady(50 * margin)},
		Allowed: steady(50), Goals: goals,
	}, {
		Name:    "10/s burst 20, 450 at RCPT",
		Hosts:   []Receiver{{Rules: []Rule{{At: classify.StageRcpt, Model: Bucket{Count: 10, Per: time.Second, Burst: 20}, Reply: tooMuch}}}},
		Oracle:  Limits{Rate: steady(10 * margin)},
		Allowed: steady(10), Goals: Goals{Refused: 0.02, LateRefused: 0.005, Goodput: 0.95},
	}, {
		Name:    "1/s burst 5",
		Hosts:   []Receiver{{Rules: []Rule{{At: classify.StageMail, Model: Bucket{Count: 1, Per: time.Second, Burst: 5}, Reply: tooMuch}}}},
		Oracle:  Limits{Rate: steady(1 * margin)},
		Allowed: steady(1), Goals: Goals{Refused: 0.02, LateRefused: 0.01, Goodput: 0.95},
	}}
}

func windows() []Scenario {
	goals := Goals{Refused: 0.03, LateRefused: 0.01, Goodput: 0.93}
	return []Scenario{{
		Name:    "300 per fixed minute",
		Length:  24 * time.Minute,
		Hosts:   []Receiver{{Rules: []Rule{{At: classify.StageMail, Model: FixedWindow{300, time.Minute}, Reply: tooMuch}}}},
		Oracle:  Limits{Rate: steady(5 * margin)},
		Allowed: steady(5), Goals: goals,
	}, {
		Name:    "300 per sliding minute",
		Length:  24 * time.Minute,
		Hosts:   []Receiver{{Rules: []Rule{{At: classify.StageMail, Model: SlidingWindow{300, time.Minute}, Reply: tooMuch}}}},
		Oracle:  Limits{Rate: steady(5 * margin)},
		Allowed: steady(5), Goals: goals,
	}}
}

// relay returns one host at 50/s for 20 domains in turn.
func relay() Scenario {
	sc := Scenario{
		Name:    "relay at 50/s burst 20, 20 domains",
		Hosts:   []Receiver{{Rules: []Rule{{At: classify.StageMail, Model: Bucket{Count: 50, Per: time.Second, Burst: 20}, Reply: tooMuch}}}},
		Oracle:  Limits{Rate: steady(50 * margin)},
		Allowed: steady(50), Goals: Goals{Refused: 0.015, LateRefused: 0.005, Goodput: 0.95},
	}
	for i := range 20 {
		sc.Destinations = append(sc.Destinations, Destination{Name: domain(i)})
	}
	return sc
}

func domain(i int) string { return fmt.Sprintf("d%02d.example", i) }

// gmail limits the client, and each mailbox besides. The messages that its one
// hot mailbox is refused count for the client's rate too, so that the others
// have what its own rate leaves.
func gmail() Scenario {
	return Scenario{
		Name: "20/s, every tenth to a mailbox at 1/s",
		Hosts: []Receiver{{Rules: []Rule{
			{At: classify.StageMail, Model: Bucket{Count: 20, Per: time.Second, Burst: 20}, Reply: tooMuch},
			{At: classify.StageRcpt, Model: Mailbox{Bucket{Count: 1, Per: time.Second, Burst: 5}}, Reply: mailboxTooFast},
		}}},
		Destinations: []Destination{{Name: "example.com", Hot: 10}},
		Oracle:       Limits{Rate: steady(20 * margin), HotRate: 1 * margin},
		Allowed:      steady(19), Goals: Goals{Refused: 0.02, LateRefused: 0.01, Goodput: 0.95},
	}
}

// behindRelay returns a relay that limits connections, with 20 domains behind it. Two of
// them limit their own mail.
func behindRelay() Scenario {
	slow := Bucket{Count: 2, Per: time.Second, Burst: 5}
	sc := Scenario{
		Name: "relay with 5 connections, 2 of 20 domains at 2/s",
		Hosts: []Receiver{{Rules: []Rule{
			connections(5),
			{At: classify.StageRcpt, Domain: domain(0), Model: slow, Reply: tooMuchForDomain},
			{At: classify.StageRcpt, Domain: domain(1), Model: slow, Reply: tooMuchForDomain},
		}}},
		Oracle: Limits{Connections: 5, Domains: map[string]float64{domain(0): 2 * margin, domain(1): 2 * margin}},
	}
	for i := range 20 {
		sc.Destinations = append(sc.Destinations, Destination{Name: domain(i)})
	}
	return sc
}

func changes() []Scenario {
	change := func(name string, first, then int, length time.Duration, goals Goals) Scenario {
		bucket := func(n int) Model { return Bucket{Count: n, Per: time.Second, Burst: 20} }
		return Scenario{
			Name:   name,
			Length: length,
			Hosts: []Receiver{{Rules: []Rule{
				{At: classify.StageMail, Model: Changing{At: midway, First: bucket(first), Then: bucket(then)}, Reply: tooMuch},
			}}},
			Oracle:  Limits{Rate: []Stretch{{0, margin * float64(first)}, {midway, margin * float64(then)}}},
			Allowed: []Stretch{{0, float64(first)}, {midway, float64(then)}}, Goals: goals,
		}
	}
	return []Scenario{
		change("50/s halved midway", 50, 25, 0, Goals{Refused: 0.02, LateRefused: 0.01, Goodput: 0.93}),
		// A minute more, to see what is reached after five.
		change("50/s doubled midway", 50, 100, midway+6*time.Minute, Goals{Refused: 0.01, Recovery: 0.9, RecoverBy: 5 * time.Minute}),
	}
}

// neighbours returns 20 destinations with a host each, the last two of which
// are unwell: one greylists, one cannot be reached.
func neighbours() Scenario {
	sc := Scenario{Name: "20 destinations, one dead, one greylisting", Length: 20 * time.Minute, Goals: Goals{Slower: 0.02}}
	well := []Rule{connections(3), {At: classify.StageMail, Model: Bucket{Count: 20, Per: time.Second, Burst: 20}, Reply: tooMuch}}
	for i := range 20 {
		rules := well
		switch i {
		case 18:
			rules = []Rule{{At: classify.StageRcpt, Model: Greylist{5 * time.Minute}, Reply: greylisted}}
		case 19:
			rules = []Rule{{At: classify.StageConnect, Model: Outage{}}}
		}
		sc.Hosts = append(sc.Hosts, Receiver{Rules: rules})
		sc.Destinations = append(sc.Destinations, Destination{Name: domain(i), Host: i, Messages: 12_000, Unwell: i >= 18})
	}
	sc.Oracle = Limits{Connections: 3, Rate: steady(20 * margin)}
	return sc
}

// further returns receivers that the table leaves out.
func further() []Scenario {
	mail := func(m Model, reply string) []Rule { return []Rule{{At: classify.StageMail, Model: m, Reply: reply}} }
	return single([]Scenario{setBytes(), {
		Name:    "1000 per fixed hour",
		Length:  24 * time.Hour,
		Hosts:   []Receiver{{Rules: mail(FixedWindow{1000, time.Hour}, tooMuch)}},
		Oracle:  Limits{Rate: steady(1000.0 / 3600 * margin)},
		Allowed: steady(1000.0 / 3600),
	}, {
		Name:   "two limits at once: 30/s at MAIL, 900 per sliding minute at RCPT",
		Length: 24 * time.Minute,
		Hosts: []Receiver{{Rules: []Rule{
			{At: classify.StageMail, Model: Bucket{Count: 30, Per: time.Second, Burst: 30}, Reply: tooMuch},
			{At: classify.StageRcpt, Model: SlidingWindow{900, time.Minute}, Reply: tooMuchForDomain},
		}}},
		Oracle:  Limits{Rate: steady(15 * margin)},
		Allowed: steady(15),
	}, behindRelay(), {
		Name:         "greylisting, 5 min",
		Length:       15 * time.Minute,
		Hosts:        []Receiver{{Rules: []Rule{{At: classify.StageRcpt, Model: Greylist{5 * time.Minute}, Reply: greylisted}}}},
		Destinations: []Destination{{Name: "example.com", Messages: 5000}},
	}, {
		Name:    "tarpit, 5 s above 10/s",
		Hosts:   []Receiver{{Tarpit: Tarpit{Free: Bucket{Count: 10, Per: time.Second, Burst: 10}, Delay: 5 * time.Second}}},
		Oracle:  Limits{Rate: steady(10 * margin)},
		Allowed: steady(10),
	}, {
		Name: "outage of a minute, 3 connections",
		Hosts: []Receiver{{Rules: []Rule{
			{At: classify.StageConnect, Model: Outage{From: 2 * time.Minute, For: time.Minute}}, connections(3),
		}}},
		Oracle: Limits{Connections: 3},
	}, {
		Name: "one bad host of four, 20 connections",
		Hosts: []Receiver{{Rules: []Rule{
			{At: classify.StageBanner, Model: BadHosts{Bad: 1, Of: 4}, Reply: notAvailable}, connections(20),
		}, Service: 100 * time.Millisecond}},
		Oracle: Limits{Connections: 10},
	}})
}
