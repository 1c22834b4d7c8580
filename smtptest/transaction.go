package smtptest

import (
	"slices"
	"time"
)

// Transaction is one MAIL command, accepted or not, and all that followed
// until the message was answered, reset or given up. What a server returns is
// complete and shared: read it, do not change it.
type Transaction struct {
	Conn    int // the connection, from 1
	Message int // its ordinal on the connection, from 1; refused MAIL commands count as well
	HELO    string
	User    string // the login; "" for none
	TLS     bool

	Start     time.Time // when MAIL was answered
	End       time.Time
	From      string   // the reverse path, "" for the null sender
	Params    []string // SIZE=1000 and the like, as sent
	MailReply string   // as sent, without the last line end

	Recipients []Recipient // in the order of RCPT

	Data     []byte // the message without dot-stuffing; also what came of one that broke off
	Size     int64
	SHA256   [32]byte // of the message; zero unless Dot
	Dot      bool     // the final dot was read
	Reply    string   // the reply to it, as sent; "" if none was
	Accepted bool     // the server took the message
}

// To returns the accepted recipients.
func (t Transaction) To() []string {
	var to []string
	for _, r := range t.Recipients {
		if r.Accepted() {
			to = append(to, r.Address)
		}
	}
	return slices.Clip(to)
}
