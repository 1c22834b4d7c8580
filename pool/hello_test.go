package pool_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/smtptest"
	"github.com/wneessen/go-mail"
)

// TestOddOpenings opens sessions with servers that break the rules of replies, in
// ways whose meaning is certain.
func TestOddOpenings(t *testing.T) {
	for _, tt := range []struct {
		stage smtptest.Stage
		says  string
	}{
		{smtptest.StageConnect, "220\r\n"},
		{smtptest.StageConnect, "220-mx\r\n220\r\n"},
		{smtptest.StageConnect, "\r\n220 mx\r\n"},
		{smtptest.StageConnect, " 220 mx\r\n"},
		{smtptest.StageConnect, " \r\n\t220-mx\r\n220 mx\r\n"},
		{smtptest.StageHelo, " 250-mx\r\n250 STARTTLS\r\n"},
		{smtptest.StageConnect, "220-mx\r\nno spam\r\n\r\n220 mx\r\n"},
		{smtptest.StageConnect, "220-a\r\n221 b\r\n"},
		{smtptest.StageConnect, "200 mx\r\n"},
		{smtptest.StageConnect, "299 mx\r\n"},
		{smtptest.StageConnect, "220 caf\xe9 \x01\x00\r\n"},
		{smtptest.StageConnect, "220 " + strings.Repeat("x", 20_000) + "\r\n"},
		{smtptest.StageHelo, "250-mx\r\n250-STARTTLS\r\n250\r\n"},
		{smtptest.StageHelo, "\r\n250-mx\r\n250 starttls\r\n"},
		{smtptest.StageHelo, "250-mx\r\nSTRAY\r\n250 STARTTLS\r\n"},
		{smtptest.StageHelo, "220-mx\r\n220 STARTTLS\r\n"},
		{smtptest.StageStartTLS, "220\r\n"},
		{smtptest.StageStartTLS, "220-go\r\n220\r\n"},
		{smtptest.StageStartTLS, "\r\n220 go\r\n"},
	} {
		bubble(t, fmt.Sprintf("%s/%.30q", tt.stage, tt.says), func(t *testing.T) {
			r := newRig(t, smtptest.Config{StartTLS: true, Fault: smtptest.Rules(
				smtptest.Rule{Stage: tt.stage, Times: 1, Fault: raw(tt.says, smtptest.Continue)},
			)}, pool.Config{})
			defer r.close()
			start := time.Now()
			if err := r.pool.Verify(never, r.endpoint); err != nil || time.Since(start) > time.Second {
				t.Errorf("got %v after %v", err, time.Since(start))
			}
		})
	}
}

// TestRefusalsInOddOpenings finds the refusal in a reply, and does not wait for what is
// not to come.
func TestRefusalsInOddOpenings(t *testing.T) {
	for _, tt := range []struct {
		stage smtptest.Stage
		says  string
		code  int // 0 for ErrProtocol
	}{
		{smtptest.StageConnect, "220-mx\r\n521 no mail here\r\n", 521},
		{smtptest.StageConnect, "220-mx\r\n421 too busy\r\n", 421},
		{smtptest.StageConnect, "554-no\r\n220 mx\r\n", 554},
		{smtptest.StageConnect, "554\r\n", 554},
		{smtptest.StageConnect, "554: no\r\n", 554},
		{smtptest.StageConnect, "221 bye\r\n", 0},
		{smtptest.StageConnect, "300 go on\r\n", 0},
		{smtptest.StageConnect, "399 go on\r\n", 0},
		{smtptest.StageConnect, "400 no\r\n", 400},
		{smtptest.StageConnect, "400-no\r\n220 mx\r\n", 400},
		{smtptest.StageConnect, "220-mx\r\n400 no\r\n", 400},
		{smtptest.StageHelo, "400 no\r\n", 400},
		{smtptest.StageHelo, "503 no\r\n", 503},
		{smtptest.StageStartTLS, "400 no\r\n", 400},
		{smtptest.StageStartTLS, "399 no\r\n", 0},
		{smtptest.StageConnect, "354 go\r\n", 0},
		{smtptest.StageConnect, "220-mx\r\n354 go\r\n", 0},
		{smtptest.StageConnect, "hello\r\n220 mx\r\n", 0},
		{smtptest.StageHelo, "250-mx\r\n421 too busy\r\n", 421},
		{smtptest.StageHelo, "550\r\n", 550},
		{smtptest.StageHelo, "221 bye\r\n", 0},
		{smtptest.StageStartTLS, "454\r\n", 454},
		{smtptest.StageStartTLS, "220-go\r\n454 no\r\n", 454},
		{smtptest.StageStartTLS, "221 bye\r\n", 0},
		{smtptest.StageStartTLS, "220 go\r\n\r\n", 0},
	} {
		bubble(t, fmt.Sprintf("%s/%.30q", tt.stage, tt.says), func(t *testing.T) {
			r := newRig(t, smtptest.Config{StartTLS: true, Fault: smtptest.Rules(
				smtptest.Rule{Stage: tt.stage, Fault: raw(tt.says, smtptest.Continue)},
			)}, pool.Config{})
			defer r.close()
			start := time.Now()
			e := asError(t, r.pool.Verify(never, r.endpoint))
			if time.Since(start) > time.Second {
				t.Errorf("took %v", time.Since(start))
			}
			refused, _ := errors.AsType[*classify.Reply](e)
			if tt.code != 0 && (refused == nil || refused.Code != tt.code) || tt.code == 0 && !errors.Is(e, pool.ErrProtocol) {
				t.Errorf("got %v, want code %d", e, tt.code)
			}
			if tt.code == 0 && e.Verdict.Class != classify.ClassProtocol {
				t.Errorf("got class %v", e.Verdict.Class)
			}
		})
	}
}

