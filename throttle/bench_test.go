package throttle

import (
	"fmt"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/smtpace/smtpace/classify"
)

var benchPath = Through("relay")

// crowded returns a Scheduler that knows so many destinations, of which so many have each
// so many items to send, by one relay.
func crowded(b *testing.B, known, active, items int) (*Scheduler[int], []string) {
	cfg := wide()
	cfg.Process.MessagesPerConnection = Unlimited
	s, err := New[int](cfg)
	if err != nil {
		b.Fatal(err)
	}
	names := make([]string, active)
	for i := range known {
		name := "d" + strconv.Itoa(i) + ".example"
		s.Push(noon, Job[int]{Destination: name, Path: benchPath})
		if i < active {
			names[i] = name
		}
	}
	c, _ := s.Open(noon, "relay")
	c.Established(noon)
	for range known { // they are known by now, and have grown a little
		g, _ := c.Next(noon)
		g.Wrote(noon)
		g.Done(noon, Outcome{Accepted: 1})
	}
	c.Closed(noon, classify.StageIdle, classify.Verdict{}, nil)
	fill(s, names, items)
	return s, names
}

func fill(s *Scheduler[int], names []string, items int) {
	for range items {
		for _, name := range names {
			s.Push(noon, Job[int]{Destination: name, Path: benchPath})
		}
	}
}

func step(c *Conn[int], now time.Time) bool {
	g, _ := c.Next(now)
	if g == nil {
		return false
	}
	g.Wrote(now)
	g.Asked(now)
	g.Done(now, Outcome{Accepted: 1})
	return true
}

// BenchmarkNextAndDone takes an item of one of 10,000 active destinations and
// has it accepted, where a million are known.
func BenchmarkNextAndDone(b *testing.B) {
	const active, items = 10_000, 20
	s, names := crowded(b, 1_000_000, active, items)
	c, _ := s.Open(noon, "relay")
	c.Established(noon)
	left, now := active*items, noon
	b.ReportAllocs()
	b.ResetTimer()
	for b.Loop() {
		now = now.Add(time.Microsecond)
		if left == 0 {
			b.StopTimer()
			fill(s, names, items)
			left = active * items
			b.StartTimer()
		}
		if !step(c, now) {
			b.Fatal("nothing goes")
		}
		left--
	}
}

// BenchmarkNextAndDoneContended is the same by 8 goroutines with a connection
// each, that queue what they have sent again.
func BenchmarkNextAndDoneContended(b *testing.B) {
	s, names := crowded(b, 1_000_000, 10_000, 2)
	e, _ := s.endpoints.get("relay")
	widen(100, &e.scope)
	var opening sync.Mutex
	b.SetParallelism(max(8/runtime.GOMAXPROCS(0), 1))
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		open := func() (c *Conn[int]) {
			for c == nil { // fewer are wanted for a while
				opening.Lock() // as many at once are not let in
				if c, _ = s.Open(noon, "relay"); c != nil {
					c.Established(noon)
				}
				opening.Unlock()
				runtime.Gosched()
			}
			return c
		}
		shut := func(c *Conn[int]) { c.Closed(noon, classify.StageIdle, classify.Verdict{}, nil) }
		c := open()
		for i := 0; pb.Next(); i++ {
			if !step(c, noon) {
				shut(c)
				c = open()
			}
			s.Push(noon, Job[int]{Destination: names[i%len(names)], Path: benchPath})
		}
		shut(c)
	})
}

// BenchmarkNext takes one item, has it accepted and queues it again, while so
// many destinations wait for their turn and as many for a time.
func BenchmarkNext(b *testing.B) {
	for _, n := range []int{1_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprintf("%d waiting", n), func(b *testing.B) {
			s, err := New[int](wide())
			if err != nil {
				b.Fatal(err)
			}
			for i := range n {
				for range 2 { // so that none is without work in between
					s.Push(noon, Job[int]{Destination: "ready" + strconv.Itoa(i), Path: benchPath})
				}
				s.Push(noon, Job[int]{Destination: "later" + strconv.Itoa(i), Path: benchPath, NotBefore: noon.Add(day + time.Duration(i))})
			}
			c, _ := s.Open(noon, "relay")
			c.Established(noon)
			now := noon
			b.ReportAllocs()
			b.ResetTimer()
			for b.Loop() {
				now = now.Add(time.Microsecond)
				g, _ := c.Next(now)
				name := g.d.name
				g.Wrote(now)
				g.Asked(now)
				g.Done(now, Outcome{Accepted: 1})
				s.Push(now, Job[int]{Destination: name, Path: benchPath})
			}
		})
	}
}

