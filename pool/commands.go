package pool

import (
	"time"

	"github.com/smtpace/smtpace/classify"
)

// maxAhead is how many commands are written ahead of their replies where
// PIPELINING is offered: a message for the 100 recipients that every server
// takes (RFC 5321 4.5.3.1.8) is one write. Their replies stay well below what
// the sockets of both sides hold, so that neither waits for the other to read
// (RFC 2920 3.1).
const maxAhead = 102

// ahead is how many commands may be unanswered.
func (s *session) ahead() int {
	if s.features.pipelining {
		return maxAhead
	}
	return 1
}

// commands is how many commands the transaction has.
func (t *transaction) commands() int { return 1 + t.asking + 1 }

// ask gives the reply to the next command, after writing it, together with what
// may go ahead, if that has not been done yet. The error is not nil when the
// session broke and there is no refusal to go by; without one, and with a
// verdict of OK, there may be no reply to look at.
func (t *transaction) ask(stage classify.Stage, timeout time.Duration) (*classify.Reply, classify.Verdict, error) {
	if t.fate == classify.Drop { // by the reply before, which did not end
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
	if err == nil && v.Class != classify.OK {
		t.noteVerdict(stage, v, r)
	}
	return r, v, err
}

// send writes what may be written now. A reply that it returns came unasked
// and is final, like the error.
func (t *transaction) send(stage classify.Stage, timeout time.Duration) (*classify.Reply, error) {
	if t.r.Buffered() > 0 {
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

// compose puts into the buffer what may be written now. Errors are those of
// the Flush that must follow.
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

// starts counts the transaction, and ends in the same write one that is still
// open at the server.
func (t *transaction) starts() {
	t.reused = t.ordinal > 0 || t.rested
	t.ordinal++
	t.report.Ordinal = t.ordinal
	t.conn.user.MailWritten(t.delivery)
	if t.unfinished() {
		t.w.WriteString("RSET\r\n")
		t.rset = true
	}
}

func (t *transaction) writeRcpt() {
	for t.report.Recipients[t.next].given {
		t.next++
	}
	t.envelope.writeRcpt(t.w, t.delivery.To[t.next])
	t.next++
}

// noteRcpts reports that the last RCPT is written, once it is.
func (t *transaction) noteRcpts() {
	if t.reported || t.wrote < 1+t.asking {
		return
	}
	t.reported = true
	t.conn.user.RcptsWritten(t.delivery)
}

// drain reads the replies to what was written ahead and is of no use any more,
// so that the next command gets its own. Only the end of the connection counts
// among them. The error is that of replies that do not belong to these commands:
// then the refusal that came before them did not either.
func (t *transaction) drain() error {
	for t.fate != classify.Drop && t.repliesRead < t.wrote {
		stage, timeout := classify.StageRcpt, t.timeouts.Rcpt
		if t.repliesRead == t.commands()-1 {
			stage, timeout = classify.StageData, t.timeouts.Data
		}
		t.repliesRead++
		r, v, err := t.readVerdict(stage, timeout)
		switch {
		case v.Class == classify.OK && stage == classify.StageData && err == nil:
			t.sendNothing()
		case v.Class == classify.OK || r != nil && r.Code < 400: // a yes where there can be none
			return t.fail(stage, errUnasked)
		case err != nil:
			return nil
		case r.Code == codeShutdown:
			t.noteVerdict(stage, v, r)
		}
	}
	return nil
}

// sendNothing ends the message that a server wants although it has accepted no
// recipient (RFC 2920 3.1): one without a line, for nobody.
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
