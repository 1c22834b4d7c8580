package throttle

import (
	"fmt"
	"time"
)

// rateWalks are those of what finds a rate, or a number of connections, from refusals or
// from times.
var rateWalks = []walk{
	{"rateOfABucket", 60, func(w *walker) (any, func() string) { return w.rate(w.bucket(20, 8)) }},
	{"rateOfOneByOne", 60, func(w *walker) (any, func() string) { return w.rate(w.bucket(4, 1)) }},
	{"rateOfAWindow", 60, func(w *walker) (any, func() string) { return w.rate(w.window(60, time.Minute)) }},
	{"rateOfALongWindow", 60, func(w *walker) (any, func() string) { return w.rate(w.window(100, 10*time.Minute)) }},
	{"rateBesideABackground", 90, func(w *walker) (any, func() string) {
		limited := w.bucket(40, 5)
		return w.rate(func(now time.Time) bool { return w.chance(4) || limited(now) })
	}},
	{"rateOfABackground", 90, func(w *walker) (any, func() string) {
		return w.rate(func(time.Time) bool { return w.chance(10) })
	}},
	{"rateOfAPunishment", 60, func(w *walker) (any, func() string) {
		return w.rate(w.punishing(30, 3*time.Minute))
	}},
	{"rateOfOutages", 60, func(w *walker) (any, func() string) {
		return w.rate(func(now time.Time) bool { return int(now.Sub(noon)/(40*time.Second))%3 == 1 })
	}},
	{"ownPace", 150, func(w *walker) (any, func() string) {
		p := &ownPace{rate: 10, next: w.now}
		return p, func() string {
			w.pass(0, 0, 10*time.Millisecond, p.next.Sub(w.now), time.Second)
			switch w.IntN(5) {
			case 0:
				p.goes(w.now)
				return "goes"
			case 1:
				begun := pick(w, w.now, p.lesson, p.lesson.Add(-1))
				p.refused(w.now, begun)
				return "refused"
			}
			n, all := pick(w, 1, ownQuiet-1, ownQuiet), pick(w, 0, allQuiet-1, allQuiet, 10*allQuiet)
			for range n {
				p.accepted(all)
			}
			return fmt.Sprintf("accepted %d of %d", n, all)
		}
	}},
	{"recentCounts", 120, func(w *walker) (any, func() string) {
		c := &recentCounts{}
		return c, func() string {
			slot := c.slot()
			w.pass(-time.Second, 0, slot-1, slot, slot/2, 3*slot, c.span(), c.span()+slot)
			switch w.IntN(4) {
			case 0:
				length := pick(w, time.Minute, c.span()+probesApart, c.span()+probesApart+1, 4*time.Minute, 5*time.Minute+probesApart, 2*time.Hour)
				if w.chance(50) {
					length = time.Minute
				}
				c.covers(w.now, length)
				return fmt.Sprintf("covers %v", length)
			case 1:
				counted := pick(w, 0, time.Second, time.Minute, time.Hour)
				return fmt.Sprintf("sum %.5g, in %v at %.5g", c.sum(w.now), counted, c.rate(w.now, counted))
			}
			n := pick(w, 1, 7, 100)
			c.add(w.now, n)
			return fmt.Sprintf("add %d", n)
		}
	}},
	{"outage", 250, func(w *walker) (any, func() string) {
		o := &outage{}
		return o, func() string {
			if o.gap > time.Hour {
				*o = outage{}
			}
			w.pass(0, time.Millisecond, time.Second, o.until.Sub(later(w.now, noon)), o.gap)
			switch w.IntN(9) {
			case 0:
				wait := pick(w, 0, shortestWait, longestWait+1, time.Second)
				o.begin(w.now, wait, 3)
				o.asked = pick(w, 0, time.Minute)
				return fmt.Sprintf("begin, wait %v", wait)
			case 1, 2, 3:
				begun := pick(w, w.now, o.began, o.began.Add(1))
				o.refused(w.now, begun, 2, pick(w, time.Second, 2*o.gap, mostGap+1))
				return "refused"
			case 4, 5:
				return fmt.Sprintf("probe, late %v", o.probe(w.now))
			case 6:
				d := pick(w, time.Second, longestHint+1)
				o.hint(w.now, d)
				return fmt.Sprintf("hint %v", d)
			case 7:
				if w.chance(50) {
					o.soon(w.now)
					return "soon"
				}
				o.passed += w.IntN(3)
				return "passed"
			}
			return fmt.Sprintf("at %v with none, %v with one, isolated %v, some end %v, length %v",
				o.at(w.now, 0).Sub(noon), o.at(w.now, 1).Sub(noon), o.isolated(), o.someEnd(w.now).Sub(noon), o.length())
		}
	}},
	{"bucket", 250, func(w *walker) (any, func() string) {
		b := newBucket(Rate{Count: 10, Per: time.Second, Burst: 4})
		used := 0.0
		of := &struct {
			burst, reserved, large, excess *int
			clock                          *time.Time
			used                           *float64
		}{&b.burst, &b.reserved, &b.large, &b.excess, &b.clock, &used}
		return of, func() string {
			w.pass(-time.Millisecond, 0, 0, 100*time.Millisecond, 150*time.Millisecond, time.Second)
			r, any := b.record(w.now)
			used = r.Used
			n := pick(w, 1, 1, 2, b.burst, b.burst+1, 2*b.burst)
			at := b.at(w.now, n)
			switch w.IntN(8) {
			case 0:
				r := Rate{Count: pick(w, 5, 10), Per: time.Second, Burst: pick(w, 0, 2, 4, 5)}
				b.set(w.now, r)
				return fmt.Sprintf("set %v", r)
			case 1:
				if k := max(b.large, min(1, b.reserved)); k > 0 {
					b.release(w.now, k)
					return fmt.Sprintf("release %d, new %v", k, b.asNew(w.now))
				}
			case 2, 3:
				if k := max(b.large, min(1, b.reserved)); k > 0 {
					b.commit(w.now, k)
					return fmt.Sprintf("commit %d", k)
				}
			case 4:
				b.refund(w.now, n)
				return fmt.Sprintf("refund %d", n)
			}
			if at.After(w.now) || n > b.burst && b.reserved > 0 {
				return fmt.Sprintf("%d at %v, new %v, record %v", n, at.Sub(noon), b.asNew(w.now), any)
			}
			b.take(w.now, n)
			return fmt.Sprintf("take %d, room %d", n, b.room())
		}
	}},
	{"bucketRestored", 40, func(w *walker) (any, func() string) {
		b := newBucket(Rate{Count: 10, Per: time.Second, Burst: 4})
		return &struct{}{}, func() string {
			b = newBucket(Rate{Count: 10, Per: time.Second, Burst: 4})
			if w.chance(15) {
				b.clock = w.now
			}
			used, age := pick(w, 0, 0.5, 1, 3.5, 4, 4.5, 9), pick(w, 0, 50*time.Millisecond, time.Second)
			b.restore(w.now, meterRecord{Used: used}, age)
			return fmt.Sprintf("restore %v of %v ago: %v %v", used, age, b.at(w.now, 1).Sub(w.now), b.at(w.now, 4).Sub(w.now))
		}
	}},
	{"crowdingOfMany", 60, func(w *walker) (any, func() string) {
		return w.crowd(func(n int) float64 { return 0.1 * max(1, float64(n)/8) })
	}},
	{"crowdingOfOne", 60, func(w *walker) (any, func() string) {
		return w.crowd(func(n int) float64 { return 0.1 * float64(n) })
	}},
	{"crowdingThatHarms", 60, func(w *walker) (any, func() string) {
		return w.crowd(func(n int) float64 { return 0.02 * float64(n*n) })
	}},
	{"crowdingOfNone", 60, func(w *walker) (any, func() string) {
		return w.crowd(func(int) float64 { return 0.1 })
	}},
	{"tarpit", 200, func(w *walker) (any, func() string) {
		t := &tarpit{quick: time.Second, before: 10}
		return t, func() string {
			conns := max(pick(w, t.conns, t.conns, t.conns, t.conns, 8, 10, 11, 6), 1)
			took := pick(w, t.quick, t.quick-1, slowFactor*t.quick+slowBeyond, slowFactor*t.quick+slowBeyond+1, 2*t.quick)
			t.quick = max(t.quick, 10*time.Millisecond)
			w.pass(0, took, t.watched()-w.now.Sub(t.since))
			switch w.IntN(20) {
			case 0:
				t.idles()
				return "idles"
			case 1:
				t.next, t.proven, t.quick = w.now.Add(pick(w, 0, time.Minute)), w.chance(50), time.Second
				return "anew"
			}
			return fmt.Sprintf("took %v beside %d: due %v, least %v", took, conns, t.watches(w.now, conns, took), t.least())
		}
	}},
	{"tarpitVain", 60, func(w *walker) (any, func() string) {
		t := &tarpit{}
		return &struct{}{}, func() string {
			*t = tarpit{
				before: 2, longest: pick(w, time.Second, 30*time.Second), free: pick(w, 0, 0, 0, 0, unhindered-1, unhindered), proven: w.chance(50),
				late: pick(w, 0, inVain-1, inVain), count: pick(w, 2*inVain-1, 2*inVain),
				rate: &delayRate{rateEstimate: rateEstimate{level: pick(w, 1, moreUndelayed*2, 3)}},
			}
			lasts := pick(w, 0, 5*time.Second, 5*time.Second+1, longerOutage, longerOutage+1, time.Minute, time.Minute+1)
			if lasts > 0 {
				t.rate.outage.began = w.now.Add(-lasts)
			}
			return fmt.Sprintf("longest %v, free %d, proven %v, %d of %d late, level %v, for %v: vain %v",
				t.longest, t.free, t.proven, t.late, t.count, t.rate.level, lasts, t.isVain(w.now))
		}
	}},
}

