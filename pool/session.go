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
	worked     bool      // whether it has been at work since it last waited for some

	conn *Conn // nil in Verify

	transcript *transcript // nil for none
	tap        *tap        // through which the session talks then; nil for none

	heloOnly   bool // whether the server does not know EHLO
	loggedIn   bool
	askedAgain bool // whether EHLO was sent after the login
	lockstep   bool // whether no command goes ahead of the reply to another

	ordinal  int                 // transactions begun
	rested   bool                // whether it has waited for work
	open     bool                // whether a transaction is open at the server
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

func (s *session) setTLS(state tls.ConnectionState) {
	s.tls = &state
	s.transcript.event("%s %s", tls.VersionName(state.Version), tls.CipherSuiteName(state.CipherSuite))
}

// usable reports whether another command may be sent.
func (s *session) usable() bool { return s.fate < classify.ConnQuit }

// unfinished reports whether the server has a transaction open that RSET must
// end before the next.
func (s *session) unfinished() bool { return s.open || s.fate == classify.ConnReset }

// command sends a line and returns its reply. An error means that there is no reply and
// the session is broken. The session can also be broken when there is a reply, if the
// connection ended inside it.
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
