package pool

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/internal/finite"
)

// slowDot is the greatest time from a dot to its reply with which the next
// envelope still follows in the same write. Behind a slower server that would
// save little, and the next message would wait although another connection may
// be idle.
const slowDot = time.Second

// body writes the message. The end of it may stay in the buffer, so that the dot
// follows in the same write.
func (t *transaction) body() bool {
	if t.spoken() {
		t.interrupted()
		return false
	}
	t.tap.beginBody()
	b := bodyWriter{w: t.w, out: t.out, timer: t.wire, timeout: t.timeouts.Block}
	if err := b.message(t.delivery.Body); err != nil {
		t.brokenOff(t.finalReply(classify.StageBody, err))
		return false
	}
	if !t.confirmed() {
		return false
	}
	// A reply that has arrived before the dot is sent would be taken for the
	// reply to it.
	if t.early() {
		t.interrupted()
		return false
	}
	return true
}

// confirmed reports whether the user lets the dot follow. If not, it settles the
// transaction and gives the connection up.
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

// beforeDot calls User.BeforeDot and returns its error, behind the cause of the
// context if that has ended.
func (t *transaction) beforeDot() error {
	base, abort := context.WithCancelCause(t.conn.pool.serving)
	defer abort(nil)
	ctx, cancel := context.WithTimeoutCause(base, t.timeouts.BeforeDot, errBeforeDot)
	defer cancel()
	t.wire.onAbort(abort)
	defer t.wire.onAbort(nil)
	err := finite.Error(t.conn.user.BeforeDot(ctx, t.delivery))
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

// early reports whether the server has sent something, or closed. Over TLS it has
// to read: bytes that have arrived need not hold a reply, and TLS may have
// decrypted one together with the reply before. It also reads from a connection
// without peek if the user made the dot wait.
func (t *transaction) early() bool {
	pending := t.wire.pending()
	blind := t.wire.peek == nil && t.delivery.Confirm
	if t.tls == nil && !blind && !pending {
		return false
	}
	wait := -time.Second
	if pending || blind {
		wait = earlyTime
	}
	if t.wire.arm(wait) != nil {
		return false // the write will say so
	}
	if _, err := t.r.Peek(1); err != nil {
		return !timedOut(err)
	}
	return t.spoken()
}

// earlyTime is enough to decrypt what has arrived.
const earlyTime = 10 * time.Millisecond

// interrupted settles a transaction by a reply that came inside the message. A
// refusal can mean this message only; any other reply violates the protocol.
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

// brokenOff settles a transaction that ended inside the message, by the refusal if
// there is one. RFC 5321 3.3 allows none there, but servers send it.
func (t *transaction) brokenOff(r *classify.Reply, err error) {
	if err == nil {
		err = r
	}
	t.settle(classify.StageBody, err)
}

// dot writes the final dot and settles the transaction by the reply to it. Once
// its first byte is written, only that reply tells the outcome. dot returns the
// next transaction, whose envelope goes out in the same write, or nil.
// A Cancel during User.Follower still stops the dot.
func (t *transaction) dot() (next *transaction) {
	next = t.follower()
	if !t.delivery.claimDot() {
		t.settle(classify.StageBody, t.fail(classify.StageBody, ErrCancelled))
		return next
	}
	t.open = false
	if err := t.wire.arm(cmp.Or(t.delivery.DotTimeout, t.timeouts.Dot)); err != nil {
		t.settle(classify.StageBody, t.fail(classify.StageBody, err))
		return next
	}
	asked := t.wire.armed
	t.before = t.wire.sent + int64(t.w.Buffered()) // over TLS it takes more bytes
	t.w.WriteString(t.delivery.Body.terminator())  // Flush returns the error
	rides := next != nil && !next.asksFirst
	if rides {
		next.rode = true
		next.compose()
	}
	if err := t.w.Flush(); err != nil && t.wire.sent <= t.before {
		t.brokenOff(t.finalReply(classify.StageBody, err))
		return next
	} else if err != nil {
		r, err := t.finalReply(classify.StageDot, err)
		t.answered(rides, r, err)
		return next
	}
	if rides {
		next.noteRcpts()
	}
	r, err := t.reply(classify.StageDot)
	t.answered(rides, r, err)
	t.dotTook = time.Since(asked)
	return next
}

// follower returns a transaction for the next delivery, or nil if none may follow
// in the same write.
func (t *transaction) follower() *transaction {
	if !t.pipelines() || t.dotTook > slowDot || !t.usable() || t.conn.expired() || !t.mayRide() {
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

// mayRide reports whether an envelope may ride behind the dot. None does where a
// recipient was refused for a rate or a quota: those of the next would be too, and the
// user learns of the limit only when this transaction is done.
func (t *transaction) mayRide() bool {
	return !t.conn.pool.config.NoFollowers && t.quirks.riding.allowed() && !t.limits()
}

// limits reports whether a recipient was refused for a rate or a quota.
func (t *transaction) limits() bool {
	return slices.ContainsFunc(t.report.Recipients, func(a Answer) bool {
		switch a.Verdict.Limit {
		case classify.LimitMessageRate, classify.LimitRecipientRate, classify.LimitQuota:
			return a.given
		}
		return false
	})
}

// answered settles a transaction by the reply to the dot, behind which an envelope
// was written if rides is true.
func (t *transaction) answered(rides bool, r *classify.Reply, err error) {
	v := classify.Verdict{Recipient: classify.RecipientAmbiguous}
	if r != nil {
		v = t.of(classify.StageDot, r)
		t.noteVerdict(classify.StageDot, v, r)
		err = r
	}
	t.settle(classify.StageDot, err)
	switch {
	case !rides:
	case v.Recipient != classify.RecipientAmbiguous:
		t.quirks.riding.arrived()
	case t.wire.aborted() == nil:
		t.quirks.riding.brokeDot()
	}
}
