package throttle

import (
	"iter"
	"time"
	"weak"
)

// Bounds of a breaker.
const (
	// breakAfter is the number of transactions in a row that open a breaker, where
	// all others were accepted lately. It is larger where some were not:
	// breakFactor more for each refusal between two acceptances, up to breakMost.
	breakAfter  = 10
	breakFactor = 16
	breakMost   = 200
	// It opens after breakAfter further tries too where less than hopelessShare was
	// accepted over shareOver: another hundred tries would bring a message or two. A
	// receiver that accepts one of ten at random then opens it once in some 2,000 runs.
	hopelessShare = 1.0 / 32
	// breakKinds is the number of different messages that must be among them, and
	// of different destinations before an endpoint answers for all of them.
	breakKinds = 3
	// mostBreakers is the number of breakers that an endpoint keeps for senders, and the
	// number that a destination keeps. There may be any number of senders and endpoints.
	mostBreakers = 256
	// doubtAfter is the number of recipients in a row that may be refused for good for a
	// reason beyond them.
	doubtAfter = 5
	// shareOver is the number of transactions over which the accepted share is
	// averaged. soonOver is that of the second share, which falls sooner. Of a receiver
	// that refuses three of ten at random, 3 % of the refusals are doubted.
	shareOver = 64
	soonOver  = 10
	// mostAmbiguous is the part of the last transactions whose dots may go unanswered.
	// Each of these may be a copy, so a breaker opens at more even where some are
	// accepted. When it opens again soonAgain after it was closed, in parts of the time
	// for which it had been open, its gaps go on from there.
	mostAmbiguous = 0.75
	soonAgain     = 4

	// firstGap and longestGap bound the time between two probes. Between them it is
	// a part of the time for which the breaker has been open, so that the end of a
	// block is noticed after an eighth of its length.
	firstGap   = time.Second
	longestGap = 30 * time.Minute
	gapPart    = 8
	gapJitter  = 0.2 // a gap is up to this much longer, at random
)

// breaker stops mail where everything is refused for reasons that are not the
// messages'. It opens after some such transactions in a row, over several
// messages, of which none was accepted. While it is open, one message at a time
// probes, with growing gaps; the first that is accepted closes it. The zero
// breaker is closed and has seen nothing.
type breaker[T any] struct {
	share      float64   // the accepted part of the transactions lately
	counted    int       // those that it is averaged over, up to shareOver
	refuses    float64   // the refused part of the last ones, averaged over soonOver
	ambiguous  float64   // the part of the last ones whose dots were not answered
	opened     time.Time // the time at which it was opened the last time
	closed     time.Time // the time at which it was closed after that
	run        int       // transactions refused since one was accepted
	limit      int       // the length of this run at which the breaker opens
	first      time.Time
	recipients int                     // the recipients refused in the run
	early      int                     // transactions of the run that were refused up to MAIL
	again      int                     // further tries among those of the run
	messages   distinct[uint64]        // of the run
	senders    distinct[string]        // of the run
	to         distinct[string]        // destinations of the run that were refused from RCPT on
	putOff     []weak.Pointer[Item[T]] // items of the run that wait for their next try
	since      time.Time               // the time at which it was opened; zero when it is closed
	until      time.Time               // the earliest time of the next probe, when it is open
	probing    bool                    // whether a probe is under way
	partial    bool                    // whether it was opened by refusals from RCPT on: see endpoint.suspects
	limits     bool                    // whether it was opened by refusals for limits: see exhaustion
	quiet      bool                    // whether nobody was told that it is open
	reason     string                  // the last answer of the run
}

// distinct keeps the first few different values.
type distinct[K comparable] struct {
	seen [breakKinds]K
	n    int
}

func (d *distinct[K]) add(k K) {
	for _, known := range d.seen[:d.n] {
		if known == k {
			return
		}
	}
	if d.n < len(d.seen) {
		d.seen[d.n] = k
		d.n++
	}
}

func (d *distinct[K]) full() bool { return d.n == len(d.seen) }

// open reports whether only probes may go.
func (b *breaker[T]) open() bool { return b != nil && !b.since.IsZero() }

// holds reports whether nothing may go now.
func (b *breaker[T]) holds(now time.Time) bool {
	return b.open() && (b.probing || b.until.After(now))
}

// nextProbe returns the time at which the next probe may go. It is zero while one
// is under way.
func (b *breaker[T]) nextProbe() time.Time {
	if b.probing {
		return time.Time{}
	}
	return b.until
}

// doubts reports whether a refusal that speaks of the sender is to be doubted,
// because most others or some in a row were refused alike.
func (b *breaker[T]) doubts() bool {
	return b != nil && (b.open() || b.recipients > doubtAfter || b.refuses > 0.5 || b.counted > doubtAfter && b.share < 0.5)
}

// average takes one more transaction into the accepted share.
func (b *breaker[T]) average(accepted float64) {
	b.counted = min(b.counted+1, shareOver)
	b.share += (accepted - b.share) / float64(b.counted)
	b.refuses += (1 - accepted - b.refuses) / soonOver
}

