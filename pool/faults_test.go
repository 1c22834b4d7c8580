package pool_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/smtptest"
)

// A fault row: what the server does at one point of one transaction, and what
// must come of it. With three recipients a fault at RCPT is at the second.
type faultRow struct {
	name  string
	fault smtptest.Fault

	one, three string // fates; "" where the row does not say
	keep       bool   // the connection carries the next message
	stage      string // of the last recipient's answer, if not the stage of the fault
	ahead      string // fates of three when all commands are written at once, if not as above
}

func reply(text string) smtptest.Fault { return smtptest.Fault{Reply: text} }

func replyAnd(text string, end smtptest.End) smtptest.Fault {
	return smtptest.Fault{Reply: text, End: end}
}

func silent(end smtptest.End) smtptest.Fault { return smtptest.Fault{Silent: true, End: end} }

func raw(bytes string, end smtptest.End) smtptest.Fault { return smtptest.Fault{Raw: bytes, End: end} }

// lost returns the faults that leave no reply, the same at every stage; behind the dot
// nobody knows.
func lost(one, three string) []faultRow {
	return []faultRow{
		{"close", silent(smtptest.Close), one, three, false, "", ""},
		{"reset", silent(smtptest.Reset), one, three, false, "", ""},
		{"stall", silent(smtptest.Stall), one, three, false, "", ""},
		{"garbage", raw("hello there\r\n", smtptest.Continue), one, three, false, "", ""},
		{"short", raw("25\r\n", smtptest.Continue), one, three, false, "", ""},
		{"four digits", raw("2500 OK\r\n", smtptest.Continue), one, three, false, "", ""},
		{"1yz", raw("150 wait\r\n", smtptest.Continue), one, three, false, "", ""},
		{"6yz", raw("666 what\r\n", smtptest.Continue), one, three, false, "", ""},
		{"221", reply("221 2.0.0 bye"), one, three, false, "", ""},
		{"221 and close", replyAnd("221 2.0.0 bye", smtptest.Close), one, three, false, "", ""},
		{"221 of two lines", reply("221-2.0.0 you\n221 2.0.0 bye"), one, three, false, "", ""},
		{"blank lines", raw("\r\n\n\r\n", smtptest.Close), one, three, false, "", ""},
		{"blank lines without end", raw(strings.Repeat("\r\n", 40_000), smtptest.Continue), one, three, false, "", ""},
		{"code and letter", raw("250OK\r\n", smtptest.Continue), one, three, false, "", ""},
		{"two codes", raw("250-OK\r\n421 bye\r\n", smtptest.Continue), one, three, false, "", ""},
		{"part of a line", raw("250 O", smtptest.Close), one, three, false, "", ""},
		{"line without end", raw("250 "+strings.Repeat("x", 80_000), smtptest.Continue), one, three, false, "", ""},
		{"first digits differ, three lines", raw("250-OK\r\n550-no\r\n250 OK\r\n", smtptest.Continue), one, three, false, "", ""},
		{"drip", smtptest.Fault{Reply: "250 " + strings.Repeat("x", 60), Drip: time.Minute}, one, three, false, "", ""},
	}
}

// odd returns replies that break the rules and have a certain meaning all the same: the
// first line counts. They have this code.
func odd(code, one, three, stage string) []faultRow {
	rows := []faultRow{
		{"bare code", raw("250\r\n", smtptest.Continue), one, three, true, stage, ""},
		{"bare code behind a line", raw("250-OK\r\n250\r\n", smtptest.Continue), one, three, true, stage, ""},
		{"blank line in front", raw("\r\n250 OK\r\n", smtptest.Continue), one, three, true, stage, ""},
		{"blank lines in front", raw("\n\r\n\n250-OK\r\n250 OK\r\n", smtptest.Continue), one, three, true, stage, ""},
		{"line without a code", raw("250-queued\r\nas 12345\r\n250 ok\r\n", smtptest.Continue), one, three, true, stage, ""},
		{"blank line inside", raw("250-queued\r\n\r\n250 ok\r\n", smtptest.Continue), one, three, true, stage, ""},
		{"binary line inside", raw("250-queued\r\n\x00\x1b[2J\xff\r\n250 ok\r\n", smtptest.Continue), one, three, true, stage, ""},
		{"control characters", raw("250 O\x00\x1b[2JK\xff\r\n", smtptest.Continue), one, three, true, stage, ""},
		{"codes of one kind", raw("250-a\r\n251 b\r\n", smtptest.Continue), one, three, true, stage, ""},
		{"long line", raw("250 "+strings.Repeat("x", 3000)+"\r\n", smtptest.Continue), one, three, true, stage, ""},
		{"longer line", raw("250-OK\r\n250 "+strings.Repeat("x", 30_000)+"\r\n", smtptest.Continue), one, three, true, stage, ""},
		{"other separator", raw("250: OK\r\n", smtptest.Continue), one, three, true, stage, ""},
		{"bare LF", raw("250-OK\n250 OK\n", smtptest.Continue), one, three, true, stage, ""},
	}
	for i, row := range rows {
		rows[i].fault.Raw = strings.ReplaceAll(strings.ReplaceAll(row.fault.Raw, "250", code), "251", code[:2]+"1")
	}
	return rows
}

