package main

import (
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// parsed reads one line by a parser of a format.
func parsed(t *testing.T, name, line string) ([]answer, string) {
	t.Helper()
	var v envelope
	e, whole := v.open(line)
	if !whole {
		t.Fatalf("%q is a part of a line", line)
	}
	return formatNamed(name).make().parse(&e, nil)
}

func TestParseEvents(t *testing.T) {
	at := time.Date(2026, 11, 23, 10, 11, 12, 0, time.UTC)
	for _, tt := range []struct {
		name, line  string
		texts       []string
		class       classify.Class // of the last one
		domain      string
		own, timed  bool
		kind        string
		wantedStage classify.Stage
	}{
		{"KumoMTA, two recipients", `{"type":"TransientFailure","id":"a","recipient":["ann@example.net","bob@example.net"],"queue":"example.net","response":{"code":421,"enhanced_code":{"class":4,"subject":7,"detail":0},"content":"too many connections","command":"MAIL FROM:<a@example.com>"},"peer_address":{"name":"mx.example.net.","addr":"192.0.2.1"},"timestamp":1795428672}`,
			[]string{"421 4.7.0 too many connections", "421 4.7.0 too many connections"}, classify.ClassTooManyConnections, "example.net", false, true, "", classify.StageMail},
		{"KumoMTA, no server", `{"type":"TransientFailure","id":"a","recipient":"ann@example.net","queue":"example.net","response":{"code":400,"enhanced_code":null,"content":"KumoMTA internal: connection refused","command":null},"peer_address":null,"timestamp":1795428672}`,
			[]string{"KumoMTA internal: connection refused"}, classify.ClassNetwork, "example.net", true, true, "", classify.StageUnknown},
		{"KumoMTA, a reception", `{"type":"Reception","id":"a","recipient":"ann@example.net","queue":"example.net","response":{"code":250},"timestamp":1795428672}`,
			nil, 0, "", false, false, "Reception events", 0},
		{"SES behind SNS", `{"Type":"Notification","Message":"{\"notificationType\":\"Bounce\",\"bounce\":{\"bounceType\":\"Permanent\",\"timestamp\":\"2026-11-23T10:11:12.000Z\",\"bouncedRecipients\":[{\"emailAddress\":\"ann@example.net\",\"diagnosticCode\":\"smtp; 550 5.1.1 user unknown\"}]},\"mail\":{\"messageId\":\"a\"}}"}`,
			[]string{"550 5.1.1 user unknown"}, classify.ClassBadMailbox, "example.net", false, true, "Bounce events", classify.StageUnknown},
		{"SES, nobody was asked", `{"eventType":"Bounce","bounce":{"bounceType":"Permanent","bounceSubType":"OnAccountSuppressionList","bouncedRecipients":[{"emailAddress":"ann@example.net"}]},"mail":{}}`,
			nil, 0, "", false, false, "Bounce events without a reply", 0},
		{"SendGrid, several", `[{"email":"ann@example.net","timestamp":1795428672,"event":"deferred","response":"450 4.2.1 receiving mail too quickly"},{"email":"ann@example.net","timestamp":1795428672,"event":"bounce","reason":"550 5.2.2 mailbox full"}]`,
			[]string{"450 4.2.1 receiving mail too quickly", "550 5.2.2 mailbox full"}, classify.ClassMailboxFull, "example.net", false, true, "", classify.StageUnknown},
		{"SendGrid, opened", `[{"email":"ann@example.net","timestamp":1795428672,"event":"open"}]`, nil, 0, "", false, false, "open events", 0},
		{"Mailgun's webhook", `{"signature":{},"event-data":{"event":"failed","severity":"temporary","timestamp":1795428672.5,"recipient":"ann@example.net","delivery-status":{"code":452,"mx-host":"mx.example.net","message":"4.2.2 over quota"}}}`,
			[]string{"452 4.2.2 over quota"}, classify.ClassMailboxFull, "example.net", false, true, "", classify.StageUnknown},
		{"Mailgun, a suppressed address", `{"event":"failed","severity":"permanent","reason":"suppress-bounce","recipient":"ann@example.net","delivery-status":{"code":605,"message":""}}`,
			nil, 0, "", false, false, "failed events without a reply", 0},
		{"Postmark", `{"RecordType":"Bounce","Type":"HardBounce","Email":"ann@example.net","Details":"smtp;550 5.1.1 no such user","BouncedAt":"2026-11-23T10:11:12Z"}`,
			[]string{"550 5.1.1 no such user"}, classify.ClassBadMailbox, "example.net", false, true, "", classify.StageUnknown},
		{"of nobody", `{"level":"info","msg":"hello"}`, nil, 0, "", false, false, "", 0},
		{"a list with a stranger", `[{"email":"ann@example.net","event":"deferred","response":"450 later"},{"a":1}]`, nil, 0, "", false, false, "", 0},
		{"cut short", `[{"email":"ann@example.net","event":"def`, nil, 0, "", false, false, "", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, kind := parsed(t, "events", tt.line)
			if kind != tt.kind || len(got) != len(tt.texts) {
				t.Fatalf("%d answers, kind %q, want %d, %q", len(got), kind, len(tt.texts), tt.kind)
			}
			for i, a := range got {
				if a.text != tt.texts[i] || a.domain != tt.domain || a.own != tt.own || tt.timed && a.time.Truncate(time.Second) != at {
					t.Errorf("answer %d is %+v", i, a)
				}
			}
			if n := len(got); n > 0 {
				if class := classify.Of(got[n-1].stage, got[n-1].err).Class; class != tt.class || got[n-1].stage != tt.wantedStage {
					t.Errorf("class %v at %v, want %v at %v", class, got[n-1].stage, tt.class, tt.wantedStage)
				}
			}
		})
	}
}

