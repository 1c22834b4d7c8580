package main

import (
	"strconv"
	"strings"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// parsePostfix reads a line of Postfix's smtp(8):
//
//	Nov 23 10:11:12 mail postfix/smtp[99]: 4F2: to=<ann@example.net>, relay=mx.example.net[192.0.2.1]:25,
//	delay=1.2, delays=0.1/0/0.5/0.6, dsn=4.7.0, status=deferred (host mx.example.net[192.0.2.1] said: 421 4.7.0 text
//	(in reply to MAIL FROM command))
//
// and those with which it goes on to the next server of a destination, "4F2: host
// mx.example.net[192.0.2.1] said: ...". A delivery that it puts off by itself,
// because an earlier one failed, is no answer.
func parsePostfix(line string) answer {
	at, rest := splitTime(line)
	_, rest, found := strings.Cut(rest, "smtp[")
	_, rest, found2 := strings.Cut(rest, "]: ")
	if !found || !found2 {
		return answer{}
	}
	_, body, _ := strings.Cut(rest, ": ")
	a := answer{time: at, stage: classify.StageUnknown}
	text := body
	if strings.HasPrefix(body, "to=<") {
		var fields string
		if fields, text, found = strings.Cut(body, ", status="); !found {
			return answer{}
		}
		_, text, _ = strings.Cut(text, " (")
		text = strings.TrimSuffix(text, ")")
		a.setFields(fields)
	} else if !strings.HasPrefix(body, "host ") {
		return answer{}
	}
	if strings.HasPrefix(text, "delivery temporarily suspended") {
		return answer{}
	}
	a.setPostfixText(text)
	return a
}

// setFields reads "to=<..>, relay=.., conn_use=.., delays=a/b/c/d, dsn=..".
func (a *answer) setFields(fields string) {
	for field := range strings.SplitSeq(fields, ", ") {
		name, value, _ := strings.Cut(field, "=")
		switch name {
		case "to":
			a.domain = domainOf(strings.Trim(value, "<>"))
		case "relay":
			a.host = hostIn(value)
			a.ordinal = 1
		case "conn_use":
			a.ordinal, _ = strconv.Atoi(value)
		case "delays":
			a.took = lastDelays(value)
		}
	}
	if a.host == "" {
		a.ordinal = 0
	}
}

// lastDelays adds up the last two of "a/b/c/d": connecting, and sending.
func lastDelays(delays string) time.Duration {
	parts := strings.Split(delays, "/")
	if len(parts) != 4 {
		return 0
	}
	connecting, err := strconv.ParseFloat(parts[2], 64)
	sending, err2 := strconv.ParseFloat(parts[3], 64)
	sum := connecting + sending
	if err != nil || err2 != nil || !(sum >= 0 && sum <= 86400) { // nor no number
		return 0
	}
	return time.Duration(sum * float64(time.Second)).Round(time.Millisecond)
}

// hostIn cuts a host out of "mx.example.net[192.0.2.1]:25"; "none" is none.
func hostIn(relay string) string {
	host, _, _ := strings.Cut(relay, "[")
	if host = strings.ToLower(strings.TrimSpace(host)); host == "none" {
		return ""
	}
	return host
}

// setPostfixText reads what stands in the brackets of a status.
func (a *answer) setPostfixText(text string) {
	if server, said, found := strings.Cut(text, " said: "); found && strings.HasPrefix(server, "host ") {
		a.setServer(server)
		if i := strings.LastIndex(said, " (in reply to "); i >= 0 {
			a.stage = stageIn(said[i+len(" (in reply to "):])
			said = said[:i]
		}
		a.setText(said)
		return
	}
	if server, said, found := strings.Cut(text, " refused to talk to me: "); found {
		a.setServer(server)
		a.stage = classify.StageBanner
		a.setText(said)
		return
	}
	if _, where, found := strings.Cut(text, " while "); found {
		_, where, _ = strings.Cut(where, " ") // sending, receiving, performing
		a.stage = stageIn(where)
	} else if strings.HasPrefix(text, "connect to ") || strings.HasPrefix(text, "Host or domain name not found") {
		a.stage = classify.StageConnect
	}
	a.setText(text)
	if r, ok := a.err.(*classify.Reply); ok && r.Code/100 == 2 {
		a.stage = classify.StageDot // status=sent (250 ...)
	}
}

func (a *answer) setServer(server string) {
	if host := hostIn(strings.TrimPrefix(server, "host ")); host != "" {
		a.host = host
	}
}
