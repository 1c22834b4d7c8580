package throttle

import (
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
	"time"
	"unsafe"

	"github.com/smtpace/smtpace/classify"
)

// set returns a time as a clock shows it that was set forward by some seconds. What
// time.Now returns has a reading of the wall clock, which is set, and one of a
// monotonic clock, which is not.
func set(t time.Time, forward int64) time.Time {
	wall := (*uint64)(unsafe.Pointer(&t)) // see type Time: a bit, 33 bits of seconds, 30 of nanoseconds
	if *wall>>63 == 0 {
		panic("a time without a monotonic reading")
	}
	*wall += uint64(forward) << 30
	return t
}

// clocked sends through a Scheduler to a receiver, with clocks of their own.
type clocked struct {
	*rig
	hands
	conns    []*Conn[string] // those that are to ask
	flights  []underWay
	receiver bucketReceiver
	at       time.Duration // the time at the receiver
	forward  int64         // the seconds by which the sender's wall clock was set forward
	tick     time.Time
	noise    func() bool // whether a message is refused at random; nil for never

	accepted, refused int
	changes           []Change
}

type underWay struct {
	g    *Grant[string]
	c    *Conn[string]
	ends time.Duration
	ok   bool
}

func newClocked(t *testing.T, cfg Config) *clocked {
	c := &clocked{rig: newRig(t, cfg), receiver: bucketReceiver{rate: 50, burst: 20, tokens: 20}}
	c.now = time.Now()
	for i := range 20_000 {
		c.s.Push(c.now, Job[string]{Destination: "d", Value: fmt.Sprint(i), Path: Through("relay"), Fresh: true})
	}
	return c
}

func (c *clocked) clock() time.Time { return set(c.now, c.forward) }

func (c *clocked) drive() {
	c.tick = earlier(c.s.Drive(c.clock(), c), c.tick)
	if !c.tick.IsZero() && !c.tick.After(c.clock()) {
		c.tick = c.s.Tick(c.clock(), c)
	}
	for _, o := range c.hands.opened {
		o.Established(c.clock())
		c.conns = append(c.conns, o)
	}
	c.conns = append(c.conns, c.hands.woken...)
	for _, o := range c.hands.retired {
		o.Closed(c.clock(), classify.StageIdle, classify.Verdict{}, nil)
	}
	c.hands = hands{}
}

// run sends for a time. A message takes 20 ms.
func (c *clocked) run(length time.Duration) {
	for end := c.at + length; c.at < end; {
		c.land()
		c.drive()
		asking := c.conns
		c.conns = nil
		for _, o := range asking {
			c.ask(o)
		}
		c.drive()
		c.at += time.Millisecond
		c.pass(time.Millisecond)
	}
}

func (c *clocked) ask(o *Conn[string]) {
	g, last := o.Next(c.clock())
	switch {
	case g != nil:
		g.Wrote(c.clock())
		g.Asked(c.clock())
		ok := c.receiver.admits(c.at.Seconds()) && (c.noise == nil || !c.noise())
		c.flights = append(c.flights, underWay{g, o, c.at + 20*time.Millisecond, ok})
	case last:
		o.Closed(c.clock(), classify.StageIdle, classify.Verdict{}, nil)
	}
}

// land ends the transactions that are due.
func (c *clocked) land() {
	rest := c.flights[:0]
	for _, f := range c.flights {
		if f.ends > c.at {
			rest = append(rest, f)
			continue
		}
		o := Outcome{Accepted: 1, Recipients: 1, Stage: classify.StageDot}
		if c.accepted++; !f.ok {
			c.accepted--
			c.refused++
			o = Outcome{Stage: classify.StageMail, Verdict: throttled(classify.LimitMessageRate, 0), Err: errRefused, Unsent: true}
		}
		changes, _ := f.g.Done(c.clock(), o)
		c.changes = append(c.changes, changes...)
		c.conns = append(c.conns, f.c)
	}
	c.flights = rest
}

// level returns the learned rate; 0 when none was.
func (c *clocked) level() float64 {
	e, _ := c.s.endpoints.get("relay")
	if r := e.rate(learnedMessagesKind); r != nil {
		return r.level
	}
	return 0
}

