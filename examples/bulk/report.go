package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"time"

	"github.com/smtpace/smtpace"
	"github.com/smtpace/smtpace/classify"
)

// record is one line of the report: how one recipient ended.
type record struct {
	Address   string         `json:"address"`
	Status    smtpace.Status `json:"status"`
	Code      int            `json:"code"`     // of the last reply; 0 when there was none
	Enhanced  string         `json:"enhanced"` // its enhanced status code
	Text      string         `json:"text"`     // its text; without a reply, why the mail is not delivered
	Class     classify.Class `json:"class"`
	Tries     int            `json:"tries"`
	Attempts  int            `json:"attempts"`
	Ambiguous int            `json:"ambiguous"`
	Seconds   float64        `json:"seconds"` // from its acceptance to its end
}

// newRecord tells of a recipient that package smtpace has settled.
func newRecord(r *smtpace.Recipient, took time.Duration) record {
	out := record{
		Address: r.Address, Status: r.Status, Class: r.Class,
		Tries: r.Tries, Attempts: r.Attempts, Ambiguous: r.Ambiguous, Seconds: seconds(took),
	}
	switch {
	case r.Reply != nil:
		out.Code, out.Enhanced, out.Text = r.Reply.Code, r.Reply.Enhanced, r.Reply.Text
	case r.Err != nil:
		out.Text = r.Err.Error()
	}
	return out
}

// seconds gives a duration in seconds, to the millisecond.
func seconds(d time.Duration) float64 { return math.Round(d.Seconds()*1000) / 1000 }

// summary is the last line of stdout. The five outcomes sum to Messages.
type summary struct {
	Messages  int     `json:"messages"`
	Delivered int     `json:"delivered"`
	Refused   int     `json:"refused"`
	GaveUp    int     `json:"gave_up"`
	NotTried  int     `json:"not_tried"`
	Unknown   int     `json:"unknown"`
	Ambiguous int     `json:"ambiguous"`
	Tries     int     `json:"tries"`
	Throttled int64   `json:"throttled"` // replies that named a limit
	Seconds   float64 `json:"seconds"`
}

// add counts one recipient.
func (s *summary) add(r record) {
	s.Messages++
	s.Ambiguous += r.Ambiguous
	s.Tries += r.Tries
	switch r.Status {
	case smtpace.Delivered:
		s.Delivered++
	case smtpace.Refused:
		s.Refused++
	case smtpace.GaveUp:
		s.GaveUp++
	case smtpace.Unknown:
		s.Unknown++
	default:
		s.NotTried++
	}
}

// report is the file of records; nil writes nothing. It is written without a
// buffer, so that what has happened is on record whatever happens next.
type report struct {
	file *os.File
	err  error // the first; nothing is written after it
}

// openReport opens the file and leaves what is in it until begin.
func openReport(path string, inputs ...string) (*report, error) {
	if path == "" {
		return nil, nil
	}
	if there, err := os.Stat(path); err == nil {
		for _, input := range inputs {
			if in, err := os.Stat(input); err == nil && os.SameFile(there, in) {
				return nil, fmt.Errorf("%s is also read from", path)
			}
		}
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o666)
	if err != nil {
		return nil, err
	}
	return &report{file: file}, nil
}

// begin removes what an earlier run has left.
func (r *report) begin() error {
	if r == nil {
		return nil
	}
	if info, err := r.file.Stat(); err != nil || !info.Mode().IsRegular() {
		return err // a pipe has nothing to remove
	}
	return r.file.Truncate(0)
}

// add writes a record. It fails once, with the first error.
func (r *report) add(made record) error {
	if r == nil || r.err != nil {
		return nil
	}
	r.err = writeJSON(r.file, made)
	return r.err
}

func (r *report) close() error {
	if r == nil {
		return nil
	}
	return r.file.Close()
}

// writeJSON writes v as one line.
func writeJSON(w io.Writer, v any) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(v)
}
