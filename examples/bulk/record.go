package main

import (
	"encoding/json"
	"io"
	"math"
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
	Seconds   float64        `json:"seconds"`  // from its acceptance to its end
	Campaign  campaignID     `json:"campaign"` // the mailing that the line belongs to
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

// ending is the meaning of a record to a later run. Of several records about one
// recipient the greatest ending counts.
type ending uint8

const (
	endedOpen    ending = iota // the mail is still to be sent
	endedBadLine               // this program refused the line of the list; nothing was sent
	endedUnknown               // the recipient may have the mail
	endedRefused               // by the receiver, for good
	endedDelivered
)

// ending returns what the record means to a later run.
func (r record) ending() ending {
	switch {
	case r.Status == smtpace.Delivered:
		return endedDelivered
	case r.Status == smtpace.Refused && r.Tries == 0 && r.Code == 0 && r.Campaign != "":
		return endedBadLine
	case r.Status == smtpace.Refused:
		return endedRefused
	case r.Status == smtpace.Unknown, r.Ambiguous > 0:
		return endedUnknown
	}
	return endedOpen
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
	Skipped   int     `json:"skipped,omitempty"` // recipients that an earlier run has settled; no part of Messages
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

// writeJSON writes v as one line.
func writeJSON(w io.Writer, v any) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(v)
}