// accepted notes that a message was accepted. It reports whether this has closed
// the breaker. A transaction that began before those of the run proves nothing: the
// block may have begun behind it.
func (b *breaker[T]) accepted(begun time.Time) (closed bool) {
	if b == nil {
		return false
	}
	b.average(1)
	b.ambiguous -= b.ambiguous / soonOver
	if b.run == 0 || begun.Before(b.first) {
		return false
	}
	closed = b.open() && !b.quiet
	if b.open() {
		b.opened, b.closed = b.since, begun
	}
	*b = breaker[T]{share: b.share, counted: b.counted, refuses: b.refuses, ambiguous: b.ambiguous, opened: b.opened, closed: b.closed}
	return closed
}

// refused counts a transaction of the run. It reports whether the breaker is to
// open. The nil breaker never is.
func (b *breaker[T]) refused(l blame) bool {
	if b == nil {
		return false
	}
	if b.run == 0 {
		b.first, b.limit = l.begun, b.longestRun()
	}
	b.run, b.reason = b.run+1, evidence(l.reason)
	b.recipients += l.recipients
	b.average(0)
	b.messages.add(l.message)
	b.senders.add(l.sender)
	if l.again {
		b.again++
	}
	if l.early {
		b.early++
		b.partial = b.partial && b.early < breakKinds
	} else {
		b.to.add(l.to)
	}
	if l.ambiguous {
		b.ambiguous += (1 - b.ambiguous) / soonOver
	}
	return !b.open() && (b.run >= b.limit || b.hopeless() || b.losesDots()) && b.messages.full()
}

// hopeless reports whether so little was accepted lately that more tries bring next to
// nothing. First tries do not tell: a receiver that greylists refuses all of them.
func (b *breaker[T]) hopeless() bool {
	return b.again >= breakAfter && b.counted == shareOver && b.share < hopelessShare
}

// dispensable returns the breaker that is forgotten first to make room for another, and
// its key; nil when there is none. Closed ones come first: one whose run began long ago,
// or else the one with the shortest run, so that others can grow long enough where there
// are too many. Of the open ones it is the one whose probe has been due for longest, for
// longer than any gap lasts.
func dispensable[K comparable, T any](now time.Time, all iter.Seq2[K, *breaker[T]]) (least K, b *breaker[T]) {
	for k, other := range all {
		switch {
		case other.probing || other.open() && now.Sub(other.until) < longestGap:
		case b == nil || b.open() && !other.open(),
			b.open() == other.open() && other.goesBefore(now, b):
			least, b = k, other
		}
	}
	return least, b
}

// goesBefore reports whether a breaker is forgotten before another of its state.
func (b *breaker[T]) goesBefore(now time.Time, other *breaker[T]) bool {
	if b.open() {
		return b.until.Before(other.until)
	}
	old, otherOld := now.Sub(b.first) > longestGap, now.Sub(other.first) > longestGap
	switch {
	case old != otherOld:
		return old
	case old:
		return b.first.Before(other.first)
	case b.run != other.run:
		return b.run < other.run
	}
	return b.first.After(other.first)
}

// losesDots reports whether most dots go unanswered.
func (b *breaker[T]) losesDots() bool { return b != nil && b.ambiguous > mostAmbiguous }

// opens opens the breaker.
func (b *breaker[T]) opens(now time.Time) {
	b.since, b.quiet = now, false
	if was := b.closed.Sub(b.opened); b.losesDots() && now.Sub(b.closed) < was/soonAgain {
		b.since = b.opened
	}
}

// longestRun returns the length of a run that opens the breaker.
func (b *breaker[T]) longestRun() int {
	if b.counted == 0 {
		return breakAfter
	}
	return breakAfter + int(min(breakFactor*(1/max(b.share, 1e-3)-1), breakMost-breakAfter))
}

// restLocked sets the time of the next probe of a breaker.
func (s *Scheduler[T]) restLocked(now time.Time, b *breaker[T], hint time.Duration) {
	gap := s.jittered(min(max(now.Sub(b.since)/gapPart, firstGap), longestGap), gapJitter)
	b.until = now.Add(max(gap, min(hint, longestGap)))
}

// concernsAll reports whether the run speaks of the endpoint as a whole: refusals
// up to MAIL do, others when they came from several destinations.
func (b *breaker[T]) concernsAll() bool { return b.early >= breakKinds || b.to.full() }

// only returns the sender of all mail of the run; "" when there are several.
func (b *breaker[T]) only() string {
	if b == nil || b.senders.n != 1 {
		return ""
	}
	return b.senders.seen[0]
}

// putsOff notes an item of the run that waits for its next try. It keeps none that has
// ended: a breaker may see nothing more for as long as others use its endpoint.
func (b *breaker[T]) putsOff(it *Item[T]) {
	if b != nil && b.run > 0 && len(b.putOff) < breakMost {
		b.putOff = append(b.putOff, weak.Make(it))
	}
}