// endlessly returns replies that do not end behind the first line.
func endlessly(code, one, three string) []faultRow {
	return []faultRow{
		{"long reply", raw(strings.Repeat(code+"-"+strings.Repeat("x", 1000)+"\r\n", 70), smtptest.Continue), one, three, false, "", ""},
		{"endless second line", raw(code+"-OK\r\n"+strings.Repeat("x", 80_000), smtptest.Continue), one, three, false, "", ""},
		{"stray lines without end", raw(code+"-OK\r\n"+strings.Repeat("hello\r\n", 10_000), smtptest.Continue), one, three, false, "", ""},
		{"part of the second line", raw(code+"-OK\r\n"+code[:2], smtptest.Close), one, three, false, "", ""},
	}
}

var faultTable = []struct {
	stage smtptest.Stage
	all   bool // a fault at RCPT is at every one
	rows  []faultRow
}{
	{smtptest.StageMail, false, append([]faultRow{
		{"4yz", reply("451 4.3.0 not now"), "L", "LLL", true, "", ""},
		{"421", replyAnd("421 4.3.2 closing", smtptest.Close), "L", "LLL", false, "", ""},
		{"421 left open", reply("421 4.3.2 closing"), "L", "LLL", false, "", ""},
		{"4yz and close", replyAnd("450 4.3.0 not now", smtptest.Close), "L", "LLL", false, "", ""},
		{"rate", reply("450 4.7.1 Error: too much mail from 192.0.2.1"), "L", "LLL", true, "", ""},
		{"5yz", reply("550 5.7.1 sender refused"), "R", "RRR", true, "", ""},
		{"5yz and close", replyAnd("550 5.7.1 sender refused", smtptest.Close), "R", "RRR", false, "", ""},
		{"5yz for a rate", reply("550 5.7.1 rate limit exceeded"), "L", "LLL", true, "", ""},
		{"5yz that says 4", reply("550 4.3.0 sender refused"), "R", "RRR", true, "", ""},
		{"4yz that says 5", reply("451 5.7.1 sender refused"), "L", "LLL", true, "", ""},
		{"too large", reply("552 5.3.4 message size exceeds fixed limit"), "R", "RRR", true, "", ""},
		{"503", reply("503 5.5.1 nested MAIL command"), "L", "LLL", false, "", ""},
		{"wrong class", reply("354 go ahead"), "L", "LLL", false, "", ""},
		{"other 2yz", reply("252 maybe"), "D", "DDD", true, "dot", ""},
		{"4yz in part", raw("451-not\r\n", smtptest.Close), "L", "LLL", false, "", ""},
		{"5yz in part", raw("550-never\r\n", smtptest.Close), "R", "RRR", false, "", ""},
		{"2yz in part", raw("250-yes\r\n", smtptest.Close), "L", "LLL", false, "", ""},
	}, lost("L", "LLL")...)},
	{smtptest.StageRcpt, false, append([]faultRow{
		{"4yz", reply("451 4.3.0 not now"), "L", "DLD", true, "", ""},
		{"421", replyAnd("421 4.3.2 closing", smtptest.Close), "L", "LLL", false, "", ""},
		{"421 left open", reply("421 4.3.2 closing"), "L", "LLL", false, "", ""},
		{"5yz", reply("550 5.1.1 no such user"), "R", "DRD", true, "", ""},
		{"5yz and close", replyAnd("550 5.1.1 no such user", smtptest.Close), "R", "LRL", false, "", ""},
		{"4yz and close", replyAnd("450 4.3.0 not now", smtptest.Close), "L", "LLL", false, "", ""},
		{"503", reply("503 5.5.1 need MAIL"), "L", "LLL", false, "", ""},
		{"too many", reply("452 4.5.3 too many recipients"), "L", "DLL", true, "", "DLD"},
		{"552 too many", reply("552 5.5.3 too many recipients"), "L", "DLL", true, "", "DLD"},
		{"4yz in part", raw("451-not\r\n", smtptest.Close), "L", "LLL", false, "", ""},
		{"2yz in part", raw("250-yes\r\n", smtptest.Close), "L", "LLL", false, "", ""},
		{"wrong class", reply("354 go ahead"), "L", "LLL", false, "", ""},
		{"other 2yz", reply("251 will forward"), "D", "DDD", true, "dot", ""},
		{"5yz in part", raw("550-never\r\n", smtptest.Close), "R", "LRL", false, "", ""},
	}, lost("L", "LLL")...)},
	{smtptest.StageRcpt, true, []faultRow{
		{"4yz to all", reply("450 4.2.0 not now"), "L", "LLL", true, "", ""},
		{"452 to all", reply("452 4.5.3 too many recipients"), "L", "LLL", true, "", ""},
		{"5yz to all", reply("550 5.1.1 no such user"), "R", "RRR", true, "", ""},
	}},
	{smtptest.StageData, false, append([]faultRow{
		{"4yz", reply("451 4.3.0 not now"), "L", "LLL", true, "", ""},
		{"421", replyAnd("421 4.3.2 closing", smtptest.Close), "L", "LLL", false, "", ""},
		{"421 left open", reply("421 4.3.2 closing"), "L", "LLL", false, "", ""},
		{"4yz and close", replyAnd("450 4.3.0 not now", smtptest.Close), "L", "LLL", false, "", ""},
		{"5yz", reply("554 5.6.0 content refused"), "R", "RRR", true, "", ""},
		{"5yz and close", replyAnd("554 5.6.0 content refused", smtptest.Close), "R", "RRR", false, "", ""},
		{"503", reply("503 5.5.1 need RCPT"), "L", "LLL", false, "", ""},
		{"wrong class", reply("250 go ahead"), "L", "LLL", false, "", ""},
		{"premature", raw("354 go\r\n250 taken\r\n", smtptest.Continue), "L", "LLL", false, "body", ""},
		{"421 behind", raw("354 go\r\n421 4.3.2 closing\r\n", smtptest.Close), "L", "LLL", false, "body", ""},
		{"refused at once", raw("354 go\r\n554 5.6.0 content refused\r\n", smtptest.Close), "R", "RRR", false, "body", ""},
		{"4yz in part", raw("451-not\r\n", smtptest.Close), "L", "LLL", false, "", ""},
		{"3yz in part", raw("354-go\r\n", smtptest.Close), "L", "LLL", false, "", ""},
		{"5yz in part", raw("554-never\r\n", smtptest.Close), "R", "RRR", false, "", ""},
	}, lost("L", "LLL")...)},
	{smtptest.StageBody, false, []faultRow{
		{"4yz", replyAnd("451 4.3.0 not now", smtptest.Close), "L", "LLL", false, "", ""},
		{"421", replyAnd("421 4.3.2 closing", smtptest.Close), "L", "LLL", false, "", ""},
		{"5yz", replyAnd("552 5.3.4 too large", smtptest.Close), "R", "RRR", false, "", ""},
		{"close", silent(smtptest.Close), "L", "LLL", false, "", ""},
		{"reset", silent(smtptest.Reset), "L", "LLL", false, "", ""},
		{"stall", silent(smtptest.Stall), "L", "LLL", false, "", ""},
		{"garbage", raw("hello there\r\n", smtptest.Close), "L", "LLL", false, "", ""},
		{"premature", raw("250 2.0.0 taken\r\n", smtptest.Close), "L", "LLL", false, "", ""},
		{"5yz in part", raw("552-too large\r\n", smtptest.Close), "R", "RRR", false, "", ""},
		{"part of a line", raw("55", smtptest.Close), "L", "LLL", false, "", ""},
	}},
	{smtptest.StageDot, false, append([]faultRow{
		{"4yz", reply("451 4.3.0 not now"), "L", "LLL", true, "", ""},
		{"421", replyAnd("421 4.3.2 closing", smtptest.Close), "L", "LLL", false, "", ""},
		{"421 left open", reply("421 4.3.2 closing"), "L", "LLL", false, "", ""},
		{"4yz and close", replyAnd("450 4.3.0 not now", smtptest.Close), "L", "LLL", false, "", ""},
		{"5yz", reply("554 5.6.0 content refused"), "R", "RRR", true, "", ""},
		{"5yz and close", replyAnd("554 5.6.0 content refused", smtptest.Close), "R", "RRR", false, "", ""},
		{"503", reply("503 5.5.1 what message"), "L", "LLL", false, "", ""},
		{"wrong class", reply("354 go ahead"), "A", "AAA", false, "", ""},
		{"other 2yz", reply("252 maybe"), "D", "DDD", true, "", ""},
		{"2yz in part", raw("250-taken\r\n", smtptest.Close), "D", "DDD", false, "", ""},
		{"2yz, then silence", raw("250-taken\r\n", smtptest.Stall), "D", "DDD", false, "", ""},
		{"4yz in part", raw("451-not\r\n", smtptest.Close), "L", "LLL", false, "", ""},
		{"5yz in part", raw("554-never\r\n", smtptest.Close), "R", "RRR", false, "", ""},
		{"2yz and close", replyAnd("250 2.0.0 taken", smtptest.Close), "D", "DDD", false, "", ""},
		{"2yz and reset", replyAnd("250 2.0.0 taken", smtptest.Reset), "D", "DDD", false, "", ""},
		{"2yz and 421", raw("250 taken\r\n421 4.3.2 closing\r\n", smtptest.Close), "D", "DDD", false, "", ""},
	}, lost("A", "AAA")...)},
}

