package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

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

// object is what -json prints for a line. The keys are a promise.
type object struct {
	Reply      string              `json:"reply"`
	Class      classify.Class      `json:"class"`
	Limit      classify.Limit      `json:"limit"`
	Scope      classify.Scope      `json:"scope"`
	Recipient  classify.Recipient  `json:"recipient"`
	Connection classify.Connection `json:"connection"`
	RetryAfter int64               `json:"retry_after_seconds"`
	Rule       string              `json:"rule"`
	Error      string              `json:"error,omitempty"` // why the line is no reply
}

// objects prints one for each answer. Whoever reads them on the other end of a
// pipe has all of them by the time that the input pauses.
type objects struct {
	out     *bufio.Writer
	encoder *json.Encoder
	pausing func() bool
}

func newObjects(w io.Writer, pausing func() bool) *objects {
	out := bufio.NewWriter(w)
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	return &objects{out: out, encoder: encoder, pausing: pausing}
}

func (o *objects) add(a answer, v classify.Verdict) error {
	made := object{
		Reply: a.text, Class: v.Class, Limit: v.Limit, Scope: v.Scope, Recipient: v.Recipient,
		Connection: v.Connection, RetryAfter: int64(v.RetryAfter / time.Second), Rule: v.Rule,
	}
	if a.fault != nil {
		made.Error = a.fault.Error()
	}
	if err := o.encoder.Encode(made); err != nil {
		return err
	}
	if o.pausing() {
		return o.out.Flush()
	}
	return nil
}

func (o *objects) end() error { return o.out.Flush() }
