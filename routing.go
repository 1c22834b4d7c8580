package smtpace

import (
	"container/heap"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/smtpace/smtpace/classify"
)

const (
	// maxRouterCalls is the number of calls of a Router that run at once at most.
	maxRouterCalls = 64
	// routerGrace is the time for which the end of a Sender waits for calls of a
	// Router after their context has ended.
	routerGrace = 100 * time.Millisecond
)

// routing asks the Router about deliveries that have no route yet, or whose route
// is out of date. It has goroutines only while there are calls, and one timer.
// Its lock is a leaf.
type routing struct {
	sender *Sender
	ctx    context.Context // context of the calls, which ends with the Sender
	cancel context.CancelFunc

	mu      sync.Mutex
	due     []*delivery   // those to ask about now, in this order
	later   routeHeap     // those to ask about again
	running int           // number of goroutines
	timer   *time.Timer   // timer for later; nil until it is needed
	done    chan struct{} // closed when the last goroutine has ended; nil before stop
}

// start makes r ready for ask.
func (r *routing) start(s *Sender) {
	r.sender = s
	r.ctx, r.cancel = context.WithCancel(context.Background())
}

// ask has the Router asked about a delivery at a time; zero means at once.
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

// workLocked starts a goroutine, unless as many run as may.
func (r *routing) workLocked() {
	if r.running < maxRouterCalls && len(r.due) > 0 {
		r.running++
		go r.work()
	}
}

// work asks about one delivery after the other until none is due.
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

// setTimerLocked sets the timer for the first of later.
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

// retry asks about the deliveries that are due again. The timer calls it.
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

// stop ends the calls of the Router and waits for them, for routerGrace at most.
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

// routeLater has the Router asked about a delivery without a route: at once, or
// after a while when it has already answered "not now".
func (s *Sender) routeLater(d *delivery, why error) {
	var at time.Time
	if why != nil {
		d.sub.mu.Lock()
		at = d.notNowLocked(why, time.Now())
		d.sub.mu.Unlock()
	}
	s.routing.ask(d, at)
}

// notNowLocked counts an answer "not now" and returns the time to ask again.
func (d *delivery) notNowLocked(why error, now time.Time) time.Time {
	return d.failedLocked(fmt.Errorf("%w: %w", ErrNoRoute, why), now)
}

// routeAgain has the Router asked again about a granted delivery whose route is
// out of date. It reports whether it is so.
func (s *Sender) routeAgain(d *delivery) bool {
	if d.until.IsZero() || !time.Now().After(d.until) {
		return false
	}
	d.sub.mu.Lock()
	defer d.sub.finish()
	if d.resumeLocked() {
		d.state = stateRouting
		s.routing.ask(d, time.Time{})
	}
	return true
}

// reroute asks the Router about a delivery, and queues it or asks again later.
func (s *Sender) reroute(d *delivery) {
	q, ok := d.request()
	if !ok {
		return
	}
	given, err := s.askRouter(s.routing.ctx, q)
	r, err := s.resolve(q.Domain, given, err)
	switch again, pending := d.routed(r, err, time.Now()); {
	case pending:
		s.push(d, time.Time{})
	case !again.IsZero():
		s.routing.ask(d, again)
	}
}

// request returns the request to the Router. It reports false when d has ended.
func (d *delivery) request() (RouteRequest, bool) {
	sub := d.sub
	sub.mu.Lock()
	defer sub.mu.Unlock()
	if d.state == stateEnded {
		return RouteRequest{}, false
	}
	// Recipients without a route share a delivery only if they share a domain.
	domain := domainOf(sub.recipients[d.to[0]].mailbox)
	return RouteRequest{Domain: domain, Sender: sub.from, Tenant: sub.message.Tenant, ID: sub.message.ID}, true
}

// routed gives d the route that the Router has answered. It reports whether d is
// pending now, or else the time to ask again; zero when d has ended.
func (d *delivery) routed(r route, err error, now time.Time) (again time.Time, pending bool) {
	sub := d.sub
	sub.mu.Lock()
	defer sub.finish()
	if !d.resumeLocked() {
		sub.released = append(sub.released, r.path)
		return time.Time{}, false
	}
	if never, ok := errors.AsType[*NoRouteError](err); ok {
		sub.refuseRouteLocked(d, never)
		return time.Time{}, false
	}
	if err != nil {
		d.state = stateRouting
		return d.notNowLocked(err, now), false
	}
	d.setRouteLocked(r)
	if !sub.sender.sched.Admits(now, r.destination, 1) {
		sub.endAllLocked(d, fmt.Errorf("%w: %s", ErrWarmUp, r.destination), false)
		return time.Time{}, false
	}
	return time.Time{}, true
}

// setRouteLocked replaces the route of d.
func (d *delivery) setRouteLocked(r route) {
	sub := d.sub
	sub.released = append(sub.released, d.path)
	sub.admitted.detached(d.destination)
	sub.admitted.attached(r.destination)
	d.route, d.failures, d.lastFailure = r, 0, nil
	for _, i := range d.to {
		sub.result.Recipients[i].Destination = r.destination
	}
}

// refuseRouteLocked refuses every recipient of d for good: no mail can go to
// their domain.
func (sub *Submission) refuseRouteLocked(d *delivery, never error) {
	for _, i := range d.to {
		sub.noteRouteLocked(i, never)
	}
	sub.refuseAllLocked(d, never)
}

// noteRouteLocked keeps the reply that a Router has given for recipient i.
func (sub *Submission) noteRouteLocked(i int, never error) {
	r := &sub.result.Recipients[i]
	if reply, ok := errors.AsType[*classify.Reply](never); ok {
		r.Reply = reply
		r.Class = sub.sender.classifier.Of(classify.Input{Stage: classify.StageRcpt}, reply).Class
	}
}

// laterRoute is a delivery that the Router is asked about again.
type laterRoute struct {
	at time.Time
	d  *delivery
}

// routeHeap is a container/heap of them, the earliest first.
type routeHeap []laterRoute

// Len implements heap.Interface.
func (h routeHeap) Len() int { return len(h) }

// Less implements heap.Interface.
func (h routeHeap) Less(i, j int) bool { return h[i].at.Before(h[j].at) }

// Swap implements heap.Interface.
func (h routeHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

// Push implements heap.Interface.
func (h *routeHeap) Push(x any) { *h = append(*h, x.(laterRoute)) }

// Pop implements heap.Interface.
func (h *routeHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	old[len(old)-1] = laterRoute{}
	*h = old[:len(old)-1]
	return last
}