// rate sends to a receiver at the rate that is learned from what it refuses.
func (w *walker) rate(refuses func(now time.Time) bool) (state any, step func() string) {
	for range 25 {
		refuses(w.now)
		w.pass(50 * time.Millisecond)
	}
	p := newRateEstimate(w.now, 25, noon)
	p.slowest = pick(w, 0, 10*time.Minute)
	p.refuse(w.now, w.now, 1)
	var flying []time.Time
	settle := func() (text string) {
		begun := flying[0]
		flying = flying[1:]
		w.pass(time.Millisecond, 7*time.Millisecond, 20*time.Millisecond)
		if refuses(w.now) {
			if p.refuse(w.now, begun, 1) {
				return "!"
			}
			return "-"
		}
		if p.accept(w.now, begun, 1) {
			return "#"
		}
		return "+"
	}
	return &p, func() (text string) {
		if w.chance(10) {
			w.pass(time.Second, time.Minute)
		}
		most := pick(w, 1, 1, 3)
		for range pick(w, 2, 15, 60) {
			if at := p.at(w.now, len(flying), 1); at.After(w.now) {
				w.now = at
			}
			p.take(w.now, 1)
			if w.chance(2) {
				p.release(1)
			} else {
				flying = append(flying, w.now)
			}
			for len(flying) > most || len(flying) > 0 && p.outage.lasts() {
				text += settle()
			}
		}
		return fmt.Sprintf("%s rate %.5g", text, p.rate())
	}
}

