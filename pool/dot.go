package pool

import (
	"time"

	"github.com/smtpace/smtpace/classify"
)

// slowDot is how long the reply to a dot may take for the next envelope to
// ride behind it. A server that takes longer to accept a message makes the
// round trip that this saves look small, and would keep the next message
// waiting on this connection while another may be free.
const slowDot = time.Second

// body writes the message. Its tail may stay in the buffer, for the dot to
// follow in the same write.
func (t *transaction) body() bool {
	if t.r.Buffered() > 0 {
		t.brokenOff(t.unasked(classify.StageBody))
		return false
	}
	b := bodyWriter{w: t.w, arm: func() error { return t.wire.arm(t.timeouts.Block) }}
	if err := b.message(t.delivery.Data); err != nil {
		t.brokenOff(t.lastWords(classify.StageBody, err))
		return false
	}
	// What is there before the dot is sent does not answer it, but would be
	// taken for its reply.
	if t.early() {
		t.brokenOff(t.unasked(classify.StageBody))
		return false
	}
	return true
}

// early reports whether the server has said something. Below TLS that need not
// be a reply, so it is read there.
func (t *transaction) early() bool {
	if !t.wire.pending() {
		return false
	}
	if t.tls == nil {
		return true
	}
	if t.wire.arm(earlyTime) != nil {
		return false // the write will say so
	}
	t.r.Peek(1)
	return t.r.Buffered() > 0
}

// earlyTime is enough to decrypt what has arrived.
const earlyTime = 10 * time.Millisecond

// brokenOff settles a transaction that ended inside the message, by the refusal
// that came if one did (RFC 5321 3.3 has none there, but servers send it).
func (t *transaction) brokenOff(r *classify.Reply, err error) {
	if err == nil {
		err = r
	}
	t.settle(classify.StageBody, err)
}

// dot ends the message, and with it our knowing better: from the first byte
// that was written only the server's reply tells what became of the message.
// The envelope of the next one goes out in the same write.
func (t *transaction) dot() (next *transaction) {
	if !t.delivery.claimDot() {
		t.settle(classify.StageBody, t.breaks(classify.StageBody, ErrCancelled))
		return nil
	}
	t.open = false
	next = t.follower()
	asked := time.Now()
	if err := t.wire.arm(t.timeouts.Dot); err != nil {
		t.settle(classify.StageBody, t.breaks(classify.StageBody, err))
		return next
	}
	before := t.wire.sent
	t.w.WriteString(terminator(t.delivery.Data)) // Flush returns the error
	if next != nil {
		next.compose()
	}
	if err := t.w.Flush(); err != nil && t.wire.sent == before {
		t.brokenOff(t.lastWords(classify.StageBody, err))
		return next
	} else if err != nil {
		t.answered(t.lastWords(classify.StageDot, err))
		return next
	}
	if next != nil {
		next.askedAll()
	}
	t.answered(t.reply(classify.StageDot))
	t.dotTook = time.Since(asked)
	return next
}

// follower is the next transaction, if there is one that may go now.
func (t *transaction) follower() *transaction {
	if t.delivery.Then == nil || t.ahead() == 1 || t.dotTook > slowDot || !t.mayFollow() {
		return nil
	}
	for {
		d := t.delivery.Then()
		if d == nil {
			return nil
		}
		next := newTransaction(t.session, d)
		if next.admit() {
			return next
		}
		next.done()
	}
}

// answered settles a transaction by the reply to the dot.
func (t *transaction) answered(r *classify.Reply, err error) {
	if err != nil && r == nil {
		t.settle(classify.StageDot, err)
		return
	}
	t.suffer(classify.StageDot, classify.Of(classify.StageDot, r), r)
	t.settle(classify.StageDot, r)
}