// BenchmarkNextOfOne is the same with one destination that has so many items.
func BenchmarkNextOfOne(b *testing.B) {
	for _, n := range []int{1_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprintf("%d items", n), func(b *testing.B) {
			s, err := New[int](wide())
			if err != nil {
				b.Fatal(err)
			}
			job := Job[int]{Destination: "d", Path: benchPath}
			for range n {
				s.Push(noon, job)
			}
			c, _ := s.Open(noon, "relay")
			c.Established(noon)
			b.ResetTimer()
			for b.Loop() {
				step(c, noon)
				s.Push(noon, job)
			}
		})
	}
}

// BenchmarkMemory reports the bytes that a destination takes: known (as many as are kept
// of those that had work), with one item queued (which takes 160 of them), and with lessons
// of two rates.
func BenchmarkMemory(b *testing.B) {
	for _, test := range []struct {
		name string
		n    int
		do   func(*Scheduler[int], *Conn[int], string)
	}{
		{"known", maxUnused, func(s *Scheduler[int], c *Conn[int], name string) { step(c, noon) }},
		{"queued", 100_000, func(*Scheduler[int], *Conn[int], string) {}},
		{"learned", 100_000, func(s *Scheduler[int], c *Conn[int], name string) {
			step(c, noon)
			for _, l := range []classify.Limit{classify.LimitMessageRate, classify.LimitRecipientRate} {
				s.teachFor(name, noon, l)
			}
		}},
	} {
		b.Run(test.name, func(b *testing.B) {
			n := test.n
			var bytes int
			for b.Loop() {
				s, err := New[int](wide())
				if err != nil {
					b.Fatal(err)
				}
				c, _ := s.Open(noon, "relay")
				c.Established(noon)
				names := make([]string, n)
				for i := range n {
					names[i] = "d" + strconv.Itoa(i) + ".example"
				}
				before := heapInUse()
				for _, name := range names {
					s.Push(noon, Job[int]{Destination: name, Path: benchPath})
				}
				for _, name := range names {
					test.do(s, c, name)
				}
				bytes = (heapInUse() - before) / n
				runtime.KeepAlive(names)
				runtime.KeepAlive(s)
			}
			b.ReportMetric(float64(bytes), "B/destination")
		})
	}
}

// teachFor has a destination learn a rate.
func (s *Scheduler[T]) teachFor(name string, now time.Time, l classify.Limit) {
	d, _ := s.dests.get(name)
	refused := func(at time.Time) {
		d.refused(at, Outcome{Verdict: classify.Verdict{Limit: l}, Stage: classify.StageRcpt, Err: errRefused}, refusal{begun: at, news: true})
	}
	refused(now)
	d.succeeded(now.Add(time.Second), now.Add(time.Second), 1, 1, 0)
}

// TestADestinationIsSmall: with its place in the map, 35 bytes, one of which
// nothing is learned takes less than 400, and one with lessons less than 2 KiB.
func TestADestinationIsSmall(t *testing.T) {
	if strconv.IntSize == 32 {
		t.Skip("it is smaller still")
	}
	d, l := unsafe.Sizeof(destination[int]{}), unsafe.Sizeof(learned{})
	if d > 352 || d+l+2*unsafe.Sizeof(rateEstimate{})+longestEvidence > 2000 {
		t.Errorf("a destination takes %d bytes, its lessons %d and %d for each further rate", d, l, unsafe.Sizeof(rateEstimate{}))
	}
}

func heapInUse() int {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}
