package smtpace

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/smtpace/smtpace/smtptest"
)

// panicking is the variable that has a run of this test's binary panic, in the function
// that it names.
const panicking = "SMTPACE_TEST_PANIC"

// TestAPanicEndsTheProgram also when the function that panics holds a lock that the
// others wait for: none of them is called any more.
func TestAPanicEndsTheProgram(t *testing.T) {
	if at := os.Getenv(panicking); at != "" {
		panicAt(t, at)
		return
	}
	for _, at := range []string{"Opened", "Reply", "Try", "Settled", "Closed"} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			c := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestAPanicEndsTheProgram$")
			c.Env = append(os.Environ(), panicking+"="+at)
			out, err := c.CombinedOutput()
			if err == nil || ctx.Err() != nil || !strings.Contains(string(out), "panic: at "+at) {
				t.Errorf("%v, want the end of the program by the panic; its output:\n%s", err, out)
			}
		})
	}
}

// panicAt sends a message through a Sender one of whose observers panics with a lock held
// that all of them take.
func panicAt(t *testing.T, at string) {
	var mu sync.Mutex
	call := func(name string) {
		mu.Lock()
		if name == at {
			panic("at " + at)
		}
		mu.Unlock()
	}
	srv := smtptest.NewServer(smtptest.Config{})
	defer srv.Close()
	s, err := New(Config{Relays: []Relay{relayTo(srv)}, Observers: []Observer{{
		Opened: func(Connection) { call("Opened") }, Closed: func(Connection) { call("Closed") },
		Reply: func(ReplyRead) { call("Reply") }, Try: func(Try) { call("Try") }, Settled: func(*Result) { call("Settled") },
	}}})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	m := Message{From: "a@x.example", To: []string{"b@d.example"}, Data: []byte("Subject: x\r\n\r\nhello\r\n")}
	if _, err := s.Submit(t.Context(), m, func(*Result) { call("done"); close(done) }); err != nil {
		t.Fatal(err)
	}
	<-done
	s.Close()
}
