package pool_test

import (
	"testing"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/smtptest"
	"github.com/wneessen/go-mail"
)

// TestNothingIsSentForNobody: a delivery of which no recipient can be sent to costs
// the server no MAIL, and the connection stays as it was.
func TestNothingIsSentForNobody(t *testing.T) {
	for name, to := range map[string][]string{
		"one": {"a b@x.test"}, "several": {"a b@x.test", "c d@x.test", "@x.test"},
	} {
		bubble(t, name, func(t *testing.T) {
			r := newRig(t, smtptest.Config{}, pool.Config{})
			defer r.close()
			bad, good := newJob("bad", to...), newJob("good", "1@x.test")
			r.push(bad.turn(), good.turn())
			r.open()
			got := bad.wait(t)
			for i, a := range got.Recipients {
				if a.Stage != classify.StageRcpt || a.Reply == nil || a.Reply.Code != 553 {
					t.Errorf("recipient %d: %s", i, describe(got))
				}
			}
			if got.Ordinal != 0 {
				t.Errorf("its ordinal is %d, though its MAIL was not written", got.Ordinal)
			}
			if got := good.wait(t); fates(got) != "D" || got.Ordinal != 1 {
				t.Errorf("the next is number %d: %s", got.Ordinal, describe(got))
			}
			if mails, resets := len(r.server.Times(smtptest.StageMail)), len(r.server.Times(smtptest.StageRset)); mails != 1 || resets != 0 {
				t.Errorf("the server saw %d MAIL and %d RSET, want one MAIL", mails, resets)
			}
		})
	}
}

// TestParametersThatEndASession: a server out of step that refuses the parameters of the first
// RCPT has judged nobody, and the delivery may go again without them. Behind a recipient who
// was accepted, or with a reply that closes the connection, it is a refusal of all for now.
func TestParametersThatEndASession(t *testing.T) {
	for _, tt := range []struct {
		said    string
		rcpt    int
		without bool
	}{
		{"503 5.5.4 unknown parameter", 1, true}, {"503 5.5.4 unknown parameter", 2, false}, {"503 5.5.4 unknown parameter", 3, false},
		{"503 5.5.1 bad sequence", 1, false}, {"421 5.5.4 unknown parameter", 1, false}, {"221 5.5.4 unknown parameter", 1, false},
	} {
		bubble(t, tt.said, func(t *testing.T) {
			r := newRig(t, smtptest.Config{Fault: smtptest.Rules(smtptest.Rule{
				Stage: smtptest.StageRcpt, Rcpt: tt.rcpt, Fault: smtptest.Fault{Reply: tt.said},
			})}, pool.Config{})
			defer r.close()
			j := newJob("a", "1@x.test", "2@x.test", "3@x.test")
			j.DSN.Notify = []mail.DSNRcptNotifyOption{mail.DSNRcptNotifyFailure}
			r.push(j.turn())
			r.open()
			got := j.wait(t)
			if got.NotAttempted != tt.without || (got.NoParams != 0) != tt.without || fates(got) != "LLL" {
				t.Errorf("at RCPT %d: got %s, not attempted %v, without %v; want that %v", tt.rcpt, describe(got), got.NotAttempted, got.NoParams, tt.without)
			}
		})
	}
}
