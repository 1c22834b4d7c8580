package main

import (
	"strings"
	"testing"
)

// The report of the program bulk, as its README shows it.
func TestJSONL(t *testing.T) {
	const input = `{"address":"ann@example.net","status":"delivered","code":250,"enhanced":"2.0.0","text":"Ok: queued as 4F2","class":"ok","tries":1,"attempts":1,"ambiguous":0,"seconds":0.031}
{"address":"gone@example.net","status":"refused","code":550,"enhanced":"5.1.1","text":"<gone@example.net>: no such user","class":"bad-mailbox","tries":1,"attempts":1,"ambiguous":0,"seconds":0.018}
{"address":"bob@qq.com","status":"gave_up","code":550,"enhanced":"","text":"Ip frequency limited","class":"rate-limited","tries":9,"attempts":1,"ambiguous":0,"seconds":86400}
{"address":"cy@example.org","status":"gave_up","code":0,"enhanced":"","text":"tls: failed to verify certificate","class":"tls","tries":9,"attempts":9,"ambiguous":0,"seconds":86400}
{"address":"dee@example.org","status":"not_tried","code":0,"enhanced":"","text":"smtpace: closed","class":"unknown","tries":0,"attempts":0,"ambiguous":0,"seconds":1}
{"messages":5,"delivered":1}
{"address":
`
	stdout, _, status := execute(t, input, "-log", "jsonl")
	if status != statusDone {
		t.Errorf("status %d", status)
	}
	for _, want := range []string{
		"example.net: 2 answers, 1 refused\n  classes   ok 1, bad-mailbox 1\n",
		"qq: 1 answer, 1 refused\n  classes   rate-limited 1\n  limit     message-rate, 1 time since line 3, last line 3\n  reply     550 Ip frequency limited\n  set       nothing: ",
		"  ask       https://service.mail.qq.com\n",
		"the sending server itself: 1 decision, none of them a receiver's reply\n  tls       1 time since line 4, last line 4, to example.org 1\n  words     tls: failed to verify certificate\n",
		"1 line without an answer\n",
		"2 lines with mistakes:\n  line 6: no line of a report: there is no address\n  line 7: unexpected end of JSON input\n",
	} {
		if !strings.Contains(stdout, want) {
			t.Errorf("the report does not have\n%s\nit is\n%s", want, stdout)
		}
	}
	if got := objectsOf(t, input, "-log", "jsonl"); len(got) != 7 || got[2]["limit"] != "message-rate" || got[4]["class"] != "unknown" || got[6]["error"] == nil {
		t.Errorf("objects are %v", got)
	}
}
