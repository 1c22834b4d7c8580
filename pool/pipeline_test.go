package pool_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/smtptest"
)

func TestOneRoundTripPerMessage(t *testing.T) {
	const messages, latency = 100, 10 * time.Millisecond
	for _, recipients := range []int{1, 10, 100} {
		bubble(t, fmt.Sprint(recipients), func(t *testing.T) {
			r := newRig(t, smtptest.Config{Latency: latency}, pool.Config{})
			defer r.close()
			jobs := make([]job, messages)
			for i := range jobs {
				var to []string
				for k := range recipients {
					to = append(to, fmt.Sprintf("%d@x.test", k))
				}
				jobs[i] = newJob(fmt.Sprint("m", i), to...)
				r.push(jobs[i].turn())
			}
			r.open()
			start := time.Now()
			for _, j := range jobs {
				if got := j.wait(t); fates(got) != strings.Repeat("D", recipients) {
					t.Fatal(describe(got))
				}
			}
			// The dial, the banner and EHLO, and the first envelope come on top.
			if took, most := time.Since(start), (messages+6)*2*latency; took > most {
				t.Errorf("%d messages took %v, want %v at most", messages, took, most)
			}
			r.checkStored(jobs...)
		})
	}
}

// followed has two messages over one connection, the second of which is
// written behind the dot of the first, with a fault at some stage.
func followed(t *testing.T, config smtptest.Config, rules ...smtptest.Rule) (r *rig, first, second pool.Report) {
	t.Helper()
	config.Fault = smtptest.Rules(rules...)
	r = newRig(t, config, pool.Config{})
	one, two := newJob("one", "1@x.test", "2@x.test"), newJob("two", "3@x.test")
	r.push(one.turn(), two.turn())
	r.open()
	first, second = one.wait(t), two.wait(t)
	r.checkStored(one, two)
	return r, first, second
}

func TestWhatWasWrittenBehindAFaultGoesAgain(t *testing.T) {
	tests := []struct {
		name  string
		fault smtptest.Fault
		first string
	}{
		{"421", smtptest.Fault{Reply: "421 4.3.2 closing", End: smtptest.Close}, "LL"},
		{"421 left open", smtptest.Fault{Reply: "421 4.3.2 closing"}, "LL"},
		{"closed", smtptest.Fault{Silent: true, End: smtptest.Close}, "AA"},
		{"silence", smtptest.Fault{Silent: true, End: smtptest.Stall}, "AA"},
		{"garbage", smtptest.Fault{Raw: "what?\r\n"}, "AA"},
		{"accepted and closed", smtptest.Fault{Reply: "250 2.0.0 taken", End: smtptest.Close}, "DD"},
		{"accepted and 421", smtptest.Fault{Raw: "250 2.0.0 taken\r\n421 4.3.2 closing\r\n", End: smtptest.Close}, "DD"},
	}
	for _, tt := range tests {
		bubble(t, tt.name, func(t *testing.T) {
			r, first, second := followed(t, smtptest.Config{}, smtptest.Rule{Stage: smtptest.StageDot, Message: 1, Fault: tt.fault})
			defer r.close()
			if fates(first) != tt.first {
				t.Errorf("the first: got %s", describe(first))
			}
			if fates(second) != "L" || !second.NotAttempted || second.Ordinal != 2 {
				t.Errorf("the second: stale %v, ordinal %d: %s", second.NotAttempted, second.Ordinal, describe(second))
			}
		})
	}
}

func TestRefusedDotLeavesTheNextAlone(t *testing.T) {
	for _, reply := range []string{"451 4.3.0 not now", "554 5.6.0 never"} {
		synctest.Test(t, func(t *testing.T) {
			r, first, second := followed(t, smtptest.Config{}, smtptest.Rule{Stage: smtptest.StageDot, Message: 1, Fault: smtptest.Fault{Reply: reply}})
			defer r.close()
			if strings.Contains(fates(first), "D") || fates(second) != "D" {
				t.Errorf("got %s and %s", describe(first), describe(second))
			}
			if n := r.server.Stats().Connections; n != 1 {
				t.Errorf("got %d connections, want 1", n)
			}
		})
	}
}

