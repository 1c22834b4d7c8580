package throttle

import "time"

// rescheduleLocked puts all flows of a destination where their state belongs.
// It must be called after everything that may have changed that.
func (s *Scheduler[T]) rescheduleLocked(now time.Time, d *destination[T]) {
	s.rescheduleFlowLocked(now, &d.first)
	for _, f := range d.more {
		s.rescheduleFlowLocked(now, f)
	}
}

// rescheduleFlowLocked puts a flow where its state belongs. A flow that stays
// ready keeps its position in the rings.
func (s *Scheduler[T]) rescheduleFlowLocked(now time.Time, f *flow[T]) {
	d := f.d
	var until, again time.Time // the time at which to reschedule it, and that at which it has another way; zero is not before a change
	held := false
	if d.boxes != nil {
		s.bringBackLocked(now, d)
	}
	if d.boxes != nil || f.delayed != nil {
		until = f.mature(now)
	}
	if d.bars != nil || f.path.suspect {
		again, held = s.detourLocked(now, f)
	}
	if d.queued == 0 {
		s.unusedLocked(now, d)
	}
	may, full := s.shares(d)
	if full > 0 || d.cappedPos >= 0 {
		s.capLocked(d, full)
	}
	ready := f.ready(may)
	more := ready != readyItems{}
	if d.paused {
		ready, more, until = readyItems{}, false, time.Time{}
	}
	lots := s.lotsOf(f)
	if d.free() <= 0 { // until one of its transactions ends
		ready, more = readyItems{}, false
	}
	if d.state != nil && (more || lots != nil && !d.paused && d.free() > 0) {
		switch due := d.at(now, f.needed()); {
		case !due.After(now):
		case due.Equal(never): // until one of its transactions is written
			ready = readyItems{}
			if more {
				until = time.Time{}
			}
		case more:
			ready, until = readyItems{}, due
		default:
			until = earlier(until, due)
		}
	}
	if held {
		ready = readyItems{}
	}
	if d.bars != nil && !again.IsZero() && f.queued > 0 && !d.paused {
		until = earlier(until, again)
	}
	if f.pos >= 0 || !until.IsZero() {
		f.wait(until)
	}
	f.setReady(ready)
	if lots != nil {
		s.reopenLocked(now, f, lots)
	}
	s.stirPathLocked(now, f.path)
}

// lotsOf returns the lots of a flow; nil when it has none.
func (s *Scheduler[T]) lotsOf(f *flow[T]) *flowLots[T] {
	if len(s.lots) == 0 {
		return nil
	}
	return s.lots[f]
}

// unscheduleLocked takes a flow out of the rings and the heap of its path.
func (s *Scheduler[T]) unscheduleLocked(f *flow[T]) {
	f.wait(time.Time{})
	f.setReady(readyItems{})
}

// maturesAtOnce is the number of flows that are rescheduled, and of the delayed
// items of one that are queued, under one hold of the lock. Others that are due
// follow with the next asking connection.
const maturesAtOnce = 64

// matureLocked reschedules flows of a path that have waited long enough.
func (s *Scheduler[T]) matureLocked(now time.Time, p *path[T]) {
	var last *flow[T]
	for range maturesAtOnce {
		f, ok := p.waiting.first()
		if !ok || f.until.After(now) || f == last { // it has more than go at once
			return
		}
		s.rescheduleFlowLocked(now, f)
		last = f
	}
}
