package simulate

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// Drawn returns n receivers drawn by a seed: a limit of some kind and size, the stage and
// words of its refusals, the distance to the host, and beside every second limit a
// trouble. A figure of an unseen seed tells how the control does at receivers that it was
// not made for. Each draw depends on the seed and its own number only.
func Drawn(seed uint64, n int) []Scenario {
	list := make([]Scenario, n)
	for i := range list {
		d := draw{rand.New(rand.NewPCG(seed, uint64(i)))}
		list[i] = d.scenario(i + 1)
	}
	return single(list)
}

// draw is a source of random receivers.
type draw struct{ *rand.Rand }

// drawnKinds are the limits that are drawn, buckets twice as often as others. Each names
// itself in the scenario.
var drawnKinds = []func(d draw, sc *Scenario){
	draw.bucket, draw.bucket, draw.fixed, draw.sliding, draw.connections, draw.perConnection,
	draw.ofRecipients, draw.ofMessage, draw.octets, draw.ban, draw.hosts, draw.domains, draw.tarpit, draw.none,
}

func (d draw) scenario(number int) Scenario {
	sc := Scenario{
		RoundTrip: time.Duration(d.between(1e6, 2e8)),
		Hosts:     []Receiver{{Service: time.Duration(d.between(5e6, 1e9))}},
		Oracle:    Limits{Connections: 10},
		Goals:     fair,
	}
	pick(d, drawnKinds)(d, &sc)
	if rules := sc.Hosts[0].Rules; len(rules) == 1 && !sc.Goals.Leaves {
		rules[0] = d.asks(&sc, rules[0])
	}
	if d.IntN(2) == 0 && !sc.Goals.Leaves {
		d.trouble(&sc)
	}
	sc.Name = fmt.Sprintf("%d: %s, %v away, %v at the dot", number, sc.Name, sc.RoundTrip.Round(time.Millisecond), sc.Hosts[0].Service.Round(time.Millisecond))
	return sc
}

// between draws a number, each octave as often as the next.
func (d draw) between(least, most float64) float64 {
	return least * math.Pow(most/least, d.Float64())
}

// count draws a whole number, each octave as often as the next.
func (d draw) count(least, most int) int {
	return int(d.between(float64(least), float64(most)+0.999))
}

func pick[T any](d draw, list []T) T { return list[d.IntN(len(list))] }

// words draws a reply: every second one is of the limit's own kind, every third names no
// limit, and the others name another one.
func (d draw) words(own ...string) string {
	switch turn := d.IntN(6); {
	case turn < 3:
		return pick(d, own)
	case turn < 5:
		return pick(d, []string{noReason, noReasonEnds, noWord, localProblem})
	}
	return pick(d, []string{tooMuch, tooMuchAndClose, tooConcurrent, tooManyConnections, tooMuchForDomain, tooMuchOfLate, rateLimited, tryLater})
}

// limited gives a scenario a rule that lets so many messages or recipients a second
// through, and a length of many periods, of at most some 100,000 messages.
func (sc *Scenario) limited(name string, perSecond float64, period time.Duration, r Rule) {
	sc.Name = fmt.Sprintf("%s at %v by %.50q", name, r.At, r.Reply)
	sc.Hosts[0].Rules = append(sc.Hosts[0].Rules, r)
	sc.Oracle.Rate = steady(perSecond * 0.99)
	sc.length(perSecond, period)
}

// length sets the length of a run at a receiver that takes so many messages a second: 24
// periods, and from 1,000 to 100,000 messages where that is possible.
func (sc *Scenario) length(perSecond float64, period time.Duration) {
	messages := func(n float64) time.Duration { return time.Duration(n / perSecond * float64(time.Second)) }
	sc.Length = min(max(24*period, 20*time.Minute, messages(1000)), max(12*period, 5*time.Minute, messages(1e5)))
}

// carries returns the messages a second that so many connections carry.
func (sc *Scenario) carries(connections int) float64 {
	return float64(connections) / (sc.RoundTrip + sc.Hosts[0].Service).Seconds()
}

