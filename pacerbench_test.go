package smtpace

import (
	"context"
	"runtime"
	"strconv"
	"sync"
	"testing"

	"golang.org/x/time/rate"

	"github.com/smtpace/smtpace/throttle"
)

// limiters is the code that people write without a Pacer: a limiter of package rate for
// each domain, in a map with a mutex.
type limiters struct {
	mu sync.Mutex
	by map[string]*rate.Limiter
}

func (l *limiters) wait(ctx context.Context, domain string) error {
	l.mu.Lock()
	at := l.by[domain]
	if at == nil {
		at = rate.NewLimiter(1e9, 1000)
		l.by[domain] = at
	}
	l.mu.Unlock()
	return at.Wait(ctx)
}

// BenchmarkPacerDo compares Do around an empty function, at a destination that nothing
// limits, with a map of limiters in one run. What is asked for is a ratio of 3 at most.
func BenchmarkPacerDo(b *testing.B) {
	for _, goroutines := range []int{1, 8} {
		b.Run(strconv.Itoa(goroutines)+" goroutines", func(b *testing.B) {
			nothing := func(context.Context) error { return nil }
			p := newPacer(b, PacerConfig{Process: throttle.Limits{Connections: 1000}, Destination: throttle.Limits{Connections: 1000}, Relay: throttle.Limits{Connections: 1000}})
			l := &limiters{by: map[string]*rate.Limiter{}}
			ways := []struct {
				name string
				call func()
			}{
				{"map of rate.Limiter", func() {
					if err := l.wait(b.Context(), "example.com"); err != nil {
						b.Error(err)
					}
				}},
				{"Pacer.Do", func() {
					if err := p.Do(b.Context(), "example.com", nothing); err != nil {
						b.Error(err)
					}
				}},
			}
			for _, way := range ways {
				b.Run(way.name, func(b *testing.B) {
					b.ReportAllocs()
					b.SetParallelism(max(goroutines/runtime.GOMAXPROCS(0), 1))
					if goroutines == 1 {
						for b.Loop() {
							way.call()
						}
						return
					}
					b.RunParallel(func(pb *testing.PB) {
						for pb.Next() {
							way.call()
						}
					})
				})
			}
		})
	}
}
