package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A file of another format is an error that names the nearest one and the first line
// that does not fit.
func TestFilesOfOtherFormats(t *testing.T) {
	syslog, err := os.ReadFile(filepath.Join("testdata", "postfix.log"))
	if err != nil {
		t.Fatal(err)
	}
	prose := "The mail did not go out yesterday.\nWe have had 3 complaints since, all of them\nfrom people who wait for their news, every week and on time.\n"
	for _, tt := range []struct {
		name, input string
		args        []string
		stderr      []string
	}{
		{"prose", prose, nil, []string{"is of no format that is known; the nearest is ", `line 1 does not fit: "The mail did not go out yesterday."`}},
		{"JSON of others", `{"a":1}` + "\n" + `{"b":2}` + "\n", nil, []string{"the nearest is jsonl", `line 1 does not fit: "{\"a\":1}"`}},
		{"another table", "date,sender,size\n2026-11-23,ann,5\n2026-11-24,bob,6\n", nil, []string{"is of no format that is known; the nearest is ", "line 1 does not fit"}},
		{"Postfix as Exim", string(syslog), []string{"-log", "exim"}, []string{"is not of the format exim; line 1 does not fit: ", "it is of the format postfix (Postfix)"}},
		{"Postfix as Exchange", string(syslog), []string{"-log", "exchange"}, []string{"is not of the format exchange; line 1 does not fit: ", "it is of the format postfix (Postfix)"}},
		{"prose as Postfix", prose, []string{"-log", "postfix"}, []string{"is not of the format postfix; line 1 does not fit: ", "the nearest is "}},
		{"a list with a heading of prose", "450 4.2.1 busy\n" + prose, nil, []string{"the nearest is list (a list of replies), which line 2 does not fit"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			name := writeFile(t, tt.input)
			_, stderr, status := execute(t, "", append(tt.args, name)...)
			if status != statusIO {
				t.Errorf("status %d, want %d", status, statusIO)
			}
			mustHave(t, stderr, append(tt.stderr, "classify: "+name+" ")...)
		})
	}
}

// One file of another format does not keep the others from being read.
func TestOtherFilesAreReadAllTheSame(t *testing.T) {
	bad := writeFile(t, "This is no log.\nNor is this.\n")
	stdout, stderr, status := execute(t, "", filepath.Join("testdata", "exim.log"), bad, filepath.Join("testdata", "opensmtpd.log"))
	if status != statusIO || !strings.Contains(stderr, bad+" is of no format") {
		t.Errorf("status %d, stderr %q", status, stderr)
	}
	mustHave(t, stdout, "example.net: 32 answers, 8 refused\n", "opensmtpd.log: 70 lines of the format opensmtpd\n")
}

// The standard input is a list unless it is something else, and with -log auto it must
// be something.
func TestStandardInput(t *testing.T) {
	if got := objectsOf(t, "what is this\n450 4.2.1 busy\n"); len(got) != 2 || got[0]["error"] == nil || got[1]["class"] != "server-busy" {
		t.Errorf("objects are %v", got)
	}
	if _, stderr, status := execute(t, "what is this\n", "-log", "auto"); status != statusIO || !strings.Contains(stderr, "the standard input is of no format") {
		t.Errorf("status %d, stderr %q", status, stderr)
	}
	log, err := os.ReadFile(filepath.Join("testdata", "exim.log"))
	if err != nil {
		t.Fatal(err)
	}
	stdout, _, _ := execute(t, string(log), "-", filepath.Join("testdata", "postfix.log"))
	mustHave(t, stdout, "example.net: 32 answers, 8 refused\n", "the standard input: 102 lines of the format exim\n")
	if stdout, _, status := execute(t, "", writeFile(t, "")); status != statusDone || stdout != "no answers\n" {
		t.Errorf("of an empty file: status %d, %q", status, stdout)
	}
}

