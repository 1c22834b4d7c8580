package throttle

import (
	"iter"
	"time"
)

// bars holds the breakers of a destination, by the endpoint through which its mail was
// refused from RCPT on. It also holds the full paths of the flows that leave out some of
// these endpoints. The nil bars holds none.
type bars[T any] struct {
	at    map[barKey]*breaker[T]
	homes map[*flow[T]]*Path
}

// barKey names a breaker of a destination. One with a sender is for the mail of that
// sender alone. It exists where the endpoint has mail of several.
type barKey struct{ endpoint, sender string }

// of returns the breaker of all mail for an endpoint; nil when there is none.
func (b *bars[T]) of(endpoint string) *breaker[T] {
	if b == nil {
		return nil
	}
	return b.at[barKey{endpoint, ""}]
}

// ofSender returns the breaker of a sender for an endpoint; nil when there is none, or no sender.
func (b *bars[T]) ofSender(endpoint, sender string) *breaker[T] {
	if b == nil || sender == "" {
		return nil
	}
	return b.at[barKey{endpoint, sender}]
}

// holds reports whether nothing of a flow may go through an endpoint now.
func (b *bars[T]) holds(now time.Time, f *flow[T], endpoint string) bool {
	return b.of(endpoint).holds(now) || b.ofSender(endpoint, f.path.sender).holds(now)
}

// barredAtLocked returns the breaker of a sender for an endpoint, made when it is first
// used. The sender "" is that of all mail. It returns nil where there are too many to
// tell apart.
func (s *Scheduler[T]) barredAtLocked(now time.Time, d *destination[T], endpoint, sender string) *breaker[T] {
	if d.bars == nil {
		d.bars = &bars[T]{}
	}
	k := barKey{endpoint, sender}
	if b := d.bars.at[k]; b != nil {
		return b
	}
	if d.bars.full(sender == "") {
		other, least := dispensable(now, d.bars.kind(sender == ""))
		if least == nil {
			return nil
		}
		if delete(d.bars.at, other); least.open() && sender != "" {
			s.splitsLess(other.sender)
		}
		if least.open() {
			s.rescheduleLocked(now, d)
		}
	}
	if d.bars.at == nil {
		d.bars.at = map[barKey]*breaker[T]{}
	}
	b := &breaker[T]{}
	d.bars.at[k] = b
	return b
}

// kind yields the breakers of all mail, or those of senders.
func (b *bars[T]) kind(ofAll bool) iter.Seq2[barKey, *breaker[T]] {
	return func(yield func(barKey, *breaker[T]) bool) {
		for k, at := range b.at {
			if (k.sender == "") == ofAll && !yield(k, at) {
				return
			}
		}
	}
}

// full reports whether there is no room for another breaker of a kind.
func (b *bars[T]) full(ofAll bool) bool {
	if len(b.at) < mostBreakers {
		return false
	}
	n := 0
	for range b.kind(ofAll) {
		n++
	}
	return n >= mostBreakers
}

// acceptedThrough notes that a message of the destination was accepted through an
// endpoint; with a sender, for the breaker of this sender alone. It reports whether this
// has closed it.
func (d *destination[T]) acceptedThrough(endpoint, sender string, begun time.Time) (closed bool) {
	if d.bars == nil {
		return false
	}
	b := d.bars.at[barKey{endpoint, sender}]
	if b == nil {
		return false
	}
	closed = b.accepted(begun)
	if b.run == 0 && b.share > 0.9 { // a new one would do the same
		delete(d.bars.at, barKey{endpoint, sender})
	}
	if len(d.bars.at)+len(d.bars.homes) == 0 {
		d.bars = nil
	}
	return closed
}

// forgetBarsLocked drops what the breakers of a destination have seen.
func (s *Scheduler[T]) forgetBarsLocked(d *destination[T]) {
	if d.bars == nil {
		return
	}
	for k, at := range d.bars.at {
		if k.sender != "" && at.open() {
			s.splitsLess(k.sender)
		}
	}
	d.bars.at = nil
}

