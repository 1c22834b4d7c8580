package main

import (
	"bytes"
	"crypto/sha256"
	"io"
	"math/rand/v2"
	"net"
	"testing"
	"time"
)

// echo accepts one connection and returns what it gets, until its end.
func echo(t *testing.T) (addr string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		io.Copy(conn, conn)
	}()
	return listener.Addr().String()
}

func dialThrough(t *testing.T, delay time.Duration) *net.TCPConn {
	t.Helper()
	p, err := newProxy(echo(t), delay)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.close)
	conn, err := net.Dial("tcp", p.addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn.(*net.TCPConn)
}

func TestProxyDelays(t *testing.T) {
	const delay = 5 * time.Millisecond
	conn := dialThrough(t, delay)
	handshake := 3 * delay // before the target hears of the connection
	for i := range 5 {
		start := time.Now()
		conn.Write([]byte("x"))
		if _, err := io.ReadFull(conn, make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		// On the first turn the dial has begun the handshake a moment before.
		if took := time.Since(start); took < 2*delay || i == 0 && took < handshake {
			t.Errorf("round trip %d took %v, want %v at least", i, took, 2*delay)
		}
	}
}

// Many bytes at once are held up once, not one after the other, and come as
// they were.
func TestProxyKeepsBytes(t *testing.T) {
	conn := dialThrough(t, 2*time.Millisecond)
	sent := make([]byte, 8<<20)
	rand.NewChaCha8([32]byte{}).Read(sent)
	go func() {
		for rest := sent; len(rest) > 0; {
			n := min(len(rest), 1+rand.IntN(100_000))
			if _, err := conn.Write(rest[:n]); err != nil {
				return
			}
			rest = rest[n:]
		}
		conn.CloseWrite()
	}()
	got, err := io.ReadAll(conn) // ends: the end is passed on, too
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, sent) {
		t.Errorf("got %d bytes, sha256 %x; want %d, %x", len(got), sha256.Sum256(got), len(sent), sha256.Sum256(sent))
	}
}

// An end on either side ends the other, so that close returns.
func TestProxyEnds(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	p, err := newProxy(listener.Addr().String(), time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	client, err := net.Dial("tcp", p.addr())
	if err != nil {
		t.Fatal(err)
	}
	server, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(server, "221 bye\r\n")
	server.Close()
	if got, err := io.ReadAll(client); err != nil || string(got) != "221 bye\r\n" {
		t.Errorf("the client got %q, %v", got, err)
	}
	client.Close()
	p.close()
}
