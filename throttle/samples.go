package throttle

const (
	// enoughSamples is the number of refusals of messages from one place in the queue,
	// and of acceptances from another, that prove the messages to be the reason. Of a
	// limit that happens once in 4,000 times.
	enoughSamples = 6
	// mostSteps is the number of items that are passed for a sample.
	mostSteps = 2000
)

// samples tells limits from messages that have something in common, a campaign or
// a block of bad addresses: such are beside each other in the queue. While it probes,
// every other message is from elsewhere, at random.
type samples struct {
	near, far tally
	random    uint32
}

// sample counts a try.
func (s *samples) sample(far, refused bool) {
	if far {
		s.far.add(refused)
	} else {
		s.near.add(refused)
	}
}

// oneSided reports whether only messages from one place are refused.
func (s *samples) oneSided() bool { return opposite(s.near, s.far) || opposite(s.far, s.near) }

// opposite reports whether all of some tries were refused, and none of others.
func opposite(a, b tally) bool {
	return a.refused >= enoughSamples && a.accepted() == 0 && b.accepted() >= enoughSamples && b.refused == 0
}

// restart forgets the tries, and goes on with its random numbers.
func (s *samples) restart() { s.near, s.far = tally{}, tally{} }

// draw returns a number below n at random.
func (s *samples) draw(n int) int {
	s.random = s.random*1664525 + 1013904223
	return int(uint64(s.random) * uint64(n) >> 32)
}

// samples reports whether the next message is to be one from elsewhere.
func (s *scope) samples() bool {
	i := s.inferred()
	return i != nil && i.phase != calm && i.rate.outage.lasts() && i.draw(2) == 1
}

// elsewhere returns an untried item of the list of another, far from it. Items that were
// refused or have an unknown fate are not tried more often for that. It is the item
// itself where there is none, or where its lane must keep its order.
func (it *Item[T]) elsewhere(by *scope) (other *Item[T], far bool) {
	if it.list == nil || it.list.n < 2*enoughSamples || it.job.Lane != Bulk || !by.samples() {
		return it, false
	}
	i := by.inferred()
	steps := 1 + i.draw(min(it.list.n, mostSteps)-1)
	other = it
	if i.draw(2) == 1 {
		for range steps {
			other = other.next
		}
	} else {
		for range steps {
			other = other.prev
		}
	}
	if other == it || !other.job.Fresh {
		return it, false
	}
	return other, true
}
