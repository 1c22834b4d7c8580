package simulate

import (
	"fmt"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// trouble adds something to a receiver that refuses or delays beside its limit.
func (d draw) trouble(sc *Scenario) {
	list := []func(d draw, sc *Scenario){draw.noise, draw.outage, draw.slowDots, draw.badHost}
	if sc.Oracle.Recipients == 0 { // else its rates count recipients
		list = append(list, draw.second)
	}
	pick(d, list)(d, sc)
}

// beside adds a rule in front of the others, and to the name what it does.
func (sc *Scenario) beside(r Rule, format string, args ...any) {
	sc.Name += fmt.Sprintf("; "+format+" at %v by %.50q", append(args, r.At, r.Reply)...)
	sc.Hosts[0].Rules = append([]Rule{r}, sc.Hosts[0].Rules...)
}

// noise refuses a share at random.
func (d draw) noise(sc *Scenario) {
	share := d.between(0.001, 0.05)
	sc.beside(at(d.stage(), d.ofMail(), random(share)), "%.2g %% at random", 100*share)
	sc.Hosts[0].Rules[0] = d.asks(sc, sc.Hosts[0].Rules[0])
	sc.Goals.Refused += 1.5 * share
}

// outage refuses everything for a time in the first half.
func (d draw) outage(sc *Scenario) {
	o := Outage{From: time.Duration(d.Float64() / 2 * float64(sc.Length)), For: time.Duration(d.between(1e10, float64(sc.Length/10)))}
	r := Rule{At: pick(d, []classify.Stage{classify.StageBanner, classify.StageMail, classify.StageRcpt}), Model: o, Reply: d.ofMail()}
	sc.beside(r, "nothing for %v from %v", o.For.Round(time.Second), o.From.Round(time.Second))
}

// slowDots has a few messages take half a minute.
func (d draw) slowDots(sc *Scenario) {
	share := d.between(0.001, 0.01)
	sc.Hosts[0].Takes = sometimes(share, 30*time.Second, sc.Hosts[0].Service)
	sc.Name += fmt.Sprintf("; %.2g %% take 30 s", 100*share)
}

// badHost has some of the connections end at a host that refuses all.
func (d draw) badHost(sc *Scenario) {
	hosts := 2 + d.IntN(4)
	sc.beside(at(classify.StageMail, d.ofMail(), oneRefuses(hosts, 0, sc.Length)), "one host of %d refuses all", hosts)
	sc.Goals = Goals{Refused: 0.05, Goodput: 0.6}
}

// second adds a rate in other words.
func (d draw) second(sc *Scenario) {
	n, per := d.period()
	sc.beside(Rule{At: d.stage(), Model: SlidingWindow{n, per}, Reply: d.ofMail()}, "%d a sliding %v", n, per)
	r := rate(n, per) * 0.99
	if len(sc.Oracle.Rate) == 0 || r < sc.Oracle.Rate[0].PerSecond {
		sc.Oracle.Rate = steady(r)
		sc.length(r, per)
	}
}
