package main

import (
	"strings"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// exim reads the lines of Exim's main log, as a file or in syslog: a delivery (=> and
// ->), a failure (**), a deferral (==), and the lines that tell of one server before
// the next is tried:
//
//	2026-11-23 10:11:12 1vN0aB-000000001Xy-3Abc == ann@example.net R=dnslookup T=remote_smtp defer (-44)
//	H=mx.example.net [192.0.2.1]: SMTP error from remote mail server after RCPT TO:<ann@example.net>: 450 4.7.1 text
//
// What it decides by itself is its own; what it puts off because no server's retry
// time is reached is no answer.
type exim struct{ stamps stamps }

func (x *exim) parse(e *entry, to []answer) ([]answer, string) {
	rest, at := e.rest, e.time
	if e.program != "" && strings.HasPrefix(e.program, "exim") {
		rest = e.text
		if own, after, ok := x.stamps.read(rest); ok { // syslog_timestamp is true, as delivered
			at, rest = own, after
		}
	} else if e.time.IsZero() {
		return to, ""
	}
	if pid, after, found := strings.Cut(rest, "] "); found && strings.HasPrefix(rest, "[") && len(pid) < 12 {
		rest = after // log_selector = +pid
	}
	id, body, _ := strings.Cut(rest, " ")
	flag, after, _ := strings.Cut(body, " ")
	if !isEximID(id) && !isEximFlag(flag) {
		if strings.HasPrefix(e.program, "exim") || isEximWord(id) {
			return to, "Exim without a message"
		}
		return to, ""
	}
	a := answer{time: at, stage: classify.StageUnknown, id: id}
	switch {
	case isEximFlag(flag):
		body = after
		a.domain, a.recipient = eximDomain(body)
	default:
		if !strings.HasPrefix(body, "H=") {
			if flag == "<=" || flag == "Completed" || flag == "*>" || flag == ">>" {
				return to, flag
			}
			return to, "other lines of a message"
		}
		flag = ""
	}
	a.host = eximHost(body)
	a.relay = isEximRelay(body)
	if flag == "=>" || flag == "->" {
		return a.eximDelivered(body, to)
	}
	return a.eximRefused(body, flag, to)
}

// isEximFlag recognizes the signs of a delivery, a failure and a deferral.
func isEximFlag(flag string) bool {
	return flag == "=>" || flag == "->" || flag == "**" || flag == "=="
}

// isEximID recognizes 1vN0aB-000000001Xy-3Abc, and 1vN0aB-0001Xy-Ab of before 4.97.
func isEximID(id string) bool {
	if len(id) != 16 && len(id) != 23 || id[6] != '-' || id[len(id)-3] != '-' && id[len(id)-5] != '-' {
		return false
	}
	for i := range len(id) {
		if c := id[i]; !isDigit(c) && c != '-' && (c|' ' < 'a' || c|' ' > 'z') {
			return false
		}
	}
	return true
}

// isEximWord recognizes the lines of its main log that have no message.
func isEximWord(word string) bool {
	switch word {
	case "exim", "Start", "End", "SMTP", "H=", "no", "TLS", "rejected", "Exim", "cwd=", "daemon:":
		return true
	}
	return strings.HasPrefix(word, "H=") || strings.HasPrefix(word, "cwd=")
}

// isEximRelay reports whether the router or the transport is named after a relay, as
// Debian's remote_smtp_smarthost is.
func isEximRelay(body string) bool {
	for _, key := range []string{" R=", " T="} {
		_, name, _ := strings.Cut(body, key)
		name, _, _ = strings.Cut(name, " ")
		if strings.Contains(name, "smarthost") || strings.Contains(name, "relay") {
			return true
		}
	}
	return false
}

// eximDomain returns the domain of the address in front, or, for a local part, of the address
// in brackets behind it.
func eximDomain(body string) (domain, address string) {
	address, rest, _ := strings.Cut(body, " ")
	if !strings.Contains(address, "@") && strings.HasPrefix(rest, "<") {
		address, _, _ = strings.Cut(rest, " ")
	}
	address = strings.Trim(address, "<>:")
	return domainOf(address), address
}

// eximHost returns the name behind H=.
func eximHost(body string) string {
	rest := body
	if !strings.HasPrefix(body, "H=") {
		var found bool
		if _, rest, found = strings.Cut(body, " H="); !found {
			return ""
		}
	} else {
		rest = body[2:]
	}
	host, rest, _ := strings.Cut(rest, " ")
	host = lower(strings.Trim(host, "():"))
	if strings.HasPrefix(host, "[") { // without a name
		return strings.Trim(host, "[]")
	}
	if address, _, found := strings.Cut(rest, "]"); found && isLoopback(strings.TrimPrefix(address, "[")) {
		return "localhost"
	}
	return host
}

// eximDelivered takes a delivery by SMTP: it has a host, and its reply stands behind C=
// unless the log leaves it out.
func (a answer) eximDelivered(body string, to []answer) ([]answer, string) {
	switch {
	case a.host == "":
		return to, "local deliveries"
	case isLoopback(a.host):
		return to, "deliveries to a filter on this machine"
	}
	a.stage = classify.StageDot
	reply := "250 "
	if _, quoted, found := strings.Cut(body, ` C="`); found {
		reply, _, _ = strings.Cut(quoted, `" `)
		reply = strings.TrimSuffix(reply, `"`)
	}
	a.took = eximTook(body)
	a.take(reply)
	if reply == "250 " {
		a.text = "250"
	}
	return append(to, a), ""
}

// eximRefused takes the error that ends a line.
func (a answer) eximRefused(body, flag string, to []answer) ([]answer, string) {
	for _, words := range []string{"retry time not reached", "all hosts", "retry timeout exceeded"} {
		if strings.Contains(body, words) {
			return to, "deliveries that Exim has put off or given up by itself"
		}
	}
	for _, remote := range []string{"SMTP error from remote mail server after ", "SMTP error from remote mailer after "} {
		_, said, found := strings.Cut(body, remote)
		if !found {
			continue
		}
		if reply, ok := replyAfter(said); ok {
			a.stage = stageIn(said)
			if a.ofServer = flag == ""; a.ofServer {
				a.recipient = addressAfter(said)
			}
			a.own = isLoopback(a.host)
			a.take(strings.ReplaceAll(reply, `\n`, "\n"))
			return append(to, a), ""
		}
	}
	_, text, found := strings.Cut(body, ": ")
	if !found || flag == "" {
		return to, "servers that Exim did not reach"
	}
	if _, where, found := strings.Cut(text, " after "); found {
		a.stage = stageIn(where)
	} else if _, where, found := strings.Cut(text, " in response to "); found {
		a.stage = stageIn(where)
	} else {
		a.stage = classify.StageConnect
	}
	a.decide(text)
	a.refine("", flag == "**")
	return append(to, a), ""
}

// eximTook reads DT=0.5s, the time of the delivery.
func eximTook(body string) (took time.Duration) {
	_, text, found := strings.Cut(body, " DT=")
	if !found {
		return 0
	}
	text, _, _ = strings.Cut(text, " ")
	took, err := time.ParseDuration(text)
	if err != nil || took < 0 || took > 24*time.Hour {
		return 0
	}
	return took
}

// addressAfter returns the address in "RCPT TO:<ann@example.net>: 450 text".
func addressAfter(said string) string {
	_, rest, _ := strings.Cut(said, "TO:<")
	address, _, _ := strings.Cut(rest, ">")
	return address
}
