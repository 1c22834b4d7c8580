package main

import (
	"strings"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// opensmtpd reads the lines of OpenSMTPD about deliveries by SMTP:
//
//	5df87c9b982c840c mta delivery evpid=3d4c4a424797fe79 from=<news@example.com> to=<ann@example.net> rcpt=<->
//	source="198.51.100.7" relay="192.0.2.1 (mx.example.net)" delay=1s result="TempFail" stat="421 4.7.0 text"
//
// A status that is no reply is its own decision.
type opensmtpd struct{}

func (opensmtpd) parse(e *entry, to []answer) ([]answer, string) {
	if e.program != "smtpd" && e.program != "opensmtpd" && e.program != "smtpd-mta" {
		return to, ""
	}
	session, body, _ := strings.Cut(e.text, " ")
	if !strings.HasPrefix(body, "mta delivery ") && !strings.HasPrefix(e.text, "relay: ") {
		return to, "smtpd without a delivery"
	}
	text, found := quotedField(e.text, "stat")
	if !found {
		return to, "lines that are cut short"
	}
	a := answer{time: e.time, stage: classify.StageUnknown, id: bareField(e.text, "evpid"), process: session}
	if len(a.id) == 16 {
		a.id = a.id[:8] // the message; the rest is the recipient
	}
	a.recipient = strings.Trim(bareField(e.text, "to"), "<>,")
	a.domain = domainOf(a.recipient)
	relay, _ := quotedField(e.text, "relay")
	address, name, named := strings.Cut(relay, " (")
	a.host = lower(strings.Trim(name, ").")) // "192.0.2.1 (mx.example.net)"
	if _, _, isAddress := strings.Cut(a.host, ":"); !named || isAddress || strings.Trim(a.host, "0123456789.") == "" {
		address, a.host = a.host, lower(strings.TrimSpace(address)) // "mx.example.net (192.0.2.1)", as before 5.7
	}
	if a.host == "-" {
		a.host = ""
	}
	if isLoopback(a.host) || isLoopback(strings.TrimSpace(address)) {
		return to, "deliveries to a server on this machine"
	}
	if a.source, _ = quotedField(e.text, "source"); a.source == "-" {
		a.source = ""
	}
	if took, err := time.ParseDuration(strings.TrimSuffix(bareField(e.text, "delay"), ",")); err == nil && took >= 0 && took < time.Hour {
		a.took = took
	}
	result, _ := quotedField(e.text, "result")
	if result == "Ok" || result == "" && isAccepted(text) {
		a.stage = classify.StageDot
	}
	a.take(text)
	if a.own {
		a.refine("", result == "PermFail")
	}
	return append(to, a), ""
}

// quotedField returns the value of ` name="value"`.
func quotedField(text, name string) (string, bool) {
	_, rest, found := strings.Cut(text, " "+name+`="`)
	if !found {
		return "", false
	}
	end := strings.LastIndex(rest, `"`)
	if next := strings.Index(rest, `" `); next >= 0 && name != "stat" {
		end = next
	}
	if end < 0 {
		return rest, false
	}
	return rest[:end], true
}

// bareField returns the value of " name=value".
func bareField(text, name string) string {
	_, rest, _ := strings.Cut(text, " "+name+"=")
	value, _, _ := strings.Cut(rest, " ")
	return value
}
