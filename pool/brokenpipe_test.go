package pool_test

import (
	"bytes"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/smtptest"
	"github.com/wneessen/go-mail"
)

// dropsAhead returns a filter that reads so many commands and throws away what came with
// them, or hangs up if it reads none. It counts in dropped how often it has done so.
func dropsAhead(commands int, dropped *atomic.Int64) func(net.Conn, []byte) (int, error) {
	return func(conn net.Conn, p []byte) (int, error) {
		keep := p
		if lines := bytes.SplitAfter(p, []byte("\n")); bytes.HasPrefix(p, []byte("MAIL FROM")) && len(lines) > 2 {
			keep = bytes.Join(lines[:min(commands, len(lines))], nil)
		}
		if len(keep) < len(p) {
			dropped.Add(1)
		}
		if len(keep) == 0 { // it hangs up
			return len(p), conn.Close()
		}
		_, err := conn.Write(keep)
		return len(p), err
	}
}

// dropsBehindDot returns a filter that throws away what follows the dot in the same
// write, or hangs up.
func dropsBehindDot(dropped *atomic.Int64, hangsUp bool) func(net.Conn, []byte) (int, error) {
	return func(conn net.Conn, p []byte) (int, error) {
		i := bytes.Index(p, []byte("\r\n.\r\nMAIL FROM"))
		if i < 0 {
			return conn.Write(p)
		}
		dropped.Add(1)
		_, err := conn.Write(p[:i+5])
		if hangsUp {
			time.AfterFunc(time.Second, func() { conn.Close() })
		}
		return len(p), err
	}
}

// sendOneByOne runs each job when the one before is done, again if it was not
// delivered, and returns the number of tries.
func sendOneByOne(t *testing.T, r *rig, n int) (tries int) {
	t.Helper()
	for i := range n {
		for range 5 {
			tries++
			j := newJob(fmt.Sprint("job ", i), "1@x.test")
			r.push(j.turn())
			if !r.isOpen() {
				r.open()
			}
			if got := j.wait(t); fates(got) == "D" {
				break
			} else if fates(got) != "L" {
				t.Errorf("got %s", describe(got))
			}
			synctest.Wait()
		}
	}
	return tries
}

// TestPipeliningThatDoesNotWork is found out by one message, and not tried again for
// a day.
func TestPipeliningThatDoesNotWork(t *testing.T) {
	for _, idle := range []time.Duration{90 * time.Second, time.Hour} {
		for commands := range 3 {
			bubble(t, fmt.Sprint("the server reads ", commands, ", and leaves after ", idle), func(t *testing.T) {
				testBrokenPipelining(t, commands, smtptest.Config{IdleTimeout: idle})
			})
		}
	}
}

func testBrokenPipelining(t *testing.T, commands int, config smtptest.Config) {
	r := newRig(t, config, pool.Config{})
	defer r.close()
	var dropped atomic.Int64
	r.tap(dropsAhead(commands, &dropped))
	if tries := sendOneByOne(t, r, 10); tries != 11 {
		t.Errorf("got %d tries for 10 messages, want 11", tries)
	}
	time.Sleep(23 * time.Hour)
	if tries := sendOneByOne(t, r, 3); tries != 3 || dropped.Load() != 1 {
		t.Errorf("got %d tries for 3 messages within a day, %d of all went ahead", tries, dropped.Load())
	}
	time.Sleep(2 * time.Hour)
	if tries := sendOneByOne(t, r, 3); tries != 4 {
		t.Errorf("got %d tries for 3 messages after a day, want 4", tries)
	}
}

// goesAhead reports whether RCPT of a further message, on a new connection, arrives
// with its MAIL.
func goesAhead(t *testing.T, r *rig) bool {
	t.Helper()
	time.Sleep(time.Hour) // the connection ends
	if tries := sendOneByOne(t, r, 1); tries != 1 {
		t.Errorf("got %d tries", tries)
	}
	mail, rcpt := r.server.Times(smtptest.StageMail), r.server.Times(smtptest.StageRcpt)
	return rcpt[len(rcpt)-1].Equal(mail[len(mail)-1])
}

