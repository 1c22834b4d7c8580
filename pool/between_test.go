package pool_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/smtptest"
)

// betweenFaults are faults of a server where no message is at stake.
var betweenFaults = map[string]smtptest.Fault{
	"4yz":            reply("451 4.3.0 not now"),
	"421":            replyAnd("421 4.3.2 closing", smtptest.Close),
	"421 left open":  reply("421 4.3.2 closing"),
	"5yz":            reply("502 5.5.1 what?"),
	"close":          silent(smtptest.Close),
	"reset":          silent(smtptest.Reset),
	"stall":          silent(smtptest.Stall),
	"garbage":        raw("hello there\r\n", smtptest.Continue),
	"wrong class":    reply("354 go ahead"),
	"short":          raw("25\r\n", smtptest.Continue),
	"part of a line": raw("250 O", smtptest.Close),
	"2yz in part":    raw("250-OK\r\n", smtptest.Close),
	"drip":           {Reply: "250 " + strings.Repeat("x", 60), Drip: time.Minute},
}

// eachBetween runs every fault over all kinds of connection.
func eachBetween(t *testing.T, f func(t *testing.T, config smtptest.Config, fault smtptest.Fault)) {
	for _, mode := range faultModes {
		for name, fault := range betweenFaults {
			bubble(t, mode.name+"/"+name, func(t *testing.T) { f(t, mode.config, fault) })
		}
	}
}

// TestResetFaults has RSET fail, which ends a message that was refused. What
// was said of that and of the one before stays; the next is tried again at once
// on another connection, at no cost.
func TestResetFaults(t *testing.T) {
	eachBetween(t, func(t *testing.T, config smtptest.Config, fault smtptest.Fault) {
		config.Fault = smtptest.Rules(
			smtptest.Rule{Conn: 1, Message: 2, Stage: smtptest.StageRcpt, Fault: reply("550 5.1.1 no such user")},
			smtptest.Rule{Conn: 1, Stage: smtptest.StageRset, Fault: fault},
		)
		r := newRig(t, config, pool.Config{})
		defer r.close()
		good, refused, next := newJob("a", "1@x.test"), newJob("b", "2@x.test", "3@x.test"), newJob("c", "4@x.test")
		r.push(good.turn(), refused.turn(), next.turn())
		r.open()
		if got := good.wait(t); fates(got) != "D" {
			t.Errorf("the first: %s", describe(got))
		}
		if got := refused.wait(t); fates(got) != "RR" {
			t.Errorf("the second: %s", describe(got))
		}
		if got := r.settle(next); fates(got) != "D" {
			t.Errorf("the next: %s", describe(got))
		}
		if n := r.arrived(next)["4@x.test"]; n != 1 {
			t.Errorf("the next arrived %d times", n)
		}
		r.checkStored(good, next)
	})
}

// TestStrayReplyBehindAReset has a server answer RSET twice: the second reply
// is not that to MAIL, and no recipient is refused by it.
func TestStrayReplyBehindAReset(t *testing.T) {
	for _, mode := range faultModes {
		for _, stray := range []string{"250 OK", "354 go ahead", "451 no", "550 no"} {
			bubble(t, mode.name+"/"+stray, func(t *testing.T) {
				config := mode.config
				config.Fault = smtptest.Rules(
					smtptest.Rule{Conn: 1, Message: 1, Stage: smtptest.StageRcpt, Fault: reply("550 5.1.1 no such user")},
					smtptest.Rule{Conn: 1, Stage: smtptest.StageRset, Fault: raw("250 OK\r\n"+stray+"\r\n", smtptest.Continue)},
				)
				r := newRig(t, config, pool.Config{})
				defer r.close()
				first, next, last := newJob("a", "1@x.test"), newJob("b", "2@x.test"), newJob("c", "3@x.test")
				r.push(first.turn(), next.turn(), last.turn())
				r.open()
				want := "D" // in lock-step it is seen before MAIL is written
				if config.Omit == nil {
					want = "L"
				}
				if got := next.wait(t); fates(got) != want {
					t.Errorf("the next: %s", describe(got))
				}
				if got := last.wait(t); fates(got) != "D" || r.server.Stats().Connections != 2 {
					t.Errorf("the last: %s", describe(got))
				}
				r.checkStored(next, last)
			})
		}
	}
}

// TestIdleFaults has a connection end, or say something, while it rests.
func TestIdleFaults(t *testing.T) {
	eachBetween(t, func(t *testing.T, config smtptest.Config, fault smtptest.Fault) {
		if fault.Silent && fault.End == smtptest.Stall || fault.Drip > 0 {
			return // nobody can tell from a server that waits
		}
		fault.Delay = time.Second
		config.Fault = smtptest.Rules(smtptest.Rule{Stage: smtptest.StageIdle, Conn: 1, Message: 1, Fault: fault})
		r := newRig(t, config, pool.Config{})
		defer r.close()
		first, next := newJob("a", "1@x.test"), newJob("b", "2@x.test")
		r.push(first.turn())
		r.open()
		if got := first.wait(t); fates(got) != "D" {
			t.Errorf("the first: %s", describe(got))
		}
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if ends := r.ended(); len(ends) != 1 || asError(t, ends[0]).Stage.String() != "idle" {
			t.Fatalf("got ends %v, want one", ends)
		}
		r.push(next.turn())
		r.open()
		if got := next.wait(t); fates(got) != "D" || got.Ordinal != 1 {
			t.Errorf("the next: %s", describe(got))
		}
		r.checkStored(first, next)
	})
}

// TestQuitFaults: whatever QUIT is answered, the connection ends in order and in
// time.
func TestQuitFaults(t *testing.T) {
	eachBetween(t, func(t *testing.T, config smtptest.Config, fault smtptest.Fault) {
		config.Fault = smtptest.Rules(smtptest.Rule{Stage: smtptest.StageQuit, Fault: fault})
		r := newRig(t, config, pool.Config{})
		defer r.close()
		j := newJob("a", "1@x.test")
		r.push(j.lastTurn())
		r.open()
		if got := j.wait(t); fates(got) != "D" {
			t.Errorf("got %s", describe(got))
		}
		time.Sleep(5*time.Second + time.Millisecond)
		if ends := r.ended(); len(ends) != 1 || ends[0] != nil {
			t.Errorf("got ends %v, want one in order", ends)
		}
		for _, said := range r.replies {
			if strings.HasPrefix(said, "QUIT 0") {
				t.Errorf("the user was told %q, which nobody has said", said)
			}
		}
		r.checkStored(j)
	})
}

// TestCancelDuringAReset: a cancelled message is not stale.
func TestCancelDuringAReset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, smtptest.Config{Fault: smtptest.Rules(
			smtptest.Rule{Stage: smtptest.StageData, Message: 1, Fault: reply("451 4.3.0 not now")},
			smtptest.Rule{Stage: smtptest.StageRset, Fault: silent(smtptest.Stall)},
		)}, pool.Config{})
		defer r.close()
		first, second := newJob("a", "1@x.test"), newJob("b", "2@x.test")
		r.push(first.turn(), second.turn())
		r.open()
		time.Sleep(time.Second)
		if second.Cancel() {
			t.Error("Cancel says it was sent")
		}
		if got := second.wait(t); fates(got) != "L" || got.NotAttempted || got.Recipients[0].Err != pool.ErrCancelled {
			t.Errorf("stale %v: %s", got.NotAttempted, describe(got))
		}
	})
}
