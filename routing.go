package smtpace

import (
	"container/heap"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/smtpace/smtpace/throttle"
)

const (
	// mostRouting bounds how many calls of a Router run at once.
	maxRouterCalls = 64
	// routerPatience bounds how long the end of a Sender waits for calls of a
	// Router, whose context has ended.
	routerGrace = 100 * time.Millisecond
)

// routing asks the Router for deliveries that have no route yet, or whose route
// is out of date. It has goroutines only while a Router is being asked, and one
// timer.
type routing struct {
	sender *Sender
	ctx    context.Context // of the calls; ends with the Sender
	cancel context.CancelFunc

	mu      sync.Mutex
	due     []*delivery   // to be asked about now, the first first
	later   routeHeap     // to be asked about again
	running int           // goroutines
	timer   *time.Timer   // for later; nil until it is needed
	done    chan struct{} // closed when the last goroutine has ended after stop; nil before stop
}

func (r *routing) start(s *Sender) {
	r.sender = s
	r.ctx, r.cancel = context.WithCancel(context.Background())
}

// ask has the Router asked about a delivery at a time; zero is at once.
func (r *routing) ask(d *delivery, at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.done != nil:
	case at.IsZero():
		r.due = append(r.due, d)
		r.workLocked()
	default:
		heap.Push(&r.later, laterRoute{at, d})
		r.setTimerLocked()
	}
}

// workLocked has a goroutine ask, if there are fewer than may be.
func (r *routing) workLocked() {
	if r.running < maxRouterCalls && len(r.due) > 0 {
		r.running++
		go r.work()
	}
}

// work asks about one delivery after the other.
func (r *routing) work() {
	for {
		r.mu.Lock()
		if len(r.due) == 0 || r.done != nil {
			if r.running--; r.running == 0 && r.done != nil {
				close(r.done)
			}
			r.mu.Unlock()
			return
		}
		d := r.due[0]
		r.due[0] = nil
		r.due = r.due[1:]
		r.mu.Unlock()
		r.sender.reroute(d)
	}
}

func (r *routing) setTimerLocked() {
	if len(r.later) == 0 || r.done != nil {
		return
	}
	wait := time.Until(r.later[0].at)
	if r.timer == nil {
		r.timer = time.AfterFunc(wait, r.retry)
		return
	}
	r.timer.Reset(wait)
}

// alarmed is called by the timer.
func (r *routing) retry() {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	for len(r.later) > 0 && !r.later[0].at.After(now) && r.done == nil {
		r.due = append(r.due, heap.Pop(&r.later).(laterRoute).d)
		r.workLocked()
	}
	r.setTimerLocked()
}

// stop ends the calls of the Router and waits a moment for them.
func (r *routing) stop() {
	r.cancel()
	r.mu.Lock()
	if r.done == nil {
		r.done = make(chan struct{})
		r.due, r.later = nil, nil
		if r.running == 0 {
			close(r.done)
		}
	}
	if r.timer != nil {
		r.timer.Stop()
	}
	done := r.done
	r.mu.Unlock()
	t := time.NewTimer(routerGrace)
	defer t.Stop()
	select {
	case <-done:
	case <-t.C:
	}
}

// laterRoute is a delivery that the Router is asked about again.
type laterRoute struct {
	at time.Time
	d  *delivery
}

// routeHeap is those, the next first.
type routeHeap []laterRoute

func (h routeHeap) Len() int           { return len(h) }
func (h routeHeap) Less(i, j int) bool { return h[i].at.Before(h[j].at) }
func (h routeHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }

// Push is part of heap.Interface.
func (h *routeHeap) Push(x any) { *h = append(*h, x.(laterRoute)) }

// Pop is part of heap.Interface.
func (h *routeHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	old[len(old)-1] = laterRoute{}
	*h = old[:len(old)-1]
	return last
}

// errNoHops is the reason of "not now" for a Route without hops.
var errNoHops = errors.New("smtpace: the Router gave no relay")

// askRouter calls the Router; a panic is an error.
func (s *Sender) askRouter(ctx context.Context, q RouteRequest) (r Route, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("smtpace: the Router has panicked: %v", p)
		}
	}()
	return s.cfg.Router.Route(ctx, q)
}

// askPromptRouter calls a Router that knows at once; ok is false when it does
// not.
func (s *Sender) askPromptRouter(q RouteRequest) (r Route, err error, ok bool) {
	prompt, is := s.cfg.Router.(PromptRouter)
	if !is {
		return Route{}, nil, false
	}
	defer func() {
		if p := recover(); p != nil {
			err, ok = fmt.Errorf("smtpace: the Router has panicked: %v", p), true
		}
	}()
	return prompt.RouteNow(q)
}

// resolve makes a route of what a Router has answered. Its path is retained.
func (s *Sender) resolve(domain string, answer Route, err error) (route, error) {
	r := route{destination: answer.Destination, provider: answer.Provider, until: answer.Until}
	if r.destination == "" {
		r.destination = s.receivers.destination(domain)
	} else if name, err := destinationName(r.destination, s.receivers.profiles); err == nil {
		r.destination = name
	}
	if r.provider == "" {
		r.provider = s.receivers.provider(r.destination, domain)
	}
	switch {
	case errors.Is(err, ErrUseRelays) && s.home != nil:
		r.path = s.home
	case err != nil:
		return route{}, err
	case len(answer.Levels) == 0:
		return route{}, errNoHops
	default:
		if r.path, err = s.pathOf(answer); err != nil {
			return route{}, err
		}
	}
	return r, nil
}

// pathOf returns the path of a Route, retained, with endpoints that are made
// where they are new.
func (s *Sender) pathOf(r Route) (*path, error) {
	levels := make([][]throttle.Hop, 0, len(r.Levels))
	for _, level := range r.Levels {
		hops := make([]throttle.Hop, 0, len(level))
		for _, h := range level {
			if err := h.Relay.validateRouted(); err != nil {
				return nil, err
			}
			hops = append(hops, throttle.Hop{Endpoint: h.Relay.name(), Weight: h.Weight})
		}
		levels = append(levels, hops)
	}
	of, err := throttle.NewPath(r.Overflow, levels...)
	if err != nil {
		return nil, err
	}
	p := &path{levels: of}
	for _, level := range r.Levels {
		for _, h := range level {
			e, err := s.endpointOf(h.Relay)
			if err != nil {
				p.release()
				return nil, err
			}
			p.endpoints = append(p.endpoints, e)
		}
	}
	return p, nil
}