func TestParseMsmtp(t *testing.T) {
	const head = "Nov 23 10:11:12 host=smtp.example.com tls=on auth=on user=ann from=ann@example.com recipients=bob@example.net,cy@example.org "
	for _, tt := range []struct {
		name, line, text string
		class            classify.Class
	}{
		{"taken", head + "mailsize=99 smtpstatus=250 smtpmsg='250 2.0.0 OK it's here' exitcode=EX_OK", "250 2.0.0 OK it's here", classify.ClassOK},
		{"refused", head + `smtpstatus=550 smtpmsg='550-5.4.5 Daily user sending limit exceeded.\n550 5.4.5 more' errormsg='recipient address bob@example.net not accepted by the server' exitcode=EX_DATAERR`,
			"550-5.4.5 Daily user sending limit exceeded.\n550 5.4.5 more", classify.ClassRateLimited},
		{"no connection", head + "errormsg='cannot connect to smtp.example.com, port 587: Connection timed out' exitcode=EX_TEMPFAIL", "cannot connect to smtp.example.com, port 587: Connection timed out", classify.ClassNetwork},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, _ := parsed(t, "msmtp", tt.line)
			if len(got) != 1 || got[0].text != tt.text || !got[0].relay || got[0].host != "smtp.example.com" || got[0].domain != "example.net" {
				t.Fatalf("%+v", got)
			}
			if class := classify.Of(got[0].stage, got[0].err).Class; class != tt.class {
				t.Errorf("class %v, want %v", class, tt.class)
			}
		})
	}
	if got, kind := parsed(t, "msmtp", "Nov 23 10:11:12 host=web1 something else"); len(got) > 0 || kind != "" {
		t.Errorf("a stranger is %v, %q", got, kind)
	}
}

func TestParsePowerMTA(t *testing.T) {
	p := &powermta{}
	read := func(line string) ([]answer, string) {
		var v envelope
		e, _ := v.open(line)
		return p.parse(&e, nil)
	}
	if got, kind := read("d,2026-11-23 10:11:12+0100,a"); len(got) > 0 || kind != "" {
		t.Errorf("without its head a table is %v, %q", got, kind)
	}
	read("type,timeLogged,rcpt,dsnStatus,dsnDiag,dsnMta,dlvSourceIp")
	got, _ := read(`t,2026-11-23 11:11:12+0100,ann@example.net,4.0.0,"smtp;421 ""slow"" down, too many connections",mx.example.net (192.0.2.1),198.51.100.7`)
	if len(got) != 1 || got[0].text != `421 "slow" down, too many connections` || got[0].host != "mx.example.net" || got[0].source != "198.51.100.7" || got[0].time.Hour() != 10 {
		t.Errorf("a try is %+v", got)
	}
	if got, _ = read("b,2026-11-23 11:11:12+0100,ann@example.net,4.4.1 (no answer from host),,,"); len(got) != 1 || !got[0].own || got[0].fate != fateRefused || got[0].class != classify.ClassNetwork {
		t.Errorf("a bounce without a server is %+v", got)
	}
	if got, kind := read("f,2026-11-23 11:11:12+0100,ann@example.net,,,,"); len(got) > 0 || kind != "records of the type f" {
		t.Errorf("a complaint is %v, %q", got, kind)
	}
}
