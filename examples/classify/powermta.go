package main

import (
	"strings"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// powermta reads an accounting file of PowerMTA: a table with a line of names,
// "type,timeLogged,...", in which d is a delivery, b a bounce and t a try that failed for now.
type powermta struct {
	columns map[string]int
	fields  []string // of the line; reused
}

func (p *powermta) parse(e *entry, to []answer) ([]answer, string) {
	if strings.HasPrefix(e.line, "type,time") {
		p.columns = map[string]int{}
		for i, name := range strings.Split(strings.TrimSpace(e.line), ",") {
			p.columns[name] = i
		}
		return to, "lines of the head"
	}
	if p.columns == nil {
		return to, ""
	}
	p.fields = splitCSV(e.line, p.fields[:0])
	kind, at := p.field("type"), p.field("timeLogged")
	if len(kind) == 0 || len(kind) > 2 || len(p.fields) < len(p.columns)/2 {
		return to, ""
	}
	if kind != "d" && kind != "b" && kind != "t" && kind != "tq" && kind != "rb" {
		return to, "records of the type " + kind
	}
	a := answer{stage: classify.StageUnknown, source: p.field("dlvSourceIp"), id: p.field("jobId")}
	a.host, _, _ = strings.Cut(lower(p.field("dsnMta")), " ")
	if t, err := time.Parse("2006-01-02 15:04:05-0700", at); err == nil {
		a.time = t.UTC()
	} else if t, n := readTime(at); n > 0 {
		a.time = t
	}
	diag := p.field("dsnDiag")
	if diag == "" { // what PowerMTA knows itself: "4.4.1 (no answer from host)"
		diag = p.field("dsnStatus")
		a.recipient, a.domain = p.field("rcpt"), domainOf(p.field("rcpt"))
		if kind == "d" {
			a.text, a.err, a.stage = diag, accepted, classify.StageDot
			return append(to, a), ""
		}
		a.decide(diag)
		status, _, _ := strings.Cut(diag, " ")
		a.refine(status, kind == "b" || kind == "rb")
		return append(to, a), ""
	}
	a.event(p.field("rcpt"), diag, kind == "d", kind == "b" || kind == "rb")
	return append(to, a), ""
}

func (p *powermta) field(name string) string {
	i, known := p.columns[name]
	if !known || i >= len(p.fields) {
		return ""
	}
	return p.fields[i]
}