// TestResetRidesAlong counts round trips: RSET must not cost one.
func TestResetRidesAlong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const latency = 10 * time.Millisecond
		r := newRig(t, smtptest.Config{Latency: latency, Fault: smtptest.Rules(
			smtptest.Rule{Stage: smtptest.StageData, Message: 1, Fault: smtptest.Fault{Reply: "451 4.3.0 not now"}},
			smtptest.Rule{Stage: smtptest.StageRcpt, Message: 2, Fault: smtptest.Fault{Reply: "550 5.1.1 who?"}},
		)}, pool.Config{})
		defer r.close()
		jobs := []job{newJob("a", "1@x.test"), newJob("b", "1@x.test", "2@x.test"), newJob("c", "3@x.test")}
		for _, j := range jobs {
			r.push(j.turn())
		}
		r.open()
		jobs[0].wait(t)
		start := time.Now()
		if got := jobs[1].wait(t); fates(got) != "RR" {
			t.Errorf("got %s", describe(got))
		}
		if took := time.Since(start); took != 2*latency {
			t.Errorf("RSET and an envelope took %v, want one round trip", took)
		}
		if got := jobs[2].wait(t); fates(got) != "D" {
			t.Errorf("got %s", describe(got))
		}
		if took := time.Since(start); took != 6*latency {
			t.Errorf("RSET, an envelope and a message took %v more, want two round trips", took-2*latency)
		}
	})
}

// TestNothingRidesBehindARefusedRate: the user must hear of a rate that refused some
// recipients before the next envelope is written.
func TestNothingRidesBehindARefusedRate(t *testing.T) {
	for reply, rides := range map[string]bool{
		"450 4.7.1 Error: too many recipients from 192.0.2.1": false,
		"452 4.7.1 hourly limit exceeded for this account":    false,
		"550 5.1.1 who?": true,
	} {
		bubble(t, reply, func(t *testing.T) {
			r := newRig(t, smtptest.Config{Latency: 10 * time.Millisecond, Fault: smtptest.Rules(
				smtptest.Rule{Stage: smtptest.StageRcpt, Message: 1, Rcpt: 2, Fault: smtptest.Fault{Reply: reply}},
			)}, pool.Config{})
			defer r.close()
			first, second := newJob("a", "1@x.test", "2@x.test"), newJob("b", "3@x.test")
			r.push(first.turn(), second.turn())
			r.open()
			first.wait(t)
			second.wait(t)
			mails, dots := r.server.Times(smtptest.StageMail), r.server.Times(smtptest.StageDot)
			if got := mails[1].Equal(dots[0]); got != rides {
				t.Errorf("the second MAIL came with the first dot: %v, want %v", got, rides)
			}
		})
	}
}

func TestRefusedResetEndsTheConnection(t *testing.T) {
	for name, fault := range map[string]smtptest.Fault{
		"421": {Reply: "421 4.3.2 closing", End: smtptest.Close}, "502": {Reply: "502 5.5.1 what?"}, "closed": {Silent: true, End: smtptest.Close},
	} {
		bubble(t, name, func(t *testing.T) {
			r := newRig(t, smtptest.Config{Fault: smtptest.Rules(
				smtptest.Rule{Stage: smtptest.StageData, Message: 1, Fault: smtptest.Fault{Reply: "451 4.3.0 not now"}},
				smtptest.Rule{Stage: smtptest.StageRset, Fault: fault},
			)}, pool.Config{})
			defer r.close()
			first, second := newJob("a", "1@x.test"), newJob("b", "1@x.test")
			r.push(first.turn(), second.turn())
			r.open()
			if got := second.wait(t); fates(got) != "L" || !got.NotAttempted {
				t.Errorf("stale %v: %s", got.NotAttempted, describe(got))
			}
		})
	}
}

// TestMessageForNobody covers a server that wants the message although it has
// refused every recipient (RFC 2920 3.1).
func TestMessageForNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, smtptest.Config{Fault: smtptest.Rules(
			smtptest.Rule{Stage: smtptest.StageRcpt, Message: 1, Fault: smtptest.Fault{Reply: "550 5.1.1 who?"}},
			smtptest.Rule{Stage: smtptest.StageData, Message: 1, Fault: smtptest.Fault{Reply: "354 go ahead"}},
			smtptest.Rule{Stage: smtptest.StageDot, Message: 1, Fault: smtptest.Fault{Reply: "554 5.5.1 no recipients"}},
		)}, pool.Config{})
		defer r.close()
		first, second := newJob("a", "1@x.test", "2@x.test"), newJob("b", "1@x.test")
		r.push(first.turn(), second.turn())
		r.open()
		if got := first.wait(t); fates(got) != "RR" || stages(got) != "RCPT RCPT" {
			t.Errorf("got %s", describe(got))
		}
		if got := second.wait(t); fates(got) != "D" {
			t.Errorf("got %s", describe(got))
		}
		if n := r.server.Stats().Connections; n != 1 {
			t.Errorf("got %d connections, want 1", n)
		}
		if m := r.server.Transactions()[0]; m.Size != 0 {
			t.Errorf("%d bytes of a message were sent for nobody", m.Size)
		}
	})
}

