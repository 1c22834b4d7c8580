package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/smtpace/smtpace/classify"
)

func TestParseExim(t *testing.T) {
	const head = "2026-11-23 10:11:12 1vN0aB-000000001Xy-3Abc "
	for _, tt := range []struct {
		name, line   string
		text         string // "" for no answer
		class        classify.Class
		stage        classify.Stage
		domain, host string
	}{
		{"delivered", head + `=> ann@example.net R=dnslookup T=remote_smtp H=mx.example.net [192.0.2.1] X=TLS1.3:TLS_AES_256_GCM_SHA384:256 CV=yes K C="250 2.0.0 Ok: queued as 9C" QT=1s DT=0.5s`,
			"250 2.0.0 Ok: queued as 9C", classify.ClassOK, classify.StageDot, "example.net", "mx.example.net"},
		{"delivered to one more", head + `-> bob@example.net R=dnslookup T=remote_smtp H=mx.example.net [192.0.2.1] C="250 Ok"`,
			"250 Ok", classify.ClassOK, classify.StageDot, "example.net", "mx.example.net"},
		{"delivered, reply not logged", head + `=> ann@example.net R=dnslookup T=remote_smtp H=mx.example.net [192.0.2.1]`,
			"250", classify.ClassOK, classify.StageDot, "example.net", "mx.example.net"},
		{"delivered after an alias", head + `=> Ann <ann@example.net> R=dnslookup T=remote_smtp H=mx.example.net [192.0.2.1] C="250 Ok"`,
			"250 Ok", classify.ClassOK, classify.StageDot, "example.net", "mx.example.net"},
		{"refused", head + "** ann@example.net R=dnslookup T=remote_smtp H=mx.example.net [192.0.2.1]: SMTP error from remote mail server after RCPT TO:<ann@example.net>: 550 5.1.1 <ann@example.net>: no such user",
			"550 5.1.1 <ann@example.net>: no such user", classify.ClassBadMailbox, classify.StageRcpt, "example.net", "mx.example.net"},
		{"put off", head + "== ann@example.net R=dnslookup T=remote_smtp defer (-44) H=mx.example.net [192.0.2.1]: SMTP error from remote mail server after RCPT TO:<ann@example.net>: 450 4.2.1 receiving mail too quickly",
			"450 4.2.1 receiving mail too quickly", classify.ClassRecipientRateLimited, classify.StageRcpt, "example.net", "mx.example.net"},
		{"put off at a pipelined MAIL with parameters", head + "== ann@example.net R=dnslookup T=remote_smtp defer (-45) H=mx.example.net [192.0.2.1]: SMTP error from remote mail server after pipelined MAIL FROM:<news@example.com> SIZE=2022: 421 4.7.0 too many connections",
			"421 4.7.0 too many connections", classify.ClassTooManyConnections, classify.StageMail, "example.net", "mx.example.net"},
		{"after the dot, on several lines", head + `** ann@example.net R=dnslookup T=remote_smtp H=mx.example.net [192.0.2.1]: SMTP error from remote mail server after end of data: 554-5.7.1 this is\n554 5.7.1 spam`,
			"554-5.7.1 this is\n554 5.7.1 spam", classify.ClassSpamContent, classify.StageDot, "example.net", "mx.example.net"},
		{"one server before the next", head + "H=mx.example.net [192.0.2.1]: SMTP error from remote mail server after initial connection: 421 Too many concurrent SMTP connections; please try again later.",
			"421 Too many concurrent SMTP connections; please try again later.", classify.ClassTooManyConnections, classify.StageBanner, "", "mx.example.net"},
		{"refused by TCP", head + "H=mx.example.net [192.0.2.1] Connection refused", "", 0, 0, "", ""},
		{"put off by TCP", head + "== ann@example.net R=dnslookup T=remote_smtp defer (111): Connection refused",
			"Connection refused", classify.ClassNetwork, classify.StageConnect, "example.net", ""},
		{"a timeout", head + "== ann@example.net R=dnslookup T=remote_smtp defer (110) H=mx.example.net [192.0.2.1]: SMTP timeout after end of data (1234 bytes written): Connection timed out",
			"SMTP timeout after end of data (1234 bytes written): Connection timed out", classify.ClassNetwork, classify.StageDot, "example.net", "mx.example.net"},
		{"closed", head + "== ann@example.net R=dnslookup T=remote_smtp defer (-18) H=mx.example.net [192.0.2.1]: Remote host closed connection in response to pipelined RCPT TO:<ann@example.net>",
			"Remote host closed connection in response to pipelined RCPT TO:<ann@example.net>", classify.ClassNetwork, classify.StageRcpt, "example.net", "mx.example.net"},
		{"no such domain", head + "** ann@example.net: Unrouteable address", "Unrouteable address", classify.ClassBadDomain, classify.StageUnknown, "example.net", ""},
		{"with the process", "2026-11-23 10:11:12 [4711] 1vN0aB-000000001Xy-3Abc ** ann@example.net R=dnslookup T=remote_smtp H=mx.example.net [192.0.2.1]: SMTP error from remote mail server after RCPT TO:<ann@example.net>: 550 no such user",
			"550 no such user", classify.ClassBadMailbox, classify.StageRcpt, "example.net", "mx.example.net"},
		{"its own waiting", head + "== ann@example.net R=dnslookup T=remote_smtp defer (-53): retry time not reached for any host", "", 0, 0, "", ""},
		{"a local delivery", head + "=> ann <ann@example.net> R=localuser T=local_delivery", "", 0, 0, "", ""},
		{"an arrival", head + "<= news@example.com U=news P=local S=800", "", 0, 0, "", ""},
		{"the end", head + "Completed", "", 0, 0, "", ""},
		{"nothing", "", "", 0, 0, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := answerOf(&exim{}, tt.line)
			if tt.text == "" {
				if a.err != nil || a.fault != nil {
					t.Errorf("it has the answer %+v", a)
				}
				return
			}
			if a.text != tt.text || a.stage != tt.stage || a.domain != tt.domain || a.host != tt.host {
				t.Errorf("got %+v", a)
			}
			if got := formatTime(a.time); got != "2026-11-23 10:11:12" {
				t.Errorf("time is %s", got)
			}
			if _, v := testJudge(t).of(&a); v.Class != tt.class {
				t.Errorf("class is %v, want %v", v.Class, tt.class)
			}
		})
	}
}

