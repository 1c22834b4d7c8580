package main

import (
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// proxy passes connections on to another address and holds up every byte for
// the same time, in order, in both directions. It models distance alone: the
// bandwidth is that of the machine, and no TCP window is smaller than what
// the proxy queues.
type proxy struct {
	listener net.Listener
	target   string
	delay    time.Duration // of one direction: half of the round trip
	wg       sync.WaitGroup
	chunks   sync.Pool // of *chunk
}

// queued is the number of chunks that one direction holds before it stops
// reading: 64 MiB, which only a sender faster than 3 GB/s fills at 20 ms.
const queued = 1 << 10

// chunk holds the data of one read and the time to write them.
type chunk struct {
	due  time.Time
	size int
	data [64 << 10]byte
}

func newProxy(target string, delay time.Duration) (*proxy, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &proxy{listener: listener, target: target, delay: delay}
	p.chunks.New = func() any { return &chunk{} }
	p.wg.Go(p.accept)
	return p, nil
}

func (p *proxy) addr() string { return p.listener.Addr().String() }

// close refuses further connections and waits until those that are open have
// been ended by their clients.
func (p *proxy) close() {
	p.listener.Close()
	p.wg.Wait()
}

func (p *proxy) accept() {
	for {
		conn, err := p.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			p.wg.Go(func() { p.pass(conn.(*net.TCPConn)) })
		}
	}
}

// pass serves one connection. The kernel has accepted it at once, but over a
// distance the target would hear of it three delays after the first packet:
// SYN, SYN-ACK, ACK.
func (p *proxy) pass(client *net.TCPConn) {
	defer client.Close()
	time.Sleep(3 * p.delay)
	conn, err := net.Dial("tcp", p.target)
	if err != nil {
		return
	}
	defer conn.Close()
	server := conn.(*net.TCPConn)
	var directions sync.WaitGroup
	directions.Go(func() { p.direction(server, client) })
	directions.Go(func() { p.direction(client, server) })
	directions.Wait()
}

// direction carries bytes from one side to the other until the first ends or
// the second cannot be written to.
func (p *proxy) direction(to, from *net.TCPConn) {
	line := make(chan *chunk, queued)
	var reading sync.WaitGroup
	reading.Go(func() { p.read(line, from) })
	var failed error
	for c := range line {
		if failed == nil {
			time.Sleep(time.Until(c.due))
			if _, failed = to.Write(c.data[:c.size]); failed != nil {
				from.CloseRead()
			}
		}
		p.chunks.Put(c)
	}
	time.Sleep(p.delay)
	to.CloseWrite()
	reading.Wait()
}

func (p *proxy) read(line chan<- *chunk, from io.Reader) {
	defer close(line)
	for {
		c := p.chunks.Get().(*chunk)
		n, err := from.Read(c.data[:])
		if n > 0 {
			c.size, c.due = n, time.Now().Add(p.delay)
			line <- c
		}
		if err != nil {
			return
		}
	}
}
