package throttle

import (
	"fmt"
	"time"
)

// capWalks are those of caps, of gaps between tries, and of what counts them.
var capWalks = []walk{
	{"atOnce", 200, func(w *walker) (any, func() string) {
		a := &atOnce{}
		return a, func() string {
			w.pass(0, time.Second, longestTest-1, longestTest)
			n := max(pick(w, 1, 2, 3, int(a.most), int(a.most)-1, int(a.failed), int(a.failed)-1), 1)
			if w.chance(70) {
				a.accepted(w.now, n)
				return fmt.Sprintf("accepted %d, cap %d, bound %d, within %d", n, a.cap(), a.bound(5), a.within(pick(w, 0.2, 1, 2)))
			}
			some, proven := w.IntN(n+1), w.chance(60)
			a.refused(w.now, n+some, some, proven)
			return fmt.Sprintf("refused %d behind %d, proven %v", n+some, some, proven)
		}
	}},
	{"catchUp", 300, func(w *walker) (any, func() string) {
		c := &catchUp{}
		return c, func() string {
			switch w.IntN(6) {
			case 0, 1:
				gap, n := pick(w, 100*time.Millisecond, time.Second), pick(w, 1, 1, 1, 2)
				w.pass(0, c.gap, c.gap*97/100, c.gap*97/100-1, c.gap*2)
				c.goes(w.now, gap, n)
				return fmt.Sprintf("goes %v %d", gap, n)
			case 2:
				early := w.chance(70)
				return fmt.Sprintf("refused, early %v: only %v", early, c.onlyEarly(early))
			case 3:
				c.tighten()
				return fmt.Sprintf("tighten, within %v, even %v", c.within(1024*time.Millisecond), c.even())
			case 4:
				n := pick(w, 1, 99, 100)
				for range n {
					c.lost()
				}
				return fmt.Sprintf("lost %d, within %v, even %v", n, c.within(1024*time.Millisecond), c.even())
			}
			return fmt.Sprintf("hurried %v %v %v", c.hurried(c.begun), c.hurried(c.begun.Add(-1)), c.hurried(c.latest.Add(1)))
		}
	}},
	{"connectionCap", 300, func(w *walker) (any, func() string) {
		c := &connectionCap{}
		return c, func() string {
			w.pass(0, 1, time.Second, c.test.Sub(w.now), provenFor, provenFor+1)
			number := max(pick(w, 1, 2, 3, c.failed-2, c.failed-1, c.failed, c.proven().number, c.proven().number+1), 1)
			switch w.IntN(7) {
			case 0:
				return fmt.Sprintf("strayed %d: %v", number, c.strayed(w.now, number))
			case 1, 2:
				c.refused(w.now, number-1)
				return fmt.Sprintf("refused %d, again %v", number, c.again())
			case 3:
				d := pick(w, time.Second, longestHint, longestHint+1)
				c.putOff(w.now, d)
				return fmt.Sprintf("put off %v", d)
			case 4, 5:
				begun := pick(w, w.now, c.proof.lesson, c.proof.lesson.Add(-1))
				c.opened(w.now, begun, number)
				return fmt.Sprintf("opened %d", number)
			}
			return fmt.Sprintf("grown %d to %d, testing %v", number, c.grown(w.now, number), c.testing())
		}
	}},
	{"cuts", 150, func(w *walker) (any, func() string) {
		c := &cuts{}
		return c, func() string {
			w.pass(0, time.Second)
			if w.chance(30) {
				n := max(pick(w, 1, c.number, c.number+1), 1)
				c.whole(w.now, n)
				return fmt.Sprintf("whole %d", n)
			}
			number := max(pick(w, c.number, c.number, w.IntN(9)), 1)
			n := number + pick(w, 1, leastCut-1, leastCut, leastCut+3)
			return fmt.Sprintf("cut %d of %d: %v", number, n, c.cut(w.now, n, number))
		}
	}},
	{"cycles", 120, func(w *walker) (any, func() string) {
		b := &bans{window: true}
		return &b.cycles, func() string {
			w.pass(0, time.Second, b.cycles.took, b.cycles.took+time.Second)
			switch w.IntN(3) {
			case 0:
				n := pick(w, 1, 10, 100)
				b.counts(n)
				return fmt.Sprintf("counts %d, rate %.4g", n, b.cycles.rate(w.now))
			case 1:
				b.cycles.ends(w.now)
				return fmt.Sprintf("ends, rate %.4g", b.cycles.rate(w.now))
			}
			level, long := pick(w, 0.5, 5, 50), w.chance(20)
			return fmt.Sprintf("within %v, long %v: %.4g", level, long, b.within(w.now, level, long))
		}
	}},
	{"exhaustion", 150, func(w *walker) (any, func() string) {
		x := &exhaustion{}
		return x, func() string {
			w.pass(0, time.Second, 30*time.Second, exhaustedAfter-w.now.Sub(x.since))
			if w.chance(12) {
				begun := pick(w, x.since, x.since.Add(-1))
				x.accepted(begun)
				return fmt.Sprintf("accepted %v", begun.Equal(x.since))
			}
			x.refused(w.now, uint64(w.IntN(4)))
			return fmt.Sprintf("refused, lasts %v", x.lasts(w.now))
		}
	}},
	{"failures", 200, func(w *walker) (any, func() string) {
		b := &backoff{}
		return b, func() string {
			w.pass(0, time.Second)
			beside := pick(w, 0, 1, b.failures.beside)
			switch w.IntN(6) {
			case 0, 1, 2:
				return fmt.Sprintf("misses beside %d: %v", beside, b.misses(w.now, beside))
			case 3, 4:
				b.failures.opened(beside)
				return fmt.Sprintf("opened beside %d", beside)
			}
			before := failures{step: pick(w, 0, time.Second), beside: beside, row: int8(w.IntN(5)), chance: int8(w.IntN(10))}
			b.failures.resume(before)
			return fmt.Sprintf("resume %v", before)
		}
	}},
	{"tries", 250, func(w *walker) (any, func() string) {
		tries := NewTries(w.now, pick(w, 1, 4))
		var begun time.Time
		var hasty bool
		return tries, func() string {
			gap := max(tries.gap, shortestTryGap)
			w.pass(0, shortestTryGap-1, shortestTryGap, gap, 2*gap-1, 2*gap)
			switch w.IntN(8) {
			case 0:
				tries.returned(pick(w, begun, begun, begun.Add(1)), hasty)
				return "returned"
			case 1, 2, 3:
				accepted := max(0, w.IntN(12)-10)
				tries.ended(w.now, accepted)
				return fmt.Sprintf("ended %d, spent %v", accepted, tries.spent())
			case 4:
				wait := pick(w, 0, shortestTryGap, gap-1, gap)
				return fmt.Sprintf("at, waited %v: %v", wait, tries.at(wait).Sub(noon))
			}
			wait := pick(w, 0, 0, shortestTryGap-1, shortestTryGap, 2*gap-1, 2*gap)
			begun, hasty = w.now, tries.begins(w.now, wait)
			return fmt.Sprintf("begins, waited %v: hasty %v", wait, hasty)
		}
	}},
	{"triesOfMany", 80, func(w *walker) (any, func() string) {
		tries := NewTries(w.now, 100)
		return tries, func() string {
			w.pass(0, time.Second, 10*time.Second)
			if w.chance(50) {
				tries.ended(w.now, 0)
				return "ended"
			}
			return fmt.Sprintf("begins: hasty %v", tries.begins(w.now, 0))
		}
	}},
	{"unopened", 200, func(w *walker) (any, func() string) {
		u, known := &unopened{}, &connectionCap{}
		return u, func() string {
			beside := max(pick(w, u.at, u.at, u.at, u.at-1, u.at+1), 0)
			if w.chance(8) {
				u.raised(beside)
				return fmt.Sprintf("raised %d", beside)
			}
			known.failed, known.proven().tested = pick(w, 0, int(u.at)+1, int(u.at)+2), w.chance(50)
			return fmt.Sprintf("failed beside %d, cap %d tested %v: %v", beside, known.failed, known.proof.tested, u.failed(beside, known))
		}
	}},
	{"messageCap", 300, func(w *walker) (any, func() string) {
		c := &messageCap{}
		return c, func() string {
			if c.test > 0 {
				w.pass(0, 0, time.Second, time.Unix(c.test, 0).Sub(w.now), time.Unix(c.test-1, 0).Sub(w.now))
			}
			ordinal := max(pick(w, 1, 2, 5, int(c.most), int(c.most)-1, int(c.most)+1, int(c.carried), int(c.carried)+1, int(c.last), int(c.last)), 1)
			switch w.IntN(4) {
			case 0:
				c.accepted(ordinal)
				return fmt.Sprintf("accepted %d", ordinal)
			case 1:
				c.retest(w.now, ordinal)
				return fmt.Sprintf("retest %d", ordinal)
			}
			return fmt.Sprintf("refused %d: %v", ordinal, c.refused(ordinal))
		}
	}},
	{"recentTotals", 80, func(w *walker) (any, func() string) {
		c := &recentTotals{}
		return c, func() string {
			w.pass(-time.Second, 0, time.Second, 20*time.Second, lately, lately+1)
			n := pick(w, 1, 10, 1<<20, 1<<20+1)
			stale := c.stale(w.now)
			c.count(w.now, n)
			return fmt.Sprintf("count %d, stale %v, since %v", n, stale, c.since().Sub(noon))
		}
	}},
	{"warmUp", 200, func(w *walker) (any, func() string) {
		m := &warmUpMeter{plan: &WarmUp{Start: noon.Add(time.Hour), First: 10, Factor: 2, Last: 80, Hours: 3}}
		of := &struct{ day, hour, today, thisHour, reserved *int }{&m.day, &m.hour, &m.today, &m.thisHour, &m.reserved}
		return of, func() string {
			w.pass(0, 0, 0, 0, time.Minute, 59*time.Minute, time.Hour-1, 8*time.Hour)
			n := w.IntN(3) + 1
			switch at := m.at(w.now, n); {
			case m.reserved > 0 && w.chance(50):
				m.commit(w.now, m.reserved)
				return "commit"
			case m.reserved > 0 && w.chance(20):
				m.release(w.now, 1)
				return "release"
			case at.After(w.now):
				return fmt.Sprintf("%d at %v, left %d, new %v", n, at.Sub(noon), m.left(w.now), m.asNew(w.now))
			}
			m.take(w.now, n)
			return fmt.Sprintf("take %d, left %d, new %v", n, m.left(w.now), m.asNew(w.now))
		}
	}},
	{"quotaLog", 200, func(w *walker) (any, func() string) {
		l := newQuotaLog(Quota{Count: 6, Per: time.Minute})
		return l, func() string {
			w.pass(-1, 0, 1, time.Second, 10*time.Second, 20*time.Second)
			n := w.IntN(3) + 1
			at := l.at(w.now, n)
			switch w.IntN(6) {
			case 0:
				q := Quota{Count: pick(w, 3, 6, maxSlots, maxSlots+1, 3*maxSlots), Per: pick(w, 30*time.Second, time.Minute)}
				l.set(w.now, q)
				return fmt.Sprintf("set %v, width %v", q, l.width())
			case 1:
				l.release(w.now, min(n, l.reserved))
				return fmt.Sprintf("release %d, new %v", n, l.asNew(w.now))
			case 2, 3:
				l.commit(w.now, l.reserved)
				return "commit"
			}
			if at.After(l.clock) {
				return fmt.Sprintf("%d at %v, new %v", n, at.Sub(noon), l.asNew(w.now))
			}
			l.take(w.now, n)
			return fmt.Sprintf("take %d, new %v", n, l.asNew(w.now))
		}
	}},
	{"statedLimit", 120, func(w *walker) (any, func() string) {
		l := &statedLimit{log: *newQuotaLog(Quota{Count: 5, Per: time.Minute})}
		return &l.log, func() string {
			w.pass(0, time.Second, 20*time.Second)
			n := w.IntN(7) + 1
			if w.chance(40) {
				l.release(w.now, n)
				return fmt.Sprintf("release %d", n)
			}
			at := l.at(w.now, n)
			l.take(w.now, n)
			return fmt.Sprintf("take %d at %v", n, at.Sub(noon))
		}
	}},
}
