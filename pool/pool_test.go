package pool_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/smtptest"
)

func TestDeliver(t *testing.T) {
	modes := []struct {
		name   string
		config smtptest.Config
	}{
		{"plain", smtptest.Config{}},
		{"starttls", smtptest.Config{StartTLS: true}},
		{"implicit", smtptest.Config{ImplicitTLS: true}},
	}
	for _, mode := range modes {
		bubble(t, mode.name, func(t *testing.T) {
			r := newRig(t, mode.config, pool.Config{})
			defer r.close()
			a, b := newJob("a", "one@x.test", "two@x.test"), newJob("b", "one@x.test")
			r.push(a.turn(), b.turn())
			r.open()
			for i, j := range []job{a, b} {
				got := j.wait(t)
				if want := strings.Repeat("D", len(j.To)); fates(got) != want {
					t.Errorf("job %d: got %s, want %s: %s", i, fates(got), want, describe(got))
				}
				if got.Ordinal != i+1 || got.Accepted != len(j.To) || got.NotAttempted {
					t.Errorf("job %d: got ordinal %d, accepted %d, stale %v", i, got.Ordinal, got.Accepted, got.NotAttempted)
				}
			}
			r.checkStored(a, b)
			if got := r.server.Stats().Connections; got != 1 {
				t.Errorf("got %d connections, want 1", got)
			}
			if got := r.server.Transactions()[0].TLS; got != (mode.name != "plain") {
				t.Errorf("TLS: got %v", got)
			}
		})
	}
}

func TestRefusedRecipientDoesNotStopTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, smtptest.Config{Fault: smtptest.Rules(
			smtptest.Rule{Recipient: "later@x.test", Fault: smtptest.Fault{Reply: "450 4.2.0 not now"}},
			smtptest.Rule{Recipient: "never@x.test", Fault: smtptest.Fault{Reply: "550 5.1.1 no such user"}},
		)}, pool.Config{})
		defer r.close()
		j := newJob("a", "later@x.test", "never@x.test", "good@x.test")
		r.push(j.turn())
		r.open()
		got := j.wait(t)
		if fates(got) != "LRD" || stages(got) != "RCPT RCPT dot" {
			t.Errorf("got %s: %s", fates(got), describe(got))
		}
		for i, want := range []int{450, 550, 250} {
			a := got.Recipients[i]
			if a.Reply == nil || a.Reply.Code != want || (a.Err == nil) != (want == 250) {
				t.Errorf("recipient %d: got Reply %v, Err %v, want %d", i, a.Reply, a.Err, want)
			}
		}
	})
}

func TestTooManyRecipientsAreNotAskedForInVain(t *testing.T) {
	for _, tt := range []struct {
		name  string
		omit  []string
		asked int
	}{{"lock-step", lockstep, 3}, {"pipelined", nil, 5}} {
		bubble(t, tt.name, func(t *testing.T) {
			r := newRig(t, smtptest.Config{Omit: tt.omit, Limits: smtptest.Limits{RecipientsPerMessage: smtptest.Cap{Max: 2}}}, pool.Config{})
			defer r.close()
			j := newJob("a", "1@x.test", "2@x.test", "3@x.test", "4@x.test", "5@x.test")
			r.push(j.turn())
			r.open()
			got := j.wait(t)
			if fates(got) != "DDLLL" || got.Accepted != 2 {
				t.Errorf("got %s, accepted %d: %s", fates(got), got.Accepted, describe(got))
			}
			if n := len(r.server.Transactions()[0].Recipients); n != tt.asked {
				t.Errorf("got %d RCPT, want %d", n, tt.asked)
			}
		})
	}
}

func TestRestWakesWithoutLoss(t *testing.T) {
	for _, tls := range []bool{false, true} {
		bubble(t, map[bool]string{false: "plain", true: "tls"}[tls], func(t *testing.T) {
			r := newRig(t, smtptest.Config{StartTLS: tls, Latency: time.Millisecond}, pool.Config{IdleTimeout: time.Hour, MaxAge: 24 * time.Hour})
			defer r.close()
			r.open()
			for i := range 100 {
				time.Sleep(time.Duration(i%4) * time.Millisecond)
				j := newJob("a", "one@x.test")
				r.push(j.turn())
				if got := j.wait(t); fates(got) != "D" {
					t.Fatalf("message %d: %s", i, describe(got))
				}
			}
			if got := r.server.Stats().Connections; got != 1 {
				t.Errorf("got %d connections, want 1", got)
			}
		})
	}
}

