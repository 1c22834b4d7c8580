package main

import (
	"slices"
	"strings"

	"github.com/smtpace/smtpace/classify"
)

// exchange reads the message tracking log of Exchange, a table whose columns a line
// "#Fields: date-time,client-ip,..." names. The events SEND and SENDEXTERNAL of SMTP
// are deliveries, FAIL and DEFER of SMTP have the last error of the receiver; the same
// of other sources are Exchange's own decisions:
//
//	{LED=450 4.2.1 text};{MSG=};{FQDN=mx.example.net};{IP=192.0.2.1};{LRT=11/23/2026 10:11:12 AM}
type exchange struct {
	columns map[string]int
	fields  []string // of the line; reused
}

// exchangeColumns are those of Exchange 2013 and later, for a piece of a log without
// its head.
const exchangeColumns = "date-time,client-ip,client-hostname,server-ip,server-hostname,source-context,connector-id," +
	"source,event-id,internal-message-id,message-id,network-message-id,recipient-address,recipient-status,total-bytes," +
	"recipient-count,related-recipient-address,reference,message-subject,sender-address,return-path,message-info," +
	"directionality,tenant-id,original-client-ip,original-server-ip,custom-data"

func (x *exchange) parse(e *entry, to []answer) ([]answer, string) {
	if strings.HasPrefix(e.line, "#") {
		return to, x.head(e.line)
	}
	if strings.HasPrefix(e.line, "date-time,client-ip,") {
		return to, x.head("#Fields: " + e.line)
	}
	if x.columns == nil {
		x.head("#Fields: " + exchangeColumns)
	}
	x.fields = splitCSV(e.line, x.fields[:0])
	date := x.field("date-time")
	at, n := readTime(date)
	source, event := x.field("source"), x.field("event-id")
	if n == 0 || n != len(date) || source == "" || event == "" || len(x.fields) < len(x.columns)/2 {
		return to, ""
	}
	kind := source + " " + event
	a := answer{
		time: at, stage: classify.StageUnknown, id: x.field("internal-message-id"),
		host: lower(x.field("server-hostname")), source: x.field("original-server-ip"),
	}
	if strings.HasPrefix(x.field("connector-id"), "Intra-Organization") {
		return to, kind + " within the organization"
	}
	sent := source == "SMTP" && (event == "SEND" || event == "SENDEXTERNAL")
	if !sent && event != "FAIL" && event != "DEFER" {
		return to, kind
	}
	addresses := splitList(x.field("recipient-address"))
	statuses := splitList(x.field("recipient-status"))
	if sent {
		a.source = x.field("client-ip")
		a.stage = classify.StageDot
	}
	for i, address := range addresses {
		if len(statuses) == 0 {
			return to, kind + " without a status"
		}
		one := a
		one.recipient, one.domain = address, domainOf(address)
		one.again = i > 0 && (sent || i >= len(statuses) || statuses[i] == statuses[i-1])
		one.exchangeStatus(statuses[min(i, len(statuses)-1)], sent, event == "FAIL", source != "SMTP")
		to = append(to, one)
	}
	return to, kind
}

// head reads the names of the columns.
func (x *exchange) head(line string) string {
	names, found := strings.CutPrefix(line, "#Fields:")
	switch {
	case found:
		x.columns = map[string]int{}
		for i, name := range strings.Split(strings.TrimSpace(names), ",") {
			x.columns[lower(strings.TrimSpace(name))] = i
		}
	case !slices.ContainsFunc([]string{"#Software:", "#Version:", "#Log-type:", "#Date:"}, func(s string) bool { return strings.HasPrefix(line, s) }):
		return ""
	}
	return "lines of the head"
}

func (x *exchange) field(name string) string {
	i, known := x.columns[name]
	if !known || i >= len(x.fields) {
		return ""
	}
	return x.fields[i]
}

// exchangeStatus judges the status of a recipient. What Exchange says of another
// server stands in quotation marks: 451 4.4.0 Primary target IP address responded with:
// "421 4.7.0 text."
func (a *answer) exchangeStatus(status string, sent, refused, own bool) {
	text := status
	if led, found := ledOf(status); found {
		text = led
		if host, _, found := strings.Cut(after(status, "{FQDN="), "}"); found && host != "" {
			a.host = lower(host)
		}
	}
	if sent {
		a.take(text)
		a.own, a.err = false, accepted
		return
	}
	if _, quoted, found := strings.Cut(text, `responded with: "`); found {
		text, _, _ = strings.Cut(quoted, `"`)
		text = strings.TrimSuffix(text, ".")
	}
	folded := strings.ToLower(text)
	if own || judgedByError(failureIn(text, folded)) {
		a.decide(text)
		a.refine("", refused)
		if a.class == classify.ClassUnknown {
			a.takeOwn(text)
		}
		return
	}
	a.take(text)
}

// takeOwn judges a decision that is worded as a reply.
func (a *answer) takeOwn(text string) {
	if reply, err := classify.ParseReply(text); err == nil {
		a.err = reply
	}
}

// ledOf returns the last error that a status tells of.
func ledOf(status string) (string, bool) {
	_, rest, found := strings.Cut(status, "{LED=")
	if !found {
		return "", false
	}
	if end := strings.Index(rest, "};{"); end >= 0 {
		return rest[:end], true
	}
	return strings.TrimRight(rest, "}]"), true
}

// after returns what stands behind a mark, "" without it.
func after(text, mark string) string {
	_, rest, _ := strings.Cut(text, mark)
	return rest
}

// splitCSV splits a line of a table (RFC 4180) in one pass. A quotation mark that is not
// closed ends with the line.
func splitCSV(line string, fields []string) []string {
	for {
		if !strings.HasPrefix(line, `"`) {
			field, rest, more := strings.Cut(line, ",")
			fields = append(fields, field)
			if !more {
				return fields
			}
			line = rest
			continue
		}
		end, doubled := 1, false
		for end < len(line) {
			if line[end] != '"' {
				end++
			} else if strings.HasPrefix(line[end:], `""`) {
				end, doubled = end+2, true
			} else {
				break
			}
		}
		field := line[1:end]
		if doubled {
			field = strings.ReplaceAll(field, `""`, `"`)
		}
		fields = append(fields, field)
		_, rest, more := strings.Cut(line[end:], ",")
		if !more {
			return fields
		}
		line = rest
	}
}

// splitList splits "a;b" outside of brackets and quotation marks.
func splitList(text string) (parts []string) {
	depth, from := 0, 0
	for i := range len(text) {
		switch text[i] {
		case '[':
			depth++
		case ']':
			depth--
		case ';':
			inError := i > 0 && text[i-1] == '}' && strings.HasPrefix(text[i+1:], "{") && !strings.HasPrefix(text[i+1:], "{LED=")
			if depth <= 0 && !inError {
				parts = append(parts, text[from:i])
				from = i + 1
			}
		}
	}
	if from < len(text) {
		parts = append(parts, text[from:])
	}
	return parts
}
