package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
)

func TestParsePostfix(t *testing.T) {
	const head = "Nov 23 10:11:12 mail postfix/smtp[4711]: 4F2A1C: "
	for _, tt := range []struct {
		name, line         string
		text               string // "" for no answer
		class              classify.Class
		stage              classify.Stage
		domain, host, time string
		ordinal            int
		took               time.Duration
	}{
		{"delivered", head + "to=<ann@Example.NET>, relay=mx.example.net[192.0.2.1]:25, delay=1.2, delays=0.1/0.2/0.5/0.4, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as 9C)",
			"250 2.0.0 Ok: queued as 9C", classify.ClassOK, classify.StageDot, "example.net", "mx.example.net", "Nov 23 10:11:12", 1, 900 * time.Millisecond},
		{"put off at RCPT, on a connection's third message", head + "to=<ann@example.net>, orig_to=<a>, relay=mx.example.net[2001:db8::1]:25, conn_use=3, delay=1.2, delays=0.1/0/0/0.5, dsn=4.2.1, status=deferred (host mx.example.net[2001:db8::1] said: 450-4.2.1 too much 450 4.2.1 mail (in reply to RCPT TO command))",
			"450-4.2.1 too much 450 4.2.1 mail", classify.ClassRecipientRateLimited, classify.StageRcpt, "example.net", "mx.example.net", "Nov 23 10:11:12", 3, 500 * time.Millisecond},
		{"refused after the dot", head + "to=<ann@example.net>, relay=mx.example.net[192.0.2.1]:25, delay=1, delays=0/0/0/1, dsn=5.7.1, status=bounced (host mx.example.net[192.0.2.1] said: 554 5.7.1 this is spam (really) (in reply to end of DATA command))",
			"554 5.7.1 this is spam (really)", classify.ClassSpamContent, classify.StageDot, "example.net", "mx.example.net", "Nov 23 10:11:12", 1, time.Second},
		{"refused at the banner", head + "to=<ann@example.net>, relay=mx.example.net[192.0.2.1]:25, delay=1, delays=0/0/1/0, dsn=4.7.0, status=deferred (host mx.example.net[192.0.2.1] refused to talk to me: 421 4.7.0 mx Error: too many connections from 192.0.2.9)",
			"421 4.7.0 mx Error: too many connections from 192.0.2.9", classify.ClassTooManyConnections, classify.StageBanner, "example.net", "mx.example.net", "Nov 23 10:11:12", 1, time.Second},
		{"one server before the next", "2026-11-23T10:11:12.123456+01:00 mail postfix/smtp[4711]: 4F2A1C: host mx1.example.net[192.0.2.1] said: 421 4.7.0 too many connections (in reply to MAIL FROM command)",
			"421 4.7.0 too many connections", classify.ClassTooManyConnections, classify.StageMail, "", "mx1.example.net", "2026-11-23 10:11:12", 0, 0},
		{"no connection", head + "to=<ann@example.net>, relay=none, delay=30, delays=0/0/30/0, dsn=4.4.1, status=deferred (connect to mx.example.net[192.0.2.1]:25: Connection timed out)",
			"connect to mx.example.net[192.0.2.1]:25: Connection timed out", classify.ClassNetwork, classify.StageConnect, "example.net", "", "Nov 23 10:11:12", 0, 30 * time.Second},
		{"lost", head + "to=<ann@example.net>, relay=mx.example.net[192.0.2.1]:25, delay=3, delays=0/0/3/0, dsn=4.4.2, status=deferred (lost connection with mx.example.net[192.0.2.1] while sending RCPT TO)",
			"lost connection with mx.example.net[192.0.2.1] while sending RCPT TO", classify.ClassNetwork, classify.StageRcpt, "example.net", "mx.example.net", "Nov 23 10:11:12", 1, 3 * time.Second},
		{"lost after the dot", head + "to=<ann@example.net>, relay=mx.example.net[192.0.2.1]:25, delay=3, delays=0/0/3/0, dsn=4.4.2, status=deferred (conversation with mx.example.net[192.0.2.1] timed out while sending end of data -- message may be sent more than once)",
			"conversation with mx.example.net[192.0.2.1] timed out while sending end of data -- message may be sent more than once", classify.ClassNetwork, classify.StageDot, "example.net", "mx.example.net", "Nov 23 10:11:12", 1, 3 * time.Second},
		{"no such domain", head + "to=<ann@example.net>, relay=none, delay=0.1, delays=0/0/0/0, dsn=5.4.4, status=bounced (Host or domain name not found. Name service error for name=example.net type=AAAA: Host not found)",
			"Host or domain name not found. Name service error for name=example.net type=AAAA: Host not found", classify.ClassBadDomain, classify.StageUnknown, "example.net", "", "Nov 23 10:11:12", 0, 0},
		{"a name server that is down", head + "to=<ann@example.net>, relay=none, delay=0.1, delays=0/0/0/0, dsn=4.4.3, status=deferred (Host or domain name not found. Name service error for name=example.net type=MX: Host not found, try again)",
			"Host or domain name not found. Name service error for name=example.net type=MX: Host not found, try again", classify.ClassNetwork, classify.StageConnect, "example.net", "", "Nov 23 10:11:12", 0, 0},
		{"another instance", "Nov  3 10:11:12 mail postfix-out/smtp[4711]: 4zyXwV1: to=<ann@example.net>, relay=mx.example.net[192.0.2.1]:25, delay=1, delays=x, dsn=5.1.1, status=bounced (host mx.example.net[192.0.2.1] said: 550 5.1.1 no such user (in reply to RCPT TO command))",
			"550 5.1.1 no such user", classify.ClassBadMailbox, classify.StageRcpt, "example.net", "mx.example.net", "Nov  3 10:11:12", 1, 0},
		{"its own waiting", head + "to=<ann@example.net>, relay=none, delay=30, delays=0/0/30/0, dsn=4.4.1, status=deferred (delivery temporarily suspended: connect to mx.example.net[192.0.2.1]:25: Connection timed out)",
			"", 0, 0, "", "", "", 0, 0},
		{"another program", "Nov 23 10:11:12 mail postfix/qmgr[4711]: 4F2A1C: from=<a@example.com>, size=5, nrcpt=1 (queue active)", "", 0, 0, "", "", "", 0, 0},
		{"a server", "Nov 23 10:11:12 mail postfix/smtpd[4711]: NOQUEUE: reject: RCPT from x[192.0.2.1]: 450 4.7.1 no", "", 0, 0, "", "", "", 0, 0},
		{"a warning", "Nov 23 10:11:12 mail postfix/smtp[4711]: warning: no MX host for example.net", "", 0, 0, "", "", "", 0, 0},
		{"a cut line", head + "to=<ann@example.net>, relay=mx.exam", "", 0, 0, "", "", "", 0, 0},
		{"nothing", "", "", 0, 0, "", "", "", 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := answerOf(postfix{}, tt.line)
			if tt.text == "" {
				if a.err != nil || a.fault != nil {
					t.Errorf("it has the answer %+v", a)
				}
				return
			}
			if a.text != tt.text || a.stage != tt.stage || a.domain != tt.domain || a.host != tt.host || a.ordinal != tt.ordinal || a.took != tt.took {
				t.Errorf("got %+v", a)
			}
			if got := formatTime(a.time); got != tt.time {
				t.Errorf("time is %s, want %s", got, tt.time)
			}
			if _, v := testJudge(t).of(&a); v.Class != tt.class {
				t.Errorf("class is %v, want %v", v.Class, tt.class)
			}
		})
	}
}

