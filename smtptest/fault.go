package smtptest

import (
	"strings"
	"time"
)

// Fault is what a server does in place of, or besides, its answer. The zero
// Fault changes nothing. Its parts happen in the order of the fields.
//
// The state of the server follows the reply that it gave: a MAIL that is
// answered 450 opens no transaction, one that is answered 250 does.
type Fault struct {
	// After is the number of bytes of the message, as recorded, that are read
	// first. It matters at StageBody only; there a shorter message is read
	// whole and no fault happens.
	After int64

	// Delay passes before the reply. At StageIdle it is how long the server
	// waits for a command: one that comes sooner prevents the fault.
	Delay time.Duration

	// Reply, if not empty, is sent in place of the reply that is due: whole
	// lines with their codes, separated by "\n" and sent with CRLF.
	Reply string

	// Raw, if not empty, is sent as it is, without a line end of ours.
	Raw string

	// Silent sends nothing, whatever was due.
	Silent bool

	// Drip, if positive, passes before every byte of the reply.
	Drip time.Duration

	// Stored keeps the message as accepted whatever the reply at StageDot is:
	// the way to lose nothing but the reply.
	Stored bool

	// End is what becomes of the connection. At StageDial everything but
	// Continue and Stall refuses the connection. At StageBody a stalled server
	// reads no further, elsewhere it reads and discards.
	End End
}

// replaces reports whether the fault decides what is sent.
func (f *Fault) replaces() bool { return f.Silent || f.Raw != "" || f.Reply != "" }

// text returns the bytes that the fault sends of its own.
func (f *Fault) text() string {
	switch {
	case f.Silent:
		return ""
	case f.Raw != "":
		return f.Raw
	case f.Reply != "":
		return wire(f.Reply)
	}
	return ""
}

// wire gives every line of a reply its CRLF.
func wire(reply string) string {
	reply = strings.TrimRight(strings.ReplaceAll(reply, "\r\n", "\n"), "\n")
	return strings.ReplaceAll(reply, "\n", "\r\n") + "\r\n"
}

// codeOf returns the reply code that text starts with, 0 if it has none.
func codeOf(text string) int {
	if len(text) < 3 {
		return 0
	}
	code := 0
	for _, c := range []byte(text[:3]) {
		if c < '0' || c > '9' {
			return 0
		}
		code = code*10 + int(c-'0')
	}
	return code
}