// TestPipeliningIsNotToBlame where connections that were in use end, or where a
// connection fails without it as well.
func TestPipeliningIsNotToBlame(t *testing.T) {
	bubble(t, "a server that drops at MAIL", func(t *testing.T) {
		r := newRig(t, smtptest.Config{Latency: time.Second, Fault: smtptest.Rules(
			smtptest.Rule{Stage: smtptest.StageMail, Times: 2, Fault: silent(smtptest.Close)})}, pool.Config{})
		defer r.close()
		sendOneByOne(t, r, 1)
		if !goesAhead(t, r) {
			t.Error("lock-step, although that did not help")
		}
	})
	bubble(t, "an idle connection that ends", func(t *testing.T) {
		r := newRig(t, smtptest.Config{Latency: time.Second, Fault: smtptest.Rules(
			smtptest.Rule{Stage: smtptest.StageMail, Times: 1, Fault: silent(smtptest.Close)})}, pool.Config{})
		defer r.close()
		r.open()
		time.Sleep(7 * time.Second) // it rests
		sendOneByOne(t, r, 1)
		if !goesAhead(t, r) {
			t.Error("lock-step, although the connection had been idle")
		}
	})
	bubble(t, "a server that says what is no reply", func(t *testing.T) {
		for _, stage := range []smtptest.Stage{smtptest.StageMail, smtptest.StageRcpt} {
			r := newRig(t, smtptest.Config{Latency: time.Second, Fault: smtptest.Rules(
				smtptest.Rule{Stage: stage, Times: 1, Fault: raw("hello there\r\n", smtptest.Close)})}, pool.Config{})
			sendOneByOne(t, r, 1)
			if !goesAhead(t, r) {
				t.Errorf("lock-step, although something was said to %s", stage)
			}
			r.close()
		}
	})
	bubble(t, "once where it has worked", func(t *testing.T) {
		deaths := 0
		r := newRig(t, smtptest.Config{Latency: time.Second, Fault: func(ev smtptest.Event) *smtptest.Fault {
			if ev.Stage == smtptest.StageMail && ev.Message == 1 && ev.Conn == 2 {
				deaths++
				return &smtptest.Fault{Silent: true, End: smtptest.Close}
			}
			return nil
		}}, pool.Config{})
		defer r.close()
		for range 2 {
			sendOneByOne(t, r, 1)
			time.Sleep(time.Hour)
		}
		if !goesAhead(t, r) || deaths != 1 {
			t.Errorf("lock-step after %d deaths", deaths)
		}
	})
}

// TestEndsBehindSomeMessagesDoNotStopFollowers where a follower is answered in between.
func TestEndsBehindSomeMessagesDoNotStopFollowers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		last := map[int]int{1: 2, 2: 2, 3: 3, 4: 2} // the MAIL at which a connection ends
		r := newRig(t, smtptest.Config{Latency: 100 * time.Millisecond, Fault: func(ev smtptest.Event) *smtptest.Fault {
			if ev.Stage == smtptest.StageMail && ev.Message == last[ev.Conn] {
				return &smtptest.Fault{Silent: true, End: smtptest.Close}
			}
			return nil
		}}, pool.Config{})
		defer r.close()
		var jobs []job
		for i := range 12 {
			jobs = append(jobs, newJob(fmt.Sprint("job ", i), "1@x.test"))
			r.push(jobs[i].turn())
		}
		r.open()
		for _, j := range jobs {
			j.wait(t)
		}
		mails, dots := r.server.Times(smtptest.StageMail), r.server.Times(smtptest.StageDot)
		if n := len(mails); r.server.Stats().Connections != 5 || !mails[n-1].Equal(dots[len(dots)-2]) {
			t.Errorf("%d connections; the last MAIL did not arrive with the dot in front", r.server.Stats().Connections)
		}
	})
}

