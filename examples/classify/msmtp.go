package main

import (
	"strings"

	"github.com/smtpace/smtpace/classify"
)

// msmtp reads the log of msmtp, which gives every message to a relay:
//
//	Nov 23 10:11:12 host=smtp.example.com tls=on auth=on user=ann from=ann@example.com recipients=bob@example.net
//	mailsize=1234 smtpstatus=250 smtpmsg='250 2.0.0 Ok' exitcode=EX_OK
type msmtp struct{}

func (msmtp) parse(e *entry, to []answer) ([]answer, string) {
	if e.program != "msmtp" && e.program != "" {
		return to, ""
	}
	text := " " + e.text
	host, exit := bareField(text, "host"), bareField(text, "exitcode")
	if !strings.HasPrefix(e.text, "host=") || host == "" || exit == "" {
		return to, ""
	}
	a := answer{time: e.time, stage: classify.StageUnknown, host: lower(host), relay: true, source: bareField(text, "source_ip")}
	a.recipient, _, _ = strings.Cut(bareField(text, "recipients"), ",")
	a.domain = domainOf(a.recipient)
	message := singleQuoted(text, "smtpmsg")
	switch {
	case exit == "EX_OK":
		a.text, a.err, a.stage = message, accepted, classify.StageDot
	case message != "":
		a.take(strings.ReplaceAll(message, `\n`, "\n"))
	default:
		a.decide(singleQuoted(text, "errormsg"))
		a.refine("", false)
	}
	return append(to, a), ""
}

// singleQuoted returns the value of " name='value'".
func singleQuoted(text, name string) string {
	_, rest, _ := strings.Cut(text, " "+name+"='")
	if end := strings.Index(rest, "' "); end >= 0 {
		return rest[:end]
	}
	return strings.TrimSuffix(rest, "'")
}
