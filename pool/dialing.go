package pool

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/internal/printable"
)

// DialLimiter is an optional interface of a [User] that counts connections from their
// dials. A Conn asks it before every further dial, to another address or for another
// way of TLS. For other users a Conn dials one address at a time and asks nobody.
type DialLimiter interface {
	// DialAgain reports whether the Conn may dial another time. The dial before, and
	// its network connection, have ended.
	DialAgain(c *Conn) bool

	// DialBeside reports whether the Conn may dial another address while the first has
	// not answered yet. There are two network connections for a moment. One of them is
	// closed before its greeting is read; then DialedBeside is called.
	DialBeside(c *Conn) bool

	// DialedBeside notes that only one is left. It is called once after each DialBeside
	// that returned true.
	DialedBeside(c *Conn)
}

// dialing is the opening of one connection. It tries the addresses of the endpoint
// in turn, and TLS in several ways, until there is a session.
type dialing struct {
	pool     *Pool
	endpoint Endpoint
	target   target
	known    *known
	quirks   *quirks
	onReply  replyHook
	asked    *credentials // nil if they were not asked for before the dial

	transcript *transcript
	limiter    DialLimiter // nil if the user is none
	conn       *Conn       // nil in Verify
	candidates []netip.AddrPort
	several    bool          // whether the host has several addresses
	silent     time.Duration // tries that ended by a timeout
}

// dial opens a session, ready for MAIL; c is nil in Verify. Every error is an *Error,
// also that of the end of ctx. A session that is returned with an error must still be
// closed.
func (p *Pool) dial(ctx context.Context, e Endpoint, q *quirks, c *Conn, t *transcript) (s *session, err error) {
	d := &dialing{pool: p, endpoint: e, known: p.memory.of(e), quirks: q, conn: c, transcript: t}
	if c != nil {
		d.onReply = c.replyHook()
		d.limiter, _ = c.user.(DialLimiter)
	}
	defer func() {
		if err != nil && d.silent > 0 && d.several {
			d.known.silent()
		}
	}()
	if err := e.TLSPolicy.unproved(e.TLSPolicy.lists(e.serverName())); err != nil {
		return nil, d.failure(ctx, classify.StageStartTLS, err)
	}
	if d.asked, err = d.known.login.worthDialing(ctx, e, p.config.Timeouts.Command); err != nil {
		return nil, d.failure(ctx, classify.StageAuth, err)
	}
	if err := d.resolve(ctx); err != nil {
		return nil, d.failure(ctx, classify.StageConnect, err)
	}
	for {
		conn, at, begun, err := d.connect(ctx)
		if err != nil {
			return nil, d.failure(ctx, classify.StageConnect, err)
		}
		s, err := d.open(ctx, conn, at)
		if err == nil {
			d.known.opens(time.Since(s.born))
		}
		if d.judge(ctx, at, begun, err) || len(d.candidates) == 0 || !d.again() {
			return s, err
		}
		if s != nil {
			s.wire.close()
		}
		t.event("another try after: %v", err)
	}
}

// failure returns the error of a stage before there is a session.
func (d *dialing) failure(ctx context.Context, stage classify.Stage, err error) error {
	return d.session(d.endpoint).newError(stage, withCause(context.Cause(ctx), err))
}

// session returns a session that is to be opened.
func (d *dialing) session(e Endpoint) *session {
	s := newSession(e, d.pool.config, d.quirks, d.onReply)
	s.transcript = d.transcript
	return s
}

// resolve finds the candidates. A dialer of the user's own and a Unix socket have
// one, the zero AddrPort.
func (d *dialing) resolve(ctx context.Context) error {
	t, err := parseTarget(d.endpoint.Addr)
	if err != nil {
		return err // the name of a service can be looked up no more
	}
	d.target = t
	if d.endpoint.DialContext != nil || t.path != "" {
		d.candidates = []netip.AddrPort{{}}
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, d.pool.config.Timeouts.Dial)
	defer cancel()
	ips, err := resolve(ctx, d.pool.config.Resolver, t.host)
	if err != nil {
		return err
	}
	d.several = len(ips) > 1
	d.candidates = d.known.candidates(time.Now(), ips, t.port)
	return nil
}

// again reports whether another dial may begin. Whoever opened the connection has
// counted the first.
func (d *dialing) again() bool {
	return d.silent < maxSilence && (d.limiter == nil || d.limiter.DialAgain(d.conn))
}

// open opens the session over a connection to an address, on the rungs of the ladder
// that apply.
func (d *dialing) open(ctx context.Context, conn net.Conn, at netip.AddrPort) (*session, error) {
	lowest := d.endpoint.lowest()
	climbs := lowest > rungFull
	for {
		e, r := d.endpoint, rungFull
		if climbs {
			var must bool
			r, must = d.known.rungAt(time.Now(), at)
			e = e.on(r, must)
		}
		s := d.session(e)
		s.start(conn)
		o := &opening{endpoint: e, session: s, logins: &d.known.login, asked: d.asked, patience: d.patience(), climbs: climbs}
		err := o.open(ctx)
		if !climbs {
			return s, d.name(at, err)
		}
		if err == nil {
			if why := d.known.secured(time.Now(), at, r, s.tls != nil); lowest == rungClear {
				s.fallback = why
			}
			return s, nil
		}
		if !isTLSFailure(err) || !d.known.unsecured(time.Now(), at, r, lowest, errors.Unwrap(err)) || !d.again() {
			return s, d.name(at, err)
		}
		s.wire.close()
		d.transcript.event("another try after: %v", err)
		if conn, err = d.dialTo(ctx, at, d.dialTime()); err != nil {
			return nil, d.failure(ctx, classify.StageConnect, err)
		}
	}
}

// patience returns the bound of a dial and of each step of an opening up to TLS; 0 means
// none of its own.
func (d *dialing) patience() time.Duration {
	if len(d.candidates) > 0 {
		return d.known.withOthers()
	}
	return 0
}

// name adds the address to an error where the host has several.
func (d *dialing) name(at netip.AddrPort, err error) error {
	if e, ok := err.(*Error); ok && d.several {
		return &Error{e.Endpoint, e.Stage, printable.Error(fmt.Errorf("%s: %w", at.Addr(), e.Err)), e.Verdict}
	}
	return err
}

// judge notes what a try says of its address. It reports whether the dialing is over:
// there is a session, or another address would not help, or a limit was named, which
// is not met again at once at another address.
func (d *dialing) judge(ctx context.Context, at netip.AddrPort, begun time.Time, err error) (over bool) {
	if err == nil {
		d.known.worked(at)
		return true
	}
	e, ok := errors.AsType[*Error](err)
	if !ok || ctx.Err() != nil || isLocal(err) {
		d.known.ended(at)
		return true
	}
	if e.Stage == classify.StageAuth { // the server is well, and knows the same logins elsewhere
		d.known.worked(at)
		return true
	}
	silent := timedOut(err)
	if silent {
		d.silent += time.Since(begun)
	}
	d.known.failed(time.Now(), begun, at, silent)
	return e.Verdict.Throttled()
}

// isLocal reports whether an error comes from our own machine: it says nothing of the
// server.
func isLocal(err error) bool {
	for _, target := range []error{
		syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.EADDRNOTAVAIL, syscall.EACCES, syscall.EPERM,
	} {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}