// lockstep holds the extension omitted by a server that wants one command at a time.
var lockstep = []string{"PIPELINING"}

var faultModes = []struct {
	name   string
	config smtptest.Config
}{
	{"plain", smtptest.Config{}},
	{"starttls", smtptest.Config{StartTLS: true}},
	{"implicit", smtptest.Config{ImplicitTLS: true}},
	{"plain/lockstep", smtptest.Config{Omit: lockstep}},
	{"starttls/lockstep", smtptest.Config{StartTLS: true, Omit: lockstep}},
	{"implicit/lockstep", smtptest.Config{ImplicitTLS: true, Omit: lockstep}},
}

// TestInvariants1To5 runs every stage and fault with 1 and 3 recipients, over
// all kinds of connection, fresh and reused, and looks at each recipient, at
// the connection, at what the server stored, and at the message that comes
// next: every recipient has one answer (1), nobody is refused by a fault or
// delivered without a 2yz (2), no dot follows an error (3), only a lost reply
// to the dot is ambiguous (4), and the next message does not notice (5).
func TestInvariants1To5(t *testing.T) {
	for _, mode := range faultModes {
		for _, group := range faultTable {
			for _, row := range group.rows {
				for _, reused := range []bool{false, true} {
					for _, to := range [][]string{{"1@x.test"}, {"1@x.test", "2@x.test", "3@x.test"}} {
						name := strings.Join([]string{mode.name, string(group.stage), row.name,
							map[bool]string{false: "fresh", true: "reused"}[reused],
							map[int]string{1: "one", 3: "three"}[len(to)]}, "/")
						bubble(t, name, func(t *testing.T) {
							testFault(t, mode.config, group.stage, group.all, row, reused, to)
						})
					}
				}
			}
		}
	}
}