// jumps are leaps of clocks. The receiver's time goes on while the machine is suspended;
// whether the sender's monotonic clock does depends on the system.
var jumps = []struct {
	name  string
	does  func(c *clocked)
	sends bool // mail goes meanwhile
}{
	{"set back an hour", func(c *clocked) { c.forward = -3600 }, false},
	{"set forward an hour", func(c *clocked) { c.forward = 3600 }, false},
	{"set forward a year", func(c *clocked) { c.forward = 365 * 86400 }, false},
	{"set back and forward each second", func(c *clocked) {
		for i := range 20 {
			c.forward = 7200 * int64(1-2*(i%2))
			c.run(time.Second)
		}
	}, true},
	{"suspended for 3 hours, and the clock stands", func(c *clocked) { c.at += 3 * time.Hour; c.forward = 3 * 3600 }, false},
	{"suspended for 3 hours, and the clock goes on", func(c *clocked) { c.at += 3 * time.Hour; c.pass(3 * time.Hour) }, false},
	{"suspended for 3 hours, and all connections are lost", func(c *clocked) {
		c.at += 3 * time.Hour
		c.pass(3 * time.Hour)
		for _, f := range c.flights {
			f.g.Done(c.clock(), Outcome{Stage: classify.StageMail, Verdict: classify.Of(classify.StageMail, io.EOF), Err: io.EOF})
			f.c.Closed(c.clock(), classify.StageMail, classify.Of(classify.StageMail, io.EOF), io.EOF)
		}
		c.flights = nil
	}, false},
	{"suspended for 3 s, and the clock goes on", func(c *clocked) { c.at += 3 * time.Second; c.pass(3 * time.Second) }, false},
	{"suspended for a day ten times, and the clock goes on", func(c *clocked) {
		for range 10 {
			c.at += 24 * time.Hour
			c.pass(24 * time.Hour)
			c.run(2 * time.Second)
		}
	}, true},
}

// TestAClockThatJumpsTeachesNothing: a learned rate stays as it was, and no more goes at
// once than the receiver's burst.
func TestAClockThatJumpsTeachesNothing(t *testing.T) {
	for _, jump := range jumps {
		t.Run(jump.name, func(t *testing.T) {
			t.Parallel()
			c := newClocked(t, Config{})
			c.run(2 * time.Minute)
			level, before := c.level(), c.accepted
			if level < 45 || level > 55 {
				t.Fatalf("the level is %v, want about 50", level)
			}
			jump.does(c)
			c.accepted, c.refused = 0, 0
			c.run(time.Second)
			if n := c.accepted + c.refused; n > 50+20+5 || n < 35 {
				t.Errorf("%d went in the first second, want about 50, and no burst beyond 20", n)
			}
			c.run(59 * time.Second)
			if got := c.level(); got < 0.95*level || got > 1.05*level {
				t.Errorf("the level went from %v to %v", level, got)
			}
			if c.accepted < 45*60 || c.refused > 30 {
				t.Errorf("%d accepted and %d refused in a minute, want about 3000 and hardly any (%d before)", c.accepted, c.refused, before)
			}
		})
	}
}

// TestAClockThatJumpsEndsNoExperiment: the time that has passed since an experiment began
// says nothing, so that the level stays where it was.
func TestAClockThatJumpsEndsNoExperiment(t *testing.T) {
	for _, jump := range jumps {
		if jump.sends {
			continue // what is sent meanwhile may end it
		}
		t.Run(jump.name, func(t *testing.T) {
			t.Parallel()
			c := newClocked(t, Config{})
			c.receiver = bucketReceiver{rate: 1e6, burst: 1e6, tokens: 1e6}
			rng := rand.New(rand.NewPCG(1, 2))
			c.noise = func() bool { return rng.Float64() < 0.02 }
			testing := func() bool {
				e, _ := c.s.endpoints.get("relay")
				r := e.rate(learnedMessagesKind)
				return r != nil && r.background.testing() && r.background.odds < 0
			}
			for !testing() {
				if c.run(10 * time.Millisecond); c.at > time.Hour {
					t.Fatal("there is no experiment")
				}
			}
			level := c.level()
			c.noise = nil
			jump.does(c)
			c.run(100 * time.Millisecond)
			if got := c.level(); got < level {
				t.Errorf("the level went from %v to %v", level, got)
			}
		})
	}
}

// TestAClockThatJumpsExceedsNoLimit: a rate that is set lets no more go than its burst.
func TestAClockThatJumpsExceedsNoLimit(t *testing.T) {
	for _, jump := range jumps {
		t.Run(jump.name, func(t *testing.T) {
			t.Parallel()
			c := newClocked(t, Config{Endpoint: Limits{MessageRate: Rate{Count: 50, Per: time.Second, Burst: 10}}})
			c.run(10 * time.Second)
			jump.does(c)
			c.accepted, c.refused = 0, 0
			c.run(10 * time.Second)
			if n := c.accepted; n > 10*50+10 || n < 10*50-5 || c.refused > 0 {
				t.Errorf("%d accepted and %d refused in 10 s at 50/s burst 10", n, c.refused)
			}
		})
	}
}

// TestASetClockMovesNoCount: what was accepted in the last minute is no other when the
// wall clock is set.
func TestASetClockMovesNoCount(t *testing.T) {
	for _, forward := range []int64{-3600, 3600, 86400} {
		var r recentCounts
		now := time.Now()
		for range 120 {
			r.add(now, 2)
			now = now.Add(time.Second)
		}
		now = set(now, forward)
		if got := r.sum(now); got < 110 || got > 130 {
			t.Errorf("set by %d s: %v count, want about 120", forward, got)
		}
		for range 300 {
			r.add(now, 2)
			now = now.Add(time.Second)
		}
		if got := r.sum(now); got < 110 || got > 130 {
			t.Errorf("set by %d s: %v count five minutes later, want about 120", forward, got)
		}
	}
}
