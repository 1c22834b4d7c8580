package smtptest

import (
	"slices"
	"strings"
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

	Data     []byte // the message without dot-stuffing, or the part of it that arrived
	Size     int64
	Dot      bool   // whether the final dot was read
	Reply    string // the reply to it, as sent; "" if none was
	Accepted bool   // whether the server took the message
}

// To returns the accepted recipients.
func (t Transaction) To() []string {
	var to []string
	for _, r := range t.Recipients {
		if r.accepted() {
			to = append(to, r.Address)
		}
	}
	return slices.Clip(to)
}

// Recipient is one RCPT command and its reply.
type Recipient struct {
	Address string
	Params  []string // NOTIFY=NEVER and the like, as sent
	Reply   string   // as sent, without the last line end; "" if none was
}

// accepted reports whether the recipient was accepted.
func (r Recipient) accepted() bool { return codeOf(r.Reply)/100 == 2 }

// transaction is a transaction in progress with the state that its session needs.
type transaction struct {
	Transaction
	keep     bool           // whether the bytes are kept
	max      int64          // bytes kept at most
	accepted int            // recipients
	domains  map[string]int // accepted recipients by domain, as the gate counts them
}

// begin opens the transaction of a MAIL command, or notes its refusal.
func (s *session) begin(from string, params []string, g given) {
	t := &transaction{
		Transaction: Transaction{
			Conn: s.id, Message: s.messages, HELO: s.helo, User: s.user, TLS: s.tls,
			Start: time.Now(), From: from, Params: params, MailReply: g.line(),
		},
		keep:    !s.cfg.StatsOnly,
		max:     s.cfg.MaxSize,
		domains: make(map[string]int),
	}
	s.tx = t
	if g.code/100 == 2 {
		s.mails++
		return
	}
	s.endTransaction(given{}, false)
}

// endTransaction records the transaction that goes on, if one does. g is the
// reply to its final dot, if it came to that.
func (s *session) endTransaction(g given, accepted bool) {
	t := s.tx
	if t == nil {
		return
	}
	s.tx = nil
	s.srv.gate.leave(t.domains)
	t.End, t.Reply, t.Accepted = time.Now(), g.line(), accepted
	s.srv.ledger.end(t.Transaction)
}

// line returns the reply without its last line end.
func (g given) line() string { return strings.TrimRight(g.text, "\r\n") }

// add notes a recipient and its reply.
func (t *transaction) add(to string, params []string, g given) {
	r := Recipient{Address: to, Params: params, Reply: g.line()}
	t.Recipients = append(t.Recipients, r)
	if r.accepted() {
		t.accepted++
	}
}

// utf8 reports whether MAIL had the parameter SMTPUTF8 (RFC 6531).
func (t *transaction) utf8() bool { return containsFold(t.Params, "SMTPUTF8") }

// write takes a piece of the message. Of one that is too large only the
// beginning is kept.
func (t *transaction) write(piece []byte) {
	t.Size += int64(len(piece))
	if t.keep && t.Size <= t.max {
		t.Data = append(t.Data, piece...)
	}
}
