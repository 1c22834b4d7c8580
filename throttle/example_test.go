package throttle_test

import (
	"fmt"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/throttle"
)

// line is a driver's connection. A real one dials a server; this one only
// prints what it would send.
type line struct{ slot *throttle.Conn[string] }

// driver has the lines that were opened or woken, and have not asked yet.
type driver struct{ asking []*line }

// Open implements throttle.Driver: a real driver would dial here, and call
// Established or Closed when it knows how that ended.
func (d *driver) Open(c *throttle.Conn[string]) {
	l := &line{slot: c}
	c.Owner = l
	d.asking = append(d.asking, l)
}

// Wake implements throttle.Driver: the line has been idle.
func (d *driver) Wake(c *throttle.Conn[string]) { d.asking = append(d.asking, c.Owner.(*line)) }

// Retire implements throttle.Driver: a real driver would end the connection in
// order, and then call Closed.
func (d *driver) Retire(c *throttle.Conn[string]) {
	c.Closed(time.Now(), classify.StageIdle, classify.Verdict{}, nil)
}

// The Scheduler decides, and a driver does: it opens and wakes connections when
// Drive says so, and each connection asks for what it may send until it is
// given nothing. Then it is idle. The Scheduler never waits: Drive says when to
// call Tick, and whoever drives passes the time.
func ExampleScheduler() {
	s, err := throttle.New[string](throttle.Config{
		Destination: throttle.Limits{MessageRate: throttle.Rate{Count: 2, Per: time.Second}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	now := time.Date(2030, time.May, 1, 12, 0, 0, 0, time.UTC)
	for _, to := range []string{"ann@example.com", "bob@example.com", "cyd@example.org"} {
		s.Push(now, throttle.Job[string]{Value: to, Destination: to[4:], Path: throttle.Through("relay"), Fresh: true})
	}
	s.Push(now, throttle.Job[string]{Value: "dan@example.org", Destination: "example.org", Path: throttle.Through("relay"), Lane: throttle.Single})

	d := new(driver)
	tick := s.Drive(now, d)
	d.asking[0].slot.Established(now)
	for sent := 0; sent < 4; {
		if len(d.asking) == 0 {
			fmt.Println("wait", tick.Sub(now).Round(time.Millisecond))
			now = tick
			tick = s.Tick(now, d)
			continue
		}
		c := d.asking[0].slot
		d.asking = nil
		for grant, _ := c.Next(now); grant != nil; grant, _ = c.Next(now) {
			fmt.Println("send to", grant.Value())
			grant.Wrote(now)
			grant.Asked(now)
			grant.Done(now, throttle.Outcome{Accepted: grant.Recipients()})
			sent++
		}
		if at := s.Drive(now, d); !at.IsZero() {
			tick = at
		}
	}
	// Output:
	// send to dan@example.org
	// send to ann@example.com
	// wait 500ms
	// send to cyd@example.org
	// send to bob@example.com
}

// A receiver refuses the third message: there is too much mail. The Scheduler
// waits a little, tries one, and says why.
func ExampleScheduler_Explain() {
	s, err := throttle.New[string](throttle.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	now := time.Date(2030, time.May, 1, 12, 0, 0, 0, time.UTC)
	for range 5 {
		s.Push(now, throttle.Job[string]{Value: "hello", Destination: "example.com", Path: throttle.Through("mx.example.com")})
	}
	c, _ := s.Open(now, "mx.example.com")
	c.Established(now)
	reply := &classify.Reply{Code: 450, Enhanced: "4.7.1", Text: "too much mail from you"}
	for _, refused := range []bool{false, false, true} {
		grant, _ := c.Next(now)
		grant.Wrote(now)
		grant.Asked(now)
		now = now.Add(50 * time.Millisecond)
		outcome := throttle.Outcome{Accepted: 1}
		if refused {
			outcome = throttle.Outcome{Stage: classify.StageRcpt, Verdict: classify.Of(classify.StageRcpt, reply), Err: reply}
		}
		grant.Done(now, outcome)
	}
	why := s.Explain(now, "example.com")
	fmt.Println(why.Bind.Scope, why.Bind.Limit, "until", why.Next.Format("15:04:05.000"))
	fmt.Println(why.LastRefusal)
	// Output:
	// destination outage until 12:00:00.400
	// 450 4.7.1 too much mail from you
}

func ExampleWarmUp_Ceilings() {
	start := time.Date(2030, time.May, 1, 0, 0, 0, 0, time.UTC)
	w := throttle.WarmUp{Start: start, First: 50, Factor: 2, Last: 400, Hours: 10}
	for n := range 4 {
		perDay, perHour, ok := w.Ceilings(start.AddDate(0, 0, n))
		fmt.Println(perDay, perHour, ok)
	}
	// Output:
	// 50 5 true
	// 100 10 true
	// 200 20 true
	// 0 0 false
}