// TestIdleConnectionHasNoBuffer: 68 KiB for each would be most of what they take.
func TestIdleConnectionHasNoBuffer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, smtptest.Config{Fault: smtptest.Rules(
			smtptest.Rule{Stage: smtptest.StageData, Message: 3, Fault: silent(smtptest.Stall)},
		)}, pool.Config{})
		defer r.close()
		r.open()
		for i, want := range []bool{false, false, true} {
			j := newJob("a", "1@x.test")
			r.push(j.turn())
			time.Sleep(time.Second)
			synctest.Wait()
			for c := range r.conns {
				if got := c.HoldsBuffer(); got != want {
					t.Errorf("after message %d: got %v, want %v", i+1, got, want)
				}
			}
		}
	})
}

func TestRestAsksOnlyWhenWoken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, smtptest.Config{}, pool.Config{})
		defer r.close()
		r.open()
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if got := r.asked(); got != 1 {
			t.Errorf("Next was called %d times, want 1", got)
		}
	})
}

func TestConnectionEndsInOrder(t *testing.T) {
	tests := []struct {
		name  string
		after time.Duration // when it is expected to end
		do    func(r *rig)
	}{
		{"idle", 8 * time.Second, func(r *rig) {}},
		{"retired by the source", 0, func(r *rig) { r.push(turn{last: true}) }},
		{"retired behind a delivery", 0, func(r *rig) {
			r.push(newJob("a", "one@x.test").lastTurn())
		}},
		{"retired by its owner", 0, func(r *rig) {
			for c := range r.conns {
				c.Retire()
			}
		}},
		{"too old", 5 * time.Minute, func(r *rig) {
			for len(r.ended()) == 0 {
				time.Sleep(time.Second)
				r.push(newJob("a", "one@x.test").turn())
			}
		}},
	}
	for _, tt := range tests {
		bubble(t, tt.name, func(t *testing.T) {
			r := newRig(t, smtptest.Config{}, pool.Config{})
			defer r.close()
			r.open()
			synctest.Wait()
			start := time.Now()
			tt.do(r)
			for len(r.ended()) == 0 && time.Since(start) < time.Hour {
				time.Sleep(time.Second / 4)
				synctest.Wait()
			}
			if ends := r.ended(); len(ends) == 0 || ends[0] != nil {
				t.Fatalf("got ends %v, want nil", ends)
			}
			if took := time.Since(start); took < tt.after || took > tt.after+2*time.Second {
				t.Errorf("ended after %v, want %v", took, tt.after)
			}
			if time.Sleep(10 * time.Second); r.pool.Conns() > 0 {
				t.Errorf("the pool keeps %d connections that have ended", r.pool.Conns())
			}
			if got := r.server.Stats().Replies[221]; got < 1 {
				t.Errorf("got %d QUITs, want 1", got)
			}
		})
	}
}

func TestServerEndsARestingConnection(t *testing.T) {
	tests := []struct {
		name  string
		fault smtptest.Fault
		reply bool
	}{
		{"421", smtptest.Fault{Delay: time.Second, Reply: "421 4.4.2 timeout", End: smtptest.Close}, true},
		{"421 left open", smtptest.Fault{Delay: time.Second, Reply: "421 4.4.2 timeout"}, true},
		{"close", smtptest.Fault{Delay: time.Second, Silent: true, End: smtptest.Close}, false},
		{"reset", smtptest.Fault{Delay: time.Second, Silent: true, End: smtptest.Reset}, false},
	}
	for _, tt := range tests {
		for _, tls := range []bool{false, true} {
			bubble(t, tt.name+map[bool]string{true: " tls"}[tls], func(t *testing.T) {
				r := newRig(t, smtptest.Config{StartTLS: tls, Fault: smtptest.Rules(
					smtptest.Rule{Stage: smtptest.StageIdle, Conn: 1, Message: 1, Fault: tt.fault})}, pool.Config{})
				defer r.close()
				first, second := newJob("a", "one@x.test"), newJob("b", "one@x.test")
				r.push(first.turn())
				r.open()
				first.wait(t)
				time.Sleep(1500 * time.Millisecond)
				synctest.Wait()
				ends := r.ended()
				if len(ends) != 1 {
					t.Fatalf("got ends %v, want one", ends)
				}
				e := asError(t, ends[0])
				_, isReply := errors.AsType[*classify.Reply](e)
				if e.Stage != classify.StageIdle || isReply != tt.reply {
					t.Errorf("got %v", e)
				}
				r.push(second.turn())
				r.open()
				if got := second.wait(t); fates(got) != "D" {
					t.Errorf("next message: %s", describe(got))
				}
			})
		}
	}
}

