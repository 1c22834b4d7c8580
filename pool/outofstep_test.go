package pool_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/smtptest"
	"github.com/wneessen/go-mail"
)

// TestPipeliningThatIsRefused: a server offers PIPELINING and then refuses a command
// because it came ahead. That refuses no recipient, and the next connections wait for
// each reply. In lock-step the same words mean something else, and count by their code.
func TestPipeliningThatIsRefused(t *testing.T) {
	const latency = 10 * time.Millisecond
	refusal := "550 5.5.0 SMTP protocol synchronization error"
	for _, stage := range []smtptest.Stage{smtptest.StageMail, smtptest.StageRcpt, smtptest.StageData} {
		bubble(t, string(stage), func(t *testing.T) {
			r := newRig(t, smtptest.Config{Latency: latency, Fault: smtptest.Rules(smtptest.Rule{Stage: stage, Conn: 1, Fault: reply(refusal)})}, pool.Config{})
			defer r.close()
			first, second := newJob("a", "1@x.test", "2@x.test"), newJob("b", "3@x.test")
			r.push(first.turn(), second.turn())
			r.open()
			got := first.wait(t)
			if fates(got) != "LL" || got.Recipients[0].Verdict.Class != classify.ClassProtocol {
				t.Errorf("got %s of class %v", describe(got), got.Recipients[0].Verdict.Class)
			}
			if got := second.wait(t); fates(got) != "D" || r.server.Stats().Connections != 2 {
				t.Errorf("the next, over %d connections: %s", r.server.Stats().Connections, describe(got))
			}
			begun, named := r.server.Times(smtptest.StageMail), r.server.Times(smtptest.StageRcpt)
			if gap := named[len(named)-1].Sub(begun[len(begun)-1]); gap < 2*latency {
				t.Errorf("RCPT came %v after MAIL, want it behind the reply to that", gap)
			}
		})
	}
	bubble(t, "lock-step", func(t *testing.T) {
		r := newRig(t, smtptest.Config{Omit: lockstep, Fault: smtptest.Rules(
			smtptest.Rule{Stage: smtptest.StageRcpt, Fault: reply("550 5.7.1 your pipeline of mail is not wanted")})}, pool.Config{})
		defer r.close()
		j := newJob("a", "1@x.test")
		r.push(j.turn())
		r.open()
		if got := j.wait(t); fates(got) != "R" {
			t.Errorf("got %s", describe(got))
		}
	})
}

// TestRepliesBeforeTheirCommands has a server in lock-step say more than it was asked
// for. One with which it leaves is taken for the reply to the next command; any other
// ends the connection, for the replies would be taken for those of other commands.
func TestRepliesBeforeTheirCommands(t *testing.T) {
	for name, tt := range map[string]struct {
		more  string
		fate  string
		class classify.Class
		next  bool // the message that follows goes over the same connection
	}{
		"a blank line": {"\r\n", "D", classify.ClassOK, true},
		"421":          {"421 4.3.2 closing\r\n", "L", classify.ClassServerBusy, false},
		"a yes":        {"250 2.1.5 OK\r\n", "L", classify.ClassProtocol, false},
		"a refusal":    {"550 5.1.1 nobody\r\n", "L", classify.ClassProtocol, false},
		"half a line":  {"42", "L", classify.ClassProtocol, false},
		"no reply":     {"hello\r\n", "L", classify.ClassProtocol, false},
	} {
		bubble(t, name, func(t *testing.T) {
			r := newRig(t, smtptest.Config{Omit: lockstep, Fault: smtptest.Rules(
				smtptest.Rule{Stage: smtptest.StageMail, Conn: 1, Message: 1, Fault: raw("250 2.1.0 OK\r\n"+tt.more, smtptest.Continue)})}, pool.Config{})
			defer r.close()
			first, second := newJob("a", "1@x.test"), newJob("b", "2@x.test")
			r.push(first.turn(), second.turn())
			r.open()
			got := first.wait(t)
			if fates(got) != tt.fate || got.Recipients[0].Verdict.Class != tt.class {
				t.Errorf("got %s of class %v", describe(got), got.Recipients[0].Verdict.Class)
			}
			if got := second.wait(t); fates(got) != "D" || (r.server.Stats().Connections == 1) != tt.next {
				t.Errorf("the next, over %d connections: %s", r.server.Stats().Connections, describe(got))
			}
		})
	}
}

// TestBlankLinesWhileResting: they do not end an idle connection.
func TestBlankLinesWhileResting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, smtptest.Config{Fault: smtptest.Rules(smtptest.Rule{Stage: smtptest.StageIdle, Conn: 1, Message: 1, Times: 1,
			Fault: smtptest.Fault{Delay: time.Second, Raw: "\r\n\r\n"}})}, pool.Config{})
		defer r.close()
		first, second := newJob("a", "1@x.test"), newJob("b", "2@x.test")
		r.push(first.turn())
		r.open()
		first.wait(t)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		r.push(second.turn())
		if got := second.wait(t); fates(got) != "D" || r.server.Stats().Connections != 1 {
			t.Errorf("over %d connections, ends %v: %s", r.server.Stats().Connections, r.ended(), describe(got))
		}
	})
}

