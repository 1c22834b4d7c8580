package pool_test

import (
	"bytes"
	"net"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/smtptest"
)

// TestSecondHalfOfAReply has a reply to RCPT stop behind its first line for
// longer than we wait. What comes after that answers nobody else.
func TestSecondHalfOfAReply(t *testing.T) {
	for name, omit := range map[string][]string{"pipelined": nil, "lock-step": lockstep} {
		bubble(t, name, func(t *testing.T) {
			// Eleven bytes in the 5 minutes of RCPT, and eleven in the next 5.
			r := newRig(t, smtptest.Config{Omit: omit, Fault: smtptest.Rules(smtptest.Rule{
				Stage: smtptest.StageRcpt, Rcpt: 2, Fault: smtptest.Fault{Raw: "550-never\r\n550 never\r\n", Drip: 27 * time.Second},
			})}, pool.Config{})
			defer r.close()
			j := newJob("a", "1@x.test", "2@x.test", "3@x.test")
			r.push(j.turn())
			r.open()
			start := time.Now()
			if got := j.wait(t); fates(got) != "LRL" || stages(got) != "RCPT RCPT RCPT" {
				t.Errorf("got %s", describe(got))
			}
			if took := time.Since(start); took > 5*time.Minute {
				t.Errorf("took %v, want the 5 minutes of one RCPT", took)
			}
		})
	}
}

// TestTimeOfAReplyThatHasBegun: the 5 minutes of a reply begin when its turn comes, also
// where its first line came with the reply before.
func TestTimeOfAReplyThatHasBegun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, smtptest.Config{Fault: smtptest.Rules(smtptest.Rule{
			Stage: smtptest.StageRcpt, Rcpt: 1, Fault: smtptest.Fault{Raw: "250 2.1.5 yes\r\n550-5.1.1 no\r\n", Delay: 4 * time.Minute, End: smtptest.Stall},
		})}, pool.Config{})
		defer r.close()
		j := newJob("a", "1@x.test", "2@x.test", "3@x.test")
		r.push(j.turn())
		r.open()
		start := time.Now()
		if got := j.wait(t); fates(got) != "LRL" {
			t.Errorf("got %s", describe(got))
		}
		if took := time.Since(start); took != 9*time.Minute {
			t.Errorf("took %v, want the 4 minutes of the first reply and 5 of the second", took)
		}
	})
}

// TestNoRecipientsBehindTooMany has a server refuse at DATA, as one without
// recipients, a message whose further recipients it has put off.
func TestNoRecipientsBehindTooMany(t *testing.T) {
	for name, omit := range map[string][]string{"pipelined": nil, "lock-step": lockstep} {
		bubble(t, name, func(t *testing.T) {
			r := newRig(t, smtptest.Config{Omit: omit, Fault: smtptest.Rules(
				smtptest.Rule{Stage: smtptest.StageRcpt, Rcpt: 2, Fault: reply("452 4.5.3 too many recipients")},
				smtptest.Rule{Stage: smtptest.StageData, Fault: reply("554 5.5.1 transaction failed")},
			)}, pool.Config{})
			defer r.close()
			j := newJob("a", "1@x.test", "2@x.test", "3@x.test")
			r.push(j.turn())
			r.open()
			if got := j.wait(t); fates(got) != "LLL" || got.Accepted != 1 {
				t.Errorf("accepted %d: %s", got.Accepted, describe(got))
			}
		})
	}
}

// TestDotThatWasWritten cuts the line behind the dot, with the envelope of the
// next message on its way: the reply that the server gave still counts.
func TestDotThatWasWritten(t *testing.T) {
	for _, reply := range []struct{ text, want string }{{"250 2.0.0 taken", "D"}, {"554 5.6.0 never", "R"}, {"451 4.3.0 not now", "L"}} {
		bubble(t, reply.text, func(t *testing.T) {
			r := newRig(t, smtptest.Config{Fault: smtptest.Rules(
				smtptest.Rule{Stage: smtptest.StageDot, Conn: 1, Fault: replyAnd(reply.text, smtptest.Close)},
			)}, pool.Config{})
			defer r.close()
			r.tap(func(conn net.Conn, p []byte) (int, error) {
				i := bytes.Index(p, []byte("\r\n.\r\nMAIL"))
				if i < 0 {
					return conn.Write(p)
				}
				n, _ := conn.Write(p[:i+5])
				synctest.Wait() // the server has answered and closed
				return n, syscall.EPIPE
			})
			first, second := newJob("a", "1@x.test"), newJob("b", "2@x.test")
			r.push(first.turn(), second.turn())
			r.open()
			if got := first.wait(t); fates(got) != reply.want || stages(got) != "dot" {
				t.Errorf("got %s, want %s", describe(got), reply.want)
			}
			if got := second.wait(t); fates(got) != "L" || !got.NotAttempted {
				t.Errorf("the next: stale %v, %s", got.NotAttempted, describe(got))
			}
		})
	}
}

// TestHalfAReplyIsNotStale: who has begun to answer has not left, whether
// somebody listens to the replies or not.
func TestHalfAReplyIsNotStale(t *testing.T) {
	for name, listen := range map[string]bool{"listening": true, "not listening": false} {
		bubble(t, name, func(t *testing.T) {
			r := newRig(t, smtptest.Config{Fault: smtptest.Rules(
				smtptest.Rule{Stage: smtptest.StageMail, Message: 2, Fault: raw("250-yes\r\n", smtptest.Close)},
			)}, pool.Config{})
			defer r.close()
			first, second := newJob("a", "1@x.test"), newJob("b", "2@x.test")
			r.push(first.turn(), second.turn())
			u := pool.User(r)
			if !listen {
				u = struct{ pool.User }{r}
			}
			if err := r.pool.Open(r.endpoint, u); err != nil {
				t.Fatal(err)
			}
			first.wait(t)
			if got := second.wait(t); fates(got) != "L" || got.NotAttempted {
				t.Errorf("stale %v: %s", got.NotAttempted, describe(got))
			}
		})
	}
}