// ofMail draws the words of a limit of messages.
func (d draw) ofMail() string { return d.words(tooMuch, tooMuch, tooMuchAndClose, rateLimited) }

// stage draws where a rate is told.
func (d draw) stage() classify.Stage {
	return pick(d, []classify.Stage{classify.StageMail, classify.StageMail, classify.StageRcpt})
}

func (d draw) bucket(sc *Scenario) {
	b := Bucket{Count: d.count(5, 3000), Per: time.Minute, Burst: d.count(1, 200)}
	r := rate(b.Count, b.Per)
	sc.limited(fmt.Sprintf("%d a minute burst %d", b.Count, b.Burst), r,
		time.Duration(float64(b.Burst+1)/r*float64(time.Second)), Rule{At: d.stage(), Model: b, Reply: d.ofMail()})
}

// asks draws whether the refusals of a rule ask for a delay: one of four does, for the
// rest of the limit's period or for a time that has nothing to do with it. For what that
// costs a sender nobody has a measure, so half of the goodput is enough there.
func (d draw) asks(sc *Scenario, r Rule) Rule {
	switch asks := d.IntN(8); {
	case r.Reply == "": // a connection that ends says nothing
	case asks == 0:
		r.Asks = theRest
		sc.Name += ", says when it ends"
	case asks == 1:
		delay := time.Duration(d.between(1, 120)) * time.Second
		r.Asks = always(delay)
		sc.Name += fmt.Sprintf(", says try again in %v", delay)
		sc.Goals.Goodput = min(sc.Goals.Goodput, 0.5)
	}
	return r
}

// period draws the length of a window and its count.
func (d draw) period() (count int, per time.Duration) {
	per = pick(d, []time.Duration{10 * time.Second, time.Minute, time.Minute, 5 * time.Minute, 10 * time.Minute, time.Hour, time.Hour})
	return d.count(5, min(5000, int(60*per.Seconds()))), per
}

func (d draw) fixed(sc *Scenario) {
	n, per := d.period()
	sc.limited(fmt.Sprintf("%d a fixed %v", n, per), rate(n, per), per, Rule{At: d.stage(), Model: FixedWindow{n, per}, Reply: d.ofMail()})
}

func (d draw) sliding(sc *Scenario) {
	n, per := d.period()
	sc.limited(fmt.Sprintf("%d a sliding %v", n, per), rate(n, per), per, Rule{At: d.stage(), Model: SlidingWindow{n, per}, Reply: d.ofMail()})
}

func (d draw) connections(sc *Scenario) {
	n := d.count(1, 9)
	r := Rule{At: classify.StageBanner, Model: Connections{n}, Reply: d.words(tooManyConnections, tooConcurrent)}
	if d.IntN(3) == 0 {
		r.At, r.Model = classify.StageMail, custom(newestRefused(n))
	}
	sc.limited(fmt.Sprintf("%d connections", n), sc.carries(n), 0, r)
	sc.Oracle = Limits{Connections: n}
}

func (d draw) perConnection(sc *Scenario) {
	n := d.count(1, 100)
	sc.limited(fmt.Sprintf("%d messages a connection", n), sc.carries(10), 0, Rule{At: classify.StageMail, Model: PerConnection{n}, Reply: d.words(enoughHere)})
	sc.Oracle = Limits{Connections: 10, PerConnection: n}
}

// ofRecipients adds a rate of recipients, for messages to several.
func (d draw) ofRecipients(sc *Scenario) {
	b := Bucket{Count: d.count(60, 3000), Per: time.Minute, Burst: d.count(10, 200)}
	n := d.several(sc)
	sc.limited(fmt.Sprintf("%d recipients a minute burst %d, %d a message", b.Count, b.Burst, n), rate(b.Count, b.Per), time.Minute,
		Rule{At: classify.StageRcpt, Model: b, Reply: d.words(tooManyRecipients, tooManyRecipientsClose, tooMuch)})
	sc.Oracle.Recipients = min(n, b.Burst/2)
}

