package smtptest

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// inPipe runs f in a bubble with the ends of a pipe.
func inPipe(t *testing.T, latency time.Duration, f func(t *testing.T, a, b *pipeConn)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		a, b := newPipe(&net.TCPAddr{Port: 1}, &net.TCPAddr{Port: 2}, latency)
		defer a.Close()
		defer b.Close()
		f(t, a, b)
	})
}

func TestPipeDeadlineWakesAndClears(t *testing.T) {
	inPipe(t, 0, func(t *testing.T, a, b *pipeConn) {
		got := make(chan error)
		read := func() { _, err := a.Read(make([]byte, 8)); got <- err }
		go read()
		synctest.Wait() // the read is pending
		a.SetReadDeadline(time.Unix(1, 0))
		err := <-got
		if ne, ok := errors.AsType[net.Error](err); !ok || !ne.Timeout() || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("got %v, want a timeout", err)
		}
		if _, err := a.Read(make([]byte, 8)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("a second read got %v, want a timeout", err)
		}
		a.SetReadDeadline(time.Time{})
		go read()
		synctest.Wait()
		b.Write([]byte("x"))
		if err := <-got; err != nil {
			t.Errorf("after clearing got %v", err)
		}
	})
}

func TestPipeDeadlineInTheFuture(t *testing.T) {
	inPipe(t, 0, func(t *testing.T, a, b *pipeConn) {
		start := time.Now()
		a.SetReadDeadline(start.Add(time.Second))
		a.SetReadDeadline(start.Add(time.Minute)) // the last one counts
		_, err := a.Read(make([]byte, 1))
		if got := time.Since(start); got != time.Minute || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("got %v after %v, want a timeout after a minute", err, got)
		}
		a.SetDeadline(time.Now().Add(time.Second))
		n, err := a.Write(make([]byte, pipeBuffer+1))
		if n != pipeBuffer || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("wrote %d bytes, %v; want a full buffer and a timeout", n, err)
		}
	})
}

func TestPipeEnds(t *testing.T) {
	tests := []struct {
		name  string
		end   func(b *pipeConn)
		read  error // of the other end, after the data
		alive bool  // the other end can still be heard
	}{
		{"close", func(b *pipeConn) { b.Close() }, io.EOF, false},
		{"half-close", func(b *pipeConn) { b.CloseWrite() }, io.EOF, true},
		{"reset", func(b *pipeConn) { b.reset() }, syscall.ECONNRESET, false},
		{"close after half-close", func(b *pipeConn) { b.CloseWrite(); b.Close() }, io.EOF, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inPipe(t, time.Second, func(t *testing.T, a, b *pipeConn) {
				b.Write([]byte("data"))
				tt.end(b)
				got, err := io.ReadAll(a)
				if err == nil {
					err = io.EOF
				}
				if string(got) != "data" || !errors.Is(err, tt.read) {
					t.Errorf("read %q, %v; want the data and %v", got, err, tt.read)
				}
				if _, err := b.Write([]byte("x")); err == nil {
					t.Error("could write after the end")
				}
				a.Write([]byte("hello")) // may be taken and lost, as with TCP
				time.Sleep(2 * time.Second)
				n, err := a.Write([]byte("again"))
				if heard := err == nil && n == 5; heard != tt.alive {
					t.Errorf("a late write gave %d, %v", n, err)
				}
				if !tt.alive && !errors.Is(err, syscall.EPIPE) {
					t.Errorf("got %v, want a broken pipe", err)
				}
			})
		})
	}
}

func TestPipeClosedByOneself(t *testing.T) {
	inPipe(t, 0, func(t *testing.T, a, b *pipeConn) {
		got := make(chan error, 2)
		go func() { _, err := a.Read(make([]byte, 1)); got <- err }()
		go func() { _, err := a.Write(make([]byte, 2*pipeBuffer)); got <- err }()
		synctest.Wait()
		a.Close()
		for range 2 {
			if err := <-got; !errors.Is(err, net.ErrClosed) {
				t.Errorf("got %v, want net.ErrClosed", err)
			}
		}
	})
}

// A blocked writer must not wait for ever for a reader that has gone.
func TestPipeClosedBeforeABlockedWriter(t *testing.T) {
	inPipe(t, 0, func(t *testing.T, a, b *pipeConn) {
		got := make(chan error)
		go func() { _, err := a.Write(make([]byte, 2*pipeBuffer)); got <- err }()
		synctest.Wait()
		b.Close()
		if err := <-got; !errors.Is(err, syscall.EPIPE) {
			t.Errorf("got %v, want a broken pipe", err)
		}
	})
}

func TestPipeLatency(t *testing.T) {
	inPipe(t, 30*time.Millisecond, func(t *testing.T, a, b *pipeConn) {
		start := time.Now()
		a.Write([]byte("one"))
		time.Sleep(10 * time.Millisecond)
		a.Write([]byte("two"))
		a.Close()
		buf := make([]byte, 8)
		for _, want := range []struct {
			text string
			at   time.Duration
		}{{"one", 30 * time.Millisecond}, {"two", 40 * time.Millisecond}} {
			n, err := b.Read(buf)
			if at := time.Since(start); string(buf[:n]) != want.text || at != want.at {
				t.Errorf("got %q, %v at %v; want %q at %v", buf[:n], err, at, want.text, want.at)
			}
		}
		if _, err := b.Read(buf); err != io.EOF || time.Since(start) != 40*time.Millisecond {
			t.Errorf("got %v at %v, want EOF with the last data", err, time.Since(start))
		}
	})
}

func TestPipeCarriesMoreThanItsBuffer(t *testing.T) {
	inPipe(t, time.Millisecond, func(t *testing.T, a, b *pipeConn) {
		want := bytes.Repeat([]byte("0123456789"), pipeBuffer/4)
		go func() { a.Write(want); a.Close() }()
		got, err := io.ReadAll(b)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("got %d bytes, %v; want %d", len(got), err, len(want))
		}
	})
}
