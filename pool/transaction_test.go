package pool_test

import (
	"testing"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/smtptest"
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
