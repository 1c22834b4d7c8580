package main

import (
	"bufio"
	"encoding/json"
	"io"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// object is the output of -json for an answer, and for a line without one. The keys are a
// promise.
type object struct {
	Reply       string              `json:"reply"`
	Class       classify.Class      `json:"class"`
	Limit       classify.Limit      `json:"limit"`
	Scope       classify.Scope      `json:"scope"`
	Recipient   classify.Recipient  `json:"recipient"`
	Connection  classify.Connection `json:"connection"`
	RetryAfter  int64               `json:"retry_after_seconds"`
	Rule        string              `json:"rule"`
	Whose       string              `json:"whose,omitempty"`       // "relay" or "own"; none for a receiver's
	Destination string              `json:"destination,omitempty"` // of a log: whose answer it is
	Time        string              `json:"time,omitempty"`        // of a log, RFC 3339 unless the year is not known
	Error       string              `json:"error,omitempty"`       // reason for which the line is no reply
}

// objects prints one for each answer. Whoever reads them on the other end of a pipe has
// all of them by the time that the input pauses.
type objects struct {
	out     *bufio.Writer
	encoder *json.Encoder
}

func newObjects(w io.Writer) *objects {
	out := bufio.NewWriterSize(w, maxLine)
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	return &objects{out: out, encoder: encoder}
}

func (o *objects) add(a *answer, where *place, v classify.Verdict, now moment) error {
	made := object{
		Reply: a.text, Class: v.Class, Limit: v.Limit, Scope: v.Scope, Recipient: v.Recipient,
		Connection: v.Connection, RetryAfter: int64(v.RetryAfter / time.Second), Rule: v.Rule,
	}
	switch {
	case a.own:
		made.Whose = "own"
	case where.relay:
		made.Whose = "relay"
	}
	if a.domain != "" || a.host != "" {
		made.Destination = where.key
		if where.relay {
			made.Destination = a.host
		}
	}
	if !now.time.IsZero() {
		made.Time = now.time.Format(time.RFC3339)
		if now.time.Year() < 1000 {
			made.Time = formatTime(now.time)
		}
	}
	if a.fault != nil {
		made.Error = a.fault.Error()
	}
	return o.encoder.Encode(made)
}

func (o *objects) skip(string, string, moment) error { return o.encoder.Encode(object{}) }

func (o *objects) pause() error { return o.out.Flush() }

func (o *objects) end([]string) error { return o.out.Flush() }
