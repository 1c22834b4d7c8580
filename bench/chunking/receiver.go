package main

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// policy is a receiver's treatment of mail. The zero value takes all at once.
type policy struct {
	lookup   time.Duration // before the reply to each RCPT
	holds    bool          // the replies before it until then, as Postfix does
	refuses  string        // "MAIL" or "RCPT": answered 450 once enough was stored
	messages int           // number that is enough, on one connection
}

// receiver offers PIPELINING and CHUNKING on the loopback, keeps nothing, and
// counts what it would have stored. Like smtpd(8), it writes the replies when
// it has to wait.
type receiver struct {
	policy   policy
	listener net.Listener
	accepts  sync.WaitGroup
	sessions sync.WaitGroup
	stored   atomic.Int64 // messages
}

func newReceiver(p policy) (*receiver, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &receiver{policy: p, listener: listener}
	r.accepts.Go(r.accept)
	return r, nil
}

func (r *receiver) addr() string { return r.listener.Addr().String() }

// close refuses further connections and waits until those that are open have
// been ended by their clients.
func (r *receiver) close() {
	r.listener.Close()
	r.accepts.Wait()
	r.sessions.Wait()
}

func (r *receiver) accept() {
	for {
		conn, err := r.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			r.sessions.Go(func() { newSession(r, conn).run() })
		}
	}
}
