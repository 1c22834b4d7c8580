package smtpace

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/smtptest"
	"github.com/smtpace/smtpace/throttle"
	"github.com/wneessen/go-mail"
)

// benchChild names the variable that makes the test binary a child of a
// benchmark: "receiver" accepts mail, "new" times the process's first New.
const benchChild = "SMTPACE_BENCH_CHILD"

func init() {
	switch os.Getenv(benchChild) {
	case "receiver":
		srv := smtptest.NewServer(smtptest.Config{StatsOnly: true})
		fmt.Println(srv.Addr)
		io.Copy(io.Discard, os.Stdin) // until the parent ends
		os.Exit(0)
	case "new":
		start := time.Now()
		if _, err := New(benchConfig("127.0.0.1:25")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Println(time.Since(start).Nanoseconds())
		os.Exit(0)
	}
}

// benchReceiver runs the test binary as a receiver and returns its address. A
// process of its own keeps the receiver's allocations out of the sender's.
func benchReceiver(b *testing.B) string {
	b.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), benchChild+"=receiver")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { in.Close(); cmd.Wait() })
	addr, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.Fatalf("reading the receiver's address: %v", err)
	}
	return strings.TrimSpace(addr)
}

// benchConfig returns a Config for one relay at addr, with 4 connections.
func benchConfig(addr string) Config {
	wide := throttle.Limits{Connections: 4, MessagesPerConnection: throttle.Unlimited}
	return Config{
		Relays:  []Relay{{Addr: addr, TLS: pool.TLSNone, Limits: wide}},
		Process: wide, Destination: wide,
	}
}

// benchMessage returns a rendered message of size bytes.
func benchMessage(recipients, size int) Message {
	var to []string
	for i := range recipients {
		to = append(to, fmt.Sprintf("r%d@x.example", i))
	}
	m := rendered("m", to...)
	line := strings.Repeat("x", 62) + "\r\n"
	m.Data = append(m.Data, strings.Repeat(line, (size-len(m.Data))/len(line))...)
	return m
}

// BenchmarkSendAll measures up to the settlement of the last message. The
// receiver is a process of its own, so the allocations are the sender's alone.
func BenchmarkSendAll(b *testing.B) {
	for _, bench := range []struct {
		name             string
		recipients, size int
	}{
		{"1rcpt", 1, 1 << 10},
		{"10rcpt", 10, 1 << 10},
		{"50rcpt", 50, 1 << 10},
		{"50KiB", 1, 50 << 10},
	} {
		b.Run(bench.name, func(b *testing.B) {
			m := benchMessage(bench.recipients, bench.size)
			b.SetBytes(int64(len(m.Data)))
			benchSendAll(b, func() Message { return m })
		})
	}
	b.Run("mailMsg", func(b *testing.B) {
		msg := benchMsg(b)
		benchSendAll(b, func() Message { return Message{Msg: msg()} })
	})
}

// benchMsg returns a function that gives messages of go-mail of 1 KiB: a few
// thousand, in turn, so that none is given again while it is rendered.
func benchMsg(b *testing.B) func() *mail.Msg {
	b.Helper()
	ring := make([]*mail.Msg, 4096)
	for i := range ring {
		m := mail.NewMsg()
		if err := m.From("from@sender.example"); err != nil {
			b.Fatal(err)
		}
		if err := m.To("r0@x.example"); err != nil {
			b.Fatal(err)
		}
		m.Subject("m")
		m.SetBodyString(mail.TypeTextPlain, strings.Repeat(strings.Repeat("x", 62)+"\r\n", 10))
		ring[i] = m
	}
	i := -1
	return func() *mail.Msg { i = (i + 1) % len(ring); return ring[i] }
}

func benchSendAll(b *testing.B, next func() Message) {
	config := benchConfig(benchReceiver(b))
	config.MaxQueued, config.MaxHeld = 1000, 1000
	s, err := New(config)
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	b.ReportAllocs()
	b.ResetTimer()
	failed := 0
	err = s.SendAll(b.Context(), func(yield func(Message) bool) {
		for range b.N {
			if !yield(next()) {
				return
			}
		}
	}, func(r *Result) {
		if r.Err() != nil {
			failed++
		}
	})
	b.StopTimer()
	if err != nil || failed > 0 {
		b.Fatalf("%d of %d messages failed: %v", failed, b.N, err)
	}
}

// BenchmarkSubmit measures single messages with a Router and an Observer of the
// user's, up to the settlement of the last.
func BenchmarkSubmit(b *testing.B) {
	config := benchConfig(benchReceiver(b))
	relays := config.Relays
	config.Relays = nil
	config.Router = PromptRouterFunc(func(RouteRequest) (Route, error) { return Via(relays...), nil })
	config.Observers = []Observer{{Try: func(Try) {}, Reply: func(ReplyRead) {}}}
	s, err := New(config)
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	m := benchMessage(1, 1<<10)
	results := make(chan error, 1000)
	waiting := make(chan struct{}, 1000)
	go func() {
		for range b.N {
			waiting <- struct{}{}
			if _, err := s.Submit(b.Context(), m, func(r *Result) { <-waiting; results <- r.Err() }); err != nil {
				results <- err
			}
		}
	}()
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		if err := <-results; err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkNew measures the first New of a process, which compiles the built-in
// rules, and further ones.
func BenchmarkNew(b *testing.B) {
	b.Run("first", func(b *testing.B) {
		var sum time.Duration
		for range b.N {
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), benchChild+"=new")
			out, err := cmd.Output()
			if err != nil {
				b.Fatal(err)
			}
			var took time.Duration
			if _, err := fmt.Sscan(string(out), (*int64)(&took)); err != nil {
				b.Fatal(err)
			}
			sum += took
		}
		b.ReportMetric(float64(sum.Nanoseconds())/float64(b.N), "ns/New") // without the process
	})
	b.Run("further", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			s, err := New(benchConfig("127.0.0.1:25"))
			if err != nil {
				b.Fatal(err)
			}
			s.Close()
		}
	})
}
