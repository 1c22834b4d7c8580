package throttle

import (
	"errors"
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
)

func TestReadyAndMayOpenFollowTheLimits(t *testing.T) {
	cfg := wide()
	cfg.Process.Connections = 2
	cfg.Destination.Connections = 2
	cfg.Endpoint.ConnectionRate = Rate{Count: 1, Per: time.Second, Burst: 3}
	r := newRig(t, cfg)
	r.ready("relay", 0, 0)
	r.mayNotOpen("relay", 0)
	for range 5 {
		r.push("d", "x")
	}
	r.ready("relay", 2, 0) // the destination starts with what is set
	widen(5, &r.endpoint("relay").scope, &r.destination("d").scope)
	r.s.rescheduleLocked(r.now, r.destination("d"))
	r.ready("relay", 2, 0)
	first := r.mayOpen("relay")
	r.mayNotOpen("relay", 0) // one, until it is open
	first.Established(r.now)
	second := r.mayOpen("relay")
	r.mayNotOpen("relay", 0) // the process has its two
	second.Closed(r.now, classify.StageConnect, classify.Verdict{}, nil)
	third := r.mayOpen("relay")
	third.Closed(r.now, classify.StageConnect, classify.Verdict{}, nil)
	r.mayNotOpen("relay", time.Second) // the rate
	r.grant(first, "x")
	r.ready("relay", 1, 0)
	r.askReady("unknown")
}

// TestARateIsReadyForOneAtATime since it says only that one may go.
func TestARateIsReadyForOneAtATime(t *testing.T) {
	for name, set := range map[string]func(*Config){
		"process":     func(c *Config) { c.Process.MessageRate = Rate{Count: 1, Per: time.Second, Burst: 9} },
		"endpoint":    func(c *Config) { c.Endpoint.RecipientRate = Rate{Count: 1, Per: time.Second, Burst: 9} },
		"destination": func(c *Config) { c.Destination.Quota = Quota{Count: 9, Per: time.Hour} },
	} {
		t.Run(name, func(t *testing.T) {
			cfg := wide()
			set(&cfg)
			r := newRig(t, cfg)
			r.push("d", "x")
			widen(5, &r.destination("d").scope)
			r.push("d", "x")
			r.ready("relay", 1, 0)
		})
	}
}

// TestConnectionRateOfADestinationIsChargedToIt although connections belong to
// the endpoint.
func TestConnectionRateOfADestinationIsChargedToIt(t *testing.T) {
	cfg := wide()
	cfg.Destination.ConnectionRate = Rate{Count: 1, Per: time.Minute}
	r := newRig(t, cfg)
	r.push("d", "x")
	c := r.mayOpen("relay")
	c.Closed(r.now, classify.StageConnect, classify.Verdict{}, nil)
	r.mayNotOpen("relay", time.Minute)
	r.job(Job[string]{Destination: "e", Path: Through("other")})
	r.mayOpen("other")
}

func TestMessagesPerConnection(t *testing.T) {
	for _, test := range []struct {
		name                    string
		process, endpoint, dest int
		want                    int
	}{
		{"of the process", 2, 5, 5, 2},
		{"of the endpoint", 5, 2, 5, 2},
		{"of the destination", 5, 5, 2, 3}, // another is first
	} {
		t.Run(test.name, func(t *testing.T) {
			cfg := wide()
			cfg.Process.MessagesPerConnection = test.process
			cfg.Endpoint.MessagesPerConnection = test.endpoint
			cfg.Destinations = map[string]Limits{"d": {MessagesPerConnection: test.dest}}
			r := newRig(t, cfg)
			r.push("other", "x")
			for range 9 {
				r.push("d", "x")
			}
			c, n := r.open("relay"), 0
			for !retires(c) {
				g := r.grant(c, "x")
				n++
				last := g.last
				r.accepted(g)
				if last != retires(c) {
					t.Errorf("message %d is the last: %v, but the connection retires: %v", n, last, retires(c))
				}
			}
			if n != test.want {
				t.Errorf("the connection carried %d, want %d", n, test.want)
			}
			r.none(c, 0)
		})
	}
}

