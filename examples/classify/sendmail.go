package main

import (
	"strings"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// sendmail reads the lines of sendmail about deliveries by SMTP:
//
//	4AN1a2b3: to=<ann@example.net>, delay=00:00:03, xdelay=00:00:02, mailer=esmtp, pri=1, relay=mx.example.net.
//	[192.0.2.1], dsn=4.2.0, stat=Deferred: 450 4.2.1 text
//
// The recipients of a line have had the same answer. What it decides by itself is its
// own: no connection, no host, no login.
type sendmail struct{}

func (sendmail) parse(e *entry, to []answer) ([]answer, string) {
	switch e.program {
	case "sendmail", "sm-mta", "sm-msp-queue", "sm-acceptingconnections", "sendmail-mta":
	default:
		return to, ""
	}
	id, body, _ := strings.Cut(e.text, ": ")
	a := answer{time: e.time, stage: classify.StageUnknown, id: id, process: e.pid}
	addresses, fields, found := strings.Cut(body, ", ")
	if !strings.HasPrefix(body, "to=") || !found {
		return to, e.program + " without a delivery"
	}
	for strings.Contains(fields, "@") && !strings.Contains(fields[:strings.IndexByte(fields, '@')], "=") {
		var more string // "to=<a@x>, <b@y>, delay=..", as some versions write it
		more, fields, _ = strings.Cut(fields, ", ")
		addresses += "," + more
	}
	fields, stat, found := strings.Cut(", "+fields, ", stat=")
	if !found {
		return to, "lines that are cut short"
	}
	mailer := fieldOf(fields, "mailer")
	if mailer == "local" || mailer == "prog" || mailer == "*file*" || mailer == "cyrusv2" {
		return to, "local deliveries"
	}
	a.relay = mailer == "relay"
	a.host = hostIn(fieldOf(fields, "relay"))
	a.took = clockTook(fieldOf(fields, "xdelay"))
	if isLoopback(a.host) {
		return to, "deliveries to a server on this machine"
	}
	if stat == "queued" || strings.HasPrefix(stat, "quarantined") {
		return to, "mail that was only queued"
	}
	a.sendmailStat(stat, fieldOf(fields, "dsn"), fieldOf(fields, "reply"))
	for address := range strings.SplitSeq(strings.TrimPrefix(addresses, "to="), ",") {
		a.recipient = strings.Trim(address, "<> ")
		a.domain = domainOf(address)
		to = append(to, a)
		a.again = true
	}
	return to, ""
}

// fieldOf returns the value of ", name=value".
func fieldOf(fields, name string) string {
	_, rest, _ := strings.Cut(fields, ", "+name+"=")
	value, _, _ := strings.Cut(rest, ", ")
	return value
}

// sendmailStat judges what sendmail says of a delivery. A reply stands in it, or in
// the field reply; otherwise the enhanced code and the words are a reply that was
// shortened, as in "dsn=5.1.1, stat=User unknown".
func (a *answer) sendmailStat(stat, dsn, reply string) {
	if words, found := strings.CutPrefix(stat, "Sent"); found {
		a.stage = classify.StageDot
		a.take("250 " + strings.Trim(words, " ()"))
		return
	}
	text := strings.TrimPrefix(strings.TrimPrefix(stat, "Deferred: "), "Service unavailable: ")
	refused := strings.HasPrefix(dsn, "5")
	for _, said := range []string{reply, text} {
		if strings.HasPrefix(said, "403 ") { // sendmail's own code for TLS that failed
			a.decide(said)
			a.refine(dsn, refused)
			return
		}
		if _, err := classify.ParseReply(said); err == nil {
			a.take(said)
			return
		}
	}
	if a.host == "" || strings.HasPrefix(dsn, "4.4.") || strings.HasPrefix(dsn, "5.4.") || classIn(strings.ToLower(stat)) != classify.ClassUnknown || judgedByError(failureIn(text, strings.ToLower(text))) {
		a.decide(text)
		a.refine(dsn, refused)
		return
	}
	code := "450 "
	if refused {
		code = "550 "
	}
	a.take(code + strings.TrimSpace(dsn+" "+text))
}

// clockTook reads "00:00:02" and "1+02:03:04".
func clockTook(text string) (took time.Duration) {
	days, rest, found := strings.Cut(text, "+")
	if !found {
		days, rest = "0", text
	}
	n, ok := number(days)
	at, length := readClock(rest)
	if !ok || n > 0 || length == 0 {
		return 0 // more than a day is no delivery
	}
	return at
}
