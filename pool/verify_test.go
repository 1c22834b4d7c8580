package pool_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/smtptest"
)

// TestVerifySenderThatIsNotASCII: where SMTPUTF8 is not offered, nothing is sent for
// the sender; behind a login the server is asked once more whether it offers it.
func TestVerifySenderThatIsNotASCII(t *testing.T) {
	const sender = "jörg@client.test"
	for _, tt := range []struct {
		name    string
		config  smtptest.Config
		login   bool
		senders []string
		wrong   string // in the error; "" for none
		stage   classify.Stage
		mails   int64 // MAIL commands
		ehlos   int
	}{
		{"offered", smtptest.Config{}, false, []string{sender, "a@client.test"}, "", 0, 2, 1},
		{"not offered", smtptest.Config{Omit: []string{"SMTPUTF8"}}, false, []string{sender, "a@client.test"}, "needs SMTPUTF8", classify.StageMail, 1, 1},
		{"offered behind the login", behindLogin("250-PIPELINING\n", "250-SMTPUTF8\n", ""), true, []string{sender, sender}, "", 0, 2, 3},
		{"not offered there either", behindLogin("250-PIPELINING\n", "250-PIPELINING\n", ""), true, []string{sender, sender}, "needs SMTPUTF8", classify.StageMail, 0, 3},
		{"refused there", behindLogin("250-PIPELINING\n", "", "421 4.3.2 closing"), true, []string{sender, sender}, "421", classify.StageMail, 0, 3},
	} {
		bubble(t, tt.name, func(t *testing.T) {
			r := newRig(t, tt.config, pool.Config{})
			defer r.close()
			if tt.login {
				withLogin(r, "me", canary)
			}
			err := r.pool.Verify(never, r.endpoint, tt.senders...)
			if (err == nil) != (tt.wrong == "") || err != nil && !strings.Contains(err.Error(), tt.wrong) {
				t.Errorf("got %v, want %q", err, tt.wrong)
			}
			if e, ok := errors.AsType[*pool.Error](err); ok && e.Stage != tt.stage && e.Stage != classify.StageEHLO {
				t.Errorf("got stage %v", e.Stage)
			}
			st := r.server.Stats()
			if n := len(r.server.Times(smtptest.StageHelo)); int64(st.Mails) != tt.mails || n != tt.ehlos || st.Connections != 1 {
				t.Errorf("got %d MAIL and %d EHLO over %d connections, want %d and %d over one", st.Mails, n, st.Connections, tt.mails, tt.ehlos)
			}
			for _, tx := range r.server.Transactions() {
				if utf8 := strings.Contains(strings.Join(tx.Params, " "), "SMTPUTF8"); utf8 != (tx.From == sender) {
					t.Errorf("MAIL of %s with parameters %v", tx.From, tx.Params)
				}
			}
		})
	}
}

// TestVerifyOfAClosedPool and of a bad endpoint open nothing.
func TestVerifyOpensNothing(t *testing.T) {
	bubble(t, "mistakes", func(t *testing.T) {
		r := newRig(t, smtptest.Config{}, pool.Config{})
		defer r.close()
		r.endpoint.Addr = "mx.test"
		if err := r.pool.Verify(never, r.endpoint); err == nil || !strings.Contains(err.Error(), "host:port") || r.server.Stats().Connections != 0 {
			t.Errorf("got %v", err)
		}
		if err := r.pool.Open(r.endpoint, r); err == nil || !strings.Contains(err.Error(), "host:port") {
			t.Errorf("Open: got %v", err)
		}
		r.endpoint.Addr = "mx.test:25"
		if err := r.pool.Open(r.endpoint, nil); err == nil || !strings.Contains(err.Error(), "no User") {
			t.Errorf("Open without a User: got %v", err)
		}
	})
	bubble(t, "closed", func(t *testing.T) {
		r := newRig(t, smtptest.Config{}, pool.Config{})
		r.close()
		if err := r.pool.Verify(never, r.endpoint); !errors.Is(err, pool.ErrClosed) || r.server.Stats().Connections != 0 {
			t.Errorf("got %v", err)
		}
	})
}

// TestVerifyWhereRSETEndsTheConnection: every sender is verified, on further connections
// where the server cannot take back a MAIL.
func TestVerifyWhereRSETEndsTheConnection(t *testing.T) {
	senders := []string{"a@client.test", "b@client.test", "", "bad@client.test", "c@client.test"}
	for name, rset := range map[string]smtptest.Fault{
		"refused with 500":            {Reply: "500 5.5.1 unknown command"},
		"refused with 502":            {Reply: "502 5.5.1 not implemented"},
		"refused with 503":            {Reply: "503 5.5.1 bad sequence"},
		"refused with 450":            {Reply: "450 4.3.0 later"},
		"answered with 421":           {Reply: "421 4.3.2 closing"},
		"answered with 421, closed":   {Reply: "421 4.3.2 closing", End: smtptest.Close},
		"closed":                      {Silent: true, End: smtptest.Close},
		"reset":                       {Silent: true, End: smtptest.Reset},
		"silent":                      {End: smtptest.Stall, Silent: true},
		"answered with something odd": {Raw: "what?\r\n"},
		"answered late":               {Delay: 10 * time.Second},
	} {
		bubble(t, name, func(t *testing.T) {
			r := newRig(t, smtptest.Config{Fault: func(ev smtptest.Event) *smtptest.Fault {
				switch {
				case ev.Stage == smtptest.StageRset:
					return &rset
				case ev.Stage == smtptest.StageMail && strings.Contains(ev.Line, "bad@"):
					return &smtptest.Fault{Reply: "553 5.7.1 not your address"}
				}
				return nil
			}}, pool.Config{})
			defer r.close()
			err := r.pool.Verify(never, r.endpoint, senders...)
			if err == nil || !strings.Contains(err.Error(), "not your address") || strings.Count(err.Error(), "\n") > 0 {
				t.Errorf("got %v, want the refusal of one sender", err)
			}
			if n := len(r.server.Times(smtptest.StageMail)); n != len(senders) {
				t.Errorf("%d senders were tried, want %d", n, len(senders))
			}
		})
	}
}