// oddTable has the replies that break the rules at every stage.
var oddTable = []struct {
	stage smtptest.Stage
	rows  []faultRow
}{
	{smtptest.StageMail, slices.Concat(odd("250", "D", "DDD", "dot"), odd("550", "R", "RRR", ""), endlessly("250", "L", "LLL"), endlessly("550", "R", "RRR"))},
	{smtptest.StageRcpt, slices.Concat(odd("250", "D", "DDD", "dot"), odd("550", "R", "DRD", ""), endlessly("250", "L", "LLL"))},
	{smtptest.StageData, slices.Concat(odd("354", "D", "DDD", "dot"), odd("554", "R", "RRR", ""), endlessly("354", "L", "LLL"), endlessly("554", "R", "RRR"))},
	{smtptest.StageDot, slices.Concat(odd("250", "D", "DDD", ""), odd("554", "R", "RRR", ""), endlessly("250", "D", "DDD"), endlessly("554", "R", "RRR"))},
}

// TestRepliesThatBreakTheRules looks at replies of which the first line counts,
// whatever follows.
func TestRepliesThatBreakTheRules(t *testing.T) {
	for _, mode := range []int{0, 1, 3} {
		mode := faultModes[mode]
		for _, group := range oddTable {
			for _, row := range group.rows {
				for name, to := range map[string][]string{"one": {"1@x.test"}, "three": {"1@x.test", "2@x.test", "3@x.test"}} {
					bubble(t, strings.Join([]string{mode.name, string(group.stage), row.fault.Raw[:3], row.name, name}, "/"), func(t *testing.T) {
						testFault(t, mode.config, group.stage, false, row, name == "three", to)
					})
				}
			}
		}
	}
}

