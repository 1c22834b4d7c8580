package pool

import (
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
)

// Pool runs connections. Make one with [New] and end it with [Pool.Shutdown]
// or [Pool.Close]. It is safe for concurrent use.
type Pool struct {
	config Config
	ids    atomic.Uint64
	wg     sync.WaitGroup // one for each connection and Verify
	memory memory

	transcripts transcripts

	dialContext func(ctx context.Context, network, addr string) (net.Conn, error) // of a net.Dialer

	// The base contexts: Shutdown ends the first, Close both.
	dialing, serving         context.Context
	stopDialing, stopServing context.CancelCauseFunc

	mu      sync.Mutex // guards the fields below, and wg.Add against stopped
	stopped bool
	conns   map[*Conn]struct{}
	quirks  map[string]*quirks // by endpoint
}

// New returns a Pool without connections, or all mistakes of the Config.
func New(config Config) (*Pool, error) {
	if err := config.validate(); err != nil {
		return nil, err
	}
	p := &Pool{
		config: config.withDefaults(), conns: make(map[*Conn]struct{}), quirks: make(map[string]*quirks),
		dialContext: new(net.Dialer).DialContext,
	}
	p.dialing, p.stopDialing = context.WithCancelCause(context.Background())
	p.serving, p.stopServing = context.WithCancelCause(context.Background())
	return p, nil
}

// Open starts one connection to the endpoint and returns at once. The
// connection takes its deliveries from u until u or the pool ends it or it
// fails. The errors are those of [Endpoint.Validate], and [ErrClosed]; after
// one, u is not called.
func (p *Pool) Open(e Endpoint, u User) error {
	if err := e.Validate(); err != nil {
		return err
	}
	if u == nil {
		return fmt.Errorf("pool: endpoint %q: no User", e.name())
	}
	c := &Conn{id: p.ids.Add(1), pool: p, endpoint: e, user: u}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped {
		return ErrClosed
	}
	p.conns[c] = struct{}{}
	p.wg.Go(func() {
		defer p.forget(c)
		c.run()
	})
	return nil
}

// Shutdown ends the pool gently. Connections finish the transaction on the
// wire, take no further one, and quit; those still being opened are given up.
// It waits for all of them and returns nil. When ctx ends first it does as
// [Pool.Close] and returns the cause of ctx.
func (p *Pool) Shutdown(ctx context.Context) error {
	p.stop()
	done := make(chan struct{})
	go func() {
		p.wg.Wait()
		p.transcripts.wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		p.stopServing(ErrClosed)
		<-done
		return context.Cause(ctx)
	}
}

// Close ends the pool now. All connections are closed as they are, and it
// returns when their deliveries are reported and their goroutines have ended;
// a message whose dot was sent, and not answered yet, is reported as
// ambiguous. It returns nil. Shutdown and Close may be called together and
// more than once.
func (p *Pool) Close() error {
	p.stop()
	p.stopServing(ErrClosed)
	p.wg.Wait()
	p.transcripts.wait()
	return nil
}

// stop refuses new connections and retires those that exist.
func (p *Pool) stop() {
	p.mu.Lock()
	p.stopped = true
	conns := make([]*Conn, 0, len(p.conns))
	for c := range p.conns {
		conns = append(conns, c)
	}
	p.mu.Unlock()
	p.stopDialing(ErrClosed)
	for _, c := range conns {
		c.Retire()
	}
}

// join counts the caller among those that Close waits for.
func (p *Pool) join() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped {
		return ErrClosed
	}
	p.wg.Add(1)
	return nil
}

func (p *Pool) forget(c *Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
}
