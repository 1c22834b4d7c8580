package smtptest

import (
	"crypto/sha256"
	"hash"
	"strings"
	"time"
)

// transaction is one that goes on, and what its session needs to know of it.
type transaction struct {
	Transaction
	keep     bool           // the bytes are kept
	max      int64          // bytes kept at most
	hash     hash.Hash      // of the message so far
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
		keep:    s.cfg.Record == RecordAll,
		max:     s.cfg.MaxSize,
		hash:    sha256.New(),
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
	r := Recipient{Address: to, Params: params, Time: time.Now(), Code: g.code, Reply: g.line()}
	t.Recipients = append(t.Recipients, r)
	if r.Accepted() {
		t.accepted++
	}
}

// utf8 reports whether MAIL had the parameter SMTPUTF8 (RFC 6531).
func (t *transaction) utf8() bool { return containsFold(t.Params, "SMTPUTF8") }

// write takes a piece of the message. Of one that is too large only the
// beginning is kept.
func (t *transaction) write(piece []byte) {
	t.Size += int64(len(piece))
	t.hash.Write(piece)
	if t.keep && t.Size <= t.max {
		t.Data = append(t.Data, piece...)
	}
}