func testFault(t *testing.T, config smtptest.Config, stage smtptest.Stage, all bool, row faultRow, reused bool, to []string) {
	rule := smtptest.Rule{Stage: stage, Conn: 1, Message: 1, Fault: row.fault}
	want := row.one
	if len(to) == 3 {
		want = row.three
		if row.ahead != "" && config.Omit == nil {
			want = row.ahead
		}
		if stage == smtptest.StageRcpt && !all {
			rule.Rcpt = 2
		}
	}
	var jobs []job
	if reused {
		rule.Message = 2
		jobs = append(jobs, newJob("before", "0@x.test"))
	}
	faulty, next := newJob("faulty", to...), newJob("next", "9@x.test")
	if stage == smtptest.StageBody { // more than buffers hold, so that a stall is felt
		faulty.Data = append(faulty.Data, strings.Repeat(strings.Repeat("x", 70)+"\r\n", 6000)...)
		rule.Fault.After = 100_000
	}
	jobs = append(jobs, faulty, next)
	config.Fault = smtptest.Rules(rule)
	r := newRig(t, config, pool.Config{})
	defer r.close()
	for _, j := range jobs {
		r.push(j.turn())
	}
	r.open()

	for _, j := range jobs {
		var got pool.Report
		wantFates := "D"
		if j.Delivery == faulty.Delivery {
			got, wantFates = j.wait(t), want
			checkAnswers(t, stage, row, got)
		} else {
			got = r.settle(j)
		}
		if fates(got) != wantFates {
			t.Errorf("%.20q: got %s, want %s: %s", j.Data, fates(got), wantFates, describe(got))
		}
	}
	checkOracle(t, r, faulty, stage, want)
	r.checkStored(jobs...)
	if got := r.arrived(next)["9@x.test"]; got != 1 {
		t.Errorf("the next message arrived %d times, want once", got)
	}
	if got, want := r.server.Stats().Connections, map[bool]int{true: 1, false: 2}[row.keep]; got != want {
		t.Errorf("got %d connections, want %d (keep is %v)", got, want, row.keep)
	}
	if n := len(r.ended()); !row.keep && n > 0 {
		if _, ok := errors.AsType[*pool.Error](r.ended()[0]); !ok {
			t.Errorf("connection ended with %v, want a *pool.Error", r.ended()[0])
		}
	}
}

// checkAnswers looks at what is common to the answers of all rows.
func checkAnswers(t *testing.T, stage smtptest.Stage, row faultRow, got pool.Report) {
	t.Helper()
	for i, a := range got.Recipients {
		if delivered := a.Verdict.Recipient == classify.RecipientDelivered; delivered != (a.Err == nil) || delivered && a.Reply == nil {
			t.Errorf("recipient %d: %v with Err %v and Reply %v", i, a.Verdict.Recipient, a.Err, a.Reply)
		}
		err := a.Err
		if reply, ok := err.(*classify.Reply); err == nil || ok {
			if err = a.Reply; ok && reply != a.Reply {
				t.Errorf("recipient %d: Err %v is not Reply %v", i, reply, a.Reply)
			}
		} else if a.Reply != nil {
			t.Errorf("recipient %d: Err %v with Reply %v", i, err, a.Reply)
		}
		if v := classify.Of(a.Stage, err); v != a.Verdict {
			t.Errorf("recipient %d: verdict %v is not that of its answer, %v", i, a.Verdict, v)
		}
	}
	want := map[smtptest.Stage]string{"mail": "MAIL", "rcpt": "RCPT", "data": "DATA", "body": "body", "dot": "dot"}[stage]
	if row.stage != "" {
		want = row.stage
	}
	last := got.Recipients[len(got.Recipients)-1]
	if last.Verdict.Recipient != classify.RecipientDelivered && last.Stage.String() != want {
		t.Errorf("got stage %s, want %s", last.Stage, want)
	}
}

