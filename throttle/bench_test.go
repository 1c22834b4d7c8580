package throttle

import (
	"fmt"
	"strconv"
	"testing"
	"time"
)

// BenchmarkNext takes one item, has it accepted and queues it again, while so
// many destinations wait for their turn and as many for a time.
func BenchmarkNext(b *testing.B) {
	for _, n := range []int{10, 1_000, 100_000} {
		b.Run(fmt.Sprintf("%d waiting", n), func(b *testing.B) {
			s, err := New[int](wide())
			if err != nil {
				b.Fatal(err)
			}
			path := []string{"relay"}
			for i := range n {
				for range 2 { // so that none is without work in between
					s.Push(noon, Job[int]{Destination: "ready" + strconv.Itoa(i), Path: path})
				}
				s.Push(noon, Job[int]{Destination: "later" + strconv.Itoa(i), Path: path, NotBefore: noon.Add(day + time.Duration(i))})
			}
			c, _ := s.Open("relay", noon)
			c.Established(noon)
			now := noon
			b.ReportAllocs()
			for b.Loop() {
				now = now.Add(time.Microsecond)
				g, _ := c.Next(now)
				g.Wrote(now)
				g.Asked(now)
				g.Done(now, Outcome{Accepted: 1})
				s.Push(now, Job[int]{Destination: g.d.name, Path: path})
			}
		})
	}
}

// BenchmarkNextOfOne is the same with one destination that has so many items.
func BenchmarkNextOfOne(b *testing.B) {
	for _, n := range []int{10, 100_000} {
		b.Run(fmt.Sprintf("%d items", n), func(b *testing.B) {
			s, err := New[int](wide())
			if err != nil {
				b.Fatal(err)
			}
			job := Job[int]{Destination: "d", Path: []string{"relay"}}
			for range n {
				s.Push(noon, job)
			}
			c, _ := s.Open("relay", noon)
			c.Established(noon)
			for b.Loop() {
				g, _ := c.Next(noon)
				g.Wrote(noon)
				g.Asked(noon)
				g.Done(noon, Outcome{Accepted: 1})
				s.Push(noon, job)
			}
		})
	}
}
