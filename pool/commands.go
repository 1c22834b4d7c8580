package pool

import (
	"errors"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// maxAhead is the greatest number of commands without a reply where the server
// offers PIPELINING. It lets the envelope of a message for 100 recipients, which
// every server takes (RFC 5321 4.5.3.1.8), go out in one write. The replies are
// far smaller than the socket buffers of both sides, so that neither side waits
// for the other to read (RFC 2920 3.1).
const maxAhead = 102

// pipelines reports whether commands go ahead of the replies to others.
func (s *session) pipelines() bool { return s.features.pipelining && !s.lockstep }

// ahead returns the greatest number of commands without a reply.
func (s *session) ahead() int {
	if s.pipelines() {
		return maxAhead
	}
	return 1
}

// commands returns the number of commands of the transaction, RSET not counted.
func (t *transaction) commands() int { return 1 + t.asking + 1 }

// ask returns the reply to the next command, and the verdict on it. It first
// writes the command, and those that may go ahead, unless that has been done. The
// error is nil unless the session broke without a refusal. The reply may be nil
// when the verdict is OK.
func (t *transaction) ask(stage classify.Stage, timeout time.Duration) (*classify.Reply, classify.Verdict, error) {
	if t.fate == classify.ConnDrop { // by the reply before, which did not end
		return nil, classify.Verdict{}, t.over()
	}
	if t.repliesRead == t.wrote {
		if r, err := t.send(stage, timeout); err != nil {
			return nil, classify.Verdict{}, err
		} else if r != nil {
			return r, t.of(stage, r), nil
		}
	}
	if t.rset {
		if err := t.wasReset(); err != nil {
			return nil, classify.Verdict{}, err
		}
		t.rset = false
	}
	t.repliesRead++
	r, v, err := t.readVerdict(stage, timeout)
	if err != nil {
		t.unanswered(err)
		return r, v, err
	}
	switch {
	case t.pipelines() && refusesPipelining(r):
		t.quirks.pipelineRefused()
		v.Class, v.Recipient, v.Connection = classify.ClassProtocol, classify.RecipientLater, max(v.Connection, classify.ConnQuit)
	case r != nil && leaves(r.Code):
		t.unanswered(r)
	case t.repliesRead > 1 && isOutOfStep(r, v):
		t.unanswered(nil)
	default:
		t.answersAhead()
	}
	if v.Class != classify.ClassOK {
		t.noteVerdict(stage, v, r)
	}
	return r, v, nil
}

// isOutOfStep reports whether a reply cannot be the one to its command, given that those
// in front of it were accepted: a server has taken the commands in another order, or
// has answered one too often or not at all.
func isOutOfStep(r *classify.Reply, v classify.Verdict) bool {
	return r != nil && v.Class == classify.ClassProtocol && (r.Code == codeSequence || r.Code < 400)
}

// answersAhead notes what a reply shows about commands that are written ahead. The last
// one shows that all were seen.
func (t *transaction) answersAhead() {
	switch {
	case t.repliesRead == 1 && t.rode:
		t.quirks.riding.answered()
	case t.repliesRead == t.commands() && t.pipelines():
		t.quirks.pipelined()
	}
}

// longSilence is the time without a reply after which a leaving server seems not to have
// seen the command.
const longSilence = time.Minute

// unanswered notes what the lack of a reply says about commands that are written
// ahead. err is the error in its place, a reply with which the server leaves, or nil for
// a reply that cannot belong to the command. A connection in use that ends in between
// says nothing, nor does a server that says so at once.
func (t *transaction) unanswered(err error) {
	if t.wire.aborted() != nil || errors.Is(err, ErrProtocol) {
		return
	}
	silent := timedOut(err) || time.Since(t.wire.armed) >= longSilence
	_, replied := err.(*classify.Reply)
	switch {
	case replied && !silent:
	case t.repliesRead == 1 && t.rode:
		t.quirks.riding.brokeEnvelope(silent)
	case t.repliesRead == 1 && t.reused && !silent:
	case t.pipelines():
		t.quirks.pipelineBroke(silent)
	case t.lockstep:
		t.quirks.lockstepBroke()
	}
}

// send writes the commands that may be written now. A reply that it returns came
// before the command, and ends the session like the error.
func (t *transaction) send(stage classify.Stage, timeout time.Duration) (*classify.Reply, error) {
	if t.spoken() {
		return t.unasked(stage)
	}
	if err := t.wire.arm(timeout); err != nil {
		return nil, t.fail(stage, err)
	}
	t.compose()
	t.about.Ordinal = t.report.Ordinal
	if err := t.w.Flush(); err != nil {
		return t.finalReply(stage, err)
	}
	t.noteRcpts()
	return nil, nil
}

// compose puts the commands that may be written now into the buffer. The Flush
// that must follow returns its errors.
func (t *transaction) compose() {
	if t.wrote == 0 {
		t.starts()
	}
	for n := t.ahead(); n > 0 && t.wrote < t.commands(); n-- {
		switch t.wrote {
		case 0:
			t.envelope.writeMail(t.w)
		case t.commands() - 1:
			t.w.WriteString("DATA\r\n")
		default:
			t.writeRcpt()
		}
		t.wrote++
	}
}

// starts counts the transaction. It puts RSET in front of MAIL if the server still
// has an earlier transaction open.
func (t *transaction) starts() {
	t.reused = t.ordinal > 0 || t.rested
	t.ordinal++
	t.report.Ordinal, t.report.Began = t.ordinal, t.wire.armed
	t.conn.user.MailWritten(t.delivery)
	if t.unfinished() {
		t.w.WriteString("RSET\r\n")
		t.rset = true
	}
}

// writeRcpt composes RCPT for the next recipient who is not refused here.
func (t *transaction) writeRcpt() {
	for t.report.Recipients[t.next].given {
		t.next++
	}
	t.envelope.writeRcpt(t.w, t.delivery.To[t.next])
	t.next++
}

// noteRcpts calls User.RcptsWritten, once, when the last RCPT has been written.
func (t *transaction) noteRcpts() {
	if t.reported || t.wrote < 1+t.asking {
		return
	}
	t.reported = true
	t.conn.user.RcptsWritten(t.delivery)
}

// drain reads the replies to commands written ahead that are of no use any more, so that
// the next command gets its own reply. A 421 among them ends the session; no other reply
// counts. The error means that the replies do not belong to these commands, and so the
// refusal in front of them does not either.
func (t *transaction) drain() error {
	for t.fate != classify.ConnDrop && t.repliesRead < t.wrote {
		stage, timeout := classify.StageRcpt, t.timeouts.Command
		if t.repliesRead == t.commands()-1 {
			stage, timeout = classify.StageData, t.timeouts.Data
		}
		t.repliesRead++
		r, v, err := t.readVerdict(stage, timeout)
		switch {
		case v.Class == classify.ClassOK && stage == classify.StageData && err == nil:
			t.sendNothing()
		case v.Class == classify.ClassOK || r != nil && r.Code < 400 && !leaves(r.Code): // a yes where there can be none
			return t.fail(stage, errUnasked)
		case err != nil:
			return nil
		case leaves(r.Code):
			t.noteVerdict(stage, v, r)
		}
	}
	return nil
}

// sendNothing sends an empty message to a server that replied 354 to DATA although
// it has accepted no recipient (RFC 2920 3.1).
func (t *transaction) sendNothing() {
	if !t.open { // nor a sender: it has lost its way
		t.fail(classify.StageData, errUnasked)
		return
	}
	r, err := t.command(classify.StageDot, t.timeouts.Dot, ".")
	if err != nil {
		return
	}
	t.noteVerdict(classify.StageDot, t.of(classify.StageDot, r), r)
	t.open = false
}