// One log may have several mail servers and much else.
func TestSyslogOfManyPrograms(t *testing.T) {
	var b strings.Builder
	for i := range 30 {
		b.WriteString("Nov 23 10:11:12 host CRON[" + string(rune('1'+i%9)) + "]: (root) CMD (true)\n")
	}
	b.WriteString(postfixLine("Nov 23 10:11:13", "41", "ann@example.net", "mx.example.net[192.0.2.1]:25", "sent (250 Ok)"))
	b.WriteString("Nov 23 10:11:14 host sm-mta[9]: 4AN1: to=<ann@example.net>, xdelay=00:00:02, mailer=esmtp, relay=mx.example.net. [192.0.2.1], dsn=2.0.0, stat=Sent (ok)\n")
	b.WriteString("Nov 23 10:11:14 host exim[9]: 1vN0aB-000000001Xy-3Abc => ann@example.net R=dnslookup T=remote_smtp H=mx.example.net [192.0.2.1] C=\"250 ok\"\n")
	stdout, stderr, status := execute(t, "", writeFile(t, b.String()))
	if status != statusDone || stderr != "" {
		t.Errorf("status %d, stderr %q", status, stderr)
	}
	mustHave(t, stdout, "example.net: 3 answers, 0 refused\n", "  30 lines of CRON, such as line 1: Nov 23 10:11:12 host CRON[1]: (root) CMD (true)\n", "33 lines of the format ")
}

// The lines of many programs are not told apart without end.
func TestKindsAreBounded(t *testing.T) {
	var s skipped
	for i := range 10 * maxKinds {
		s.add("kind "+strings.Repeat("x", i), "text", moment{line: i})
	}
	var b bytes.Buffer
	s.print(&b)
	if n := strings.Count(b.String(), "\n"); n > maxKinds+2 || !strings.Contains(b.String(), otherKinds) {
		t.Errorf("%d lines:\n%.500s", n, b.String())
	}
}

// Without the tries of level DEBUG, the outcomes of a Sender's log are the answers.
func TestSenderLogOfLevelInfo(t *testing.T) {
	const input = `time=2026-11-23T10:11:12.345Z level=INFO msg="smtpace: recipient settled" number=1 recipient=ann@example.net destination=example.net status=delivered tries=1
2026/11/23 10:11:13 INFO smtpace: recipient settled number=2 recipient=b***@gmail.com destination=google status="gave up" tries=9 class=rate-limited error="smtpace: message expired; RCPT: 450 4.2.1 receiving mail too quickly"
{"time":"2026-11-23T10:11:14Z","level":"INFO","msg":"smtpace: recipient settled","number":3,"recipient":"cy@example.net","destination":"example.net","status":"not tried","error":"smtpace: closed"}
{"time":"2026-11-23T10:11:14Z","level":"INFO","msg":"smtpace: lesson","scope":"destination","name":"google","limit":"mailbox-rate"}
`
	stdout, stderr, status := execute(t, input, "-log", "sender")
	if status != statusDone || stderr != "" {
		t.Errorf("status %d, stderr %q", status, stderr)
	}
	mustHave(t, stdout, "google: 1 answer, 1 refused\n", "  limit     mailbox-rate, 1 time", "example.net: 1 answer, 0 refused\n",
		"  1 recipients that were not tried", "  1 records without an answer")
}

func TestSessionsOfMDaemonMayBeInterleaved(t *testing.T) {
	const at = "Mon 2026-11-23 10:11:12.345: "
	input := at + "[7] Session 7; child 1\n" + at + "[8] Session 8; child 2\n" +
		at + "[7] Attempting SMTP connection to [mx.example.net:25]\n" + at + "[8] Attempting SMTP connection to [mx.example.org:25]\n" +
		at + "[7] --> RCPT To:<ann@example.net>\n" + at + "[8] --> RCPT To:<bob@example.org>\n" +
		at + "[7] --> RCPT To:<cy@example.net>\n" +
		at + "[8] <-- 550-5.1.1 no such\n" + at + "[7] <-- 450 4.2.1 receiving mail too quickly\n" + at + "[8] <-- 550 5.1.1 user\n" + at + "[7] <-- 250 ok\n" +
		at + "[7] --> DATA\n" + at + "[7] <-- 354 go on\n" + at + "[7] <-- 250 2.0.0 queued\n"
	got := objectsOf(t, input, "-log", "mdaemon")
	var answers []string
	for _, o := range got {
		if o["reply"] != "" {
			answers = append(answers, o["destination"].(string)+" "+o["class"].(string))
		}
	}
	if want := "example.net recipient-rate-limited, example.org bad-mailbox, example.net ok"; strings.Join(answers, ", ") != want {
		t.Errorf("answers are %v, want %s", answers, want)
	}
}