// TestMessagesPerConnectionOutliveTheDestination has a destination forgotten
// and come back while the connection stays.
func TestMessagesPerConnectionOutliveTheDestination(t *testing.T) {
	cfg := wide()
	cfg.Destinations = map[string]Limits{"d": {MessagesPerConnection: 2}}
	r := newRig(t, cfg)
	r.push("d", "x")
	c := r.open("relay")
	r.exchange(c, "x")
	r.pass(time.Minute)
	r.s.Sweep(r.now)
	if n := r.s.dests.n; n != 0 {
		t.Fatalf("%d destinations are left", n)
	}
	r.push("d", "x")
	if g := r.grant(c, "x"); !g.last {
		t.Error("the connection may carry a third")
	}
}

func TestLimitsOfAllScopesMustAllow(t *testing.T) {
	for name, set := range map[string]func(*Config, Limits){
		"process":     func(c *Config, l Limits) { c.Process = l },
		"endpoint":    func(c *Config, l Limits) { c.Endpoint = l },
		"destination": func(c *Config, l Limits) { c.Destination = l },
	} {
		for what, l := range map[string]Limits{
			"rate":           {MessageRate: Rate{Count: 1, Per: time.Minute}},
			"recipient rate": {RecipientRate: Rate{Count: 1, Per: time.Minute}},
			"quota":          {Quota: Quota{Count: 1, Per: time.Minute}},
		} {
			t.Run(what+" of the "+name, func(t *testing.T) {
				cfg := wide()
				l.Connections = Unlimited
				set(&cfg, l)
				r := newRig(t, cfg)
				r.push("d", "1")
				r.push("d", "2")
				widen(5, &r.endpoint("relay").scope, &r.destination("d").scope)
				c, other := r.open("relay"), r.open("relay")
				g := r.grant(c, "1")
				r.pass(time.Hour) // what is in hand still counts
				if g, _ := other.Next(r.now); g != nil {
					t.Fatal("another goes while the first is in hand")
				}
				r.accepted(g)
				r.none(other, time.Minute)
				r.ready("relay", 0, time.Minute)
				r.pass(time.Minute)
				r.exchange(other, "2")
			})
		}
	}
}

func TestAnnouncedLimits(t *testing.T) {
	r := newRig(t, wide())
	r.job(Job[string]{Destination: "d", Value: "many", Recipients: 9})
	r.push("d", "last")
	c := r.open("relay")
	c.Announced(2, 3)
	g := r.grant(c, "many")
	if g.Recipients() != 3 || g.last {
		t.Errorf("%d recipients, last %t; want 3, and one more message", g.Recipients(), g.last)
	}
	g.Done(r.now, Outcome{Accepted: 3})
	if g = r.grant(c, "last"); !g.last {
		t.Error("the second of two messages is not the last")
	}
	r.none(c, 0)
}

// TestAUselessConnectionEndsNoRests: where dials fail and one connection comes about that
// ends at once, the endpoint rests for as long as if that had failed too.
func TestAUselessConnectionEndsNoRests(t *testing.T) {
	err := errors.New("reset")
	rest := func(comesAbout bool) time.Duration {
		r := newRig(t, wide())
		var c *Conn[string]
		for i := range 5 {
			c = r.opening("relay")
			if i == 4 && comesAbout {
				c.Established(r.now)
			}
			c.Closed(r.now, classify.StageConnect, classify.Verdict{Class: classify.ClassNetwork}, err)
			r.now = r.now.Add(time.Hour)
		}
		return c.e.rest
	}
	if got, want := rest(true), rest(false); got != want || want < 4*time.Second {
		t.Errorf("it rests %v, and %v where the last failed as well", got, want)
	}
}