// The log of a receiver that allows four connections and says so in the
// banner: four deliveries of 8 s are under way at every refusal.
func TestPostfixConnections(t *testing.T) {
	var b strings.Builder
	at := time.Date(0, 11, 23, 10, 0, 0, 0, time.UTC)
	line := func(at time.Time, relay, delays, status string) {
		fmt.Fprintf(&b, "%s mail postfix/smtp[1]: 4F: to=<ann@example.net>, relay=%s[192.0.2.1]:25, delay=1, delays=%s, dsn=4.0.0, status=%s\n",
			at.Format(time.Stamp), relay, delays, status)
	}
	for round := range 5 {
		start := at.Add(time.Duration(round) * 20 * time.Second)
		for range 3 {
			line(start.Add(5*time.Second), "mx.example.net", "0/0/0/0", "deferred (host mx.example.net[192.0.2.1] refused to talk to me: 421 4.7.0 too many connections)")
		}
		for range 4 {
			line(start.Add(9*time.Second), "mx.example.net", "0/0/1/7", "sent (250 2.0.0 Ok)")
		}
	}
	stdout, stderr, status := execute(t, b.String(), "-log", "postfix")
	if status != statusDone || stderr != "" {
		t.Errorf("status %d, stderr %q", status, stderr)
	}
	mustHave(t, stdout, "example.net: 35 answers, 15 refused\n  classes   ok 20, too-many-connections 15\n", `
  limit     connections, 15 times since Nov 23 10:00:05, last Nov 23 10:01:25
  reply     421 4.7.0 too many connections
  set       connections:4
  because   so many deliveries were under way when it refused, the median of 15 refusals
  config    Destinations: map[string]throttle.Limits{"example.net": {Connections: 4}}
`)
	settings(t, stdout)
}