// bucket returns a receiver that accepts so many a second, and a burst.
func (w *walker) bucket(rate, burst float64) func(now time.Time) (refuses bool) {
	left, last := burst, w.now
	return func(now time.Time) bool {
		left = min(left+rate*now.Sub(last).Seconds(), burst)
		last = now
		if left < 1 {
			return true
		}
		left--
		return false
	}
}

// window returns a receiver that accepts n in each window.
func (w *walker) window(n int, length time.Duration) func(now time.Time) (refuses bool) {
	seen, number := 0, int64(-1)
	return func(now time.Time) bool {
		if k := int64(now.Sub(noon) / length); k != number {
			seen, number = 0, k
		}
		seen++
		return seen > n
	}
}

// punishing returns a receiver that accepts nothing for some time behind n a minute.
func (w *walker) punishing(n int, length time.Duration) func(now time.Time) (refuses bool) {
	limited, until := w.window(n, time.Minute), time.Time{}
	return func(now time.Time) bool {
		if !now.After(until) {
			return true
		}
		if limited(now) {
			until = now.Add(length)
		}
		return !until.Before(now)
	}
}

// crowd ends transactions over as many connections as are allowed, each in the time that
// so many take.
func (w *walker) crowd(seconds func(n int) float64) (state any, step func() string) {
	c := &crowding{}
	n := 4
	return c, func() string {
		if w.chance(15) {
			n = pick(w, 1, 2, 6, 7, 16, 20)
		}
		busy := n
		if c.limit > 0 {
			busy = min(n, int(c.limit))
		}
		if w.chance(8) {
			busy = n
		}
		changed := false
		for range pick(w, 1, armSamples, armSamples, 2*armSamples) {
			took := time.Duration(seconds(busy) * (0.9 + 0.2*w.Float64()) * float64(time.Second))
			w.pass(took / time.Duration(busy))
			changed = c.took(w.now, busy, took) || changed
		}
		text := fmt.Sprintf("%d busy, limit %d, changed %v", busy, c.limit, changed)
		switch w.IntN(12) {
		case 0:
			c.idles()
			text += ", idles"
		case 1:
			w.pass(pick(w, time.Minute, leastSilence-1, c.experimentEnds().Sub(later(w.now, noon))))
			c.lapse(w.now)
			text += ", lapses"
		case 2:
			w.pass(c.gap)
		}
		c.arm.times = c.arm.times[:len(c.arm.times):len(c.arm.times)]
		return text
	}
}
