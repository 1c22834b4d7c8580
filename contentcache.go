package smtpace

import (
	"container/list"
	"sync"
	"sync/atomic"
	"time"
)

// keepRendered is the time for which the bytes of a message stay in memory after
// it was last in flight.
const keepRendered = 5 * time.Second

// contentCache is the messages whose bytes are in memory and not in flight. Each
// stays for keepRendered. They take up an eighth of Config.MaxHeld and
// Config.MaxHeldBytes at most, so that others can always be rendered, or there is
// one message. Its lock is a leaf.
type contentCache struct {
	maxMessages int
	maxBytes    int64

	mu       sync.Mutex
	list     list.List // of cachedContent, the oldest first
	elements map[*Submission]*list.Element
	total    int64 // sum of the sizes, in bytes
	timer    *time.Timer
	stopped  bool
}

// cachedContent is a message in the cache.
type cachedContent struct {
	sub   *Submission
	size  int64 // in bytes
	since time.Time
}

// newContentCache returns an empty cache with the bounds of cfg.
func newContentCache(cfg Config) *contentCache {
	return &contentCache{maxMessages: max(cfg.MaxHeld/8, 1), maxBytes: cfg.MaxHeldBytes / 8, elements: map[*Submission]*list.Element{}}
}

// add takes a message in. It returns the messages without room: the caller must drop
// their bytes.
func (c *contentCache) add(sub *Submission, size int64, now time.Time) (evicted []*Submission) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.removeLocked(sub)
	c.elements[sub] = c.list.PushBack(cachedContent{sub, size, now})
	c.total += size
	for c.list.Len() > c.maxMessages || c.total > c.maxBytes && c.list.Len() > 1 {
		first := c.list.Front().Value.(cachedContent).sub
		c.removeLocked(first)
		evicted = append(evicted, first)
	}
	c.setTimerLocked(now)
	return evicted
}

// fits reports whether a message of that size has room beside others.
func (c *contentCache) fits(size int64) bool { return size <= c.maxBytes }

// remove takes a message out.
func (c *contentCache) remove(sub *Submission) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.removeLocked(sub)
}

// removeLocked takes a message out, if it is there.
func (c *contentCache) removeLocked(sub *Submission) {
	if e, ok := c.elements[sub]; ok {
		delete(c.elements, sub)
		c.total -= c.list.Remove(e).(cachedContent).size
	}
}

// setTimerLocked sets the timer for the oldest message, unless it is set. A timer
// that fires too early sets itself again.
func (c *contentCache) setTimerLocked(now time.Time) {
	first := c.list.Front()
	if first == nil || c.timer != nil || c.stopped {
		return
	}
	c.timer = time.AfterFunc(first.Value.(cachedContent).since.Add(keepRendered).Sub(now), c.expire)
}

// expire drops the bytes of messages that have been here for keepRendered. The
// timer calls it.
func (c *contentCache) expire() {
	now := time.Now()
	var due []*Submission
	c.mu.Lock()
	c.timer = nil
	for e := c.list.Front(); e != nil && now.Sub(e.Value.(cachedContent).since) >= keepRendered; e = c.list.Front() {
		sub := e.Value.(cachedContent).sub
		c.removeLocked(sub)
		due = append(due, sub)
	}
	c.setTimerLocked(now)
	c.mu.Unlock()
	for _, sub := range due {
		sub.drop()
	}
}

// stop ends the timer for good.
func (c *contentCache) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopped = true
	if c.timer != nil {
		c.timer.Stop()
	}
}

// sizes is the moving average of the sizes of rendered messages.
type sizes struct {
	mean atomic.Int64 // in bytes; 0 means that none was rendered
}

// firstSize is the size in bytes that is assumed before any message was rendered.
const firstSize = 8 << 10

// add counts a message: mean += (bytes - mean) / 64.
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

// size returns the number of bytes that a message counts until it is rendered.
func (m Message) size(s *sizes) int64 {
	if m.Msg == nil {
		return int64(len(m.Data))
	}
	if mean := s.mean.Load(); mean > 0 {
		return mean
	}
	return firstSize
}