// ofMessage takes some recipients of each message.
func (d draw) ofMessage(sc *Scenario) {
	n := d.several(sc)
	most := d.count(1, n-1)
	sc.limited(fmt.Sprintf("%d recipients of a message to %d", most, n), sc.carries(10), 0,
		Rule{At: classify.StageRcpt, Model: ofEach(most, 0), Reply: d.words(tooManyAtOnce)})
	sc.Oracle = Limits{Connections: 10, Recipients: most}
}

// several has the messages go to several recipients each.
func (d draw) several(sc *Scenario) int {
	n := d.count(2, 100)
	sc.Waiting, sc.Destinations = 1000, []Destination{{Name: "example.com", Recipients: n}}
	return n
}

func (d draw) octets(sc *Scenario) {
	least := d.count(2_000, 50_000)
	sc.Sizes, sc.Waiting = Sizes{least, least * d.count(2, 100)}, 200
	b := ByteBucket{Count: int(sc.Sizes.mean() * d.between(10, 2000)), Per: time.Minute, Burst: sc.Sizes.Most * d.count(4, 20)}
	perMinute := float64(b.Count) / sc.Sizes.mean()
	sc.limited(fmt.Sprintf("%.1f MB a minute, messages of %d to %d KB", float64(b.Count)/1e6, least/1000, sc.Sizes.Most/1000), perMinute/60, 2*time.Minute,
		Rule{At: classify.StageMail, Model: b, Reply: d.words(tooMuchData, tooManyBytes)})
}

// ban refuses all for a time once a limit was passed.
func (d draw) ban(sc *Scenario) {
	n, block := d.count(10, 1000), time.Duration(d.between(60, 7200))*time.Second
	perSecond, extends := rate(n, time.Minute), d.IntN(2) == 0
	name := fmt.Sprintf("%d a minute, then a ban of %v", n, block)
	if extends {
		name += " that each try extends"
	}
	sc.limited(name, perSecond, block, at(classify.StageMail, d.ofMail(), penalty(SlidingWindow{n, time.Minute}, block, extends)))
	sc.Length, sc.Hosts[0].Service = 24*time.Hour, 20*time.Millisecond
	sc.Allowed, sc.Goals = steady(perSecond), Goals{Refused: 0.03, Goodput: 0.5, Leaves: true}
}

// hosts adds a name with several hosts, each with a rate of its own.
func (d draw) hosts(sc *Scenario) {
	hosts, n, burst := 2+d.IntN(4), d.count(30, 1000), d.count(5, 100)
	sc.limited(fmt.Sprintf("%d hosts, each %d a minute burst %d", hosts, n, burst), 0.9*float64(hosts)*rate(n, time.Minute), time.Minute,
		at(classify.StageMail, d.ofMail(), hidden(hosts, Bucket{n, time.Minute, burst})))
	sc.Goals = Goals{Refused: 0.06, Goodput: 0.6}
}

// domains makes the receiver a relay that limits some of twenty domains.
func (d draw) domains(sc *Scenario) {
	limited, n, reply := d.count(1, 19), d.count(20, 600), d.words(tooMuchForDomain, tooMuch)
	sc.Name = fmt.Sprintf("relay, %d of 20 domains at %d a minute by %.50q", limited, n, reply)
	sc.limitDomains(limited, Bucket{n, time.Minute, 10}, reply, rate(n, time.Minute)*0.99)
	sc.length(sc.carries(10), time.Minute)
}

// tarpit delays whoever is too fast.
func (d draw) tarpit(sc *Scenario) {
	n, delay := d.count(60, 2000), time.Duration(d.between(1e9, 3e10))
	sc.Hosts[0].Tarpit = Tarpit{Free: Bucket{n, time.Minute, 10}, Delay: delay}
	sc.Name = fmt.Sprintf("delays of %v above %d a minute", delay.Round(time.Millisecond), n)
	sc.Oracle.Rate = steady(rate(n, time.Minute) * 0.99)
	sc.length(rate(n, time.Minute), 3*time.Minute)
}

// none has no limit.
func (d draw) none(sc *Scenario) {
	sc.Name = "no limit"
	sc.length(sc.carries(10), 0)
}
