package pool

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/smtpace/smtpace/classify"
)

// handshake performs the TLS handshake where TLS is implicit.
func (o *opening) handshake(ctx context.Context) error {
	if o.endpoint.mode() == TLSImplicit {
		return o.secure(ctx)
	}
	o.attach(o.wire)
	return nil
}

// secure performs a TLS handshake. Everything from then on goes over TLS.
func (o *opening) secure(ctx context.Context) error {
	type secured struct {
		conn   *tls.Conn
		proved string
	}
	shake := func() (out secured, err error) {
		out.conn = tls.Client(o.wire, o.endpoint.tlsConfig(func(proof string) { out.proved = proof }))
		return out, out.conn.Handshake()
	}
	do := called[secured]
	if o.endpoint.TLSConfig != nil { // its functions may not return
		do = func(name string, f func() (secured, error)) (secured, error) { return within(ctx, name, f) }
	}
	out, err := do("a function of TLSConfig", shake)
	if err != nil {
		return err
	}
	o.proved = out.proved
	o.attach(out.conn)
	o.setTLS(out.conn.ConnectionState())
	return nil
}

// attach reads and writes through conn.
func (o *opening) attach(conn io.ReadWriter) {
	o.freeBuffer()
	if o.transcript != nil {
		conn = o.tapped(conn)
	}
	o.r, o.out = bufio.NewReader(conn), conn
}

// greet reads the banner.
func (o *opening) greet(context.Context) error {
	code, text, err := o.hear()
	return o.accepted(classify.StageBanner, code, text, err)
}

// hear reads a reply of the opening. A refusal is one also when its second line is
// missing, or when another line of the same reply accepts: either way the session is
// not opened, and the reason is known.
func (s *session) hear() (code int, text string, err error) {
	code, text, err = s.read()
	if mixed, ok := err.(*mixedCodes); ok && mixed.refusal != 0 {
		return mixed.refusal, mixed.text, nil
	}
	if code >= 400 {
		err = nil
	}
	return code, text, err
}

// accepted returns nil for a reply that accepts a step: any 2yz but 221, with which
// a server leaves (RFC 5321 4.2.1). For others it returns the refusal or the error.
func (s *session) accepted(stage classify.Stage, code int, text string, err error) error {
	switch {
	case err != nil:
		return err
	case code >= 400:
		return s.newReply(stage, code, text)
	case code/100 != 2 || code == codeClosing:
		return fmt.Errorf("%w: unexpected reply %d", ErrProtocol, code)
	}
	return nil
}

// hello sends EHLO, and HELO where mayHELO allows it.
func (o *opening) hello(context.Context) error {
	code, text, err := o.exchange("EHLO " + o.helo)
	if err == nil && o.mayHELO(code) {
		o.heloOnly = true
		code, text, err = o.exchange("HELO " + o.helo)
	}
	if err := o.accepted(classify.StageEHLO, code, text, err); err != nil {
		return err
	}
	o.know(text)
	return nil
}

// mayHELO reports whether HELO may follow an EHLO that was refused with a code. The
// server must not know EHLO at all (RFC 5321 3.2), and the endpoint must need no
// extension.
func (o *opening) mayHELO(code int) bool {
	if o.endpoint.logsIn() || o.endpoint.mode() == TLSMandatory {
		return false
	}
	return code == 500 || code == 502 || code == 504
}

// startTLS secures the connection as the endpoint demands.
func (o *opening) startTLS(ctx context.Context) error {
	mode := o.endpoint.mode()
	if mode == TLSImplicit || mode == TLSNone {
		return nil
	}
	clearText := mode == TLSOpportunistic && (!o.endpoint.logsIn() || o.endpoint.AllowInsecureLogin)
	if _, offered := o.extensions["STARTTLS"]; !offered {
		if clearText {
			return nil
		}
		return o.endpoint.TLSPolicy.unproved(ErrNoTLS)
	}
	code, text, err := o.exchange("STARTTLS")
	refused := err == nil && code >= 400 && code != codeShutdown
	if refused && clearText {
		return nil
	}
	err = o.accepted(classify.StageStartTLS, code, text, err)
	if refused {
		err = o.endpoint.TLSPolicy.unproved(err)
	}
	if err != nil {
		return err
	}
	if o.r.Buffered() > 0 {
		return errInjected
	}
	if err := o.secure(ctx); err != nil {
		return err
	}
	return o.helloAgain()
}

// extend asks for the extensions again after a login, but only where none that mail
// can use was offered before; see askAgain.
func (o *opening) extend(context.Context) error {
	if o.features != (features{}) || !o.mayAskAgain() {
		return nil
	}
	return o.askAgain()
}

// know keeps the useful extensions of the reply to an EHLO, except those that the
// endpoint omits.
func (s *session) know(text string) {
	if s.heloOnly {
		text = "" // lines of the reply to HELO are no extensions
	}
	s.extensions = parseExtensions(text)
	for _, keyword := range s.omit {
		delete(s.extensions, strings.ToUpper(keyword))
	}
	s.features = newFeatures(s.extensions)
}

// omits reports whether the endpoint omits an extension.
func (s *session) omits(keyword string) bool {
	return slices.ContainsFunc(s.omit, func(name string) bool { return strings.EqualFold(name, keyword) })
}

// helloAgain sends EHLO once more, where the answer may have changed. What was
// offered in clear text does not count any more after STARTTLS (RFC 3207 4.2). What
// an EHLO has offered counts only where the server wants no second one: over TLS
// nobody else can say so.
func (s *session) helloAgain() error {
	code, text, err := s.exchange("EHLO " + s.helo)
	if err == nil && wantsNoSecondEHLO(code) {
		return nil
	}
	if err := s.accepted(classify.StageEHLO, code, text, err); err != nil {
		return s.newError(classify.StageEHLO, withCause(s.wire.aborted(), err))
	}
	s.know(text)
	return nil
}

// wantsNoSecondEHLO reports whether a refusal of EHLO says that the command is not
// wanted, and nothing about the client.
func wantsNoSecondEHLO(code int) bool {
	return code == 500 || code == 502 || code == 503 || code == 504
}

// mayAskAgain reports whether EHLO may be sent again because a login may have changed
// what is offered. Servers exist that forget the login at an EHLO. RFC 4954 4 demands
// one only behind a security layer, which no mechanism of ours has.
func (s *session) mayAskAgain() bool {
	return s.loggedIn && !s.heloOnly && !s.askedAgain && !s.quirks.forgetsLogin()
}

// askAgain sends EHLO after a login.
func (s *session) askAgain() error {
	s.askedAgain = true
	err := s.helloAgain()
	if s.wire.aborted() == nil {
		s.quirks.askedAgain(err == nil)
	}
	return err
}

// forgotLogin reports whether a refusal shows that the server has forgotten the login
// at an EHLO behind it. The connection is of no use then, and the next one sends none.
func (s *session) forgotLogin(v classify.Verdict) bool {
	if v.Class != classify.ClassSMTPAuth || !s.askedAgain {
		return false
	}
	s.quirks.forgotLogin()
	s.fate = max(s.fate, classify.ConnQuit)
	return true
}
