package pool_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/smtptest"
)

// The stages before MAIL, and how the pool names them.
var openingStages = []struct {
	stage smtptest.Stage
	want  classify.Stage
	modes string // those that have the stage
}{
	{smtptest.StageConnect, classify.StageBanner, "plain starttls implicit"},
	{smtptest.StageHelo, classify.StageEHLO, "plain starttls implicit"},
	{smtptest.StageStartTLS, classify.StageStartTLS, "starttls"},
	{smtptest.StageAuth, classify.StageAuth, "plain starttls implicit"},
}

type openingFault struct {
	name  string
	fault smtptest.Fault
	code  int // of the reply in the error; 0: none
}

var openingFaults = []openingFault{
	{"4yz", reply("450 4.3.2 not now"), 450},
	{"421", replyAnd("421 4.3.2 too many connections", smtptest.Close), 421},
	{"421 left open", reply("421 4.3.2 too many connections"), 421},
	{"5yz", reply("554 5.7.1 go away"), 554},
	{"500", reply("500 5.5.1 unknown command"), 500},
	{"535", reply("535 5.7.8 who are you"), 535},
	{"close", silent(smtptest.Close), 0},
	{"reset", silent(smtptest.Reset), 0},
	{"stall", silent(smtptest.Stall), 0},
	{"garbage", raw("hello there\r\n", smtptest.Continue), 0},
	{"wrong class", raw("150 wait\r\n", smtptest.Continue), 0},
	{"short", raw("22\r\n", smtptest.Continue), 0},
	{"part of a line", raw("22", smtptest.Close), 0},
	{"4yz in part", raw("450-not\r\n", smtptest.Close), -1},
	{"2yz in part", raw("220-yes\r\n", smtptest.Close), 0},
	{"drip", smtptest.Fault{Reply: "220 " + strings.Repeat("x", 60), Drip: time.Minute}, 0},
	{"flood", raw("220-"+strings.Repeat("x", 200_000), smtptest.Continue), 0},
}

// TestOpeningFaults runs every fault at every stage before MAIL. The message
// that waits is not touched by any of them, and goes over the next connection.
func TestOpeningFaults(t *testing.T) {
	for _, mode := range faultModes[:3] {
		for _, s := range openingStages {
			if !slices.Contains(strings.Fields(s.modes), mode.name) {
				continue
			}
			for _, f := range openingFaults {
				bubble(t, mode.name+"/"+string(s.stage)+"/"+f.name, func(t *testing.T) {
					e := testOpening(t, mode.config, smtptest.Rule{Stage: s.stage, Conn: 1, Fault: f.fault})
					got, _ := errors.AsType[*classify.Reply](e)
					if f.code > 0 && (got == nil || got.Code != f.code) || f.code == 0 && got != nil {
						t.Errorf("got %v, want code %d", e, f.code)
					}
					if e.Stage != s.want || e.Endpoint != "mx" {
						t.Errorf("got %v, want stage %s", e, s.want)
					}
				})
			}
		}
	}
}

// TestCancelledOpeningNamesItsStage: a context that ends while a server is silent
// is the error, with the stage that it cut short.
func TestCancelledOpeningNamesItsStage(t *testing.T) {
	why := errors.New("the user has changed their mind")
	for _, mode := range faultModes[:3] {
		for _, s := range openingStages {
			if !slices.Contains(strings.Fields(s.modes), mode.name) {
				continue
			}
			bubble(t, mode.name+"/"+string(s.stage), func(t *testing.T) {
				config := mode.config
				config.Users = map[string]string{"u": "p"}
				config.Fault = smtptest.Rules(smtptest.Rule{Stage: s.stage, Fault: silent(smtptest.Stall)})
				r := newRig(t, config, pool.Config{})
				defer r.close()
				r.endpoint.Credentials = func(context.Context) (string, string, error) { return "u", "p", nil }
				r.endpoint.AllowInsecureLogin = true
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				time.AfterFunc(time.Second, func() { cancel(why) })
				e := asError(t, r.pool.Verify(ctx, r.endpoint))
				if e.Stage != s.want || !errors.Is(e, why) {
					t.Errorf("got %v, want stage %s and %v", e, s.want, why)
				}
			})
		}
	}
}

