package pool_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smtpace/smtpace/internal/golden"
	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/smtptest"
	"github.com/wneessen/go-mail"
)

// TestOutcomes sends three messages to servers with faults that are drawn by a seed, and
// compares what the user is told with testdata/outcomes.txt: the calls, the answers, the
// ends of the connections and the time. It is written anew as testdata/forms.txt is.
func TestOutcomes(t *testing.T) {
	golden.CompareDrawn(t, "testdata/outcomes.txt", 100,
		golden.Form{Name: "pipelined", Draw: outcomeOf(t, nil, true)}, golden.Form{Name: "not heard", Draw: outcomeOf(t, nil, false)}, golden.Form{Name: "lock-step", Draw: outcomeOf(t, lockstep, true)},
	)
}

// saidAt are the replies and faults that are drawn for every stage.
var saidAt = []smtptest.Fault{
	reply("250 2.0.0 OK"), reply("354 go on"), reply("221 2.0.0 bye"), reply("450 4.2.1 mailbox busy"), reply("452 4.5.3 too many recipients"),
	reply("451 4.7.1 rate limit exceeded, try later"), reply("501 5.5.4 unknown parameter"), reply("503 5.5.1 bad sequence"), reply("535 5.7.8 authentication required"),
	reply("550 5.1.1 no such user"), reply("554 5.7.1 refused"), reply("555 5.5.4 parameter SIZE unsupported"),
	reply("299 odd yes"), reply("300 odd"), reply("399 odd"), reply("400 odd no"), reply("499 odd no"), reply("500 odd no"), reply("599 odd no"),
	replyAnd("421 4.3.2 closing", smtptest.Close), replyAnd("421 4.7.0 too many messages", smtptest.Close), replyAnd("550 5.7.1 blocked", smtptest.Close),
	silent(smtptest.Close), silent(smtptest.Stall), raw("250-half\r\n", smtptest.Close), raw("what?\r\n", smtptest.Continue), raw("250-one\r\n250 two\r\n", smtptest.Continue),
}

// outcomeOf draws faults of a server, and whether the user hears the replies.
func outcomeOf(t *testing.T, omit []string, hears bool) func(*rand.Rand) (input, outcome string) {
	return func(rng *rand.Rand) (input, outcome string) {
		var rules []smtptest.Rule
		var said []string
		for range 1 + rng.IntN(2) {
			r := smtptest.Rule{
				Stage:   golden.One(rng, smtptest.StageMail, smtptest.StageRcpt, smtptest.StageRcpt, smtptest.StageData, smtptest.StageDot, smtptest.StageDot, smtptest.StageRset),
				Message: 1 + rng.IntN(2), Conn: 1, Fault: golden.One(rng, saidAt...),
			}
			if r.Stage == smtptest.StageRcpt {
				r.Rcpt = rng.IntN(3)
			}
			if r.Stage == smtptest.StageRset {
				r.Message = 0
			}
			rules = append(rules, r)
			said = append(said, shownRule(r))
		}
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, smtptest.Config{Omit: omit, Fault: smtptest.Rules(rules...), Latency: 10 * time.Millisecond}, pool.Config{})
			defer r.close()
			outcome = r.outcome(hears)
		})
		return strings.Join(said, " and "), outcome
	}
}

// shownRule returns a rule in short.
func shownRule(r smtptest.Rule) string {
	at := strings.ToUpper(string(r.Stage))
	if r.Rcpt > 0 {
		at += fmt.Sprint(" ", r.Rcpt)
	}
	if r.Message > 0 {
		at += fmt.Sprint(" of message ", r.Message)
	}
	does := fmt.Sprintf("%q", r.Fault.Reply+r.Fault.Raw)
	if r.Fault.Silent {
		does = "nothing"
	}
	if r.Fault.End != smtptest.Continue {
		does += ", " + string(r.Fault.End)
	}
	return at + ": " + does
}

// outcome sends three messages, for one recipient, three and two, and returns what the
// user is told. The second has Confirm and asks for reports, the third is not ASCII.
func (r *rig) outcome(hears bool) string {
	var calls []string
	called := func(call string) func() { return func() { calls = append(calls, call) } }
	jobs := []job{newJob("a", "1@x.test"), newJob("b", "1@x.test", "2@x.test", "3@x.test"), newJob("c", "1@x.test", "2@x.test")}
	jobs[1].DSN.Notify = []mail.DSNRcptNotifyOption{mail.DSNRcptNotifyFailure}
	jobs[2].Data = append(jobs[2].Data, "gr\u00fc\u00dfe\r\n"...)
	start := time.Now()
	for i, j := range jobs {
		name := string(rune('a' + i))
		r.push(j.turn())
		j.mailWritten, j.rcptsWritten = called("MAIL "+name), called("RCPT "+name)
		follower, done := j.follower, j.done
		j.follower = func() *pool.Delivery { called("follower of " + name)(); return follower() }
		j.done = func(report pool.Report) { called("done " + name)(); done(report) }
	}
	jobs[1].Confirm = true
	jobs[1].beforeDot = func(context.Context) error { called("dot b")(); return nil }
	u := pool.User(r)
	if !hears {
		u = struct{ pool.User }{r}
	}
	if err := r.pool.Open(r.endpoint, u); err != nil {
		return err.Error()
	}
	var told []string
	for i, j := range jobs {
		told = append(told, string(rune('a'+i))+" "+shownReport(j.wait(r.t)))
	}
	took := time.Since(start)
	time.Sleep(time.Second)
	if r.isOpen() {
		r.push(turn{last: true}) // for QUIT
		time.Sleep(time.Second)
	}
	r.pool.Close()
	stats := r.server.Stats()
	var params []string
	for _, tx := range r.server.Transactions() {
		params = append(params, strings.Join(tx.Params, " "))
	}
	told = append(told, strings.Join(calls, ", "), strings.Join(params, ", "), fmt.Sprintf("ends %v", r.ended()),
		fmt.Sprintf("%d connections, %d MAIL, %d RSET, %d messages, %d replies heard, %v", stats.Connections, stats.Mails, len(r.server.Times(smtptest.StageRset)), stats.Messages, len(r.replies), took.Round(time.Millisecond)))
	return strings.Join(told, " | ")
}

// shownReport returns a report in short: the fates, then each stage and error once.
func shownReport(r pool.Report) string {
	told := []string{fates(r), fmt.Sprintf("no. %d", r.Ordinal), fmt.Sprintf("%d accepted", r.Accepted)}
	for _, a := range r.Recipients {
		if text := fmt.Sprintf("%s: %v", a.Stage, a.Err); a.Err != nil && !slices.Contains(told, text) {
			told = append(told, text)
		}
	}
	for what, is := range map[string]bool{"not attempted": r.NotAttempted, "too soon": r.TooSoon, fmt.Sprint("without ", r.NoParams): r.NoParams != 0} {
		if is {
			told = append(told, what)
		}
	}
	slices.Sort(told[3:])
	return strings.Join(told, ", ")
}