// A message of Exchange's may have many recipients, each with a status.
func TestExchangeRecipients(t *testing.T) {
	const head = "#Fields: date-time,server-hostname,source,event-id,internal-message-id,recipient-address,recipient-status\n"
	input := head +
		"2026-11-23T10:11:12.345Z,mx.example.net,SMTP,SEND,7,ann@example.net;bob@example.net,250 2.1.5 Ok;250 2.1.5 Ok\r\n" +
		`2026-11-23T10:11:13.345Z,mx.example.net,SMTP,FAIL,8,cy@example.net;dee@example.net,"[{LED=550 5.1.1 User unknown};{MSG=};{FQDN=mx.example.net};{IP=192.0.2.1}];[{LED=552 5.2.2 Mailbox full, sorry};{MSG=}]"` + "\r\n" +
		`2026-11-23T10:11:14.345Z,,ROUTING,FAIL,9,eve@example.net,"550 5.7.1 RESOLVER.RST.NotAuthorized; not authorized"` + "\r\n" +
		"2026-11-23T10:11:15.345Z,,STOREDRIVER,DELIVER,10,ann@example.com,\r\n"
	stdout, stderr, status := execute(t, input, "-log", "exchange")
	if status != statusDone || stderr != "" {
		t.Errorf("status %d, stderr %q", status, stderr)
	}
	mustHave(t, stdout, "example.net: 3 answers, 2 refused\n", "ok 1", "bad-mailbox 1", "mailbox-full 1", "the sending server itself: 1 decision", "  1 STOREDRIVER DELIVER, such as line 5")
}

func TestHistory(t *testing.T) {
	at := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	var h history
	h.add(at, true)
	h.add(at.Add(-3*time.Hour), false) // logs are out of order
	for i := range 100 {
		h.add(at.Add(time.Duration(i)*time.Minute), i%2 == 0)
	}
	h.add(time.Time{}, true)
	accepted, refused := uint32(0), uint32(0)
	for _, s := range h.steps {
		accepted += s.accepted
		refused += s.refused
	}
	if accepted != 51 || refused != 51 || len(h.steps) > maxSteps || steps[h.level] != 15*time.Minute {
		t.Errorf("%d accepted and %d refused in %d steps of %v, want 51 and 51 in steps of 15m", accepted, refused, len(h.steps), steps[h.level])
	}
	var b bytes.Buffer
	h.print(&b)
	mustHave(t, b.String(), "  when      2026-11-23 07:00:00 to 2026-11-23 11:45:00, a sign is 15 minutes\n", "  refused   ▁···········▇")
	h.add(at.AddDate(400, 0, 0), true)
	h.add(time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC), true)
	if len(h.steps) > maxSteps {
		t.Errorf("%d steps are kept", len(h.steps))
	}
	if got := sparkline([]int{0, 1, 4, 8}); got != "·▁▄█" {
		t.Errorf("drawn as %s", got)
	}
}

// At the end of summer time an hour comes twice; the minutes of both are told apart.
func TestClockPutBack(t *testing.T) {
	var b strings.Builder
	id := 0
	for _, hour := range []string{"01:59", "02:30", "02:59", "02:00", "02:30", "03:00"} {
		for range 6 {
			id++
			b.WriteString(postfixLine("Oct 25 "+hour+":01", "4F"+strings.Repeat("A", id), "ann@example.net", "mx.example.net[192.0.2.1]:25", "sent (250 Ok)"))
		}
		id++
		b.WriteString(postfixLine("Oct 25 "+hour+":02", "4F"+strings.Repeat("A", id), "ann@example.net", "mx.example.net[192.0.2.1]:25", said("mx.example.net[192.0.2.1]", "451 4.7.1 message rate limit exceeded")))
	}
	stdout, _, _ := execute(t, b.String())
	mustHave(t, stdout, "  set       rate:6/m\n  because   a minute's share of what was accepted in the 6 minutes with such refusals\n")
}