// TestRefusalsThatBreakOff: a refusal is one also when the connection ends inside it,
// and an acceptance is none then.
func TestRefusalsThatBreakOff(t *testing.T) {
	for _, stage := range []smtptest.Stage{smtptest.StageConnect, smtptest.StageHelo, smtptest.StageStartTLS} {
		for _, code := range []int{250, 299, 400, 599} {
			bubble(t, fmt.Sprint(stage, " ", code), func(t *testing.T) {
				r := newRig(t, smtptest.Config{StartTLS: true, Fault: smtptest.Rules(
					smtptest.Rule{Stage: stage, Fault: raw(fmt.Sprintf("%d-said\r\n", code), smtptest.Close)},
				)}, pool.Config{})
				defer r.close()
				e := asError(t, r.pool.Verify(never, r.endpoint))
				refused, _ := errors.AsType[*classify.Reply](e)
				if code >= 400 && (refused == nil || refused.Code != code) || code < 400 && refused != nil {
					t.Errorf("got %v", e)
				}
			})
		}
	}
}

// forgetful returns a server that wants a login and forgets it at the next EHLO.
func forgetful(offers string, loginOffers string) smtptest.Config {
	c := loginConfig
	forgot := map[int]bool{} // the bubble's goroutines take turns
	loggedIn := map[int]bool{}
	c.Fault = func(ev smtptest.Event) *smtptest.Fault {
		switch ev.Stage {
		case smtptest.StageAuth:
			loggedIn[ev.Conn] = true
		case smtptest.StageHelo:
			list := offers
			if loggedIn[ev.Conn] {
				forgot[ev.Conn] = true
				list = loginOffers
			}
			return &smtptest.Fault{Reply: "250-mx.test\n" + list + "250-STARTTLS\n250 AUTH PLAIN"}
		case smtptest.StageMail:
			if forgot[ev.Conn] {
				return &smtptest.Fault{Reply: "502 5.7.0 Please authenticate first"}
			}
		}
		return nil
	}
	return c
}

