package main

import (
	"errors"
	"net"
	"slices"
	"sync"
	"time"
)

// proxy passes connections on to another address and holds up every byte for
// the same time, in order, in both directions. It models distance alone, as
// that of the bench does, and can lose its connections.
type proxy struct {
	listener net.Listener
	target   string
	delay    time.Duration // of one direction: half of the round trip
	quick    bool          // whether it acknowledges at once what the target says
	accepts  sync.WaitGroup
	passes   sync.WaitGroup

	mu    sync.Mutex
	conns []wire // of both sides
}

// queued is the number of pieces that one direction holds before it stops
// reading: more than fit into the delay at any rate measured here.
const queued = 1 << 10

// piece holds the data of one read and the time to write them.
type piece struct {
	due  time.Time
	data []byte
}

func newProxy(target string, delay time.Duration, quick bool) (*proxy, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &proxy{listener: listener, target: target, delay: delay, quick: quick}
	p.accepts.Go(p.accept)
	return p, nil
}

func (p *proxy) addr() string { return p.listener.Addr().String() }

// lose resets all connections; what is under way never arrives.
func (p *proxy) lose() {
	p.mu.Lock()
	for _, conn := range p.conns {
		conn.SetLinger(0)
		conn.Close()
	}
	p.conns = nil
	p.mu.Unlock()
	p.passes.Wait()
}

// close refuses further connections and waits for the end of those that are
// open.
func (p *proxy) close() {
	p.listener.Close()
	p.accepts.Wait()
	p.passes.Wait()
}

// keep notes connections to lose.
func (p *proxy) keep(conns ...wire) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns = append(p.conns, conns...)
}

func (p *proxy) accept() {
	for {
		conn, err := p.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			p.passes.Go(func() { p.pass(wire{TCPConn: conn.(*net.TCPConn)}) })
		}
	}
}

// pass serves one connection.
func (p *proxy) pass(client wire) {
	defer client.Close()
	server, err := connect(p.target, p.quick)
	if err != nil {
		return
	}
	defer server.Close()
	p.keep(client, server)
	var directions sync.WaitGroup
	directions.Go(func() { p.direction(server, client) })
	directions.Go(func() { p.direction(client, server) })
	directions.Wait()
}

// direction carries bytes from one side to the other until the first ends or
// the second cannot be written to.
func (p *proxy) direction(to, from wire) {
	line := make(chan piece, queued)
	var reading sync.WaitGroup
	reading.Go(func() { p.read(line, from) })
	var failed error
	for c := range line {
		if failed == nil {
			time.Sleep(time.Until(c.due))
			if _, failed = to.Write(c.data); failed != nil {
				from.CloseRead()
			}
		}
	}
	to.CloseWrite()
	reading.Wait()
}

func (p *proxy) read(line chan<- piece, from wire) {
	defer close(line)
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			line <- piece{time.Now().Add(p.delay), slices.Clone(buffer[:n])}
		}
		if err != nil {
			return
		}
	}
}