// A stated limit becomes the setting.
func TestStatedLimits(t *testing.T) {
	for reply, want := range map[string]string{
		"450 4.7.1 Error: rate limit: max 3 messages per 5 minutes exceeded":  "rate:3/5m",
		"421 4.7.0 too many connections, the limit is 12 connections":         "connections:12",
		"452 4.5.3 too many recipients, at most 25 recipients per message":    "per-message:25",
		"450 4.7.1 you have exceeded your quota of 1000 messages per day":     "quota:1000/d",
		"451 4.7.1 limit of 20 messages per connection reached, try again":    "per-connection:20",
		"450 4.2.1 mailbox ann@example.net gets at most 60 messages a minute": "",
	} {
		stdout, _, _ := execute(t, reply+"\tRCPT\texample.net\n")
		if want == "" {
			if strings.Contains(stdout, "  config ") {
				t.Errorf("%s: it says to set something:\n%s", reply, stdout)
			}
			continue
		}
		mustHave(t, stdout, "  set       "+want+"\n  because   the reply states it\n")
		settings(t, stdout)
	}
}

// Who is asked is told what he needs to know.
func TestLetter(t *testing.T) {
	input := "421 4.7.0 [192.0.2.9] too many connections, see https://post.example.net/limits?a=1.\tbanner\texample.net\n" +
		"421 RP-001 (BAY004) Unfortunately, some messages from 198.51.100.7 weren't sent.\tbanner\toutlook.com\n" +
		"550 5.1.1 no such user\tRCPT\texample.org\n"
	stdout, _, _ := execute(t, input)
	mustHave(t, stdout, "  ask       https://post.example.net/limits?a=1\n  send      Subject: mail from 192.0.2.9 is refused\n            Our server 192.0.2.9 sends mail to recipients at example.net.\n",
		"  ask       https://sendersupport.olc.protection.outlook.com/pm/\n", "Our server 198.51.100.7 sends mail to you, as to outlook.com.",
		"1 time, line 2, the last time with\n                421 RP-001 (BAY004) Unfortunately, some messages from 198.51.100.7 weren't sent.")
	if strings.Count(stdout, "  send ") != 2 {
		t.Errorf("somebody is asked about a wrong address:\n%s", stdout)
	}
}

func FuzzFormats(f *testing.F) {
	for _, tt := range stories {
		if strings.HasSuffix(tt.file, ".gz") || tt.format == "exchange" {
			continue
		}
		data, err := os.ReadFile(filepath.Join("testdata", tt.file))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(data[:min(len(data), 2000)]))
	}
	f.Add("#Fields: date-time,source,event-id,recipient-address,recipient-status\n2026-11-23T10:11:12Z,SMTP,FAIL,a@b;c@d,\"[{LED=550 no};{MSG=\"\"}]\"\n")
	f.Add("450 no\tRCPT\tqq")
	j := testJudge(f)
	f.Fuzz(func(t *testing.T, input string) {
		for _, format := range append(formats, anySyslog) {
			fuzzFormat(t, format, j, input)
		}
		detect(strings.Split(input, "\n"))
	})
}

// fuzzFormat reads an input as one format: whatever it is, the answers make sense, and
// the report can be written.
func fuzzFormat(t *testing.T, f format, j *judge, input string) {
	p, v := f.make(), &envelope{}
	var b bytes.Buffer
	r := newReport(&b)
	for line := range strings.SplitSeq(input, "\n") {
		e, whole := v.open(line)
		if !whole {
			continue
		}
		answers, kind := p.parse(&e, nil)
		for i := range answers {
			a := &answers[i]
			if a.took < 0 || a.ordinal < 0 || a.err == nil && a.fault == nil {
				t.Fatalf("%s: %q: %+v", f.name, line, a)
			}
			where, verdict := j.of(a)
			if a.own && verdict.Throttled() {
				t.Fatalf("%s: %q: its own decision hit a limit of a receiver: %+v", f.name, line, verdict)
			}
			r.add(a, where, verdict, moment{time: a.time})
		}
		r.skip(kind, line, moment{})
	}
	r.end(nil)
	for _, c := range b.String() {
		if c < ' ' && c != '\n' || c >= 0x7f && c < 0xa0 {
			t.Fatalf("%s: the report of %q has %U", f.name, input, c)
		}
	}
}

// A log whose times cannot be read is an error, and no log without answers.
func TestUnreadableTimes(t *testing.T) {
	var text strings.Builder
	for range 3 {
		text.WriteString(postfixLine("Xyz 23 10:11:12", "4A", "ann@example.net", "mx.example.net[192.0.2.1]:25", "sent (250 2.0.0 ok)"))
	}
	_, stderr, status := execute(t, text.String(), "-log", "auto", "-")
	if status == statusDone || !strings.Contains(stderr, "line 1 does not fit") {
		t.Errorf("status %d, stderr %q", status, stderr)
	}
}