// TestFollowersThatAreDropped stop after one that was never answered, or three whose
// connection ended.
func TestFollowersThatAreDropped(t *testing.T) {
	for name, tt := range map[string]struct {
		hangsUp bool
		most    int64
	}{"silence": {false, 1}, "end of the connection": {true, 3}} {
		bubble(t, name, func(t *testing.T) {
			r := newRig(t, smtptest.Config{}, pool.Config{})
			defer r.close()
			var dropped atomic.Int64
			r.tap(dropsBehindDot(&dropped, tt.hangsUp))
			var jobs []job
			for i := range 60 {
				jobs = append(jobs, newJob(fmt.Sprint("job ", i), "1@x.test"))
				r.push(jobs[i].turn())
			}
			r.open()
			start, lost := time.Now(), 0
			for _, j := range jobs {
				if got := j.wait(t); fates(got) == "A" || strings.Contains(fates(got), "R") {
					t.Errorf("got %s", describe(got))
				} else if fates(got) == "L" {
					lost++
				}
			}
			if n := dropped.Load(); n > tt.most || lost > int(tt.most) || time.Since(start) > 6*time.Minute {
				t.Errorf("%d followers were dropped, %d messages wait, after %v; want at most %d", n, lost, time.Since(start), tt.most)
			}
		})
	}
}

// TestParametersThatAreRefused are left out on the next try, and from then on.
func TestParametersThatAreRefused(t *testing.T) {
	tests := []struct {
		name, word, reply string // what holds the word is refused so
		stage             smtptest.Stage
		dsn               pool.DSN
		to                string
		tries             int    // of the first message
		params            string // of the MAIL that is accepted
	}{
		{"SIZE", "SIZE=", "501 5.5.4 Unrecognized parameter", smtptest.StageMail, pool.DSN{}, "1@x.test", 2, ""},
		{"SIZE, 504", "SIZE=", "504 not implemented", smtptest.StageMail, pool.DSN{}, "1@x.test", 2, ""},
		{"SIZE, 500", "SIZE=", "500 what", smtptest.StageMail, pool.DSN{}, "1@x.test", 2, ""},
		{"SIZE, 555", "SIZE=", "555 5.5.4 no", smtptest.StageMail, pool.DSN{}, "1@x.test", 2, ""},
		{"BODY", "BODY=", "501 syntax error", smtptest.StageMail, pool.DSN{}, "1@x.test", 2, ""},
		{"BODY by name", "BODY=", "501 5.5.4 bad BODY parameter", smtptest.StageMail, pool.DSN{}, "1@x.test", 2, "SIZE"},
		{"RET", "RET=", "501 syntax error", smtptest.StageMail, pool.DSN{Return: mail.DSNMailReturnFull}, "1@x.test", 3, ""},
		{"RET by name", "RET=", "501 RET?", smtptest.StageMail, pool.DSN{Return: mail.DSNMailReturnFull}, "1@x.test", 2, "SIZE BODY"},
		{"NOTIFY", "NOTIFY=", "501 syntax error", smtptest.StageRcpt, pool.DSN{Notify: []mail.DSNRcptNotifyOption{mail.DSNRcptNotifyNever}}, "1@x.test", 2, "SIZE BODY"},
		{"SMTPUTF8", "SMTPUTF8", "555 no", smtptest.StageMail, pool.DSN{}, "jörg@x.test", 3, ""},
		{"any", "=", "501 syntax error in SIZE= BODY=", smtptest.StageMail, pool.DSN{}, "1@x.test", 2, ""},
	}
	for _, tt := range tests {
		for _, lock := range []bool{false, true} {
			bubble(t, fmt.Sprint(tt.name, "/lock-step ", lock), func(t *testing.T) {
				taken := false // the last MAIL
				config := smtptest.Config{Fault: func(ev smtptest.Event) *smtptest.Fault {
					if ev.Stage == smtptest.StageMail {
						taken = !strings.Contains(ev.Line, tt.word)
					}
					switch {
					case ev.Stage == tt.stage && strings.Contains(ev.Line, tt.word):
						return &smtptest.Fault{Reply: tt.reply}
					case ev.Stage == smtptest.StageRcpt && tt.to != "1@x.test" && taken: // without SMTPUTF8
						return &smtptest.Fault{Reply: "250 2.1.5 Ok"}
					case ev.Stage == smtptest.StageMail && tt.to != "1@x.test":
						return &smtptest.Fault{Reply: "250 2.1.0 Ok"}
					}
					return nil
				}}
				if lock {
					config.Omit = lockstep
				}
				r := newRig(t, config, pool.Config{})
				defer r.close()
				send := func() (tries int) {
					omit := pool.Params(0)
					for range 5 {
						tries++
						j := newJob("a", tt.to)
						j.Data = append(j.Data, "\xc3\xa4\r\n"...)
						j.DSN, j.NoParams = tt.dsn, omit
						r.push(j.turn())
						if !r.isOpen() {
							r.open()
						}
						got := j.wait(t)
						if fates(got) == "D" {
							return tries
						}
						if !got.NotAttempted || got.NoParams == 0 || got.NoParams&omit != 0 {
							t.Fatalf("stale %v, without %b: %s", got.NotAttempted, got.NoParams, describe(got))
						}
						omit |= got.NoParams
					}
					return tries
				}
				if tries := send(); tries != tt.tries {
					t.Errorf("took %d tries, want %d", tries, tt.tries)
				}
				time.Sleep(time.Hour) // the connection ends
				if tries := send(); tries != 1 {
					t.Errorf("the next message took %d tries", tries)
				}
				for _, m := range r.server.Messages() {
					for _, p := range strings.Fields("SIZE BODY RET SMTPUTF8") {
						has := strings.Contains(strings.Join(m.Params, " "), p)
						if want := strings.Contains(tt.params, p); has != want && tt.params != "" {
							t.Errorf("got parameters %v, want %s", m.Params, tt.params)
						}
					}
				}
			})
		}
	}
}