// stale reports whether the breakers need not be remembered.
func (b *bars[T]) stale(now time.Time) bool {
	if b == nil {
		return true
	}
	for _, at := range b.at {
		if at.open() && now.Sub(at.until) < lessonLife {
			return false
		}
	}
	return true
}

// soonest returns the open breaker that is probed first; nil when all are closed.
func (b *bars[T]) soonest() (first *breaker[T]) {
	if b == nil {
		return nil
	}
	for _, at := range b.at {
		if at.open() && (first == nil || at.until.Before(first.until)) {
			first = at
		}
	}
	return first
}

// open yields the open breakers of a path and, with a sender, those of that sender. There
// may be many of others.
func (b *bars[T]) open(p *Path, sender string) func(yield func(*breaker[T]) bool) {
	return func(yield func(*breaker[T]) bool) {
		for _, level := range p.levels {
			for _, h := range level {
				for _, at := range [...]*breaker[T]{b.of(h.Endpoint), b.ofSender(h.Endpoint, sender)} {
					if at.open() && !yield(at) {
						return
					}
				}
			}
		}
	}
}

// home returns the full path of a flow.
func (d *destination[T]) home(f *flow[T]) *Path {
	if d.bars != nil {
		if of, ok := d.bars.homes[f]; ok {
			return of
		}
	}
	return f.path.of
}

// flowOf returns the flow of a full path and of a sender that is kept apart; nil
// when there is none.
func (d *destination[T]) flowOf(of *Path, sender string) *flow[T] {
	if d.first.path.sender == sender && d.home(&d.first).key == of.key {
		return &d.first
	}
	for _, f := range d.more {
		if f.path.sender == sender && d.home(f).key == of.key {
			return f
		}
	}
	return nil
}

// probed reports whether a flow may go through an endpoint only as a probe.
func (b *bars[T]) probed(f *flow[T]) bool {
	for _, e := range f.path.endpoints {
		if b.of(e.name).open() || b.ofSender(e.name, f.path.sender).open() {
			return true
		}
	}
	return false
}

// detourLocked has a flow go by the endpoints of its path that take its mail, or
// are due for a probe. When there are none, held is true. again is the time at which
// this changes; zero is not before a change.
func (s *Scheduler[T]) detourLocked(now time.Time, f *flow[T]) (again time.Time, held bool) {
	b := f.d.bars
	if b == nil {
		if f.path.suspect {
			s.moveLocked(now, f, f.path.of, false)
		}
		return time.Time{}, false
	}
	s.clearLocked(now, f)
	home := f.d.home(f)
	way := home
	for at := range b.open(home, f.path.sender) {
		if at.holds(now) {
			again = earlier(again, at.nextProbe())
			held = true
		}
	}
	if held {
		way = home.without(func(endpoint string) bool { return b.holds(now, f, endpoint) })
	}
	if held = way == nil; held {
		way = home
	}
	suspect := s.suspectsLocked(b, way)
	if way.key != f.path.of.key || suspect != f.path.suspect {
		s.moveLocked(now, f, way, suspect)
	}
	if way.key == home.key {
		delete(b.homes, f)
	} else if b.homes[f] == nil {
		if b.homes == nil {
			b.homes = map[*flow[T]]*Path{}
		}
		b.homes[f] = home
	}
	return again, held
}

// moveLocked moves a flow with all that waits in it to another path.
func (s *Scheduler[T]) moveLocked(now time.Time, f *flow[T], to *Path, suspect bool) {
	s.emptyLotsLocked(now, f)
	s.unscheduleLocked(f)
	from := f.path
	f.path = s.pathLocked(to, from.sender, suspect)
	f.path.sentBy(from.from)
	f.path.mixed = f.path.mixed || from.mixed
	f.path.members++
	f.path.queued += int(f.queued)
	from.queued -= int(f.queued)
	s.leaveLocked(now, from)
	for _, e := range f.path.endpoints {
		s.stirLocked(e)
	}
}
