package main

import (
	"strings"

	"github.com/smtpace/smtpace/classify"
)

// parseExim reads a line of Exim's main log: a delivery (=> and ->), a failure
// (**), a deferral (==), and the lines that tell of one server before the next is
// tried:
//
//	2026-11-23 10:11:12 1vN0aB-000000001Xy-3Abc == ann@example.net R=dnslookup T=remote_smtp defer (-44)
//	H=mx.example.net [192.0.2.1]: SMTP error from remote mail server after RCPT TO:<ann@example.net>: 450 4.7.1 text
//
// What it puts off by itself, because no server's retry time is reached, is no
// answer.
func parseExim(line string) answer {
	at, rest := splitTime(line)
	if pid, after, found := strings.Cut(rest, "] "); found && strings.HasPrefix(pid, "[") {
		rest = after // log_selector = +pid
	}
	_, rest, _ = strings.Cut(rest, " ") // the message's id
	flag, body, _ := strings.Cut(rest, " ")
	a := answer{time: at, stage: classify.StageUnknown}
	switch flag {
	case "=>", "->", "**", "==":
		a.domain = eximDomain(body)
	default:
		if !strings.HasPrefix(rest, "H=") {
			return answer{}
		}
		body = rest
	}
	a.host = eximHost(body)
	if flag == "=>" || flag == "->" {
		return a.eximDelivered(body)
	}
	return a.eximRefused(body)
}

// eximDomain is that of the address in front, or, of a local part, that of the
// address in brackets behind it.
func eximDomain(body string) string {
	address, rest, _ := strings.Cut(body, " ")
	if !strings.Contains(address, "@") && strings.HasPrefix(rest, "<") {
		address, _, _ = strings.Cut(rest, " ")
	}
	return domainOf(address)
}

// eximHost is what stands behind H=.
func eximHost(body string) string {
	_, host, found := strings.Cut(" "+body, " H=")
	if !found {
		return ""
	}
	host, _, _ = strings.Cut(host, " ")
	return strings.ToLower(strings.Trim(host, "():"))
}

// eximDelivered takes a delivery by SMTP: it has a host, and its reply stands
// behind C= unless the log leaves it out.
func (a answer) eximDelivered(body string) answer {
	if a.host == "" {
		return answer{}
	}
	a.stage = classify.StageDot
	reply := "250"
	if _, quoted, found := strings.Cut(body, ` C="`); found {
		reply, _, _ = strings.Cut(quoted, `" `)
		reply = strings.TrimSuffix(reply, `"`)
	}
	a.setText(reply)
	return a
}

// eximRefused takes the error that ends a line.
func (a answer) eximRefused(body string) answer {
	const remote = "SMTP error from remote mail server after "
	if _, said, found := strings.Cut(body, remote); found {
		a.stage = stageIn(said)
		a.setText(replyAfter(said))
		return a
	}
	for _, words := range []string{"retry time not reached", "retry timeout exceeded", "all hosts"} {
		if strings.Contains(body, words) {
			return answer{}
		}
	}
	_, text, found := strings.Cut(body, ": ")
	if !found {
		return answer{}
	}
	if _, where, found := strings.Cut(text, " after "); found {
		a.stage = stageIn(where)
	} else if _, where, found := strings.Cut(text, " in response to "); found {
		a.stage = stageIn(where)
	} else {
		a.stage = classify.StageConnect
	}
	a.setText(text)
	return a
}

// replyAfter finds the reply in "MAIL FROM:<a@example.com> SIZE=1: 421 text": it
// begins behind the first ": " that a code follows.
func replyAfter(said string) string {
	for rest := said; ; {
		_, after, found := strings.Cut(rest, ": ")
		if !found {
			return said
		}
		if _, err := classify.ParseReply(after); err == nil {
			return strings.ReplaceAll(after, `\n`, "\n")
		}
		rest = after
	}
}
