package smtpace

import (
	"sync"
	"sync/atomic"
	"time"
)

const (
	// mostResting is the number of goroutines that wait for something to render at
	// most.
	mostResting = 16
	// renderRest is half of the longest time for which one of them waits.
	renderRest = time.Second
)

// renderers are the goroutines that render messages. A rendering has one for
// itself, for the writers of a Msg are the caller's and may never return. Its stack
// has to grow for that, which costs half as much as the rendering, so a goroutine
// that is done waits for the next one for a while.
type renderers struct {
	work    chan renderJob // unbuffered: what is sent has a goroutine
	closing <-chan struct{}

	resting atomic.Int64  // number of goroutines that wait
	stopped atomic.Bool   // whether none waits any more
	gone    chan struct{} // closed when stopped is set and resting is zero
	leaving sync.Once     // closes gone
}

// renderJob is a rendering and what it is made from.
type renderJob struct {
	sub       *Submission
	rendering *rendering
	source    source
}

// init makes renderers whose goroutines end when closing is closed.
func (r *renderers) init(closing <-chan struct{}) {
	r.work, r.closing, r.gone = make(chan renderJob), closing, make(chan struct{})
}

// start has a goroutine carry out a rendering, and does not wait.
func (r *renderers) start(j renderJob) {
	select {
	case r.work <- j:
	default:
		go r.run(j)
	}
}

// run carries out a rendering, and those that come soon after it.
func (r *renderers) run(j renderJob) {
	rest := time.NewTicker(renderRest)
	defer rest.Stop()
	for more := true; more; {
		j.sub.make(j.rendering, j.source)
		j = renderJob{} // it is not kept alive
		j, more = r.next(rest.C)
	}
}

// next waits for a rendering. It reports false when there is none for two ticks,
// when enough goroutines wait, or when the Sender ends.
func (r *renderers) next(tick <-chan time.Time) (j renderJob, ok bool) {
	defer r.leave()
	if r.resting.Add(1) > mostResting || r.stopped.Load() {
		return j, false
	}
	for range 2 {
		select {
		case j = <-r.work:
			return j, true
		case <-tick:
		case <-r.closing:
			return j, false
		}
	}
	return j, false
}

// leave counts a goroutine that waits no more.
func (r *renderers) leave() {
	if r.resting.Add(-1) == 0 && r.stopped.Load() {
		r.leaving.Do(func() { close(r.gone) })
	}
}

// stop returns when no goroutine waits. It is called after closing is closed.
func (r *renderers) stop() {
	r.resting.Add(1)
	r.stopped.Store(true)
	r.leave()
	<-r.gone
}