// 12 messages a minute are accepted, then it refuses for the rest of the minute.
func TestEximRate(t *testing.T) {
	var b strings.Builder
	for _, minute := range []string{"10:00", "10:01", "10:02"} {
		for second := range 30 {
			b.WriteString("2026-11-23 " + minute + ":" + string(rune('0'+second/10)) + string(rune('0'+second%10)) + " 1vN0aB-0000000" + fmt.Sprintf("%s%02d", minute[3:], second) + "-3Abc ")
			if second < 12 {
				b.WriteString("=> ann@example.net R=dnslookup T=remote_smtp H=mx.example.net [192.0.2.1] C=\"250 Ok\"\n")
			} else {
				b.WriteString("== ann@example.net R=dnslookup T=remote_smtp defer (-45) H=mx.example.net [192.0.2.1]: SMTP error from remote mail server after MAIL FROM:<n@example.com>: 451 4.7.1 message rate limit exceeded\n")
			}
		}
	}
	stdout, _, status := execute(t, b.String(), "-log", "exim")
	if status != statusDone {
		t.Errorf("status %d", status)
	}
	mustHave(t, stdout, "example.net: 90 answers, 54 refused\n  classes   rate-limited 54, ok 36\n", `
  limit     message-rate, 54 times since 2026-11-23 10:00:12, last 2026-11-23 10:02:29
  reply     451 4.7.1 message rate limit exceeded
  set       rate:12/m
  because   a minute's share of what was accepted in the 3 minutes with such refusals
  config    Destinations: map[string]throttle.Limits{"example.net": {MessageRate: throttle.Rate{Count: 12, Per: time.Minute}}}
`)
	settings(t, stdout)
}
