package smtptest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Server is an SMTP receiver for tests. Make one with NewServer and end it
// with Close. It is safe for concurrent use.
type Server struct {
	// Addr is the server's address, host:port: on the loopback, or of an
	// in-memory server its Hostname with port 25 (465 with ImplicitTLS). It
	// does not change.
	Addr string

	cfg      Config
	listener net.Listener // nil in memory
	cert     func() (tls.Certificate, error)
	tls      func() (*tls.Config, error) // for the server's side
	done     chan struct{}               // closed by Close
	wg       sync.WaitGroup
	dials    atomic.Int64 // in memory
	gate     gate
	ledger   ledger

	mu       sync.Mutex // never held over I/O
	closed   bool
	sessions map[*session]struct{}
	conns    int // numbered so far
}

// NewServer starts a server. It panics if cfg is contradictory or if it cannot
// listen on the loopback: either is a mistake in the test.
func NewServer(cfg Config) *Server {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		panic(err)
	}
	s := &Server{
		cfg:      cfg,
		cert:     sync.OnceValues(func() (tls.Certificate, error) { return newCertificate(cfg.Hostname) }),
		done:     make(chan struct{}),
		sessions: make(map[*session]struct{}),
		ledger:   ledger{statsOnly: cfg.StatsOnly, replies: make(map[int]int), times: make(map[Stage][]time.Time)},
	}
	s.gate.cfg, s.gate.limits, s.gate.domains = &s.cfg, s.cfg.Limits, make(map[string]*domainGate)
	s.tls = sync.OnceValues(s.serverTLS)
	if cfg.InMemory {
		s.Addr = net.JoinHostPort(cfg.Hostname, fmt.Sprint(s.port()))
		return s
	}
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		panic(fmt.Errorf("smtptest: cannot listen on the loopback: %w", err))
	}
	s.Addr, s.listener = l.Addr().String(), l
	s.wg.Go(s.accept)
	return s
}

// port returns the port that an in-memory server pretends to have.
func (s *Server) port() int {
	if s.cfg.ImplicitTLS {
		return 465
	}
	return 25
}

// accept serves the socket until it is closed.
func (s *Server) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			select {
			case <-s.done:
				return
			case <-time.After(5 * time.Millisecond): // out of files, most likely
				continue
			}
		}
		s.start(conn)
	}
}

// start serves conn on a goroutine of its own; it reports false, and closes
// conn, if the server is closed.
func (s *Server) start(conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		conn.Close()
		return false
	}
	if s.gate.isDown() {
		s.ledger.greeted(false)
		resetConn(conn)
		return false
	}
	if s.listener != nil && s.cfg.Latency > 0 {
		conn = s.distant(conn)
	}
	s.conns++
	sess := newSession(s, s.conns, conn)
	s.sessions[sess] = struct{}{}
	s.wg.Go(func() {
		sess.run()
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.sessions, sess)
	})
	return true
}

// DialContext connects to this server, whatever network and addr say, so that
// it fits wherever a dial function is asked for. It fails with ECONNREFUSED
// after Close, and while the server is down.
func (s *Server) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	if err := s.dialFault(ctx); err != nil {
		return nil, s.dialError(network, err)
	}
	if s.gate.isDown() {
		s.ledger.greeted(false)
		return nil, s.dialError(network, refused)
	}
	if s.listener != nil {
		var d net.Dialer
		return d.DialContext(ctx, "tcp4", s.Addr)
	}
	if err := wait(ctx, 2*s.cfg.Latency); err != nil {
		return nil, s.dialError(network, err)
	}
	near := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1024 + int(s.dials.Add(1)%64000)}
	client, server := newPipe(near, s.netAddr(), s.cfg.Latency)
	if !s.start(server) {
		return nil, s.dialError(network, refused)
	}
	return client, nil
}

// dialError returns the error of a failed dial.
func (s *Server) dialError(network string, err error) error {
	return &net.OpError{Op: "dial", Net: network, Addr: s.netAddr(), Err: err}
}

// refused is the error of a dial to a port without a listener.
var refused = os.NewSyscallError("connect", syscall.ECONNREFUSED)

// dialFault applies a fault of StageDial.
func (s *Server) dialFault(ctx context.Context) error {
	f := s.fault(Event{Stage: StageDial})
	if f == nil {
		return nil
	}
	if err := wait(ctx, f.Delay); err != nil {
		return err
	}
	switch f.End {
	case Continue:
		return nil
	case Stall:
		<-ctx.Done()
		return context.Cause(ctx)
	default:
		return refused
	}
}

// wait sleeps for d, or until ctx ends.
func wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// netAddr returns the address that connections name as the server's.
func (s *Server) netAddr() net.Addr {
	if s.listener != nil {
		return s.listener.Addr()
	}
	return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: s.port()}
}

// fault tells the ledger and Config.Fault of an event.
func (s *Server) fault(ev Event) *Fault {
	ev.Time = time.Now()
	s.ledger.event(ev)
	if s.cfg.Fault == nil {
		return nil
	}
	return s.cfg.Fault(ev)
}

// ClientTLS returns a new configuration for clients, which trusts the server's
// generated certificate and nothing else. The certificate names Hostname,
// localhost, mx.test and the loopback addresses, and is valid from 1990 to 2090.
func (s *Server) ClientTLS() *tls.Config {
	cert, err := s.cert()
	if err != nil {
		panic(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(cert.Leaf)
	return &tls.Config{RootCAs: roots, ServerName: s.cfg.Hostname}
}

// serverTLS makes the configuration for the server's side.
func (s *Server) serverTLS() (*tls.Config, error) {
	if s.cfg.TLSConfig != nil {
		return s.cfg.TLSConfig, nil
	}
	cert, err := s.cert()
	if err != nil {
		return nil, err
	}
	return &tls.Config{Certificates: []tls.Certificate{cert}}, nil
}

// Close stops listening, closes every connection and returns once nothing of
// the server runs any more. What was recorded stays readable. It may be called
// more than once.
func (s *Server) Close() {
	s.mu.Lock()
	if !s.closed {
		s.closed = true
		close(s.done)
		if s.listener != nil {
			s.listener.Close()
		}
	}
	s.mu.Unlock()
	s.CloseClientConnections()
	s.wg.Wait()
}

// CloseClientConnections closes every open connection, whatever goes on there,
// and goes on listening.
func (s *Server) CloseClientConnections() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for sess := range s.sessions {
		sess.raw.Close()
	}
}

// Transactions returns all that have ended, in the order in which they did.
func (s *Server) Transactions() []Transaction { return s.ledger.all(false) }

// Messages returns the transactions whose message was accepted.
func (s *Server) Messages() []Transaction { return s.ledger.all(true) }

// Times returns when the events of a stage happened, in their order, to check
// a rate against. Of StageIdle nothing is kept, nor with Config.StatsOnly.
func (s *Server) Times(stage Stage) []time.Time { return s.ledger.timesOf(stage) }

// Stats returns the sums so far.
func (s *Server) Stats() Stats {
	stats := s.ledger.sums()
	stats.Open, stats.Peak = s.gate.connections()
	return stats
}

// Wait returns nil as soon as n messages in all have been accepted, or the
// cause of the end of ctx.
func (s *Server) Wait(ctx context.Context, n int) error {
	reached := s.ledger.reach(n)
	select {
	case <-reached:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("smtptest: waiting for %d messages: %w", n, context.Cause(ctx))
	}
}
