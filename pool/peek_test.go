//go:build linux || darwin || freebsd || netbsd || openbsd

package pool

import (
	"net"
	"testing"
)

// TestPeeking finds bytes that have come, and the end, and nothing before.
func TestPeeking(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	near, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer near.Close()
	far, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	peek := newPeek(near)
	if peek() {
		t.Error("something has come where nothing was sent")
	}
	read := func(want int) { // waits for what comes
		t.Helper()
		if n, _ := near.Read(make([]byte, 1)); n != want {
			t.Errorf("read %d bytes, want %d", n, want)
		}
	}
	if _, err := far.Write([]byte("ab")); err != nil {
		t.Fatal(err)
	}
	read(1)
	for range 2 {
		if !peek() {
			t.Error("a byte that has come is not found, or taken")
		}
	}
	read(1)
	if peek() {
		t.Error("something has come behind what was read")
	}
	far.Close()
	read(0)
	if !peek() {
		t.Error("the end is not found")
	}
	near.Close()
	if peek() {
		t.Error("something has come over a connection that is closed")
	}
	pipe, other := net.Pipe()
	defer pipe.Close()
	defer other.Close()
	if newPeek(pipe) != nil {
		t.Error("a pipe is no socket")
	}
}