// TestNoEHLOBehindALogin: RFC 4954 4 demands one only behind a security layer, and
// there are servers that forget the login.
func TestNoEHLOBehindALogin(t *testing.T) {
	bubble(t, "all is known", func(t *testing.T) {
		r := newRig(t, forgetful("250-PIPELINING\n250-SIZE 100000\n", ""), pool.Config{})
		defer r.close()
		withLogin(r, "me", canary)
		j, next := newJob("a", "1@x.test"), newJob("b", "1@x.test")
		r.push(j.turn(), next.turn())
		r.open()
		if got := fates(j.wait(t)) + fates(next.wait(t)); got != "DD" || r.server.Stats().Connections != 1 {
			t.Errorf("got %s over %d connections", got, r.server.Stats().Connections)
		}
		if n := len(r.server.Times(smtptest.StageHelo)); n != 2 {
			t.Errorf("got %d EHLO, want one before and one behind STARTTLS", n)
		}
	})
	bubble(t, "nothing is known, and the login is forgotten", func(t *testing.T) {
		r := newRig(t, forgetful("", ""), pool.Config{})
		defer r.close()
		withLogin(r, "me", canary)
		if err := r.pool.Verify(never, r.endpoint, "sender@client.test"); err != nil {
			t.Error(err)
		}
		j := newJob("a", "1@x.test")
		r.push(j.turn())
		r.open()
		if got := j.wait(t); fates(got) != "D" || r.server.Stats().Connections != 3 {
			t.Errorf("got %s over %d connections, want 3, for the lesson of the first holds", describe(got), r.server.Stats().Connections)
		}
	})
	bubble(t, "forgotten by a sender", func(t *testing.T) {
		r := newRig(t, forgetful("", ""), pool.Config{})
		defer r.close()
		withLogin(r, "me", canary)
		j := newJob("a", "1@x.test")
		r.push(j.turn())
		r.open()
		if got := r.settle(j); fates(got) != "D" || r.server.Stats().Connections != 2 {
			t.Errorf("got %s over %d connections", describe(got), r.server.Stats().Connections)
		}
	})
}

// behindLogin offers some extensions only behind a login.
func behindLogin(before, behind string, refusal string) smtptest.Config {
	c := loginConfig
	c.Fault = func(ev smtptest.Event) *smtptest.Fault {
		if ev.Stage != smtptest.StageHelo {
			return nil
		}
		if ev.User == "" {
			return &smtptest.Fault{Reply: "250-mx.test\n" + before + "250-STARTTLS\n250 AUTH PLAIN"}
		}
		if refusal != "" {
			return &smtptest.Fault{Reply: refusal}
		}
		return &smtptest.Fault{Reply: "250-mx.test\n" + behind + "250 HELP"}
	}
	return c
}

// TestEHLOBehindALoginThatIsNeeded asks again where what is known is not enough.
func TestEHLOBehindALoginThatIsNeeded(t *testing.T) {
	tests := []struct {
		name           string
		config         smtptest.Config
		change         func(j *job)
		ehlos          int // STARTTLS takes two
		first, follows string
		params         string
	}{
		{"nothing was offered before", behindLogin("", "250-PIPELINING\n250-SIZE 100000\n", ""), func(*job) {}, 3, "D", "D", "SIZE"},
		{"refused, so there is nothing", behindLogin("", "", "503 5.5.1 already"), func(*job) {}, 3, "D", "D", ""},
		{"an address needs SMTPUTF8", behindLogin("250-PIPELINING\n", "250-PIPELINING\n250-SMTPUTF8\n", ""),
			func(j *job) { j.To = []string{"jörg@x.test"} }, 3, "D", "D", "SMTPUTF8"},
		{"an address needs SMTPUTF8, and has it", behindLogin("250-SMTPUTF8\n", "", ""),
			func(j *job) { j.To = []string{"jörg@x.test"} }, 2, "D", "D", "SMTPUTF8"},
		{"an address needs SMTPUTF8 in vain", behindLogin("250-PIPELINING\n", "250-PIPELINING\n", ""),
			func(j *job) { j.To = []string{"jörg@x.test", "2@x.test"} }, 3, "RD", "D", ""},
		{"asked in vain, and what was known is kept", behindLogin("250-PIPELINING\n250-SIZE 100000\n", "", "503 5.5.1 already"),
			func(j *job) { j.To = []string{"jörg@x.test"} }, 3, "R", "D", "SIZE"},
		{"a report is wanted", behindLogin("250-PIPELINING\n", "250-PIPELINING\n250-DSN\n", ""),
			func(j *job) { j.DSN.Return = mail.DSNMailReturnFull }, 3, "D", "D", "RET"},
		{"a report is wanted in vain", behindLogin("250-PIPELINING\n", "250-PIPELINING\n", ""),
			func(j *job) { j.DSN.Return = mail.DSNMailReturnFull }, 3, "D", "D", ""},
		{"a text is 8-bit", behindLogin("250-SIZE 100000\n", "250-SIZE 100000\n250-8BITMIME\n", ""),
			func(j *job) { j.Data = append(j.Data, "\xc3\xa4\r\n"...) }, 3, "D", "D", "BODY"},
		{"a larger SIZE is needed", behindLogin("250-SIZE 10\n", "250-SIZE 100000\n", ""), func(*job) {}, 3, "D", "D", "SIZE"},
	}
	for _, tt := range tests {
		bubble(t, tt.name, func(t *testing.T) {
			r := newRig(t, tt.config, pool.Config{})
			defer r.close()
			withLogin(r, "me", canary)
			j, next, last := newJob("a", "1@x.test"), newJob("b", "3@x.test"), newJob("c", "4@x.test")
			tt.change(&j)
			r.push(j.turn(), next.turn(), last.turn())
			r.open()
			got := j.wait(t)
			if fates(got) != tt.first || fates(next.wait(t)) != tt.follows || fates(last.wait(t)) != "D" {
				t.Errorf("got %s", describe(got))
			}
			if n := len(r.server.Times(smtptest.StageHelo)); n != tt.ehlos || r.server.Stats().Connections != 1 {
				t.Errorf("got %d EHLO over %d connections, want %d over one", n, r.server.Stats().Connections, tt.ehlos)
			}
			if p := strings.Join(r.server.Messages()[0].Params, " "); tt.params != "" && !strings.Contains(p, tt.params) {
				t.Errorf("got parameters %q, want %s", p, tt.params)
			}
		})
	}
}

