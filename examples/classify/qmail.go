package main

import (
	"strings"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// qmail reads the lines of qmail-send, under multilog, s6-log or syslog. A delivery
// has two:
//
//	@4000000069a1... starting delivery 5: msg 1234 to remote ann@example.net
//	@4000000069a1... delivery 5: deferral: 192.0.2.1_does_not_like_recipient./Remote_host_said:_450_4.2.1_text/Giving_up_on_192.0.2.1./
type qmail struct {
	underWay map[string]qmailDelivery // by the delivery's number
}

type qmailDelivery struct {
	message, recipient string
	began              time.Time
}

// maxUnderWay bounds the deliveries whose end is awaited; qmail has 500 at most.
const maxUnderWay = 2000

func (q *qmail) parse(e *entry, to []answer) ([]answer, string) {
	text := e.rest
	if strings.HasPrefix(e.program, "qmail") { // splogger writes a time of its own
		text = e.text
		if _, n := readTime(text); n > 0 {
			text = text[n:]
		}
	}
	text = strings.TrimLeft(text, " ")
	word, rest, _ := strings.Cut(text, " ")
	switch word {
	case "starting":
		number, rest, found := strings.Cut(strings.TrimPrefix(rest, "delivery "), ": msg ")
		message, route, found2 := strings.Cut(rest, " to ")
		if !found || !found2 {
			return to, ""
		}
		if address, remote := strings.CutPrefix(route, "remote "); remote {
			q.begin(number, qmailDelivery{strings.Clone(message), strings.Clone(address), e.time})
		}
		return to, "beginnings of deliveries"
	case "delivery":
		number, rest, found := strings.Cut(rest, ": ")
		result, said, found2 := strings.Cut(rest, ": ")
		if !found || !found2 {
			return to, ""
		}
		return q.ended(e, number, result, said, to)
	case "new", "info", "end", "bounce", "triple", "double":
		if strings.Contains(rest, "msg ") {
			return to, "lines of a message"
		}
	case "status:", "warning:", "alert:", "running", "exiting":
		return to, word
	}
	return to, ""
}

func (q *qmail) begin(number string, d qmailDelivery) {
	if q.underWay == nil || len(q.underWay) >= maxUnderWay {
		q.underWay = map[string]qmailDelivery{}
	}
	q.underWay[strings.Clone(number)] = d
}

// ended reads the result of a delivery. One without a beginning in this log, or a local
// one, has a result of remote form at best.
func (q *qmail) ended(e *entry, number, result, said string, to []answer) ([]answer, string) {
	d, known := q.underWay[number]
	delete(q.underWay, number)
	said = strings.ReplaceAll(strings.TrimSuffix(said, "/"), "_", " ")
	if !known && !strings.Contains(said, "Remote host said: ") {
		return to, "local deliveries"
	}
	a := answer{time: e.time, stage: classify.StageUnknown, id: d.message, recipient: d.recipient, domain: domainOf(d.recipient)}
	if took := e.time.Sub(d.began); known && took > 0 && took < time.Hour {
		a.took = took
	}
	where, reply, answered := strings.Cut(said, "Remote host said: ")
	a.host = addressIn(where)
	if isLoopback(a.host) {
		return to, "deliveries to a server on this machine"
	}
	a.stage = qmailStage(where)
	if answered {
		reply, _, _ = strings.Cut(reply, "/Giving up on ")
		a.take(strings.ReplaceAll(strings.TrimSuffix(reply, "/"), "/", "\n"))
		return append(to, a), ""
	}
	a.decide(strings.TrimSuffix(said, "/"))
	_, dsn, _ := strings.Cut(said, "(#")
	dsn, _, _ = strings.Cut(dsn, ")")
	a.refine(dsn, result == "failure")
	return append(to, a), ""
}

// qmailStage reads qmail-remote's words for what it was doing.
func qmailStage(where string) classify.Stage {
	for _, s := range []struct {
		words string
		stage classify.Stage
	}{
		{"does not like recipient", classify.StageRcpt},
		{"sender was rejected", classify.StageMail},
		{"greeting failed", classify.StageBanner},
		{"my name was rejected", classify.StageEHLO},
		{"failed on DATA command", classify.StageData},
		{"failed after I sent the message", classify.StageDot},
		{"accepted message", classify.StageDot},
		{"tls", classify.StageStartTLS},
		{"auth", classify.StageAuth},
	} {
		if strings.Contains(where, s.words) {
			return s.stage
		}
	}
	return classify.StageUnknown
}

// addressIn finds the IP address that qmail-remote names first.
func addressIn(words string) string {
	for word := range strings.FieldsSeq(words) {
		word = strings.Trim(word, "()[].,")
		if strings.Count(word, ".") == 3 && strings.Trim(word, "0123456789.") == "" || strings.Count(word, ":") >= 2 {
			return word
		}
	}
	return ""
}
