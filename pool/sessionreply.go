package pool

import (
	"fmt"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// finalReplyTime is the time to wait for a reply after a write has failed.
const finalReplyTime = time.Second

// acceptances are the digits of the replies that the classifier took last as accepting at
// each stage; zero for none.
type acceptances [classify.StageUnknown + 1][3]byte

// accepted is the verdict on such a reply.
var accepted = classify.Verdict{Class: classify.ClassOK}

// read reads one reply and returns its code, 0 for none, and its raw text.
func (s *session) read() (code int, text string, err error) {
	return s.readSoon(nil)
}

// readSoon reads as read does. begun is that of readReply.
func (s *session) readSoon(begun func()) (code int, text string, err error) {
	code, s.text, err = readReply(s.r, s.secrets, s.text[:0], begun)
	return code, string(s.text), err
}

// restOfReply is the time for the further lines of a reply to the dot. The first has
// told the outcome, and the server may never send the last.
const restOfReply = 30 * time.Second

// reply reads and reports the reply to the last command.
func (s *session) reply(stage classify.Stage) (*classify.Reply, error) {
	var begun func()
	if stage == classify.StageDot {
		begun = func() { s.wire.hasten(restOfReply) }
	}
	code, text, err := s.readSoon(begun)
	if err != nil {
		err = s.fail(stage, err)
	}
	if code == 0 {
		return nil, err
	}
	return s.newReply(stage, code, text), nil
}

// readVerdict reads the next reply that is due and judges it. For a reply that
// accepts, it returns none unless there is a reply hook.
func (s *session) readVerdict(stage classify.Stage, timeout time.Duration) (*classify.Reply, classify.Verdict, error) {
	line := bufferedLine(s.r)
	if s.sameYes(stage, line) {
		s.r.Discard(len(line))
		return nil, accepted, nil
	}
	if !isWhole(line) {
		if err := s.wire.arm(timeout); err != nil {
			return nil, classify.Verdict{}, s.fail(stage, err)
		}
	}
	code, text, err := readReply(s.r, s.secrets, s.text[:0], nil)
	s.text = text
	if err != nil {
		err = s.fail(stage, err)
	}
	if code == 0 {
		return nil, classify.Verdict{}, err
	}
	if s.onReply == nil {
		s.scratch = classify.Reply{Code: code}
		if v := s.of(stage, &s.scratch); v.Class == classify.ClassOK {
			if v == accepted {
				s.yes[stage] = [3]byte{'0' + byte(code/100), '0' + byte(code/10%10), '0' + byte(code%10)}
			}
			return nil, v, err // also of a reply that has no end
		}
	}
	r := s.newReply(stage, code, string(text))
	v := s.of(stage, r)
	if v.Class != classify.ClassOK {
		err = nil // a refusal is one also when its second line is missing
	}
	return r, v, err
}

// sameYes reports whether a line is a whole reply with the code that was accepted
// at this stage before. Only refusals are judged by more than their code.
func (s *session) sameYes(stage classify.Stage, line []byte) bool {
	yes := s.yes[stage]
	if s.onReply != nil || yes == [3]byte{} || len(line) < 5 || len(line) > maxLine {
		return false
	}
	return [3]byte(line) == yes && line[3] == ' '
}

// spoken reports whether the server has said something that is not read yet. Blank
// lines say nothing, and are dropped.
func (s *session) spoken() bool {
	for s.r.Buffered() > 0 {
		if b, _ := s.r.Peek(1); b[0] != '\r' && b[0] != '\n' {
			return true
		}
		s.r.Discard(1)
	}
	return false
}

// errUnasked ends a session that is out of step: the reply that was read may belong
// to another command.
var errUnasked = fmt.Errorf("%w: a reply that nobody asked for", ErrProtocol)

// unasked handles bytes that came before the next command. A reply with which the
// server leaves is taken as the reply to it, as it may come at any time; anything
// else is an error.
func (s *session) unasked(stage classify.Stage) (*classify.Reply, error) {
	if err := s.wire.arm(finalReplyTime); err != nil {
		return nil, s.fail(stage, err)
	}
	code, text, _ := s.read()
	if !leaves(code) {
		return nil, s.fail(stage, errUnasked)
	}
	return s.final(stage, code, text), nil
}

// finalReply returns the refusal that the server sent before it closed, if there is
// one, as it tells more than the error of the write. After a dot it returns any
// reply.
func (s *session) finalReply(stage classify.Stage, writeErr error) (*classify.Reply, error) {
	if s.wire.arm(finalReplyTime) == nil {
		if code, text, _ := s.read(); code >= 400 || code != 0 && stage == classify.StageDot {
			return s.final(stage, code, text), nil
		}
	}
	return nil, s.fail(stage, writeErr)
}

// final returns a reply that ends the session, and reports it.
func (s *session) final(stage classify.Stage, code int, text string) *classify.Reply {
	r := s.newReply(stage, code, text)
	s.noteVerdict(stage, classify.Verdict{Connection: classify.ConnDrop}, r)
	return r
}
