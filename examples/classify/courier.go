package main

import (
	"strings"

	"github.com/smtpace/smtpace/classify"
)

// courier reads the lines of Courier's courieresmtp. The reply stands in one of them, and
// what becomes of the recipient in the next:
//
//	id=000000000012B8D6.45A1,from=<news@example.com>,addr=<ann@example.net>: 450 4.7.1 text
//	id=000000000012B8D6.45A1,from=<news@example.com>,addr=<ann@example.net>,status: deferred
//	id=000000000012B8D7.45A1,from=<news@example.com>,addr=<bob@example.net>,success: delivered: mx.example.net [192.0.2.1]
type courier struct{}

func (courier) parse(e *entry, to []answer) ([]answer, string) {
	if e.program != "courieresmtp" {
		return to, ""
	}
	id, rest, found := strings.Cut(strings.TrimPrefix(e.text, "id="), ",")
	_, rest, addressed := strings.Cut(rest, "addr=<")
	address, rest, closed := strings.Cut(rest, ">")
	if !found || !addressed || !closed {
		return to, "courieresmtp without a recipient"
	}
	a := answer{time: e.time, stage: classify.StageUnknown, id: id, recipient: address, domain: domainOf(address)}
	switch text, said := strings.CutPrefix(rest, ": "); {
	case said && !strings.HasPrefix(text, "status"):
		a.take(text)
		if a.own {
			a.refine("", false)
		}
	case strings.HasPrefix(rest, ",success: "):
		_, server, _ := strings.Cut(rest, "delivered: ")
		a.host, _, _ = strings.Cut(lower(server), " ")
		a.text, a.err, a.stage = "250", accepted, classify.StageDot
	default:
		return to, "courieresmtp of what becomes of a recipient"
	}
	return append(to, a), ""
}