// TestSessionsThatEndAtAnEHLOBehindTheLogin: from the third on none is sent, and mail goes
// without what it would have shown. One lost session teaches nothing.
func TestSessionsThatEndAtAnEHLOBehindTheLogin(t *testing.T) {
	for name, fault := range map[string]smtptest.Fault{
		"421": {Reply: "421 4.3.2 bye", End: smtptest.Close}, "550": {Reply: "550 5.5.1 not now"}, "closed": {Silent: true, End: smtptest.Close}, "221": {Reply: "221 bye", End: smtptest.Close},
	} {
		for _, lost := range []int{1, 2} {
			bubble(t, fmt.Sprint(name, " ", lost), func(t *testing.T) {
				config := behindLogin("", "250-SIZE 100000\n", "")
				offers := config.Fault
				config.Fault = func(ev smtptest.Event) *smtptest.Fault {
					if ev.Stage == smtptest.StageHelo && ev.User != "" && (ev.Conn <= lost || lost == 2) {
						return &fault
					}
					return offers(ev)
				}
				r := newRig(t, config, pool.Config{})
				defer r.close()
				withLogin(r, "me", canary)
				for range lost {
					if err := r.pool.Verify(never, r.endpoint); err == nil {
						t.Error("a session that ended is no error")
					}
				}
				if err := r.pool.Verify(never, r.endpoint); err != nil {
					t.Error(err)
				}
				if n, want := len(r.server.Times(smtptest.StageHelo)), map[int]int{1: 6, 2: 8}[lost]; n != want { // STARTTLS takes two
					t.Errorf("got %d EHLO, want %d", n, want)
				}
			})
		}
	}
}

// TestFollowerThatNeedsEHLO does not ride, as EHLO must go in front.
func TestFollowerThatNeedsEHLO(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, behindLogin("250-PIPELINING\n", "250-PIPELINING\n250-SMTPUTF8\n", ""), pool.Config{})
		defer r.close()
		withLogin(r, "me", canary)
		jobs := []job{newJob("a", "1@x.test"), newJob("b", "jörg@x.test"), newJob("c", "3@x.test")}
		for _, j := range jobs {
			r.push(j.turn())
		}
		r.open()
		for _, j := range jobs {
			if got := j.wait(t); fates(got) != "D" {
				t.Errorf("got %s", describe(got))
			}
		}
		if st := r.server.Stats(); st.Connections != 1 || len(r.server.Times(smtptest.StageHelo)) != 3 {
			t.Errorf("got %d connections, %d EHLO", st.Connections, len(r.server.Times(smtptest.StageHelo)))
		}
	})
}

// TestEHLOIsAskedOnce behind a login, whatever the answer.
func TestEHLOIsAskedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, behindLogin("250-PIPELINING\n", "250-PIPELINING\n", ""), pool.Config{})
		defer r.close()
		withLogin(r, "me", canary)
		for range 3 {
			j := newJob("a", "jörg@x.test", "2@x.test")
			r.push(j.turn())
			if !r.isOpen() {
				r.open()
			}
			if got := j.wait(t); fates(got) != "RD" {
				t.Errorf("got %s", describe(got))
			}
		}
		if n := len(r.server.Times(smtptest.StageHelo)); n != 3 {
			t.Errorf("got %d EHLO", n)
		}
	})
}

