package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/smtpace/smtpace/classify"
)

// parseJSONL reads a line of the report of the program bulk. It has the last
// answer of each recipient, and no times.
func parseJSONL(line string) answer {
	var record struct {
		Address  *string        `json:"address"`
		Status   string         `json:"status"`
		Code     int            `json:"code"`
		Enhanced string         `json:"enhanced"`
		Text     string         `json:"text"`
		Class    classify.Class `json:"class"`
	}
	if err := json.Unmarshal([]byte(line), &record); err != nil {
		return answer{text: line, fault: err}
	}
	if record.Address == nil {
		return answer{text: line, fault: errors.New("no line of a report: there is no address")}
	}
	a := answer{stage: classify.StageUnknown, domain: domainOf(*record.Address)}
	switch {
	case record.Status == "not_tried":
		return a
	case record.Status == "delivered":
		a.stage = classify.StageDot
	}
	if record.Code == 0 {
		a.setText(record.Text)
		a.class = record.Class
		return a
	}
	text := strings.TrimSpace(record.Enhanced + " " + record.Text)
	a.setText(strings.TrimSpace(fmt.Sprintf("%03d %s", record.Code, text)))
	return a
}
