package main

import (
	"errors"
	"net"
	"sync"
)

// receiver accepts all mail and counts it. It answers on the loopback, without
// TLS, and offers PIPELINING, SIZE and 8BITMIME.
type receiver struct {
	listener net.Listener
	wg       sync.WaitGroup

	mu     sync.Mutex
	counts counts
	epoch  int   // of counting; take begins another
	using  int64 // open connections that have delivered in this epoch
}

// counts holds the figures of a receiver between two calls of take.
type counts struct {
	messages    int64
	recipients  int64
	bytes       int64 // of texts, dots of transparency not counted (RFC 5321 4.5.2)
	connections int64 // that delivered, the most that were open at the same time
}

func newReceiver() (*receiver, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &receiver{listener: listener}
	r.wg.Go(r.accept)
	return r, nil
}

func (r *receiver) addr() string { return r.listener.Addr().String() }

// take returns what was stored since the last call. It is exact while no mail
// is under way.
func (r *receiver) take() counts {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.counts
	r.counts, r.using = counts{}, 0
	r.epoch++
	return c
}

// close refuses further connections and waits until those that are open have
// been ended by their clients.
func (r *receiver) close() {
	r.listener.Close()
	r.wg.Wait()
}

func (r *receiver) accept() {
	for {
		conn, err := r.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			r.wg.Go(func() { newSession(r, conn).run() })
		}
	}
}

// stored counts a message of a session.
func (r *receiver) stored(s *session, size int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !s.delivered || s.epoch != r.epoch {
		s.delivered, s.epoch = true, r.epoch
		r.using++
		r.counts.connections = max(r.counts.connections, r.using)
	}
	r.counts.messages++
	r.counts.recipients += int64(s.recipients)
	r.counts.bytes += int64(size)
}

// ended notes that a session is over.
func (r *receiver) ended(s *session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s.delivered && s.epoch == r.epoch {
		r.using--
	}
}