// TestEHLORefusedBehindSTARTTLS keeps what was offered before only where the server
// wants no second EHLO.
func TestEHLORefusedBehindSTARTTLS(t *testing.T) {
	for refusal, works := range map[string]bool{
		"503 5.5.1 already": true, "502 5.5.1 what": true, "450 4.3.2 not now": false, "550 5.7.1 no": false, "421 4.3.2 closing": false,
	} {
		bubble(t, refusal, func(t *testing.T) {
			r := newRig(t, smtptest.Config{StartTLS: true, Fault: func(ev smtptest.Event) *smtptest.Fault {
				if ev.Stage == smtptest.StageHelo && ev.TLS {
					return &smtptest.Fault{Reply: refusal}
				}
				return nil
			}}, pool.Config{})
			defer r.close()
			err := r.pool.Verify(never, r.endpoint)
			if works != (err == nil) || err != nil && asError(t, err).Stage != classify.StageEHLO {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestClearTextOffersDoNotCount: RFC 3207 4.2.
func TestClearTextOffersDoNotCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, smtptest.Config{StartTLS: true, Fault: func(ev smtptest.Event) *smtptest.Fault {
			if ev.Stage != smtptest.StageHelo {
				return nil
			}
			if ev.TLS {
				return &smtptest.Fault{Reply: "250 mx.test"}
			}
			return &smtptest.Fault{Reply: "250-mx.test\n250-STARTTLS\n250-SIZE 10\n250 PIPELINING"}
		}}, pool.Config{})
		defer r.close()
		j := newJob("a", "1@x.test")
		r.push(j.turn())
		r.open()
		if got := j.wait(t); fates(got) != "D" || len(r.server.Messages()[0].Params) != 0 {
			t.Errorf("got %s", describe(got))
		}
	})
}

// TestOmit leaves extensions out that the endpoint names.
func TestOmit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, smtptest.Config{Latency: time.Second, Fault: smtptest.Rules(
			smtptest.Rule{Stage: smtptest.StageHelo, Fault: reply("250-mx.test\n250-PIPELINING\n250-SIZE 10\n250-DSN\n250-LIMITS MAILMAX=3\n250 8BITMIME")},
		)}, pool.Config{})
		defer r.close()
		r.endpoint.Omit = []string{"pipelining", "Size", "8BITMIME", "DSN", "LIMITS"}
		j := newJob("a", "1@x.test")
		j.Data = append(j.Data, "\xc3\xa4\r\n"...)
		j.DSN = pool.DSN{Notify: []mail.DSNRcptNotifyOption{mail.DSNRcptNotifyNever}, Return: mail.DSNMailReturnFull}
		r.push(j.turn())
		r.open()
		if got := j.wait(t); fates(got) != "D" {
			t.Fatalf("got %s", describe(got))
		}
		if got := r.server.Messages()[0]; len(got.Params) != 0 || len(got.Recipients[0].Params) != 0 {
			t.Errorf("got parameters %v, %v", got.Params, got.Recipients[0].Params)
		}
		mail, rcpt := r.server.Times(smtptest.StageMail), r.server.Times(smtptest.StageRcpt)
		if rcpt[0].Sub(mail[0]) < time.Second {
			t.Error("RCPT was sent ahead")
		}
		for c := range r.conns {
			if c.Limits() != (pool.Limits{}) {
				t.Errorf("got limits %+v", c.Limits())
			}
		}
	})
	for _, name := range []string{"", "CHUNKING", "STARTTLS", "AUTH", "SIZE "} {
		err := pool.Endpoint{Addr: "mx.test:25", Omit: []string{"SIZE", name}}.Validate()
		if err == nil || !strings.Contains(err.Error(), "PIPELINING") {
			t.Errorf("Omit %q: got %v", name, err)
		}
	}
}

