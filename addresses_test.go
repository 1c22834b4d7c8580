package smtpace

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/smtptest"
)

// oneName is a resolver that knows one host.
type oneName []netip.Addr

func (o oneName) LookupNetIP(_ context.Context, network, host string) ([]netip.Addr, error) {
	if host != "mx.test" {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	if network == "ip6" {
		return nil, nil
	}
	return o, nil
}

// loopbackHosts listens at one port of several loopback addresses. What serves an
// address gets its connections.
func loopbackHosts(t *testing.T, serve map[string]func(net.Conn)) (port string, addrs oneName) {
	t.Helper()
	for range 10 {
		var listeners []net.Listener
		var err error
		port, addrs = "0", nil
		for ip := range serve {
			var l net.Listener
			if l, err = net.Listen("tcp4", net.JoinHostPort(ip, port)); err != nil {
				break
			}
			port = strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
			listeners = append(listeners, l)
			addrs = append(addrs, netip.MustParseAddr(ip))
		}
		if err != nil {
			for _, l := range listeners {
				l.Close()
			}
			continue
		}
		var serving sync.WaitGroup
		for _, l := range listeners {
			serving.Go(func() { accept(l, serve[l.Addr().(*net.TCPAddr).IP.String()]) })
		}
		t.Cleanup(func() {
			for _, l := range listeners {
				l.Close()
			}
			serving.Wait()
		})
		return port, addrs
	}
	t.Skip("no port is free at all of 127.0.0.2 to 127.0.0.5")
	return "", nil
}

// accept serves connections until the listener is closed, and closes them then.
func accept(l net.Listener, serve func(net.Conn)) {
	var conns []net.Conn
	var serving sync.WaitGroup
	for {
		conn, err := l.Accept()
		if err != nil {
			break
		}
		conns = append(conns, conn)
		serving.Go(func() {
			defer conn.Close()
			serve(conn)
		})
	}
	for _, conn := range conns {
		conn.Close()
	}
	serving.Wait()
}

// forward serves a connection by a receiver.
func forward(t *testing.T, srv *smtptest.Server) func(net.Conn) {
	return func(near net.Conn) {
		far, err := net.Dial("tcp4", srv.Addr)
		if err != nil {
			t.Error(err)
			return
		}
		defer far.Close()
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, _ = io.Copy(far, near)
			_ = far.(*net.TCPConn).CloseWrite()
		}()
		_, _ = io.Copy(near, far)
		near.Close()
		<-done
	}
}

// TestSeveralAddressesOnSockets sends through a relay whose name has four addresses:
// one accepts and is silent, one greets with a 421, one has a certificate that is not
// trusted, and one is good. All is delivered through the last, and the others are left
// alone after their first tries.
func TestSeveralAddressesOnSockets(t *testing.T) {
	// They close after the Sender and after what forwards to them.
	good := smtptest.NewServer(smtptest.Config{StartTLS: true})
	t.Cleanup(good.Close)
	untrusted := smtptest.NewServer(smtptest.Config{StartTLS: true})
	t.Cleanup(untrusted.Close)
	var mu sync.Mutex
	tries := map[string]int{}
	try := func(ip string, serve func(net.Conn)) func(net.Conn) {
		return func(conn net.Conn) {
			mu.Lock()
			tries[ip]++
			mu.Unlock()
			serve(conn)
		}
	}
	port, addrs := loopbackHosts(t, map[string]func(net.Conn){
		"127.0.0.2": try("silent", func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }),
		"127.0.0.3": try("421", func(conn net.Conn) { fmt.Fprint(conn, "421 4.3.2 shutting down\r\n") }),
		"127.0.0.4": try("untrusted", forward(t, untrusted)),
		"127.0.0.5": try("good", forward(t, good)),
	})
	relay := Relay{Addr: "mx.test:" + port, TLS: pool.TLSMandatory, TLSConfig: good.ClientTLS()}
	const n = 100
	s := newSender(t, Config{Relays: []Relay{relay}, Resolver: addrs, Timeouts: pool.Timeouts{Command: 500 * time.Millisecond}})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var got results
	if err := s.SendAll(ctx, func(yield func(Message) bool) {
		for i := range n {
			if !yield(rendered(strconv.Itoa(i), fmt.Sprintf("u%d@d%d.example", i, i%5))) {
				return
			}
		}
	}, got.done); err != nil {
		t.Error(err)
	}
	if d := got.count(Delivered); d != n || good.Stats().Messages != n || untrusted.Stats().Messages != 0 {
		t.Errorf("%d of %d delivered, %d at the good address and %d at the untrusted one", d, n, good.Stats().Messages, untrusted.Stats().Messages)
	}
	mu.Lock()
	defer mu.Unlock()
	if tries["good"] == 0 || max(tries["silent"], tries["421"], tries["untrusted"]) > 10 {
		t.Errorf("tries by address: %v", tries)
	}
}

// TestNoAddressOfSeveralOnSockets tells what each address has said when none works.
func TestNoAddressOfSeveralOnSockets(t *testing.T) {
	port, addrs := loopbackHosts(t, map[string]func(net.Conn){
		"127.0.0.2": func(net.Conn) {},
		"127.0.0.3": func(conn net.Conn) { fmt.Fprint(conn, "421 4.3.2 shutting down\r\n") },
	})
	relay := Relay{Addr: "mx.test:" + port, TLS: pool.TLSNone}
	s := newSender(t, Config{Relays: []Relay{relay}, Resolver: addrs})
	err := s.Verify(t.Context())
	var e *pool.Error
	if !errors.As(err, &e) || !strings.Contains(err.Error(), "127.0.0.") {
		t.Errorf("got %v, want a *pool.Error that names the address", err)
	}
}
