package throttle_test

import (
	"fmt"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/throttle"
)

// One connection to a relay asks for what may go. The Scheduler does not wait:
// it says when to ask again, and what asks passes the time.
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
		s.Push(now, throttle.Job[string]{Value: to, Destination: to[4:], Path: []string{"relay"}, Fresh: true})
	}
	s.Push(now, throttle.Job[string]{Value: "dan@example.org", Destination: "example.org", Path: []string{"relay"}, Lane: throttle.Single})

	c, _ := s.MayOpen("relay", now) // there is mail, and the limits allow a connection
	c.Established(now)
	for range 5 {
		grant, again := c.Next(now)
		if grant == nil {
			fmt.Println("wait", again.Sub(now).Round(time.Millisecond))
			now = again
			continue
		}
		fmt.Println("send to", grant.Value())
		grant.Wrote(now)
		grant.Asked(now)
		grant.Done(now, throttle.Outcome{Accepted: grant.Recipients()})
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
		s.Push(now, throttle.Job[string]{Value: "hello", Destination: "example.com", Path: []string{"mx.example.com"}})
	}
	c, _ := s.MayOpen("mx.example.com", now)
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
