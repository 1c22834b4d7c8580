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
type resting struct {
	mu       sync.Mutex
	messages int   // the most there may be
	bytes    int64 // the most of them
	list     list.List
	at       map[*letter]*list.Element
	size     int64 // in bytes, of all
	timer    *time.Timer
	stopped  bool
}

// rested is one of the messages of resting.
type rested struct {
	l     *letter
	size  int64
	since time.Time
}

func newResting(cfg Config) *resting {
	return &resting{messages: max(cfg.MaxInFlight/8, 1), bytes: cfg.MaxHeldBytes / 8, at: map[*letter]*list.Element{}}
}

// add takes a message in. It returns those that must go for it.
func (r *resting) add(l *letter, size int64, now time.Time) (evicted []*letter) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.removeLocked(l)
	r.at[l] = r.list.PushBack(rested{l, size, now})
	r.size += size
	for r.list.Len() > r.messages || r.size > r.bytes {
		first := r.list.Front().Value.(rested).l
		r.removeLocked(first)
		evicted = append(evicted, first)
	}
	r.alarmLocked(now)
	return evicted
}

// remove takes a message out that goes on the wire, or is settled.
func (r *resting) remove(l *letter) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.removeLocked(l)
}

func (r *resting) removeLocked(l *letter) {
	if e, ok := r.at[l]; ok {
		delete(r.at, l)
		r.size -= r.list.Remove(e).(rested).size
	}
}

// alarmLocked sets the timer for the first. One that is set already may find
// nothing, and sets the next.
func (r *resting) alarmLocked(now time.Time) {
	first := r.list.Front()
	if first == nil || r.timer != nil || r.stopped {
		return
	}
	r.timer = time.AfterFunc(first.Value.(rested).since.Add(keepRendered).Sub(now), r.tick)
}

// tick drops the bytes of messages that have rested for long.
func (r *resting) tick() {
	now := time.Now()
	var due []*letter
	r.mu.Lock()
	r.timer = nil
	for e := r.list.Front(); e != nil && now.Sub(e.Value.(rested).since) >= keepRendered; e = r.list.Front() {
		l := e.Value.(rested).l
		r.removeLocked(l)
		due = append(due, l)
	}
	r.alarmLocked(now)
	r.mu.Unlock()
	for _, l := range due {
		l.drop()
	}
}

// stop ends the timer for good.
func (r *resting) stop() {
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