// TestDataBehindARefusedSender covers a server that wants a message of which
// it has refused the sender: nothing may be sent any more.
func TestDataBehindARefusedSender(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, smtptest.Config{Fault: smtptest.Rules(
			smtptest.Rule{Stage: smtptest.StageMail, Conn: 1, Fault: smtptest.Fault{Reply: "550 5.7.1 not you"}},
			smtptest.Rule{Stage: smtptest.StageData, Conn: 1, Fault: smtptest.Fault{Reply: "354 go ahead"}},
		)}, pool.Config{})
		defer r.close()
		first, second := newJob("a", "1@x.test"), newJob("b", "1@x.test")
		r.push(first.turn(), second.turn())
		r.open()
		if got := first.wait(t); fates(got) != "R" {
			t.Errorf("got %s", describe(got))
		}
		if got := second.wait(t); fates(got) != "D" || r.server.Stats().Connections != 2 {
			t.Errorf("got %s over %d connections", describe(got), r.server.Stats().Connections)
		}
	})
}

func TestManyRecipientsGoInBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const latency = 10 * time.Millisecond
		r := newRig(t, smtptest.Config{Latency: latency}, pool.Config{})
		defer r.close()
		var to []string
		for i := range 250 {
			to = append(to, fmt.Sprintf("r%d@x.test", i))
		}
		j := newJob("a", to...)
		r.push(j.turn())
		r.open()
		synctest.Wait()
		start := time.Now()
		if got := j.wait(t); fates(got) != strings.Repeat("D", 250) {
			t.Error(describe(got))
		}
		// 252 commands in three writes, and the message; the dial before it took four legs.
		if took := time.Since(start); took > 14*latency {
			t.Errorf("took %v, want %v at most", took, 14*latency)
		}
	})
}

func TestUnknownParameterIsLeftOut(t *testing.T) {
	for name, omit := range map[string][]string{"pipelined": nil, "lock-step": lockstep} {
		bubble(t, name, func(t *testing.T) {
			r := newRig(t, smtptest.Config{Omit: omit, Fault: func(ev smtptest.Event) *smtptest.Fault {
				if ev.Stage == smtptest.StageMail && strings.Contains(ev.Line, "SIZE=") {
					return &smtptest.Fault{Reply: "555 5.5.4 unsupported parameter"}
				}
				return nil
			}}, pool.Config{})
			defer r.close()
			first, second := newJob("a", "1@x.test"), newJob("b", "2@x.test")
			r.push(first.turn(), second.turn())
			r.open()
			got := first.wait(t)
			if !got.NotAttempted || got.NoParams != pool.ParamSize || got.Ordinal != 1 {
				t.Fatalf("stale %v, bare %v: %s", got.NotAttempted, got.NoParams, describe(got))
			}
			if got := second.wait(t); fates(got) != "D" {
				t.Errorf("the connection has not learned: %s", describe(got))
			}
			again := newJob("a", "1@x.test")
			again.NoParams = pool.ParamSize
			r.push(again.turn())
			if got := again.wait(t); fates(got) != "D" || r.server.Stats().Connections != 1 {
				t.Errorf("got %s", describe(got))
			}
		})
	}
}

func TestUnknownParameterThatIsNeeded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, smtptest.Config{Fault: smtptest.Rules(
			smtptest.Rule{Stage: smtptest.StageMail, Fault: smtptest.Fault{Reply: "555 5.5.4 unsupported parameter"}},
		)}, pool.Config{})
		defer r.close()
		j := newJob("a", "1@x.test")
		j.NoParams = pool.ParamSize
		r.push(j.turn())
		r.open()
		if got := j.wait(t); fates(got) != "R" || got.NotAttempted || got.NoParams != 0 {
			t.Errorf("stale %v, bare %v: %s", got.NotAttempted, got.NoParams, describe(got))
		}
	})
}

func TestAnnouncedLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, mode := range []smtptest.Config{{}, {StartTLS: true}} {
			mode.Offer = []string{"limits mailmax=7 RCPTMAX=50 RCPTDOMAINMAX=0"}
			r := newRig(t, mode, pool.Config{})
			r.open()
			synctest.Wait()
			for c := range r.conns {
				if got, want := c.Limits(), (pool.Limits{Messages: 7, Recipients: 50}); got != want {
					t.Errorf("got %+v, want %+v", got, want)
				}
			}
			r.close()
		}
	})
}

// TestSlowDotsAreNotRiddenBehind gives the next message to whoever is free,
// where a server takes its time to accept one.
func TestSlowDotsAreNotRiddenBehind(t *testing.T) {
	for takes, want := range map[time.Duration]int{time.Second: 0, time.Second + 1: 1, 5 * time.Second: 1} {
		bubble(t, takes.String(), func(t *testing.T) {
			r := newRig(t, smtptest.Config{ServiceTime: takes}, pool.Config{})
			defer r.close()
			var jobs []job
			for i := range 4 {
				jobs = append(jobs, newJob(fmt.Sprint(i), "1@x.test"))
				r.push(jobs[i].turn())
			}
			r.open()
			jobs[1].wait(t) // the second was written before anybody knew
			synctest.Wait()
			r.mu.Lock()
			left := len(r.queue)
			r.mu.Unlock()
			if left != want {
				t.Errorf("%d messages wait for a connection, want %d", left, want)
			}
		})
	}
}

