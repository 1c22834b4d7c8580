package main

import (
	"strconv"
	"strings"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// postfix reads the lines of Postfix's smtp(8):
//
//	4F2: to=<ann@example.net>, relay=mx.example.net[192.0.2.1]:25, delay=1.2, delays=0.1/0/0.5/0.6,
//	dsn=4.7.0, status=deferred (host mx.example.net[192.0.2.1] said: 421 4.7.0 text (in reply to MAIL FROM command))
//
// and those with which it goes on to the next server of a destination, "4F2: host
// mx.example.net[192.0.2.1] said: ...". What it decides by itself is its own; a
// delivery that it puts off because an earlier one failed is no answer, nor is one to
// a content filter.
type postfix struct{}

// postfixDaemons are those of Postfix's programs that log as "postfix/NAME".
var postfixDaemons = map[string]bool{
	"anvil": true, "bounce": true, "cleanup": true, "discard": true, "dnsblog": true, "error": true, "flush": true,
	"lmtp": true, "local": true, "master": true, "pickup": true, "pipe": true, "postscreen": true, "proxymap": true,
	"qmgr": true, "scache": true, "showq": true, "smtp": true, "smtpd": true, "tlsmgr": true, "tlsproxy": true,
	"trivial-rewrite": true, "verify": true, "virtual": true, "postfix-script": true, "postqueue": true, "sendmail": true,
}

func (postfix) parse(e *entry, to []answer) ([]answer, string) {
	slash := strings.LastIndexByte(e.program, '/')
	daemon := e.program[slash+1:]
	switch {
	case e.program == "": // journalctl -o cat
		id, body, _ := strings.Cut(e.text, ": ")
		if strings.Contains(id, " ") || !strings.HasPrefix(body, "to=<") || !strings.Contains(body, ", status=") {
			return to, ""
		}
	case slash < 0 || !postfixDaemons[daemon]:
		return to, ""
	case daemon != "smtp":
		return to, e.program
	}
	id, body, _ := strings.Cut(e.text, ": ")
	a := answer{time: e.time, stage: classify.StageUnknown, id: id, process: e.pid}
	if strings.HasPrefix(body, "to=<") {
		return a.postfixDelivery(body, to)
	}
	if server, said, found := strings.Cut(body, " said: "); found && strings.HasPrefix(server, "host ") {
		a.postfixSaid(server, said)
		return append(to, a), ""
	}
	return to, "smtp without a delivery"
}

// postfixDelivery reads "to=<..>, relay=.., delays=.., dsn=.., status=.. (..)".
func (a answer) postfixDelivery(body string, to []answer) ([]answer, string) {
	fields, text, found := strings.Cut(body, ", status=")
	if !found {
		return to, "lines that are cut short"
	}
	status, text, found := strings.Cut(text, " (")
	if !found {
		return to, "lines that are cut short"
	}
	text = strings.TrimSuffix(text, ")")
	if strings.HasPrefix(text, "delivery temporarily suspended") {
		return to, "deliveries that Postfix has put off by itself"
	}
	dsn := a.postfixFields(fields)
	if isLoopback(a.host) {
		if status == "sent" {
			return to, "deliveries to a filter on this machine"
		}
		a.own = true
	}
	a.postfixText(text)
	if a.own {
		a.refine(dsn, status == "bounced" || status == "undeliverable")
	}
	return append(to, a), ""
}

// postfixFields reads "to=<..>, relay=.., conn_use=.., delays=a/b/c/d, dsn=..", and
// returns the last of them.
func (a *answer) postfixFields(fields string) (dsn string) {
	for fields != "" {
		var field string
		field, fields, _ = strings.Cut(fields, ", ")
		name, value, _ := strings.Cut(field, "=")
		switch name {
		case "to":
			a.recipient = strings.Trim(value, "<>")
			a.domain = domainOf(a.recipient)
		case "relay":
			a.host = hostIn(value)
			a.ordinal = 1
		case "conn_use":
			a.ordinal, _ = strconv.Atoi(value)
		case "delays":
			a.took = lastDelays(value)
		case "dsn":
			dsn = value
		}
	}
	if a.host == "" {
		a.ordinal = 0
	}
	return dsn
}

// lastDelays adds up the last two of "a/b/c/d": connecting, and sending.
func lastDelays(delays string) time.Duration {
	_, rest, _ := strings.Cut(delays, "/")
	_, rest, _ = strings.Cut(rest, "/")
	first, second, found := strings.Cut(rest, "/")
	connecting, err := strconv.ParseFloat(first, 64)
	sending, err2 := strconv.ParseFloat(second, 64)
	if !found || err != nil || err2 != nil {
		return 0
	}
	return seconds(connecting + sending)
}

// seconds returns a time in a log, to the millisecond; 0 for an impossible one.
func seconds(n float64) time.Duration {
	if !(n >= 0 && n <= 86400) { // nor no number
		return 0
	}
	return time.Duration(n * float64(time.Second)).Round(time.Millisecond)
}

// hostIn cuts a host out of "mx.example.net[192.0.2.1]:25"; "none" is none, and a
// server without a name has its address.
func hostIn(relay string) string {
	host, address, _ := strings.Cut(relay, "[")
	switch host = lower(strings.Trim(host, " .")); {
	case host == "none":
		return ""
	case host == "" || host == "unknown":
		host, _, _ = strings.Cut(address, "]")
	case strings.HasPrefix(relay, "/"), strings.HasPrefix(relay, "private/"): // a socket
		return "localhost"
	}
	return host
}

// postfixText reads what stands in the brackets of a status.
func (a *answer) postfixText(text string) {
	if isAccepted(text) {
		a.stage = classify.StageDot // status=sent (250 ...)
		a.take(text)
		return
	}
	if server, said, found := strings.Cut(text, " said: "); found && strings.HasPrefix(server, "host ") {
		a.postfixSaid(server, said)
		return
	}
	if server, said, found := strings.Cut(text, " refused to talk to me: "); found {
		a.setServer(server)
		a.stage = classify.StageBanner
		a.take(said)
		return
	}
	if _, where, found := strings.Cut(text, " while "); found {
		_, where, _ = strings.Cut(where, " ") // sending, receiving, performing
		a.stage = stageIn(where)
	} else if strings.HasPrefix(text, "connect to ") || strings.HasPrefix(text, "Host or domain name not found") {
		a.stage = classify.StageConnect
	}
	a.decide(text)
}

// postfixSaid reads "host mx[192.0.2.1] said: 421 text (in reply to MAIL FROM command)".
func (a *answer) postfixSaid(server, said string) {
	a.setServer(server)
	if i := strings.LastIndex(said, " (in reply to "); i >= 0 {
		a.stage = stageIn(said[i+len(" (in reply to "):])
		said = said[:i]
	}
	a.take(said)
}

func (a *answer) setServer(server string) {
	if host := hostIn(strings.TrimPrefix(server, "host ")); host != "" {
		a.host = host
	}
}