// TestHandshakeFaults does the same to TLS.
func TestHandshakeFaults(t *testing.T) {
	for name, fault := range map[string]smtptest.Fault{
		"close": silent(smtptest.Close), "reset": silent(smtptest.Reset), "stall": silent(smtptest.Stall),
		"garbage": raw("no TLS here\r\n", smtptest.Continue), "421": reply("421 4.7.0 too many TLS sessions"),
		"half a record": raw("\x16\x03\x03\x40\x00xxx", smtptest.Stall),
	} {
		for _, mode := range faultModes[1:3] {
			bubble(t, mode.name+"/"+name, func(t *testing.T) {
				e := testOpening(t, mode.config, smtptest.Rule{Stage: smtptest.StageHandshake, Conn: 1, Fault: fault})
				want := map[string]classify.Stage{"starttls": classify.StageStartTLS, "implicit": classify.StageBanner}[mode.name]
				if e.Stage != want {
					t.Errorf("got %v, want stage %s", e, want)
				}
			})
		}
	}
}

func TestConnectFaults(t *testing.T) {
	for name, end := range map[string]smtptest.End{"refused": smtptest.Close, "stall": smtptest.Stall} {
		for _, mode := range faultModes[:3] {
			bubble(t, mode.name+"/"+name, func(t *testing.T) {
				e := testOpening(t, mode.config, smtptest.Rule{Stage: smtptest.StageDial, Times: 1, Fault: silent(end)})
				if e.Stage != classify.StageConnect || end == smtptest.Close && !errors.Is(e, syscall.ECONNREFUSED) {
					t.Errorf("got %v", e)
				}
			})
		}
	}
}

// testOpening opens a connection that fails by the rule, and another, and
// returns the error of the first.
func testOpening(t *testing.T, config smtptest.Config, rule smtptest.Rule) *pool.Error {
	t.Helper()
	config.Users = map[string]string{"me": canary}
	config.Fault = smtptest.Rules(rule)
	r := newRig(t, config, pool.Config{})
	defer r.close()
	r.endpoint.Addr = "127.0.0.1:25" // where a login may go in clear text
	withLogin(r, "me", canary)
	j := newJob("a", "1@x.test")
	r.push(j.turn())
	r.open()
	start := time.Now()
	for len(r.ended()) == 0 && time.Since(start) < time.Hour {
		time.Sleep(time.Second)
	}
	if took := time.Since(start); took > 5*time.Minute+time.Second || rule.Stage == smtptest.StageDial && took > 31*time.Second {
		t.Errorf("took %v, longer than any step may", took)
	}
	time.Sleep(3 * time.Minute) // a server that drips has to notice
	ends := r.ended()
	if len(ends) != 1 || r.asked() != 0 {
		t.Fatalf("got ends %v, asked %d times for work; want one, and never", ends, r.asked())
	}
	e := asError(t, ends[0])
	if v := classify.Of(e.Stage, e); v.Recipient != classify.RecipientLater || v.Connection == classify.ConnKeep && e.Stage != classify.StageEHLO {
		t.Errorf("%v is judged %+v", e, v)
	}
	if len(e.Error()) > 1000 {
		t.Errorf("the error is %d bytes long", len(e.Error()))
	}
	if n := len(r.server.Times(smtptest.StageHelo)); rule.Stage == smtptest.StageHelo && n != 1 {
		t.Errorf("got %d EHLO and HELO, want 1", n)
	}
	if st := r.server.Stats(); st.Open != 0 || st.Mails != 0 {
		t.Errorf("got %d connections open and %d MAIL, want none", st.Open, st.Mails)
	}
	r.open()
	if got := j.wait(t); fates(got) != "D" || got.Ordinal != 1 {
		t.Errorf("the message: ordinal %d, %s", got.Ordinal, describe(got))
	}
	return e
}
