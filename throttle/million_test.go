package throttle

import (
	"fmt"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// carriers is a Driver whose connections send what they are given at once.
type carriers struct {
	s    *Scheduler[int]
	now  time.Time
	idle map[*Conn[int]]bool
	sent int
}

func (w *carriers) Open(c *Conn[int]) {
	c.Established(w.now)
	w.serve(c)
}

func (w *carriers) Wake(c *Conn[int]) { delete(w.idle, c); w.serve(c) }

func (w *carriers) Retire(c *Conn[int]) { delete(w.idle, c); w.close(c) }

func (w *carriers) close(c *Conn[int]) {
	c.Closed(w.now, classify.StageIdle, classify.Verdict{}, nil)
}

// serve sends until nothing is left for a connection.
func (w *carriers) serve(c *Conn[int]) {
	for {
		g, last := c.Next(w.now)
		switch {
		case g != nil:
			g.Wrote(w.now)
			g.Asked(w.now)
			g.Done(w.now, Outcome{Accepted: 1, Recipients: 1})
			w.sent++
		case last:
			w.close(c)
			return
		default:
			w.idle[c] = true
			return
		}
	}
}

// BenchmarkAMillionDestinations queues one message for each of a million destinations
// behind ten thousand endpoints, sends them, and forgets all. It reports the bytes of a
// destination, the seconds of each part, and the longest that another caller waited for the
// lock meanwhile, and fails where the bytes grow or something is left.
//
//	go test -run xxx -bench AMillionDestinations -benchtime 1x ./throttle
func BenchmarkAMillionDestinations(b *testing.B) {
	for b.Loop() {
		aMillion(b)
	}
}

func aMillion(b *testing.B) {
	const destinations, endpoints = 1_000_000, 10_000
	s, err := New[int](Config{})
	if err != nil {
		b.Fatal(err)
	}
	w := &carriers{s: s, now: noon, idle: map[*Conn[int]]bool{}}
	paths := make([]*Path, endpoints)
	for i := range paths {
		paths[i] = Through(fmt.Sprintf("mx%d.example", i))
	}
	before, start := heapInUse(), time.Now()
	others := waitForLock(s)
	lap := func(part string) {
		b.ReportMetric(time.Since(start).Seconds(), "s-"+part)
		b.ReportMetric(float64(others.longest.Swap(0))/1e6, "ms-waited-"+part)
		start = time.Now()
	}
	for i := range destinations {
		s.Push(w.now, Job[int]{Destination: "d" + strconv.Itoa(i) + ".example", Path: paths[i%endpoints]})
	}
	lap("queue")
	each := (heapInUse() - before) / destinations
	b.ReportMetric(float64(each), "B/destination")
	others.longest.Store(0)
	start = time.Now()
	s.Stats(w.now)
	lap("stats")
	if _, err := s.Snapshot(w.now); err != nil {
		b.Fatal(err)
	}
	lap("snapshot")
	s.Explain(w.now, "d0.example")
	lap("explain")
	w.all(destinations)
	lap("send")
	for c := range w.idle {
		w.close(c)
	}
	for range 10 {
		w.now = w.now.Add(time.Hour)
		s.Sweep(w.now)
	}
	lap("forget")
	others.stop()
	left := heapInUse() - before
	if w.sent != destinations || each > 1024 || s.dests.n > 0 || s.endpoints.n > 0 || left > 8<<20 {
		b.Errorf("%d sent, %d bytes a destination; %d destinations, %d endpoints and %d bytes are left", w.sent, each, s.dests.n, s.endpoints.n, left)
	}
	runtime.KeepAlive(s)
}

// lockWaiter takes the lock of a Scheduler again and again.
type lockWaiter struct {
	longest atomic.Int64 // nanoseconds
	stop    func()
}

func waitForLock(s *Scheduler[int]) *lockWaiter {
	w, end, ended := &lockWaiter{}, make(chan struct{}), make(chan struct{})
	w.stop = func() { close(end); <-ended }
	go func() {
		defer close(ended)
		for {
			select {
			case <-end:
				return
			case <-time.After(50 * time.Microsecond):
			}
			start := time.Now()
			s.mu.Lock()
			//lint:ignore SA2001 only the waiting counts
			s.mu.Unlock()
			w.longest.Store(max(w.longest.Load(), int64(time.Since(start))))
		}
	}()
	return w
}

// all drives until so many were sent, or nothing more happens.
func (w *carriers) all(n int) {
	for before := -1; w.sent < n && w.sent > before; {
		before = w.sent
		next := w.s.Tick(w.now, w)
		if w.now = w.now.Add(time.Millisecond); next.After(w.now) {
			w.now = next
		}
	}
}