// TestDrainedRepliesEndTheConnection: commands went ahead of a MAIL that is refused. What
// the server says to them changes nothing for the recipient; where it leaves with one, or
// does not take the empty message that it asks for, the next message has another
// connection.
func TestDrainedRepliesEndTheConnection(t *testing.T) {
	refused := smtptest.Rule{Stage: smtptest.StageRcpt, Conn: 1, Message: 1, Fault: reply("550 5.1.1 nobody")}
	asks := smtptest.Rule{Stage: smtptest.StageData, Conn: 1, Message: 1, Fault: reply("354 go ahead")}
	dot := func(f smtptest.Fault) []smtptest.Rule {
		return []smtptest.Rule{refused, asks, {Stage: smtptest.StageDot, Conn: 1, Message: 1, Fault: f}}
	}
	for name, tt := range map[string]struct {
		rules []smtptest.Rule
		conns int
	}{
		"421 to DATA":              {[]smtptest.Rule{refused, {Stage: smtptest.StageData, Conn: 1, Fault: reply("421 4.3.2 closing")}}, 2},
		"another refusal of DATA":  {[]smtptest.Rule{refused, {Stage: smtptest.StageData, Conn: 1, Message: 1, Fault: reply("451 4.3.0 no")}}, 1},
		"the empty one is refused": {dot(reply("554 5.5.1 no valid recipients")), 1},
		"the empty one is taken":   {dot(reply("250 2.0.0 OK")), 1},
		"closed at the empty one":  {dot(silent(smtptest.Close)), 2},
		"421 to the empty one":     {dot(reply("421 4.3.2 closing")), 2},
	} {
		bubble(t, name, func(t *testing.T) {
			r := newRig(t, smtptest.Config{Fault: smtptest.Rules(tt.rules...)}, pool.Config{})
			defer r.close()
			first, second := newJob("a", "1@x.test"), newJob("b", "2@x.test")
			r.push(first.turn(), second.turn())
			r.open()
			if got := first.wait(t); fates(got) != "R" {
				t.Errorf("got %s", describe(got))
			}
			if got := second.wait(t); fates(got) != "D" || r.server.Stats().Connections != tt.conns {
				t.Errorf("the next, over %d connections, want %d: %s", r.server.Stats().Connections, tt.conns, describe(got))
			}
			if n := len(r.server.Times(smtptest.StageRset)); strings.HasPrefix(name, "the empty one") && n > 0 {
				t.Errorf("%d RSET where no transaction was open", n)
			}
		})
	}
}

// TestRecipientsRefusedInDifferentWords: where all are refused alike the reason may be
// NOTIFY, and they are tried without; otherwise each refusal stands.
func TestRecipientsRefusedInDifferentWords(t *testing.T) {
	for name, tt := range map[string]struct {
		replies [2]string
		again   bool
	}{
		"alike":         {[2]string{"501 5.5.4 NOTIFY not supported", "501 5.5.4 NOTIFY not supported"}, true},
		"another code":  {[2]string{"501 5.5.4 NOTIFY not supported", "504 5.5.4 NOTIFY not supported"}, false},
		"another class": {[2]string{"550 5.5.4 unsupported option", "550 5.1.1 nobody"}, false},
	} {
		bubble(t, name, func(t *testing.T) {
			r := newRig(t, smtptest.Config{Fault: smtptest.Rules(
				smtptest.Rule{Stage: smtptest.StageRcpt, Rcpt: 1, Message: 1, Fault: reply(tt.replies[0])},
				smtptest.Rule{Stage: smtptest.StageRcpt, Rcpt: 2, Message: 1, Fault: reply(tt.replies[1])},
			)}, pool.Config{})
			defer r.close()
			j := newJob("a", "1@x.test", "2@x.test")
			j.DSN.Notify = []mail.DSNRcptNotifyOption{mail.DSNRcptNotifyFailure}
			r.push(j.turn())
			r.open()
			got := j.wait(t)
			if got.NotAttempted != tt.again || !tt.again && strings.Contains(fates(got), "D") {
				t.Errorf("goes again: %v, %s", got.NotAttempted, describe(got))
			}
		})
	}
}

// TestCloseEndsVerify: it does so at once, wherever the server keeps Verify waiting.
func TestCloseEndsVerify(t *testing.T) {
	for _, stage := range []smtptest.Stage{smtptest.StageDial, smtptest.StageConnect, smtptest.StageHelo, smtptest.StageMail} {
		bubble(t, string(stage), func(t *testing.T) {
			r := newRig(t, smtptest.Config{Fault: smtptest.Rules(smtptest.Rule{Stage: stage, Fault: silent(smtptest.Stall)})}, pool.Config{})
			defer r.server.Close()
			ended := make(chan error, 1)
			go func() { ended <- r.pool.Verify(never, r.endpoint, "a@client.test") }()
			synctest.Wait()
			quickly(t, "Close", func() { r.pool.Close() })
			if err := <-ended; !errors.Is(err, pool.ErrClosed) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestShutdownThatIsCutShort: it returns the cause, and nothing of the pool is left.
func TestShutdownThatIsCutShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, smtptest.Config{Fault: smtptest.Rules(smtptest.Rule{Stage: smtptest.StageDot, Fault: silent(smtptest.Stall)})}, pool.Config{})
		defer r.close()
		j := newJob("a", "1@x.test")
		r.push(j.turn())
		r.open()
		synctest.Wait()
		enough := errors.New("enough")
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, enough)
		defer cancel()
		begun := time.Now()
		if err := r.pool.Shutdown(ctx); !errors.Is(err, enough) || time.Since(begun) != time.Second {
			t.Errorf("got %v after %v", err, time.Since(begun))
		}
		if ends := r.ended(); len(ends) != 1 || len(j.report) != 1 {
			t.Errorf("ends %v, %d reports", ends, len(j.report))
		}
	})
}