// TestRefusedSenderIsNotAParameter: a refusal that is one of the message costs one
// further command at first, teaches nothing, and is believed.
func TestRefusedSenderIsNotAParameter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, smtptest.Config{Fault: func(ev smtptest.Event) *smtptest.Fault {
			if ev.Stage == smtptest.StageMail && strings.Contains(ev.Line, "bad@") {
				return &smtptest.Fault{Reply: "501 5.1.7 bad sender address syntax"}
			}
			return nil
		}}, pool.Config{})
		defer r.close()
		bad := func(omit pool.Params) pool.Report {
			j := newJob("bad", "1@x.test")
			j.From, j.NoParams = "bad@client.test", omit
			r.push(j.turn())
			if !r.isOpen() {
				r.open()
			}
			return j.wait(t)
		}
		if got := bad(0); !got.NotAttempted || got.NoParams != pool.ParamSize {
			t.Errorf("first: %s", describe(got))
		}
		sendOneByOne(t, r, 1) // a good one goes in between
		if got := bad(pool.ParamSize); got.NotAttempted || fates(got) != "R" {
			t.Errorf("without parameters: %s", describe(got))
		}
		for range 3 {
			if got := bad(0); got.NotAttempted || fates(got) != "R" {
				t.Errorf("again: %s", describe(got))
			}
		}
		time.Sleep(time.Hour)
		sendOneByOne(t, r, 1)
		for _, m := range r.server.Messages() {
			if !strings.Contains(strings.Join(m.Params, " "), "SIZE=") {
				t.Errorf("got parameters %v: SIZE was given up", m.Params)
			}
		}
	})
}
