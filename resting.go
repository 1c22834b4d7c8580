package smtpace

import (
	"container/list"
	"sync"
	"sync/atomic"
	"time"
)

// resting is the messages that are held rendered and are not on the wire, the
// first of them the longest. They stay for keepRendered, and are an eighth of
// Config.MaxInFlight and Config.MaxHeldBytes at most, so that no number of them
// keeps others from being rendered.
type contentCache struct {
	mu          sync.Mutex
	maxMessages int   // the most there may be
	maxBytes    int64 // the most of them
	list        list.List
	elements    map[*Submission]*list.Element
	total       int64 // in bytes, of all
	timer       *time.Timer
	stopped     bool
}

// rested is one of the messages of resting.
type cachedContent struct {
	sub   *Submission
	size  int64
	since time.Time
}

func newContentCache(cfg Config) *contentCache {
	return &contentCache{maxMessages: max(cfg.MaxInFlight/8, 1), maxBytes: cfg.MaxHeldBytes / 8, elements: map[*Submission]*list.Element{}}
}

// add takes a message in. It returns those that must go for it.
func (r *contentCache) add(sub *Submission, size int64, now time.Time) (evicted []*Submission) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.removeLocked(sub)
	r.elements[sub] = r.list.PushBack(cachedContent{sub, size, now})
	r.total += size
	for r.list.Len() > r.maxMessages || r.total > r.maxBytes {
		first := r.list.Front().Value.(cachedContent).sub
		r.removeLocked(first)
		evicted = append(evicted, first)
	}
	r.setTimerLocked(now)
	return evicted
}

// remove takes a message out that goes on the wire, or is settled.
func (r *contentCache) remove(sub *Submission) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.removeLocked(sub)
}

func (r *contentCache) removeLocked(sub *Submission) {
	if e, ok := r.elements[sub]; ok {
		delete(r.elements, sub)
		r.total -= r.list.Remove(e).(cachedContent).size
	}
}

// alarmLocked sets the timer for the first. One that is set already may find
// nothing, and sets the next.
func (r *contentCache) setTimerLocked(now time.Time) {
	first := r.list.Front()
	if first == nil || r.timer != nil || r.stopped {
		return
	}
	r.timer = time.AfterFunc(first.Value.(cachedContent).since.Add(keepRendered).Sub(now), r.expire)
}

// tick drops the bytes of messages that have rested for long.
func (r *contentCache) expire() {
	now := time.Now()
	var due []*Submission
	r.mu.Lock()
	r.timer = nil
	for e := r.list.Front(); e != nil && now.Sub(e.Value.(cachedContent).since) >= keepRendered; e = r.list.Front() {
		sub := e.Value.(cachedContent).sub
		r.removeLocked(sub)
		due = append(due, sub)
	}
	r.setTimerLocked(now)
	r.mu.Unlock()
	for _, sub := range due {
		sub.drop()
	}
}

// stop ends the timer for good.
func (r *contentCache) stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stopped = true
	if r.timer != nil {
		r.timer.Stop()
	}
}

// sizes is the mean of what messages were rendered to, in bytes.
type sizes struct{ mean atomic.Int64 }

// firstSize is the estimate before any message was rendered.
const firstSize = 8 << 10

// add counts a message. The last hundred or so make the mean.
func (s *sizes) add(bytes int) {
	for {
		old := s.mean.Load()
		mean := int64(bytes)
		if old > 0 {
			mean = old + (mean-old)/64
		}
		if s.mean.CompareAndSwap(old, max(mean, 1)) {
			return
		}
	}
}

// size returns the bytes that a message counts until it is rendered.
func (m Message) size(s *sizes) int64 {
	if m.Msg == nil {
		return int64(len(m.Data))
	}
	if mean := s.mean.Load(); mean > 0 {
		return mean
	}
	return firstSize
}
