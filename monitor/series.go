package monitor

import "time"

// slot is the figures of a destination, or of all, in one span of time. A slot
// without a sample has a zero span.
type slot struct {
	span        float32 // seconds that the counts are for
	sent        float32 // recipients delivered
	refused     float32 // recipients refused or put off
	queued      float32 // deliveries that waited, at the last sample
	concurrency float32 // connections or transactions that may be at once, at the last sample
	learned     float32 // learned messages per second, at the last sample; 0 when there is none
}

// The history of the last 15 minutes has a slot every 10 s; that of the last minute
// has one every second besides.
const (
	fineSpan  = time.Second
	fineSlots = 60
	slotSpan  = 10 * time.Second
	slots     = 90
)

// series is the history of one destination, or of all.
type series struct {
	fine   [fineSlots]slot
	coarse [slots]slot
	last   time.Time // the time of the newest sample; zero when there is none
}

// add takes in the newest sample.
func (s *series) add(now time.Time, of slot) {
	put(s.fine[:], fineSpan, s.last, now, of)
	put(s.coarse[:], slotSpan, s.last, now, of)
	s.last = now
}

// put adds to the slot of a time in a ring, and empties those that were passed since
// the last.
func put(ring []slot, span time.Duration, last, now time.Time, of slot) {
	n, at := int64(len(ring)), now.UnixNano()/int64(span)
	from := last.UnixNano() / int64(span)
	if last.IsZero() || at-from >= n || at < from {
		clear(ring)
	} else {
		for i := from + 1; i <= at; i++ {
			ring[i%n] = slot{}
		}
	}
	into := &ring[at%n]
	of.span += into.span
	of.sent += into.sent
	of.refused += into.refused
	*into = of
}

// point is a slot for the page: the time in Unix milliseconds, then delivered and
// refused recipients a second, learned messages a second, the concurrency and the number
// of deliveries that wait.
type point [6]float64

// points returns the history up to now, the oldest first.
func (s *series) points(now time.Time) []point {
	var out []point
	each := func(ring []slot, span time.Duration, from, to int64) {
		n := int64(len(ring))
		newest := s.last.UnixNano() / int64(span)
		for i := max(from, newest-n+1); i < min(to, newest+1); i++ {
			if at := &ring[i%n]; at.span > 0 {
				out = append(out, at.point(i*span.Milliseconds()))
			}
		}
	}
	if s.last.IsZero() {
		return nil
	}
	end := now.UnixNano()
	fine := (end/int64(fineSpan) - fineSlots + 1) * int64(fineSpan) // where the fine slots begin
	each(s.coarse[:], slotSpan, end/int64(slotSpan)-slots+1, fine/int64(slotSpan))
	each(s.fine[:], fineSpan, fine/int64(fineSpan), end/int64(fineSpan)+1)
	return out
}

// newest returns the newest slot as a point.
func (s *series) newest() point {
	i := s.last.UnixNano() / int64(fineSpan)
	return s.fine[i%fineSlots].point(s.last.UnixMilli())
}

// point returns the slot of that time as a point.
func (s *slot) point(ms int64) point {
	span := float64(max(s.span, 0.001))
	return point{float64(ms), round(float64(s.sent) / span), round(float64(s.refused) / span), round(float64(s.learned)), float64(s.concurrency), float64(s.queued)}
}

// round returns a number with two places behind the point.
func round(x float64) float64 { return float64(int64(x*100+0.5)) / 100 }
