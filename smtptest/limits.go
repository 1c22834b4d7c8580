package smtptest

import (
	"fmt"
	"time"
)

// Limits are the limits of a server for all clients together. The zero Limits
// allow everything.
type Limits struct {
	// Connections is the number of connections open at once. Another one is
	// answered "421 4.7.0 mx.test Error: too many connections from 127.0.0.1" in
	// place of the greeting and closed. A connection counts until just before
	// the server closes its side.
	Connections Cap

	// ConnectionRate is the rate of connections; refused like Connections.
	ConnectionRate Rate

	// MessageRate counts MAIL commands; refused with "450 4.7.1 Error: too much mail".
	MessageRate Rate

	// RecipientRate counts RCPT commands; refused with "450 4.7.1 Error: too many recipients".
	RecipientRate Rate

	// MessagesPerConnection counts accepted MAIL commands; one more is refused
	// with 421 4.7.0 and the connection closed.
	MessagesPerConnection Cap

	// RecipientsPerMessage counts accepted RCPT commands; one more is refused
	// with 452 4.5.3 (RFC 5321, 4.5.3.1.10).
	RecipientsPerMessage Cap

	// Errors counts replies of class 4 and 5 since the last accepted message.
	// Once that many were given, the next command is answered "421 4.7.0
	// mx.test Error: too many errors" and the connection closed.
	Errors Cap
}

// validate returns the mistakes.
func (l Limits) validate(where string) (errs []error) {
	for _, k := range []Cap{l.Connections, l.MessagesPerConnection, l.RecipientsPerMessage, l.Errors} {
		errs = append(errs, k.validate(where)...)
	}
	for _, r := range []Rate{l.ConnectionRate, l.MessageRate, l.RecipientRate} {
		errs = append(errs, r.validate(where)...)
	}
	return errs
}

// Cap is a maximum number of something. The zero Cap allows any number.
type Cap struct {
	Max   int    // the maximum; 0 for none
	Reply string // the whole reply beyond it; "" for the default named at the use of the Cap. A 421 also closes
}

// allows reports whether one more is allowed besides n.
func (c Cap) allows(n int) bool { return c.Max == 0 || n < c.Max }

// validate returns the mistakes of a Cap.
func (c Cap) validate(where string) []error {
	if c.Max < 0 {
		return []error{fmt.Errorf("smtptest: a Cap of %s has Max %d; 0 or more is needed", where, c.Max)}
	}
	return nil
}

// Rate is a rate of events. The zero Rate allows any number.
//
// It is a token bucket: at most Count + Burst - 1 events pass in any Per. With Window
// it is a counter, as in Postfix: it starts at the first event, and anew when Per has
// passed. With Sliding it is a log: at most Count events pass in any Per. At most one
// of Window and Sliding may be set.
type Rate struct {
	Count   int           // events; 0: no limit
	Per     time.Duration // 0: one second
	Burst   int           // size of the bucket; 0: 1
	Window  bool          // count in fixed windows; events that were refused count as well, Burst does not apply
	Sliding bool          // count in a window that moves; events that were refused do not count, Burst does not apply
	Reply   string        // the whole reply to an event beyond it; "" for the words of Postfix. A 421 also closes
}

// validate returns the mistakes of a Rate.
func (r Rate) validate(where string) (errs []error) {
	if r.Count < 0 || r.Per < 0 || r.Burst < 0 {
		errs = append(errs, fmt.Errorf("smtptest: a Rate of %s is %d per %v, burst %d; none may be negative", where, r.Count, r.Per, r.Burst))
	}
	if r.Window && r.Sliding {
		errs = append(errs, fmt.Errorf("smtptest: a Rate of %s has both Window and Sliding; at most one is needed", where))
	}
	return errs
}

// meter counts the events under one Rate. The zero meter is ready for use; it
// is guarded by its owner's mutex.
type meter struct {
	due   time.Time   // bucket: when it would be full again, one event's worth back
	start time.Time   // window: when it began
	count int         // window: events so far
	log   []time.Time // sliding: the events that count, the oldest first
}

// admit counts one event at now and reports whether the rate allows it.
func (m *meter) admit(r Rate, now time.Time) bool {
	if r.Count == 0 {
		return true
	}
	per := r.Per
	if per == 0 {
		per = time.Second
	}
	if r.Window {
		return m.inWindow(now, per) <= r.Count
	}
	if r.Sliding {
		return m.slide(r, now, per)
	}
	// The theoretical arrival time (GCRA) needs one time stamp and no
	// fractions. The interval is rounded down, in favour of the client.
	interval := per / time.Duration(r.Count)
	slack := interval * time.Duration(max(r.Burst, 1)-1)
	if m.due.Sub(now) > slack {
		return false
	}
	if m.due.Before(now) {
		m.due = now
	}
	m.due = m.due.Add(interval)
	return true
}

// inWindow counts one event and returns the number of events in the window.
func (m *meter) inWindow(now time.Time, per time.Duration) int {
	if m.count == 0 || now.Sub(m.start) >= per {
		m.start, m.count = now, 0
	}
	m.count++
	return m.count
}

// slide counts one event if less than Count happened within the last Per.
func (m *meter) slide(r Rate, now time.Time, per time.Duration) bool {
	old := 0
	for old < len(m.log) && now.Sub(m.log[old]) >= per {
		old++
	}
	m.log = m.log[old:]
	if len(m.log) >= r.Count {
		return false
	}
	m.log = append(m.log, now)
	return true
}

// Domain is the limits of a server for the recipients of one domain, as of a relay
// in front of several receivers. All of them apply at RCPT. The zero Domain allows
// everything.
type Domain struct {
	// Transactions is the number of transactions with an accepted recipient
	// there at once; refused with 451 4.7.0.
	Transactions Cap

	// MessageRate counts transactions, at their first recipient there; refused
	// with 450 4.7.1.
	MessageRate Rate

	// RecipientRate counts recipients; refused with 450 4.7.1.
	RecipientRate Rate

	// MailboxRate counts the recipients of each address by itself; refused
	// with 450 4.2.1, as for mailboxes that get mail too fast.
	MailboxRate Rate

	// RecipientsPerMessage is the number of recipients there in one
	// transaction; refused with 452 4.5.3.
	RecipientsPerMessage Cap

	Greylist Greylist
}

// Greylist refuses every triple of client address, sender and recipient until
// some time has passed since it was first seen (RFC 6647). The zero Greylist
// refuses none.
type Greylist struct {
	Delay time.Duration // the time for which a triple is refused; 0 for none
	Reply string        // "": "450 4.2.0 <recipient>: Recipient address rejected: Greylisted"
}

// triple is a client with its sender and recipient, as a greylist remembers it.
type triple struct{ client, from, to string }
