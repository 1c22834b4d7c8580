package pool_test

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/smtptest"
)

// quitting is a User one of whose calls ends the goroutine, as t.FailNow does.
type quitting struct {
	*rig
	at    string // name of the method
	call  int    // number of the call that ends it, from 1
	calls atomic.Int32
}

// quits ends the goroutine if it is the time to.
func (q *quitting) quits(method string) {
	if method == q.at && q.calls.Add(1) == int32(q.call) {
		runtime.Goexit()
	}
}

func (q *quitting) Opened(c *pool.Conn) { q.rig.Opened(c); q.quits("Opened") }
func (q *quitting) Next(c *pool.Conn) (*pool.Delivery, bool) {
	q.quits("Next")
	return q.rig.Next(c)
}
func (q *quitting) MailWritten(d *pool.Delivery)  { q.quits("MailWritten") }
func (q *quitting) RcptsWritten(d *pool.Delivery) { q.quits("RcptsWritten") }
func (q *quitting) BeforeDot(context.Context, *pool.Delivery) error {
	q.quits("BeforeDot")
	return nil
}
func (q *quitting) Follower(d *pool.Delivery) *pool.Delivery {
	q.quits("Follower")
	return q.rig.Follower(d)
}
func (q *quitting) Done(d *pool.Delivery, r pool.Report) { q.rig.Done(d, r); q.quits("Done") }
func (q *quitting) Leaving(c *pool.Conn)                 { q.rig.Leaving(c); q.quits("Leaving") }
func (q *quitting) Reply(c *pool.Conn, stage classify.Stage, r *classify.Reply) {
	q.rig.Reply(c, stage, r)
	q.quits("Reply " + stage.String())
}

// TestUsersThatEndTheGoroutine: the connection ends, and what it had taken is reported,
// once, by what is known of it.
func TestUsersThatEndTheGoroutine(t *testing.T) {
	for _, at := range []string{
		"Opened", "Next", "MailWritten", "RcptsWritten", "BeforeDot", "Follower", "Done", "Leaving",
		"Reply mail", "Reply rcpt", "Reply data", "Reply dot", "Reply quit",
	} {
		for call := range 3 {
			t.Run(fmt.Sprint(at, " ", call+1), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { testQuitting(t, at, call+1) })
			})
		}
	}
}

func testQuitting(t *testing.T, at string, call int) {
	r := newRig(t, smtptest.Config{Latency: time.Millisecond}, pool.Config{})
	defer r.close()
	q := &quitting{rig: r, at: at, call: call}
	var jobs []job
	for i := range 3 {
		j := newJob(fmt.Sprint("m", i), "a@x.test")
		j.Confirm, j.beforeDot = true, func(context.Context) error { return nil }
		done := j.done
		reports := 0
		j.done = func(report pool.Report) {
			if reports++; reports > 1 {
				t.Errorf("message %d is reported twice", i)
			}
			done(report)
		}
		jobs = append(jobs, j)
		r.push(j.turn())
	}
	if err := r.pool.Open(r.endpoint, q); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Hour)
	if n := len(r.ended()); n == 0 {
		t.Error("Closed was not called")
	}
	if r.isOpen() { // the call was never reached, or a further connection took the rest
		r.push(turn{last: true})
		time.Sleep(time.Hour)
	}
	for i, j := range jobs {
		took := 0
		for _, tx := range r.server.Transactions() {
			if tx.Accepted && string(tx.Data) == string(j.Data) {
				took++
			}
		}
		want := []string{"L", "D"}[min(took, 1)]
		if at == "RcptsWritten" && call == i+2 && took == 1 {
			want = "A" // the envelope rode behind its dot, and the reply was not read
		}
		if got := fates(j.wait(t)); got != want {
			t.Errorf("message %d was taken %d times, and the report says %s", i, took, got)
		}
	}
}