func TestCancelBehindAnUnansweredDot(t *testing.T) {
	for _, mode := range faultModes[:3] {
		bubble(t, mode.name, func(t *testing.T) {
			config := mode.config
			config.ServiceTime = 10 * time.Second
			r := newRig(t, config, pool.Config{})
			defer r.close()
			first, second, third := newJob("a", "1@x.test"), newJob("b", "2@x.test"), newJob("c", "3@x.test")
			r.push(first.turn(), second.turn(), third.turn())
			r.open()
			time.Sleep(time.Second)
			quickly(t, "Cancel", func() {
				if second.Cancel() {
					t.Error("a message that was never sent counts as sent")
				}
			})
			if len(first.report) > 0 || len(r.ended()) > 0 {
				t.Fatal("the neighbour was disturbed")
			}
			if got := first.wait(t); fates(got) != "D" {
				t.Errorf("the neighbour: %s", describe(got))
			}
			got := second.wait(t)
			if fates(got) != "L" || got.NotAttempted || !strings.Contains(got.Recipients[0].Err.Error(), "cancelled") {
				t.Errorf("the cancelled one: %s", describe(got))
			}
			if got := third.wait(t); fates(got) != "D" {
				t.Errorf("the next: %s", describe(got))
			}
			if n := r.arrived(first)["1@x.test"]; n != 1 {
				t.Errorf("the neighbour arrived %d times", n)
			}
			if n := len(r.arrived(second)); n != 0 {
				t.Error("the cancelled one arrived")
			}
		})
	}
}

func TestCloseBehindAnUnansweredDot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, smtptest.Config{ServiceTime: 10 * time.Second}, pool.Config{})
		defer r.close()
		first, second := newJob("a", "1@x.test"), newJob("b", "2@x.test")
		r.push(first.turn(), second.turn())
		r.open()
		time.Sleep(time.Second)
		quickly(t, "Close", func() { r.pool.Close() })
		if got := first.wait(t); fates(got) != "A" {
			t.Errorf("the first: %s", describe(got))
		}
		got := second.wait(t)
		if fates(got) != "L" || !got.NotAttempted || got.Recipients[0].Stage != classify.StageMail {
			t.Errorf("the second: stale %v %s", got.NotAttempted, describe(got))
		}
	})
}

// TestPrematureReply has the server answer a dot that it has not seen, in a
// segment of its own, while the message is still being written.
func TestPrematureReply(t *testing.T) {
	for name, reply := range map[string]string{"250": "250 2.0.0 taken\r\n", "421": "421 4.3.2 closing\r\n"} {
		t.Run(name, func(t *testing.T) {
			server := smtptest.NewServer(smtptest.Config{Fault: smtptest.Rules(smtptest.Rule{
				Stage: smtptest.StageBody, Fault: smtptest.Fault{After: 1 << 20, Raw: reply},
			})})
			defer server.Close()
			p, err := pool.New(pool.Config{})
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			// So much that the last of it can be written only after the reply.
			j := newJob("big", "1@x.test")
			j.Data = append(j.Data, strings.Repeat(strings.Repeat("x", 70)+"\r\n", 1<<18)...)
			u := newQueued(j.lastTurn())
			if err := p.Open(pool.Endpoint{Addr: server.Addr, TLS: pool.TLSNone}, u); err != nil {
				t.Fatal(err)
			}
			got := j.wait(t)
			if fates(got) != "L" || got.Recipients[0].Stage != classify.StageBody {
				t.Errorf("got %s", describe(got))
			}
			if n := len(server.Messages()); n > 0 {
				t.Error("the dot was sent")
			}
		})
	}
}

// TestDotTimeoutOfADelivery is in place of that of the pool.
func TestDotTimeoutOfADelivery(t *testing.T) {
	for timeout, want := range map[time.Duration]string{0: "A", 14 * time.Minute: "A", 16 * time.Minute: "D"} {
		bubble(t, timeout.String(), func(t *testing.T) {
			r := newRig(t, smtptest.Config{ServiceTime: 15 * time.Minute, IdleTimeout: time.Hour}, pool.Config{})
			defer r.close()
			j := newJob("a", "1@x.test")
			j.DotTimeout = timeout
			r.push(j.turn())
			r.open()
			start := time.Now()
			if got := j.wait(t); fates(got) != want {
				t.Errorf("got %s after %v", describe(got), time.Since(start))
			}
		})
	}
}
