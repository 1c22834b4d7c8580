package pool

import (
	"context"
	"fmt"
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
		t.interrupted()
		return false
	}
	b := bodyWriter{w: t.w, out: t.out, timer: t.wire, timeout: t.timeouts.Block}
	if err := b.message(t.delivery.Body); err != nil {
		t.brokenOff(t.finalReply(classify.StageBody, err))
		return false
	}
	if !t.confirmed() {
		return false
	}
	// What is there before the dot is sent does not answer it, but would be
	// taken for its reply.
	if t.early() {
		t.interrupted()
		return false
	}
	return true
}

// confirmed reports whether the dot may follow, as far as the user is concerned.
// If not, the transaction is settled and the connection lost.
func (t *transaction) confirmed() bool {
	if !t.delivery.Confirm {
		return true
	}
	err := t.beforeDot()
	if err == nil {
		return true
	}
	t.settle(classify.StageBody, t.fail(classify.StageBody, err))
	return false
}

// beforeDot asks the user. The end of the context comes first in the error.
func (t *transaction) beforeDot() error {
	base, abort := context.WithCancelCause(t.conn.pool.serving)
	defer abort(nil)
	ctx, cancel := context.WithTimeoutCause(base, t.timeouts.BeforeDot, errBeforeDot)
	defer cancel()
	t.wire.onAbort(abort)
	defer t.wire.onAbort(nil)
	err := t.conn.user.BeforeDot(ctx, t.delivery)
	if ctx.Err() == nil {
		return err
	}
	if cause := context.Cause(ctx); err != nil {
		return withCause(cause, err)
	} else {
		return cause
	}
}

// errBeforeDot ends the context of User.BeforeDot.
var errBeforeDot = fmt.Errorf("pool: no answer within Timeouts.BeforeDot: %w", context.DeadlineExceeded)

// early reports whether the server has said something, or closed. Below TLS
// bytes need not be a reply, so they are read there; without any, TLS may still
// hold a reply that it read together with the one before. A connection that
// cannot be looked at is read as well when there was a wait before the dot.
func (t *transaction) early() bool {
	pending := t.wire.pending()
	blind := t.wire.peek == nil && t.delivery.Confirm
	if t.tls == nil && !blind {
		return pending
	}
	wait := -time.Second
	if pending || blind {
		wait = earlyTime
	}
	if t.wire.arm(wait) != nil {
		return false // the write will say so
	}
	_, err := t.r.Peek(1)
	return err == nil || !timedOut(err)
}

// earlyTime is enough to decrypt what has arrived.
const earlyTime = 10 * time.Millisecond

// interrupted ends a transaction inside the message by what the server says
// there. A refusal can mean this message only; anything else is out of place.
func (t *transaction) interrupted() {
	err := t.wire.arm(finalReplyTime)
	if err == nil {
		var code int
		var text string
		if code, text, err = t.read(); code >= 400 {
			t.settle(classify.StageBody, t.final(classify.StageBody, code, text))
			return
		}
		if err == nil {
			err = errUnasked
		}
	}
	t.settle(classify.StageBody, t.fail(classify.StageBody, err))
}

// brokenOff settles a transaction that ended inside the message, by the refusal
// that came if one did (RFC 5321 3.3 has none there, but servers send it).
func (t *transaction) brokenOff(r *classify.Reply, err error) {
	if err == nil {
		err = r
	}
	t.settle(classify.StageBody, err)
}

// dot ends the message, and with it our knowing better: from its first byte on
// only the server's reply tells what became of the message. The envelope of the
// next one goes out in the same write. A Cancel while the user looks for the next
// one still stops the dot.
func (t *transaction) dot() (next *transaction) {
	next = t.follower()
	if !t.delivery.claimDot() {
		t.settle(classify.StageBody, t.fail(classify.StageBody, ErrCancelled))
		return next
	}
	t.open = false
	asked := time.Now()
	if err := t.wire.arm(t.timeouts.Dot); err != nil {
		t.settle(classify.StageBody, t.fail(classify.StageBody, err))
		return next
	}
	before := t.wire.sent + int64(t.w.Buffered()) // over TLS it takes more bytes
	t.w.WriteString(t.delivery.Body.terminator()) // Flush returns the error
	if next != nil {
		next.compose()
	}
	if err := t.w.Flush(); err != nil && t.wire.sent <= before {
		t.brokenOff(t.finalReply(classify.StageBody, err))
		return next
	} else if err != nil {
		t.answered(t.finalReply(classify.StageDot, err))
		return next
	}
	if next != nil {
		next.noteRcpts()
	}
	t.answered(t.reply(classify.StageDot))
	t.dotTook = time.Since(asked)
	return next
}

// follower is the next transaction, if there is one that may go now.
func (t *transaction) follower() *transaction {
	if t.ahead() == 1 || t.dotTook > slowDot || !t.usable() || t.conn.expired() {
		return nil
	}
	for t.wire.aborted() == nil {
		d := t.conn.user.Follower(t.delivery)
		if d == nil {
			return nil
		}
		next := t.newTransaction(d, t)
		if next.admit() {
			return next
		}
		next.done()
	}
	return nil
}

// answered settles a transaction by the reply to the dot.
func (t *transaction) answered(r *classify.Reply, err error) {
	if err != nil && r == nil {
		t.settle(classify.StageDot, err)
		return
	}
	t.noteVerdict(classify.StageDot, t.of(classify.StageDot, r), r)
	t.settle(classify.StageDot, r)
}
