package pool

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/internal/redact"
)

// Codes with which a server leaves: codeShutdown may come at any time (RFC 5321 3.8),
// codeClosing is the reply to QUIT and accepts nothing else.
const (
	codeShutdown = 421
	codeClosing  = 221
)

// leaves reports whether a server says with a code that it closes the connection.
func leaves(code int) bool { return code == codeShutdown || code == codeClosing }

// finalReplyTime is the time to wait for a reply after a write has failed.
const finalReplyTime = time.Second

type replyHook func(classify.Stage, *classify.Reply)

// session is the state of an SMTP session. Only the goroutine of its connection
// uses it.
type session struct {
	name       string // of the endpoint
	provider   string // of the endpoint
	helo       string // our name in EHLO
	omit       []string
	quirks     *quirks
	wire       *wire
	r          *bufio.Reader // over TLS, if there is any
	w          *bufio.Writer // nil unless in use; see useBuffer
	out        io.Writer     // below w
	timeouts   Timeouts
	onReply    replyHook
	classifier *classify.Classifier
	secrets    redact.Redactor
	extensions map[string]string // the parameters by keyword in upper case
	features   features          // from extensions
	tls        *tls.ConnectionState
	proved     string    // what TLS has proved; "" in clear text
	fallback   error     // the failure of TLS for which it is secured less than it could be; see Security
	born       time.Time // when the dial had succeeded
	used       time.Time // when it was last at work; not set while worked is
	worked     bool      // it has been at work since it last waited for some

	conn *Conn // nil in Verify

	transcript *transcript // nil for none
	tap        *tap        // through which the session talks then; nil for none

	heloOnly   bool // the server does not know EHLO
	loggedIn   bool
	askedAgain bool // EHLO was sent after the login
	lockstep   bool // no command goes ahead of the reply to another

	ordinal  int                 // transactions begun
	rested   bool                // it has waited for work
	open     bool                // a transaction is open at the server
	noParams Params              // parameters that were refused on this connection
	lastMail int                 // code of the last MAIL if that was put off, else 0
	dotTook  time.Duration       // from the last dot to its reply
	fate     classify.Connection // the worst that was said of it
	fault    *Error              // what broke it

	about   classify.Input // the input for the classifier, of the current transaction
	text    []byte         // the text of the last reply that was read
	scratch classify.Reply // a reply that nobody keeps
	yes     acceptances

	masked        *classify.Reply  // the last reply that a secret was removed from
	maskedVerdict classify.Verdict // on that reply as it came

	transactions [2]transaction  // room for the current one and the one behind its dot
	running      *transaction    // the current one; nil before the first
	told         *classify.Reply // the reply that onReply is told of; nil while it is not called
}

// newSession returns a session that is to be opened.
func newSession(e Endpoint, c Config, q *quirks, onReply replyHook) *session {
	return &session{
		name: e.name(), provider: e.Provider, helo: e.HELO, omit: e.Omit, quirks: q, timeouts: c.Timeouts, onReply: onReply,
		classifier: c.Classifier, noParams: q.refusedParams(), lockstep: q.lockstep(), about: classify.Input{Provider: e.Provider},
	}
}

// start begins a session over a connection.
func (s *session) start(conn net.Conn) {
	s.wire, s.born = newWire(conn), time.Now()
	if s.helo == "" {
		s.helo = heloName(conn.LocalAddr())
	}
}

// acceptances are the digits of the replies that the classifier took last as accepting at
// each stage; zero for none.
type acceptances [classify.StageUnknown + 1][3]byte

// accepted is the verdict on such a reply.
var accepted = classify.Verdict{Class: classify.ClassOK}

func (s *session) setTLS(state tls.ConnectionState) {
	s.tls = &state
	s.transcript.event("%s %s", tls.VersionName(state.Version), tls.CipherSuiteName(state.CipherSuite))
}

// usable reports whether another command may be sent.
func (s *session) usable() bool { return s.fate < classify.ConnQuit }

// unfinished reports whether the server has a transaction open that RSET must
// end before the next.
func (s *session) unfinished() bool { return s.open || s.fate == classify.ConnReset }

// command sends a line and returns its reply. An error means that there is no
// reply and that the session is broken. The session can also be broken when there
// is a reply, if the connection ended inside it.
func (s *session) command(stage classify.Stage, timeout time.Duration, line string) (*classify.Reply, error) {
	if r, err := s.say(stage, timeout, line); r != nil || err != nil {
		return r, err
	}
	return s.reply(stage)
}

// say sends a line. A reply that it returns came before the line, and ends the session
// like the error.
func (s *session) say(stage classify.Stage, timeout time.Duration, line string) (*classify.Reply, error) {
	if s.spoken() {
		return s.unasked(stage)
	}
	if err := s.wire.arm(timeout); err != nil {
		return nil, s.fail(stage, err)
	}
	if err := s.writeLine(line); err != nil {
		return s.finalReply(stage, err)
	}
	return nil, nil
}

// writeLine writes a command and its line end.
func (s *session) writeLine(line string) error {
	s.useBuffer()
	s.w.WriteString(line) // Flush returns the first error
	s.w.WriteString("\r\n")
	return s.w.Flush()
}

// exchange sends a line and returns the code and the raw text of the reply, within
// the time that was set.
func (s *session) exchange(line string) (code int, text string, err error) {
	if s.spoken() {
		return 0, "", errUnasked
	}
	if err := s.writeLine(line); err != nil {
		return 0, "", err
	}
	return s.hear()
}

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

// reset sends RSET to end a transaction that is open at the server. Its failure
// concerns no delivery.
func (s *session) reset() {
	if r, err := s.say(classify.StageRset, s.timeouts.reset(), "RSET"); r == nil && err == nil {
		s.wasReset()
	}
}

// wasReset reads the reply to RSET. The error says that the session is over.
func (s *session) wasReset() error {
	r, v, err := s.readVerdict(classify.StageRset, s.timeouts.reset())
	if err != nil {
		return err
	}
	if v.Class != classify.ClassOK {
		s.noteVerdict(classify.StageRset, classify.Verdict{Connection: classify.ConnDrop}, r)
		return fmt.Errorf("pool: RSET was refused: %v", r)
	}
	s.open = false
	if s.fate == classify.ConnReset {
		s.fate = classify.ConnKeep
	}
	return nil
}

// quit sends QUIT and waits for its reply and for the end of the connection, as
// the server counts the connection until then. Errors do not matter any more. The
// connection must be closed next.
func (s *session) quit() {
	if s.wire.arm(quitTime) != nil || s.writeLine("QUIT") != nil {
		return
	}
	if code, text, _ := s.read(); code != 0 {
		s.newReply(classify.StageQuit, code, text)
		io.CopyN(io.Discard, s.r, maxReply)
	}
}

// timedOut reports whether a deadline passed.
func timedOut(err error) bool {
	e, ok := errors.AsType[net.Error](err)
	return ok && e.Timeout()
}

// withCause returns err with the cause of an abort in front. A nil cause changes
// nothing.
func withCause(cause, err error) error {
	if cause == nil || errors.Is(err, cause) {
		return err
	}
	return fmt.Errorf("%w (%w)", cause, err)
}
