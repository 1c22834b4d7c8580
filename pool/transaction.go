package pool

import (
	"fmt"
	"slices"

	"github.com/smtpace/smtpace/classify"
)

// transaction is the state of one delivery on a session: the commands written, the
// replies read and the answers given so far. A recipient without an answer is
// open. The end of the transaction answers all recipients who are open.
type transaction struct {
	*session
	delivery *Delivery
	envelope envelope
	report   Report

	reused      bool   // whether the session had a transaction before, or was idle
	rode        bool   // whether the envelope was written behind the dot of another
	asksFirst   bool   // whether EHLO goes first, for the server to offer what is lacking
	rset        bool   // whether RSET was written in front, and has not been accepted yet
	asking      int    // the number of recipients who are not refused here
	next        int    // the index in To for the next RCPT
	wrote       int    // the number of commands written, RSET not counted
	repliesRead int    // the number of replies to them that were read
	reported    bool   // whether RcptsWritten was called
	accepted    int    // the number of recipients accepted
	limited     Answer // the first refusal of any more recipients
	before      int64  // the bytes that the connection has to write before the dot; valid once that is claimed

	room []Answer // empty, for the answers; it outlives the transaction
}

// mostRoom is the number of answers that a connection keeps room for at most.
const mostRoom = 100

// newTransaction returns the transaction of a delivery. running is the one that it
// will ride behind, nil for none.
func (s *session) newTransaction(d *Delivery, running *transaction) *transaction {
	t := &s.transactions[0]
	if t == running {
		t = &s.transactions[1]
	}
	t.session, t.delivery = s, d
	t.report.Recipients = slices.Grow(t.room, len(d.To))[:len(d.To)]
	return t
}

// run takes an admitted delivery to its outcome. The transaction that it returns,
// unless nil, is written behind the dot and must be run next.
func (t *transaction) run() (next *transaction) {
	if !t.delivery.begin(t.wire) {
		t.settle(classify.StageMail, t.abandoned())
		return nil
	}
	defer t.delivery.end()
	t.about = classify.Input{Provider: t.delivery.Provider, Ordinal: t.report.Ordinal}
	switch {
	case t.fate == classify.ConnDrop:
		t.orphaned()
	case t.asksFirst && !t.askFirst():
	case t.mail() && t.rcpt() && t.data() && t.body():
		return t.dot()
	}
	return nil
}

// done reports the outcome and clears t, so that an idle connection keeps no
// delivery alive.
func (t *transaction) done() {
	c, d, report := t.conn, t.delivery, t.report
	*t = transaction{}
	c.user.Done(d, report)
	if clear(report.Recipients); cap(report.Recipients) <= mostRoom {
		t.room = report.Recipients[:0]
	}
}

// abandoned returns ErrCancelled. It ends the session if the envelope is written
// already, as the server then waits for a message that will not come.
func (t *transaction) abandoned() error {
	if t.wrote > 0 && t.fate != classify.ConnDrop {
		return t.fail(classify.StageMail, ErrCancelled)
	}
	return ErrCancelled
}

// orphaned settles a transaction written behind another one, after that one has ended the
// session.
func (t *transaction) orphaned() {
	t.repeat(ending{behind: true})
	t.settle(classify.StageMail, t.over())
}

// over returns the error for a transaction whose session is broken already. It
// does not wrap a reply, which concerned another transaction.
func (t *transaction) over() error {
	if cause := t.wire.aborted(); cause != nil {
		return cause
	}
	return fmt.Errorf("pool: the connection has ended: %v", t.fault.Err)
}

// breakOff ends the transactions that a method of the User has ended the goroutine in,
// and reports them: the current one first. The session has failed.
func (s *session) breakOff() {
	for _, t := range [...]*transaction{s.running, &s.transactions[0], &s.transactions[1]} {
		if t == nil || t.delivery == nil {
			continue
		}
		defer unlessPanicking(s.breakOff) // also when Done ends the goroutine
		t.cut()
		t.done()
		return
	}
}

// cut settles a transaction that does not go on, by the reply to its dot if it was read.
func (t *transaction) cut() {
	switch {
	case t != t.running:
		t.orphaned()
	case !t.delivery.is(dotted) || t.wire.sent <= t.before:
		t.settle(classify.StageBody, errUserEnded)
	case t.told != nil:
		t.settle(classify.StageDot, t.told)
	default:
		t.settle(classify.StageDot, errUserEnded)
	}
}

// settle answers all open recipients with an error and the verdict on it.
func (t *transaction) settle(stage classify.Stage, err error) {
	t.settleAs(newAnswer(stage, err, t.of(stage, err)))
}

// settleAs answers all open recipients.
func (t *transaction) settleAs(answer Answer) {
	for i := range t.report.Recipients {
		if !t.report.Recipients[i].given {
			t.report.Recipients[i] = answer
		}
	}
}

// admit checks the delivery before anything of it is sent. It answers the
// recipients who cannot be sent to, and reports whether any are left.
func (t *transaction) admit() bool {
	if t.delivery.isCancelled() {
		t.settle(classify.StageMail, ErrCancelled)
		return false
	}
	if cause := t.wire.aborted(); cause != nil {
		t.settle(classify.StageMail, t.fail(classify.StageMail, cause))
		return false
	}
	return t.examine(t.mayAskAgain())
}

