package smtptest

import (
	"strings"
	"sync"
	"time"
)

// Fault changes an answer of a server. Its parts happen in the order of the
// fields. The zero Fault changes nothing.
//
// The state of the server follows the reply that was sent: a MAIL answered with
// 250 opens a transaction, one answered with 450 does not.
type Fault struct {
	// After is the number of bytes of the message that are read first, at
	// StageBody only. A shorter message prevents the fault.
	After int64

	// Delay is the time before the reply. At StageIdle a command within that
	// time prevents the fault.
	Delay time.Duration

	// Reply replaces the reply that is due; "" leaves it. It has whole lines
	// with their codes, separated by "\n", which are sent with CRLF.
	Reply string

	// Raw replaces the reply that is due by these bytes; "" leaves it.
	Raw string

	// Silent suppresses the reply.
	Silent bool

	// Drip is the time before every byte of the reply; 0 for none.
	Drip time.Duration

	// Stored records the message as accepted, whatever the reply at StageDot.
	// Use it to lose only the reply.
	Stored bool

	// End is the fate of the connection. Replies are sent together when the server
	// has read all commands that have arrived (RFC 2920 3.2); Kill loses them. At StageDial everything but Continue
	// and Stall refuses the connection. A stalled server stops reading at
	// StageBody; at other stages it reads and discards.
	End End
}

// replaces reports whether the fault replaces the reply.
func (f *Fault) replaces() bool { return f.Silent || f.Raw != "" || f.Reply != "" }

// text returns the bytes that the fault sends.
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

// codeOf returns the reply code that text starts with, behind blank lines; 0 if it has
// none.
func codeOf(text string) int {
	text = strings.TrimLeft(text, "\r\n")
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

// End is the fate of a connection after a fault. The zero value is Continue.
type End string

// The fates.
const (
	Continue End = ""      // as if nothing had happened, even after a 421
	Close    End = "close" // the connection is closed in order (FIN)
	Reset    End = "reset" // the connection is reset (RST)
	Stall    End = "stall" // nothing is said any more, until the client hangs up or the server closes
	Kill     End = "kill"  // as Reset, and replies that the server has not sent yet are lost, as if its process had died
)

// Stage names the point of a session at which something happens.
type Stage string

// The stages, in the order in which a session meets them.
const (
	StageDial      Stage = "dial"      // Server.DialContext was called; no connection exists yet
	StageHandshake Stage = "handshake" // before the server's side of a TLS handshake
	StageConnect   Stage = "connect"   // before the greeting
	StageIdle      Stage = "idle"      // before the server waits for a command, outside a transaction
	StageHelo      Stage = "helo"      // EHLO or HELO
	StageStartTLS  Stage = "starttls"  // STARTTLS
	StageAuth      Stage = "auth"      // AUTH, once its exchange is complete
	StageMail      Stage = "mail"      // MAIL
	StageRcpt      Stage = "rcpt"      // RCPT
	StageData      Stage = "data"      // DATA
	StageBody      Stage = "body"      // after the 354, while the message is read
	StageDot       Stage = "dot"       // after the final dot
	StageRset      Stage = "rset"      // RSET
	StageNoop      Stage = "noop"      // NOOP
	StageQuit      Stage = "quit"      // QUIT
	StageOther     Stage = "other"     // any other command
)

// Event describes a stage of a session, before the server answers. Config.Fault
// receives all events, so that it can also observe a session.
type Event struct {
	Stage     Stage
	Time      time.Time
	Conn      int    // the connection, from 1 in the order of arrival; 0 at StageDial
	Message   int    // from StageMail to StageDot the transaction, else the last one, on this connection, from 1
	Line      string // the command as read, without its line end; "" at a stage that has none
	HELO      string // the name the client gave
	User      string // the login; at StageAuth the one that is being tried
	TLS       bool
	From      string // the sender, from StageMail to StageDot
	Recipient string // the recipient, at StageRcpt
	Rcpt      int    // the ordinal of RCPT within the transaction, from 1
}

// Rule is a fault with its events: those that match every non-zero field.
type Rule struct {
	Stage     Stage
	Conn      int    // the connection, from 1
	Message   int    // the transaction on its connection, from 1
	Rcpt      int    // the ordinal of RCPT, from 1
	Recipient string // an address, or "@domain" for all of a domain; letter case is ignored
	Times     int    // the number of times that the rule applies; 0 for no bound
	Fault     Fault
}

// Rules returns a function for Config.Fault that applies the first rule that
// matches an event. It is safe for concurrent use.
func Rules(rules ...Rule) func(Event) *Fault {
	var mu sync.Mutex
	used := make([]int, len(rules))
	return func(ev Event) *Fault {
		mu.Lock()
		defer mu.Unlock()
		for i := range rules {
			r := &rules[i]
			if !r.matches(ev) || r.Times > 0 && used[i] >= r.Times {
				continue
			}
			used[i]++
			return new(r.Fault)
		}
		return nil
	}
}

// matches reports whether the rule applies to ev.
func (r *Rule) matches(ev Event) bool {
	return (r.Stage == "" || r.Stage == ev.Stage) &&
		(r.Conn == 0 || r.Conn == ev.Conn) &&
		(r.Message == 0 || r.Message == ev.Message) &&
		(r.Rcpt == 0 || r.Rcpt == ev.Rcpt) &&
		(r.Recipient == "" || r.matchesRecipient(ev.Recipient))
}

// matchesRecipient compares an address with the rule's address or domain.
func (r *Rule) matchesRecipient(addr string) bool {
	if domain, ok := strings.CutPrefix(r.Recipient, "@"); ok {
		return addr != "" && strings.EqualFold(domainOf(addr), domain)
	}
	return strings.EqualFold(r.Recipient, addr)
}