func TestStaleConnection(t *testing.T) {
	tests := []struct {
		name    string
		message int
		fault   smtptest.Fault
		stale   bool
	}{
		{"closed, reused", 2, smtptest.Fault{Silent: true, End: smtptest.Close}, true},
		{"reset, reused", 2, smtptest.Fault{Silent: true, End: smtptest.Reset}, true},
		{"closed, fresh", 1, smtptest.Fault{Silent: true, End: smtptest.Close}, false},
		{"stalled, reused", 2, smtptest.Fault{Silent: true, End: smtptest.Stall}, false},
		{"421, reused", 2, smtptest.Fault{Reply: "421 4.3.2 closing", End: smtptest.Close}, true},
		{"421, fresh", 1, smtptest.Fault{Reply: "421 4.3.2 closing", End: smtptest.Close}, false},
		{"421 for a limit, reused", 2, smtptest.Fault{Reply: "421 4.7.0 too many connections", End: smtptest.Close}, false},
		{"half a reply, reused", 2, smtptest.Fault{Raw: "250-", End: smtptest.Close}, false},
	}
	for _, tt := range tests {
		bubble(t, tt.name, func(t *testing.T) {
			r := newRig(t, smtptest.Config{Fault: smtptest.Rules(
				smtptest.Rule{Stage: smtptest.StageMail, Conn: 1, Message: tt.message, Fault: tt.fault})}, pool.Config{})
			defer r.close()
			jobs := []job{newJob("a", "one@x.test"), newJob("b", "one@x.test")}
			r.push(jobs[0].turn(), jobs[1].turn())
			r.open()
			for i, j := range jobs {
				got := j.wait(t)
				if want := tt.stale && i+1 == tt.message; got.NotAttempted != want {
					t.Errorf("message %d: got stale %v, want %v: %s", i+1, got.NotAttempted, want, describe(got))
				}
			}
		})
	}
}

func TestSameRefusalTwiceRetires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, smtptest.Config{Fault: smtptest.Rules(
			smtptest.Rule{Stage: smtptest.StageMail, Conn: 1, Fault: smtptest.Fault{Reply: "452 4.3.2 no more"}},
		)}, pool.Config{})
		defer r.close()
		jobs := []job{newJob("a", "one@x.test"), newJob("b", "one@x.test"), newJob("c", "one@x.test")}
		for _, j := range jobs {
			r.push(j.turn())
		}
		r.open()
		for i, want := range []string{"L", "L", "D"} {
			if got := jobs[i].wait(t); fates(got) != want {
				t.Errorf("message %d: got %s, want %s: %s", i, fates(got), want, describe(got))
			}
		}
		if got := r.server.Stats(); got.Connections != 2 || got.Replies[221] != 1 {
			t.Errorf("got %d connections, %d QUIT; want the second message to retire the first connection", got.Connections, got.Replies[221])
		}
	})
}

func TestRsetOnlyWhenNeeded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, smtptest.Config{Fault: smtptest.Rules(
			smtptest.Rule{Recipient: "never@x.test", Fault: smtptest.Fault{Reply: "550 5.1.1 no such user"}},
			smtptest.Rule{Stage: smtptest.StageData, Message: 2, Fault: smtptest.Fault{Reply: "451 4.3.0 not now"}},
			smtptest.Rule{Stage: smtptest.StageMail, Message: 3, Fault: smtptest.Fault{Reply: "451 4.3.0 not now"}},
		)}, pool.Config{})
		defer r.close()
		jobs := []job{
			newJob("1", "never@x.test"), newJob("2", "one@x.test"), newJob("3", "one@x.test"), newJob("4", "one@x.test"),
		}
		for _, j := range jobs {
			r.push(j.turn())
		}
		r.open()
		for i, want := range []string{"R", "L", "L", "D"} {
			if got := jobs[i].wait(t); fates(got) != want {
				t.Errorf("message %d: got %s, want %s: %s", i+1, fates(got), want, describe(got))
			}
		}
		if got := len(r.server.Times(smtptest.StageRset)); got != 2 {
			t.Errorf("got %d RSET, want 2: behind the transactions left open", got)
		}
		if got := r.server.Stats().Connections; got != 1 {
			t.Errorf("got %d connections, want 1", got)
		}
	})
}

