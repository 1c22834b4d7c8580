package main

import (
	"bufio"
	"encoding/json"
	"io"
	"time"

	"github.com/smtpace/smtpace/classify"
)

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