// checkOracle holds what the server knows against what was reported: who was
// reported as delivered has it once, who was not has it not.
func checkOracle(t *testing.T, r *rig, j job, stage smtptest.Stage, want string) {
	t.Helper()
	if stage == smtptest.StageBody {
		for _, m := range r.server.Transactions() {
			if m.Dot && len(m.To()) > 0 && m.To()[0] == j.To[0] {
				t.Errorf("the dot was sent behind %d bytes of %d", m.Size, len(j.Data))
			}
		}
	}
	arrived := r.arrived(j)
	for i, to := range j.To {
		n := arrived[to]
		switch want[i] {
		case 'D':
			// A server that answers the dot in its own words keeps no record.
			if n != 1 && stage != smtptest.StageDot || n > 1 {
				t.Errorf("%s: delivered %d times, want once", to, n)
			}
		case 'L', 'R':
			if n != 0 {
				t.Errorf("%s: not delivered by our word, but the server took the message", to)
			}
		}
	}
}

// TestSameRecipientTwice: each RCPT has its own answer.
func TestSameRecipientTwice(t *testing.T) {
	for _, mode := range faultModes {
		bubble(t, mode.name, func(t *testing.T) {
			config := mode.config
			config.Fault = smtptest.Rules(smtptest.Rule{Stage: smtptest.StageRcpt, Message: 2, Rcpt: 2, Fault: reply("450 4.2.1 once is enough")})
			r := newRig(t, config, pool.Config{})
			defer r.close()
			both, one := newJob("a", "1@x.test", "1@x.test"), newJob("b", "1@x.test", "1@x.test")
			r.push(both.turn(), one.turn())
			r.open()
			if got := both.wait(t); fates(got) != "DD" || r.arrived(both)["1@x.test"] != 2 {
				t.Errorf("got %s", describe(got))
			}
			if got := one.wait(t); fates(got) != "DL" || r.arrived(one)["1@x.test"] != 1 {
				t.Errorf("got %s", describe(got))
			}
		})
	}
}

// TestReplyToTheDotWithoutItsEnd: the first line tells the outcome, and what is missing
// is not waited for until the server gives up the connection.
func TestReplyToTheDotWithoutItsEnd(t *testing.T) {
	for _, tt := range []struct{ says, want string }{
		{"250-queued\r\n", "D"},
		{"250-queued\r\n as 12345\r\n 250 ok\r\n", "D"},
		{"250-queued\r\n250ok\r\n", "D"},
		{"550-5.7.1 no\r\n", "R"},
		{"451-4.3.0 later\r\nhello\r\n", "L"},
	} {
		bubble(t, fmt.Sprintf("%q", tt.says), func(t *testing.T) {
			r := newRig(t, smtptest.Config{Fault: smtptest.Rules(
				smtptest.Rule{Stage: smtptest.StageDot, Conn: 1, Fault: smtptest.Fault{Raw: tt.says, Stored: tt.want == "D"}},
			)}, pool.Config{})
			defer r.close()
			first, second := newJob("a", "1@x.test"), newJob("b", "2@x.test")
			r.push(first.turn())
			start := time.Now()
			r.open()
			if got := first.wait(t); fates(got) != tt.want || time.Since(start) > 31*time.Second {
				t.Errorf("after %v: %s", time.Since(start), describe(got))
			}
			for len(r.ended()) == 0 {
				time.Sleep(time.Second)
			}
			r.push(second.turn())
			r.open()
			if got := second.wait(t); fates(got) != "D" {
				t.Errorf("the next message: %s", describe(got))
			}
		})
	}
}
