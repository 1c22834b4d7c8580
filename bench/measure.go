package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strings"
	"time"
)

// figure holds the measurements of a row in a cell.
type figure struct {
	messages    int       // in each round
	rates       []float64 // messages per second, one for each round
	connections int64     // used at the same time, the fewest of all rounds
	allocs      float64   // heap objects per message, in the last round, receiver not included
	heap        float64   // bytes of them
	err         error     // the row is out of the cell after its first
}

// plan says how much is measured.
type plan struct {
	rounds   int
	messages int           // in a measurement; 0 means what takes the time below
	near     time.Duration // of a measurement on the loopback
	far      time.Duration // of one through the proxy
	profiles string        // directory for CPU profiles; "" means none
}

// bulkMessages is the least number of messages for a rate on the loopback, as
// the goals ask for.
const bulkMessages = 10_000

// run measures all rows in all cells. In a cell the rows take turns, a round
// each, so that what else the machine does meets them alike.
func (p plan) run(receiver *process, all []row, in []cell, progress io.Writer) (*report, error) {
	rep := newReport(all, in)
	for i, c := range in {
		fmt.Fprintf(progress, "%d/%d: %v\n", i+1, len(in), c)
		l, err := newLetter(c.size, c.recipients)
		if err != nil {
			return nil, err
		}
		for round := range p.rounds {
			for _, r := range all {
				f := rep.figure(r.name, c)
				if f.err != nil {
					continue
				}
				if f.err = p.measure(receiver, r, c, l, round, f); f.err != nil {
					fmt.Fprintf(progress, "%s: %v\n", r.name, f.err)
				}
			}
		}
	}
	return rep, nil
}

// measure adds one rate to f: it opens the connections, warms them up, and
// counts what the receiver stored.
func (p plan) measure(receiver *process, r row, c cell, l *letter, round int, f *figure) (err error) {
	m, err := r.open(receiver.addrs[c.trip], l)
	if err != nil {
		return fmt.Errorf("opening: %w", err)
	}
	defer func() {
		if closing := m.close(); err == nil && closing != nil {
			err = fmt.Errorf("closing: %w", closing)
		}
	}()
	rate, err := warm(m, receiver, p.duration(c)/16)
	if err != nil {
		return fmt.Errorf("warming up: %w", err)
	}
	if p.profiles != "" && r.ours && round == 0 {
		stop, err := p.profile(r, c)
		if err != nil {
			return err
		}
		defer stop()
	}
	if round == 0 {
		f.messages = p.count(r, c, rate)
	}
	n := f.messages
	took, err := f.time(m, n)
	if err != nil {
		return err
	}
	stored, err := receiver.take()
	if err != nil {
		return err
	}
	f.rates = append(f.rates, float64(n)/took.Seconds())
	if round == 0 || stored.connections < f.connections {
		f.connections = stored.connections
	}
	return stored.check(n, c)
}

func (p plan) duration(c cell) time.Duration {
	if c.trip == 0 {
		return p.near
	}
	return p.far
}

// count returns the number of messages for a row to send, the same on each
// connection. rate is its rate while warming up, in messages per second.
func (p plan) count(r row, c cell, rate float64) int {
	n := p.messages
	if n == 0 {
		n = int(rate * p.duration(c).Seconds())
		if r.bulk && c.trip == 0 && c.size <= 1024 {
			n = max(n, bulkMessages)
		}
	}
	return max(n, 4*connections) / connections * connections
}

// warmUps is after how many batches a row that has not used all connections at
// the same time is measured as it is.
const warmUps = 6

// warm sends batches until all connections are open and busy and one has taken
// long enough for its rate to be worth something. It returns that rate.
func warm(m mailer, receiver *process, long time.Duration) (rate float64, err error) {
	n := connections
	for batch := 1; ; batch++ {
		start := time.Now()
		if err := m.send(n); err != nil {
			return 0, err
		}
		took := time.Since(start)
		stored, err := receiver.take()
		switch {
		case err != nil:
			return 0, err
		case took < long:
			n *= 2
		case stored.connections >= connections || batch >= warmUps:
			return float64(n) / took.Seconds(), nil
		}
	}
}

// time has n messages sent, and notes what that allocated.
func (f *figure) time(m mailer, n int) (time.Duration, error) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	start := time.Now()
	err := m.send(n)
	took := time.Since(start)
	runtime.ReadMemStats(&after)
	f.allocs = float64(after.Mallocs-before.Mallocs) / float64(n)
	f.heap = float64(after.TotalAlloc-before.TotalAlloc) / float64(n)
	return took, err
}

// check compares what was stored with n messages of a cell.
func (got counts) check(n int, c cell) error {
	want := counts{
		messages: int64(n), recipients: int64(n) * int64(c.recipients), bytes: int64(n) * int64(c.size),
		connections: got.connections,
	}
	if got != want {
		return fmt.Errorf("the receiver stored %d messages for %d recipients in %d bytes, want %d, %d, %d",
			got.messages, got.recipients, got.bytes, want.messages, want.recipients, want.bytes)
	}
	if got.connections > connections {
		return fmt.Errorf("%d connections were open at the same time, want %d", got.connections, connections)
	}
	return nil
}

// profile writes a CPU profile until stop is called.
func (p plan) profile(r row, c cell) (stop func(), err error) {
	name := strings.NewReplacer(" ", "-", ",", "", "*", "").Replace(fmt.Sprintf("%s %v.pprof", r.name, c))
	file, err := os.Create(filepath.Join(p.profiles, name))
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(file); err != nil {
		file.Close()
		return nil, err
	}
	return func() {
		pprof.StopCPUProfile()
		file.Close()
	}, nil
}
