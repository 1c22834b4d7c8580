package pool

import (
	"errors"
	"io"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// transaction is the run of one delivery over a session, in lock-step: every
// command waits for the reply to the one before. A recipient is open as long as
// his answer has no Err; whatever ends the transaction answers all who are.
type transaction struct {
	*session
	delivery *Delivery
	envelope envelope
	report   Report
}

// transact runs one delivery to its outcome. What it leaves of the session is
// in the session.
func (s *session) transact(d *Delivery) Report {
	t := &transaction{session: s, delivery: d}
	t.report.Recipients = make([]Answer, len(d.To))
	if !d.begin(s.wire) {
		t.settle(classify.StageMail, ErrCancelled)
		return t.report
	}
	defer d.end()
	if t.admit() && t.mail() && t.rcpt() && t.data() && t.body() {
		t.dot()
	}
	return t.report
}

// settle answers all recipients who are open.
func (t *transaction) settle(stage classify.Stage, err error) {
	v := classify.Of(stage, err)
	for i := range t.report.Recipients {
		if t.report.Recipients[i].Err == nil {
			t.report.Recipients[i] = Answer{stage, err, v}
		}
	}
}

// step sends a command and judges its reply. The error is not nil when the
// session broke and there is no refusal to go by.
func (t *transaction) step(stage classify.Stage, timeout time.Duration, line string) (*classify.Reply, classify.Verdict, error) {
	r, err := t.command(stage, timeout, line)
	if err != nil {
		return nil, classify.Verdict{}, err
	}
	v := classify.Of(stage, r)
	if v.Class == classify.OK && !t.usable() {
		return r, v, t.fault.Err // accepted, and gone behind the first line of the reply
	}
	t.suffer(stage, v, r)
	return r, v, nil
}

// admit refuses here what must not go on the wire: then nothing is sent.
func (t *transaction) admit() bool {
	if cause := t.wire.condemned(); cause != nil {
		t.settle(classify.StageMail, t.breaks(classify.StageMail, cause))
		return false
	}
	t.envelope = newEnvelope(t.delivery, t.extensions)
	if r := t.envelope.refusal; r != nil {
		t.settle(classify.StageMail, r)
		return false
	}
	open := 0
	for i := range t.delivery.To {
		r := t.envelope.refuses(t.delivery.To[i])
		if r == nil {
			open++
			continue
		}
		t.report.Recipients[i] = Answer{classify.StageRcpt, r, classify.Of(classify.StageRcpt, r)}
	}
	return open > 0
}

// mail begins the transaction.
func (t *transaction) mail() bool {
	reused := t.ordinal > 0 || t.rested
	t.ordinal++
	t.report.Ordinal = t.ordinal
	if t.delivery.Started != nil {
		t.delivery.Started()
	}
	r, v, err := t.step(classify.StageMail, t.timeouts.Mail, t.envelope.mailLine())
	switch {
	case err != nil:
		t.report.Stale = reused && r == nil && t.gone(err)
		t.settle(classify.StageMail, err)
		return false
	case v.Class != classify.OK:
		t.refusedMail(r, v)
		t.settle(classify.StageMail, r)
		return false
	}
	t.lastMail = 0
	t.open = true
	return true
}

// gone reports whether the other end of the connection had left. Somebody who
// does not answer in time has not, nor has one who answers nonsense or in part.
func (t *transaction) gone(err error) bool {
	return t.wire.condemned() == nil && !timedOut(err) &&
		!errors.Is(err, ErrProtocol) && !errors.Is(err, io.ErrUnexpectedEOF)
}

// refusedMail gives up a session that is put off twice running in the same way:
// sendmail answers 4yz to everything on a connection that it counts as one too
// many, and only a new connection helps.
func (t *transaction) refusedMail(r *classify.Reply, v classify.Verdict) {
	if v.Recipient != classify.Later {
		t.lastMail = 0
		return
	}
	if r.Code == t.lastMail {
		t.fate = max(t.fate, classify.Quit)
	}
	t.lastMail = r.Code
}

// rcpt names the recipients. One who is refused does not stop the others, but
// there is no point in asking for more behind a refusal of any more.
func (t *transaction) rcpt() bool {
	for i, to := range t.delivery.To {
		answer := &t.report.Recipients[i]
		if answer.Err != nil {
			continue
		}
		r, v, err := t.step(classify.StageRcpt, t.timeouts.Rcpt, "RCPT TO:<"+to+">")
		switch {
		case err != nil:
			t.settle(classify.StageRcpt, err)
			return false
		case v.Class == classify.OK:
			t.report.Accepted++
			continue
		case v.Connection == classify.Drop: // those who were accepted get nothing either
			t.settle(classify.StageRcpt, r)
			return false
		}
		*answer = Answer{classify.StageRcpt, r, v}
		if t.enough(v) {
			t.postpone(i+1, *answer)
			break
		}
	}
	if t.delivery.Asked != nil {
		t.delivery.Asked()
	}
	return t.report.Accepted > 0
}

// enough reports whether a refusal means that no more recipients are taken
// (RFC 5321 4.5.3.1.10), while those who were accepted get the message.
func (t *transaction) enough(v classify.Verdict) bool {
	return t.report.Accepted > 0 &&
		(v.Limit == classify.LimitRecipientsPerMessage || v.Limit == classify.LimitRecipientRate)
}

// postpone gives the recipients from i on, who were not asked for, an answer.
func (t *transaction) postpone(i int, answer Answer) {
	for ; i < len(t.report.Recipients); i++ {
		if t.report.Recipients[i].Err == nil {
			t.report.Recipients[i] = answer
		}
	}
}

// data asks for the go-ahead.
func (t *transaction) data() bool {
	r, v, err := t.step(classify.StageData, t.timeouts.Data, "DATA")
	if err != nil {
		t.settle(classify.StageData, err)
		return false
	}
	if v.Class != classify.OK {
		t.settle(classify.StageData, r)
		return false
	}
	return true
}

// body writes the message. Its tail may stay in the buffer, for the dot to
// follow in the same write.
func (t *transaction) body() bool {
	// Nothing is read between here and the dot: what is not there now is either
	// the reply to the dot, or cannot be told from it.
	if t.r.Buffered() > 0 {
		t.brokenOff(t.unasked(classify.StageBody))
		return false
	}
	b := bodyWriter{w: t.w, arm: func() error { return t.wire.arm(t.timeouts.Block) }}
	if err := b.message(t.delivery.Data); err != nil {
		t.brokenOff(t.lastWords(classify.StageBody, err))
		return false
	}
	return true
}

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
func (t *transaction) dot() {
	if !t.delivery.claimDot() {
		t.settle(classify.StageBody, t.breaks(classify.StageBody, ErrCancelled))
		return
	}
	if err := t.wire.arm(t.timeouts.Dot); err != nil {
		t.settle(classify.StageBody, t.breaks(classify.StageBody, err))
		return
	}
	before := t.wire.sent
	t.w.WriteString(terminator(t.delivery.Data)) // Flush returns the error
	if err := t.w.Flush(); err != nil && t.wire.sent == before {
		t.brokenOff(t.lastWords(classify.StageBody, err))
		return
	} else if err != nil {
		t.answered(t.lastWords(classify.StageDot, err))
		return
	}
	t.answered(t.reply(classify.StageDot))
}

// answered settles a transaction by the reply to the dot.
func (t *transaction) answered(r *classify.Reply, err error) {
	if err != nil && r == nil {
		t.settle(classify.StageDot, err)
		return
	}
	t.suffer(classify.StageDot, classify.Of(classify.StageDot, r), r)
	t.settle(classify.StageDot, r)
	t.open = false
}
