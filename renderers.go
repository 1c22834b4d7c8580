package smtpace

import (
	"slices"
	"sync"
	"time"
)

const (
	// mostResting is the number of goroutines that wait for something to render at
	// most.
	mostResting = 16
	// renderRest is half of the longest time for which one of them waits.
	renderRest = time.Second
)

// renderers are the goroutines that render messages. A rendering has one for itself, for
// the writers of a Msg are the caller's and may never return. Growing its stack costs
// half as much as the rendering. So a goroutine that is done waits a while for the next
// rendering.
type renderers struct {
	mu      sync.Mutex
	resting []*renderer    // those that wait, the one that has waited longest first
	round   int            // number of calls of sweep
	timer   *time.Timer    // calls sweep; nil when it is not set
	stopped bool           // whether none waits any more
	ending  sync.WaitGroup // goroutines that were woken to end
}

// renderer is one of these goroutines.
type renderer struct {
	job   renderJob     // rendering to carry out; zero means that the goroutine ends
	wake  chan struct{} // capacity 1; is sent to when job is set
	round int           // renderers.round at the time at which it began to wait
}

// renderJob is a rendering and what it is made from.
type renderJob struct {
	sub       *Submission
	rendering *rendering
	source    source
}

// start has a goroutine carry out a rendering, and does not wait.
func (r *renderers) start(j renderJob) {
	if w := r.take(); w != nil {
		w.job = j
		w.wake <- struct{}{}
		return
	}
	go r.run(&renderer{job: j, wake: make(chan struct{}, 1)})
}

// take returns the goroutine that began to wait last, and ends its wait; nil when none
// waits.
func (r *renderers) take() *renderer {
	r.mu.Lock()
	defer r.mu.Unlock()
	last := len(r.resting) - 1
	if last < 0 {
		return nil
	}
	w := r.resting[last]
	r.resting = r.resting[:last]
	return w
}

// run carries out the rendering of w, and those that come soon after it.
func (r *renderers) run(w *renderer) {
	for w.job.sub != nil {
		w.job.sub.make(w.job.rendering, w.job.source)
		w.job = renderJob{} // it is not kept alive
		if !r.rest(w) {
			return
		}
		<-w.wake
	}
	r.ending.Done()
}

// rest notes that w waits. It reports false when enough goroutines wait, or the
// Sender ends.
func (r *renderers) rest(w *renderer) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopped || len(r.resting) >= mostResting {
		return false
	}
	w.round = r.round
	r.resting = append(r.resting, w)
	if r.timer == nil {
		r.timer = time.AfterFunc(renderRest, r.sweep)
	}
	return true
}

// sweep ends the goroutines that have waited since before the last sweep. The timer
// calls it.
func (r *renderers) sweep() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopped {
		return
	}
	old := 0
	for old < len(r.resting) && r.resting[old].round < r.round {
		old++
	}
	r.endLocked(r.resting[:old])
	r.resting = slices.Delete(r.resting, 0, old)
	r.round++
	r.timer = nil
	if len(r.resting) > 0 {
		r.timer = time.AfterFunc(renderRest, r.sweep)
	}
}

// endLocked ends goroutines that wait. It does not wait for that.
func (r *renderers) endLocked(waiting []*renderer) {
	r.ending.Add(len(waiting))
	for _, w := range waiting {
		w.wake <- struct{}{} // it has no job
	}
}

// stop returns when no goroutine waits.
func (r *renderers) stop() {
	r.mu.Lock()
	r.stopped = true
	r.endLocked(r.resting)
	r.resting = nil
	if r.timer != nil {
		r.timer.Stop()
	}
	r.mu.Unlock()
	r.ending.Wait()
}