func TestInvariant3StoredAsRendered(t *testing.T) {
	bodies := []string{
		"a\r\n", ".\r\n", "..\r\n.\r\n", "a\r\n.\r\nMAIL FROM:<x@y.test>\r\n", "\r\n.\r\n", "\xff\x00\x80\r\n",
		strings.Repeat("x", 64<<10-1) + "\r\n.\r\n", strings.Repeat("x", 64<<10) + "\r\n.\r\n",
		strings.Repeat(".\r\n", 50_000), strings.Repeat(strings.Repeat("y", 998)+"\r\n", 2000),
	}
	for _, tls := range []bool{false, true} {
		bubble(t, map[bool]string{false: "plain", true: "tls"}[tls], func(t *testing.T) {
			r := newRig(t, smtptest.Config{StartTLS: tls}, pool.Config{})
			defer r.close()
			var jobs []job
			for i, body := range bodies {
				j := newJob(strings.Repeat("i", i), "1@x.test")
				j.Data = append(j.Data, body...)
				jobs = append(jobs, j)
				r.push(j.turn())
			}
			r.open()
			for i, j := range jobs {
				if got := j.wait(t); fates(got) != "D" || r.arrived(j)["1@x.test"] != 1 {
					t.Errorf("body %d: arrived %d times: %s", i, r.arrived(j)["1@x.test"], describe(got))
				}
			}
			r.checkStored(jobs...)
		})
	}
}

// TestSmuggling: no Body is made of a message whose lines do not end in CRLF,
// and without one nothing is sent.
func TestSmuggling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, smtptest.Config{}, pool.Config{})
		defer r.close()
		r.open()
		for _, end := range []string{"\n.\n", "\n.\r\n", "\r.\r", "\r\n.\n", "\r\n.\r", "\r.\r\n"} {
			j := newJob("a", "1@x.test")
			var err error
			if j.Body, err = pool.NewBody(append(j.Data, "x"+end+"MAIL FROM:<x@y.test>\r\n"...)); err == nil {
				t.Errorf("%q: got no error", end)
			}
			r.push(turn{delivery: j.Delivery})
			if got := j.wait(t); fates(got) != "R" || got.Ordinal != 0 {
				t.Errorf("%q: ordinal %d, %s", end, got.Ordinal, describe(got))
			}
		}
		if got := r.server.Stats().Mails; got != 0 {
			t.Errorf("got %d MAIL, want none", got)
		}
	})
}

func TestNewReportsAllMistakes(t *testing.T) {
	_, err := pool.New(pool.Config{Timeouts: pool.Timeouts{Dot: -1, Command: -1}, IdleTimeout: -1, MaxAge: -1})
	for _, want := range []string{"Timeouts.Dot", "Timeouts.Command", "IdleTimeout", "MaxAge"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want a mention of %s", err, want)
		}
	}
}

// rouser is a User that wakes its connection while Next has nothing for it.
type rouser struct {
	*queued
	asked int
}

func (r *rouser) Next(c *pool.Conn) (*pool.Delivery, bool) {
	if r.asked++; r.asked < 3 {
		c.Wake()
		return nil, false
	}
	return nil, true
}

// TestWakeIsNotLost: a wake that comes while Next finds nothing has Next called again,
// at once.
func TestWakeIsNotLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, smtptest.Config{}, pool.Config{})
		defer r.close()
		u := &rouser{queued: newQueued()}
		start := time.Now()
		if err := r.pool.Open(r.endpoint, u); err != nil {
			t.Fatal(err)
		}
		if err := <-u.closed; err != nil || u.asked != 3 || time.Since(start) > time.Second {
			t.Errorf("ended with %v after %v, Next was called %d times", err, time.Since(start), u.asked)
		}
	})
}
