package smtpace

import (
	"container/heap"
	"container/list"
	"context"
	"sync"
	"time"
)

const (
	// maxRouterCalls is the number of calls of a Router that run at once at most.
	maxRouterCalls = 64
	// maxDomainCalls is the number of those that are about one domain at most.
	maxDomainCalls = 8
	// routerTimeout is the time after which the context of a call ends.
	routerTimeout = time.Minute
	// routerGrace is the time for which the end of a Sender waits for calls of a
	// Router after their context has ended.
	routerGrace = 100 * time.Millisecond
)

// routing asks the Router about deliveries without a route or with an outdated one.
// Domains take turns, so that none holds up another. It has goroutines only while there
// are calls, and one timer. Its lock is a leaf.
type routing struct {
	sender *Sender
	ctx    context.Context // context of the calls, which ends with the Sender
	cancel context.CancelFunc

	mu      sync.Mutex
	domains map[string]*domainCalls // domains with deliveries to ask about now, or with calls
	turn    list.List               // of *domainCalls, those that may have a further call, in this order
	later   routeHeap               // deliveries to ask about again
	running int                     // number of goroutines
	calls   int                     // number of calls that run
	timer   *time.Timer             // timer for later; nil until it is needed
	done    chan struct{}           // closed when the last goroutine has ended; nil before stop
}

// domainCalls is the calls about one domain.
type domainCalls struct {
	domain string
	due    []*delivery // those to ask about now, in this order
	calls  int         // number of calls that run
	inTurn bool        // whether it is in routing.turn
}

// start makes r ready for ask.
func (r *routing) start(s *Sender) {
	r.sender = s
	r.domains = map[string]*domainCalls{}
	r.ctx, r.cancel = context.WithCancel(context.Background())
}

// ask has the Router asked about a delivery to a domain at a time; zero means at
// once. It reports false after stop: the caller must end the delivery.
func (r *routing) ask(d *delivery, domain string, at time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.done != nil:
		return false
	case at.IsZero():
		r.dueLocked(d, domain)
	default:
		heap.Push(&r.later, laterRoute{at, domain, d})
		r.setTimerLocked()
	}
	return true
}

// dueLocked has the Router asked about a delivery when it is the domain's turn.
func (r *routing) dueLocked(d *delivery, domain string) {
	q := r.domains[domain]
	if q == nil {
		q = &domainCalls{domain: domain}
		r.domains[domain] = q
	}
	q.due = append(q.due, d)
	r.queueLocked(q)
	if r.running < maxRouterCalls && r.turn.Len() > 0 {
		r.running++
		go r.work()
	}
}

// queueLocked puts a domain at the end of the turn if it may have a further call,
// and forgets it when it has no deliveries and no calls.
func (r *routing) queueLocked(q *domainCalls) {
	switch {
	case q.inTurn:
	case len(q.due) > 0 && q.calls < r.domainShareLocked(q):
		q.inTurn = true
		r.turn.PushBack(q)
	case len(q.due) == 0 && q.calls == 0:
		delete(r.domains, q.domain)
	}
}

// domainShareLocked returns the number of calls that may be about a domain: an eighth of
// the calls left by others, and at least one. So domains whose calls hang leave room for
// others, however many there are.
func (r *routing) domainShareLocked(q *domainCalls) int {
	others := r.calls - q.calls
	return min(max((maxRouterCalls-others)/8, 1), maxDomainCalls)
}

// work asks about one delivery after the other until none may be asked about.
func (r *routing) work() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.turn.Len() > 0 && r.done == nil {
		q := r.turn.Remove(r.turn.Front()).(*domainCalls)
		d := q.due[0]
		q.due[0] = nil
		q.due, q.inTurn = q.due[1:], false
		q.calls++
		r.calls++
		r.queueLocked(q)
		r.mu.Unlock()
		apart(func() { r.sender.reroute(d) })
		r.mu.Lock()
		q.calls--
		r.calls--
		r.queueLocked(q)
	}
	if r.running--; r.running == 0 && r.done != nil {
		close(r.done)
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
		next := heap.Pop(&r.later).(laterRoute)
		r.dueLocked(next.d, next.domain)
	}
	r.setTimerLocked()
}

// stop ends the calls of the Router and waits for them, for routerGrace at most.
// The deliveries that wait for a call end when their messages are withdrawn.
func (r *routing) stop() {
	r.cancel()
	r.mu.Lock()
	if r.done == nil {
		r.done = make(chan struct{})
		r.domains, r.later = nil, nil
		r.turn.Init()
		if r.running == 0 {
			close(r.done)
		}
	}
	if r.timer != nil {
		r.timer.Stop()
	}
	done := r.done
	r.mu.Unlock()
	select {
	case <-done:
	case <-time.After(routerGrace):
	}
}

// laterRoute is a delivery that the Router is asked about again.
type laterRoute struct {
	at     time.Time
	domain string
	d      *delivery
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
