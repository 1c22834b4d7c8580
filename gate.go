package smtpace

import (
	"container/list"
	"context"
	"sync"
)

// gate bounds how many messages are taken in. A destination fills at most half
// of the places, so that one that accepts nothing leaves room for others; what
// it has beyond that waits in the queue as the caller's value alone and counts
// only against the total. Who waits at the gate is let in in order.
type gate struct {
	places int // shared by all destinations
	share  int // of one destination
	total  int // places and what is beyond a share

	mu      sync.Mutex
	inside  int            // messages taken in
	taken   int            // places taken
	by      map[string]int // messages taken in, by destination
	peak    int            // the most that by has held since it was made
	waiting list.List      // of *waiter
	closed  bool
}

type waiter struct {
	destination string
	let         chan struct{} // closed when let in, or when the gate is closed
	in          bool
}

func newGate(places, total int) *gate {
	return &gate{places: places, share: max(places/2, 1), total: total, by: map[string]int{}}
}

// enter takes a place, waiting until there is one. Its errors are ErrClosed and
// the cause of ctx.
func (g *gate) enter(ctx context.Context, destination string) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	g.mu.Lock()
	if g.closed {
		g.mu.Unlock()
		return ErrClosed
	}
	if g.waiting.Len() == 0 && g.takeLocked(destination) {
		g.mu.Unlock()
		return nil
	}
	w := &waiter{destination: destination, let: make(chan struct{})}
	at := g.waiting.PushBack(w)
	g.mu.Unlock()

	select {
	case <-w.let:
		if !w.in {
			return ErrClosed
		}
		return nil
	case <-ctx.Done():
	}
	g.mu.Lock()
	if !w.in && !g.closed {
		g.waiting.Remove(at)
	}
	in := w.in
	g.mu.Unlock()
	if in { // let in at the same moment: the place goes to the next
		g.leave(destination)
	}
	return context.Cause(ctx)
}

func (g *gate) takeLocked(destination string) bool {
	beyond := g.by[destination] >= g.share
	if g.inside >= g.total || !beyond && g.taken >= g.places {
		return false
	}
	g.inside++
	g.by[destination]++
	g.peak = max(g.peak, len(g.by))
	if !beyond {
		g.taken++
	}
	return true
}

// leave gives a place back and lets in who waits for it.
func (g *gate) leave(destination string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := g.by[destination]
	if n <= g.share {
		g.taken--
	}
	g.inside--
	if n > 1 {
		g.by[destination] = n - 1
	} else {
		delete(g.by, destination)
	}
	if len(g.by) == 0 && g.peak > 1000 { // a map never shrinks
		g.by, g.peak = map[string]int{}, 0
	}
	for at := g.waiting.Front(); at != nil; at = g.waiting.Front() {
		w := at.Value.(*waiter)
		if !g.takeLocked(w.destination) {
			return
		}
		g.waiting.Remove(at)
		w.in = true
		close(w.let)
	}
}

// close turns away who waits and who comes.
func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return
	}
	g.closed = true
	for at := g.waiting.Front(); at != nil; at = at.Next() {
		close(at.Value.(*waiter).let)
	}
	g.waiting.Init()
}
