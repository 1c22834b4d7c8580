package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/smtpace/smtpace/classify"
)

// bulk reads the report of the program bulk. It has the last answer of each recipient,
// and no times.
type bulk struct{}

func (bulk) parse(e *entry, to []answer) ([]answer, string) {
	var record struct {
		Address  *string        `json:"address"`
		Status   *string        `json:"status"`
		Messages *int           `json:"messages"` // of the last line of a run
		Code     int            `json:"code"`
		Enhanced string         `json:"enhanced"`
		Text     string         `json:"text"`
		Class    classify.Class `json:"class"`
		Ordinal  int            `json:"ordinal"`
	}
	if err := json.Unmarshal([]byte(e.line), &record); err != nil {
		return append(to, answer{text: e.line, fault: err}), ""
	}
	if record.Address == nil || record.Status == nil {
		return append(to, answer{text: e.line, fault: errors.New("no line of a report: there is no address")}), ""
	}
	a := answer{stage: classify.StageUnknown, domain: domainOf(*record.Address), recipient: *record.Address}
	switch {
	case *record.Status == "not_tried":
		return to, "recipients that were not tried"
	case *record.Status == "delivered":
		a.stage = classify.StageDot
	}
	if record.Code == 0 {
		a.decide(record.Text)
		a.class = record.Class
		return append(to, a), ""
	}
	text := strings.TrimSpace(record.Enhanced + " " + record.Text)
	a.take(strings.TrimSpace(fmt.Sprintf("%03d %s", record.Code, text)))
	return append(to, a), ""
}

// postqueue reads what "postqueue -j" of Postfix prints: for each recipient that waits,
// the last answer. It has no times of them.
type postqueue struct{}

func (postqueue) parse(e *entry, to []answer) ([]answer, string) {
	if !strings.HasPrefix(e.line, "{") || !strings.Contains(e.line, `"queue_id"`) {
		return to, ""
	}
	var message struct {
		ID         string `json:"queue_id"`
		Recipients []struct {
			Address string `json:"address"`
			Reason  string `json:"delay_reason"`
		} `json:"recipients"`
	}
	if err := json.Unmarshal([]byte(e.line), &message); err != nil {
		return append(to, answer{text: e.line, fault: err}), ""
	}
	for _, r := range message.Recipients {
		reason := strings.TrimPrefix(r.Reason, "delivery temporarily suspended: ")
		if reason == "" {
			continue
		}
		a := answer{stage: classify.StageUnknown, id: message.ID, recipient: r.Address, domain: domainOf(r.Address)}
		a.postfixText(reason)
		if isLoopback(a.host) {
			a.own = true
		}
		if a.own {
			a.refine("", false)
		}
		to = append(to, a)
	}
	return to, "messages that have not been tried"
}