// examine makes the envelope and answers the recipients who cannot be sent to. It
// reports whether any are left. With asks it answers nobody because of something that
// the server does not offer, and sets asksFirst instead.
func (t *transaction) examine(asks bool) bool {
	t.envelope = newEnvelope(t.delivery, t.session)
	refusal := t.envelope.refusal
	refusals := make([]*classify.Reply, 0, 8)
	if refusal == nil && !t.envelope.plain {
		for _, to := range t.delivery.To {
			refusals = append(refusals, t.envelope.refuses(to))
		}
	}
	if t.asksFirst = asks && t.envelope.lacking; t.asksFirst {
		return true
	}
	if refusal != nil {
		t.settle(classify.StageMail, refusal)
		return false
	}
	t.asking = len(t.delivery.To)
	for i, r := range refusals {
		if r != nil {
			t.asking--
			t.report.Recipients[i] = newAnswer(classify.StageRcpt, r, t.of(classify.StageRcpt, r))
		}
	}
	return t.asking > 0
}

// askFirst asks the server for its extensions once more, as a login may have changed
// them, and reports whether the transaction may begin.
func (t *transaction) askFirst() bool {
	err := t.wire.arm(t.timeouts.Command)
	if err == nil {
		err = t.askAgain()
	}
	if err != nil {
		err = t.fail(classify.StageEHLO, err)
		t.repeat(ending{resets: true, err: err})
		t.settle(classify.StageEHLO, err) // it speaks of the session, and refuses nobody
		return false
	}
	return t.examine(false)
}

// mail performs MAIL and reports whether it was accepted.
func (t *transaction) mail() bool {
	r, v, err := t.ask(classify.StageMail, t.timeouts.Command)
	switch {
	case err != nil:
		t.repeat(ending{resets: t.rset, verdict: v, err: err})
		t.settle(classify.StageMail, err)
		return false
	case v.Class != classify.ClassOK:
		if err := t.drain(); err != nil {
			t.settle(classify.StageMail, err)
			return false
		}
		t.refusedMail(r, v)
		t.settleAs(newAnswer(classify.StageMail, r, v))
		return false
	}
	t.lastMail = 0
	t.open = true
	t.quirks.acceptParams(t.envelope.given &^ paramDSN)
	return true
}

// rcpt performs RCPT for every recipient and reports whether any was accepted. A
// refused recipient does not stop the others, but a refusal of any more does.
func (t *transaction) rcpt() bool {
	for i := range t.delivery.To {
		answer := &t.report.Recipients[i]
		if answer.given {
			continue
		}
		if t.limited.given && t.repliesRead == t.wrote {
			t.postpone(i)
			break
		}
		r, v, err := t.ask(classify.StageRcpt, t.timeouts.Command)
		switch {
		case err != nil:
			t.settle(classify.StageRcpt, err)
			return false
		case v.Class == classify.ClassOK:
			t.took()
			continue
		case v.Connection == classify.ConnDrop: // those who were accepted get nothing either
			t.settleAs(newAnswer(classify.StageRcpt, r, v))
			if t.accepted == 0 && !leaves(r.Code) {
				t.refused(t.rcptParams(r, v), r, v)
			}
			return false
		}
		*answer = newAnswer(classify.StageRcpt, r, v)
		if t.enough(v) {
			t.limited = *answer
		}
	}
	if t.accepted == 0 {
		t.nobody()
		return false
	}
	return true
}

// took counts a recipient who was accepted.
func (t *transaction) took() {
	t.accepted++
	if t.accepted == 1 && t.envelope.left != 0 {
		t.noParams |= t.quirks.refuseParams(t.envelope.left)
	}
	if !t.limited.given {
		t.report.Accepted++
	}
}

// enough reports whether a refusal means that no more recipients are taken (RFC 5321
// 4.5.3.1.10), while the accepted ones get the message.
func (t *transaction) enough(v classify.Verdict) bool {
	return !t.limited.given && t.accepted > 0 &&
		(v.Limit == classify.LimitRecipientsPerMessage || v.Limit == classify.LimitRecipientRate)
}

// postpone answers the open recipients from i on with the limit.
func (t *transaction) postpone(i int) {
	for ; i < len(t.report.Recipients); i++ {
		if !t.report.Recipients[i].given {
			t.report.Recipients[i] = t.limited
			t.asking--
		}
	}
	t.noteRcpts()
}

// codeNoRecipients is the refusal of DATA without valid recipients (RFC 5321 3.3).
const codeNoRecipients = 554

// data performs DATA and reports whether the message may follow. A server that has
// put some recipients off may refuse DATA because it wants none of the others: it
// has not seen the message.
func (t *transaction) data() bool {
	r, v, err := t.ask(classify.StageData, t.timeouts.Data)
	if err != nil {
		t.settle(classify.StageData, err)
		return false
	}
	switch {
	case v.Class == classify.ClassOK:
		return true
	case r.Code == codeNoRecipients && t.limited.given:
		t.settleAs(t.limited)
	default:
		t.settleAs(newAnswer(classify.StageData, r, v))
	}
	return false
}