// TestVerifySender goes as far as MAIL for a sender.
func TestVerifySender(t *testing.T) {
	config := smtptest.Config{Fault: smtptest.Rules(
		smtptest.Rule{Stage: smtptest.StageMail, Message: 2, Fault: reply("553 5.7.1 not your address")},
	)}
	bubble(t, "taken and refused", func(t *testing.T) {
		r := newRig(t, config, pool.Config{})
		defer r.close()
		err := r.pool.Verify(never, r.endpoint, "a@client.test", "b@client.test", "")
		e := asError(t, err)
		if refused, _ := errors.AsType[*classify.Reply](e); e.Stage != classify.StageMail || refused == nil || refused.Code != 553 {
			t.Errorf("got %v", err)
		}
		if e.Verdict.Recipient != classify.RecipientRefused {
			t.Errorf("got verdict %+v", e.Verdict)
		}
		st := r.server.Stats()
		if n := len(r.server.Times(smtptest.StageRset)); st.Connections != 1 || n != 2 || len(r.server.Times(smtptest.StageQuit)) != 1 {
			t.Errorf("got %d connections, %d RSET", st.Connections, n)
		}
	})
	bubble(t, "a server that wants a login", func(t *testing.T) {
		r := newRig(t, loginConfig, pool.Config{})
		defer r.close()
		if err := r.pool.Verify(never, r.endpoint); err != nil {
			t.Fatal(err)
		}
		e := asError(t, r.pool.Verify(never, r.endpoint, "a@client.test"))
		if e.Stage != classify.StageMail || e.Verdict.Class != classify.ClassSMTPAuth {
			t.Errorf("got %v, class %v", e, e.Verdict.Class)
		}
	})
	bubble(t, "bad addresses", func(t *testing.T) {
		r := newRig(t, smtptest.Config{Omit: []string{"SMTPUTF8"}}, pool.Config{})
		defer r.close()
		if err := r.pool.Verify(never, r.endpoint, "a b@x.test\r\nDATA"); err == nil || r.server.Stats().Connections != 0 {
			t.Errorf("got %v", err)
		}
		if e := asError(t, r.pool.Verify(never, r.endpoint, "jörg@x.test")); e.Stage != classify.StageMail {
			t.Errorf("got %v", e)
		}
	})
	bubble(t, "a server that closes", func(t *testing.T) {
		r := newRig(t, smtptest.Config{Fault: smtptest.Rules(
			smtptest.Rule{Stage: smtptest.StageMail, Fault: silent(smtptest.Close)})}, pool.Config{})
		defer r.close()
		if e := asError(t, r.pool.Verify(never, r.endpoint, "a@x.test", "b@x.test")); e.Stage != classify.StageMail {
			t.Errorf("got %v", e)
		}
		if n := r.server.Stats().Mails; n > 1 {
			t.Errorf("got %d MAIL", n)
		}
	})
}

// TestEHLOBehindALoginThatFails: where a delivery has the server asked once more, and it
// leaves or says nothing, the delivery is put off, and can go again at once only where
// that says nothing of it.
func TestEHLOBehindALoginThatFails(t *testing.T) {
	for name, tt := range map[string]struct {
		fault smtptest.Fault
		again bool
		why   string
	}{
		"refused":  {reply("550 5.7.1 go away"), false, "550 5.7.1 go away"},
		"closing":  {replyAnd("421 4.3.2 closing", smtptest.Close), false, "421 4.3.2 closing"},
		"closed":   {silent(smtptest.Close), false, "EOF"},
		"nonsense": {raw("what?\r\n", smtptest.Continue), false, "unreadable reply"},
	} {
		bubble(t, name, func(t *testing.T) {
			c := behindLogin("250-PIPELINING\n", "", "")
			offers := c.Fault
			c.Fault = func(ev smtptest.Event) *smtptest.Fault {
				if ev.Stage == smtptest.StageHelo && ev.User != "" && ev.Conn == 1 {
					return &tt.fault
				}
				return offers(ev)
			}
			r := newRig(t, c, pool.Config{})
			defer r.close()
			withLogin(r, "me", canary)
			j, next := newJob("a", "1@x.test"), newJob("b", "2@x.test")
			j.DSN.Return = mail.DSNMailReturnFull
			r.push(j.turn(), next.turn())
			r.open()
			if got := j.wait(t); fates(got) != "L" || got.NotAttempted != tt.again || got.Ordinal != 0 || !strings.Contains(got.Recipients[0].Err.Error(), tt.why) {
				t.Errorf("not attempted %v, number %d: %s", got.NotAttempted, got.Ordinal, describe(got))
			}
			if got := next.wait(t); fates(got) != "D" {
				t.Errorf("the next: %s", describe(got))
			}
			if ends := r.ended(); len(ends) == 0 || ends[0] == nil || !strings.Contains(ends[0].Error(), tt.why) {
				t.Errorf("got ends %v", ends)
			}
		})
	}
}
