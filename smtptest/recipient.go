package smtptest

import "time"

// Recipient is one RCPT command and its reply.
type Recipient struct {
	Address string
	Params  []string  // NOTIFY=NEVER and the like, as sent
	Time    time.Time // when it was answered
	Code    int       // of the reply; 0 if none was sent
	Reply   string    // as sent, without the last line end
}

// Accepted reports whether the recipient was accepted.
func (r Recipient) Accepted() bool { return r.Code/100 == 2 }
