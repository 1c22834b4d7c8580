package throttle

import (
	"fmt"
	"time"
)

// suspicionWalks are those of what infers a limit that no reply names, and of what tells
// it from other reasons.
var suspicionWalks = []walk{
	{"suspicion", 250, func(w *walker) (any, func() string) {
		s := &suspicion{}
		return s, func() string {
			w.pass(0, time.Second)
			switch w.IntN(12) {
			case 0:
				s.exceptional()
				return "exceptional"
			case 1:
				s.usualAfterAll()
				return "usual after all"
			case 2:
				s.cap()
				return "cap"
			case 3:
				n := pick(w, 5, 9, 10, 300)
				for range n {
					s.weigh(w.now, firstTry, w.chance(1), true)
				}
				return fmt.Sprintf("%d accepted", n)
			}
			kind, refused, count := pick(w, firstTry, furtherTry), w.chance(50), w.chance(80)
			s.weigh(w.now, kind, refused, count)
			return fmt.Sprintf("weigh kind %d refused %v count %v, share %.4g, in run %v", kind, refused, count, s.share(), s.refusedInRun())
		}
	}},
	{"trialTest", 200, func(w *walker) (any, func() string) {
		t := &trialTest{}
		return t, func() string {
			w.pass(0, time.Second)
			if t.basis == 0 || w.chance(3) {
				share := pick(w, testShare, testShare*0.99, 0.1, 0.5, 0.99)
				t.begin(w.now, share)
				return fmt.Sprintf("begin %v", share)
			}
			begun, refused := pick(w, w.now, t.from, t.from.Add(-1)), w.chance(25)
			t.test(begun, refused)
			return fmt.Sprintf("test refused %v, helps %v, vain %v", refused, t.helps(), t.vain())
		}
	}},
	{"blocks", 80, func(w *walker) (any, func() string) {
		b := &blocks{pause: 250}
		return b, func() string {
			share, step := pick(w, 2, 3, 5, 12, 70, 71), pick(w, 0, 10*time.Millisecond, longestBlock/(blockTries-1))
			for k := range blockTries - w.IntN(2) {
				b.count(w.now, k%100 < share)
				w.pass(step)
			}
			return fmt.Sprintf("%d of 100 refused, each after %v", share, step)
		}
	}},
	{"samples", 120, func(w *walker) (any, func() string) {
		s := &samples{random: 1}
		return s, func() string {
			if w.chance(8) {
				s.restart()
				return "restart"
			}
			far := w.chance(50)
			refused := far != w.chance(6)
			s.sample(far, refused)
			return fmt.Sprintf("sample far %v refused %v, one-sided %v, draw %d", far, refused, s.oneSided(), s.draw(5))
		}
	}},
	{"ordinals", 300, func(w *walker) (any, func() string) {
		c := &ordinals{}
		at := 0
		return c, func() string {
			w.pass(0, time.Second)
			if w.chance(3) || at == 0 {
				at = pick(w, leastOrdinal-1, leastOrdinal, fewOrdinals-1, fewOrdinals, surelyOrdinal-1, surelyOrdinal)
			}
			if w.chance(25) {
				begun, ordinal := pick(w, w.now, c.first, c.first.Add(1)), at-1
				if w.chance(4) {
					ordinal = at
				}
				c.acceptedAt(begun, ordinal)
				return fmt.Sprintf("accepted at %d", ordinal)
			}
			maybe, capped := c.refusedAt(w.now, at)
			return fmt.Sprintf("refused at %d: maybe %v capped %v", at, maybe, capped)
		}
	}},
	{"judge", 120, func(w *walker) (any, func() string) {
		i := &inference{rate: &learnedRate{}, phase: onTrial}
		of := &struct {
			score, top *float64
			phase      *inferencePhase
		}{&i.score, &i.top, &i.phase}
		return of, func() string {
			i.rate.estimates = pick[int8](w, wellKnown-1, wellKnown, wellKnown, wellKnown)
			rate := pick(w, 1, 10, i.top, fallen*i.top, fallen*i.top*0.99)
			if i.phase == proven {
				i.phase, i.score = onTrial, 0
			}
			i.judge(rate)
			return fmt.Sprintf("judge %.4g after %d", rate, i.rate.estimates)
		}
	}},
	{"trial", 120, func(w *walker) (any, func() string) {
		i := &inference{rate: &learnedRate{}, pace: 1}
		return &i.passes, func() string {
			*i = inference{rate: &learnedRate{}, pace: pick(w, 1, 0.01), phase: pick(w, onTrial, onTrial, onTrial, proven), words: w.chance(10), passes: i.passes}
			i.rate.level, i.rate.reach = pick(w, 1/unproven.Seconds(), 0.9/unproven.Seconds(), 0.0025, 0.0024), 10
			i.rate.sent = i.rate.reach
			i.found = w.ago(0, time.Minute, gapPart*unproven, gapPart*unproven+gapPart, 10*time.Hour)
			if w.chance(5) {
				i.rate.outage.began = w.now
			}
			refused := w.chance(8)
			crawls := i.crawls(refused)
			i.bound(w.now)
			return fmt.Sprintf("crawls at %.4g, pace %v, phase %d, words %v, refused %v: %v, slowest %v", i.rate.level, i.pace, i.phase, i.words, refused, crawls, i.rate.slowest)
		}
	}},
	{"compare", 100, func(w *walker) (any, func() string) {
		i := &inference{rate: &learnedRate{}, phase: onTrial}
		of := &struct {
			basis, odds *float64
			refusals    *[2]float64
			during      *tally
		}{&i.basis, &i.odds, &i.refusals, &i.during}
		return of, func() string {
			if i.basis == 0 {
				i.rate.background = &background{share: 0.1, anchor: 5}
				i.tries, i.refusals, i.during = [2]float64{100, 10}, [2]float64{50, 1}, tally{}
				i.begin(w.now, 0.4)
			}
			w.pass(time.Second)
			refused := w.chance(10)
			i.during.add(refused)
			i.compare(w.now, refused)
			return fmt.Sprintf("compare refused %v, background %v", refused, i.rate.background.tolerant())
		}
	}},
	{"uneven", 200, func(w *walker) (any, func() string) {
		u := &uneven{}
		return u, func() string {
			switch w.IntN(4) {
			case 0:
				n := pick(w, 1, 100, triesCounted-1-int(u.tries), triesCounted-int(u.tries))
				for range n {
					u.counts(0)
				}
				return fmt.Sprintf("%d accepted, share %.4g", n, u.share())
			case 1:
				u.counts(1)
				return fmt.Sprintf("refused, share %.4g", u.share())
			}
			odds := pick(w, mostOdds, -mostOdds, 1, -1, differFrom-u.odds, -u.odds)
			if w.chance(10) {
				u.vainly = false
			}
			u.weighs(odds)
			return fmt.Sprintf("weighs %.4g", odds)
		}
	}},
	{"openings", 150, func(w *walker) (any, func() string) {
		e := &endpoint[string]{}
		e.openings = &openings{}
		o, n := e.openings, 10
		return o, func() string {
			if w.chance(12) {
				n = pick(w, 1, 8, 9, 10, 11)
			}
			var found Quota
			if o.failed >= endsSpell || o.n < n {
				if o.failed > 0 {
					w.pass(10*time.Second, 10*time.Second, 3*time.Second)
				}
				w.pass(0, time.Millisecond, time.Second)
				begun := pick(w, w.now, w.now, w.now, o.missed)
				found = o.opened(w.now, begun)
				return fmt.Sprintf("opened: %v", found)
			}
			w.pass(0, time.Second)
			e.missedOpening(w.now)
			return "missed"
		}
	}},
	{"hotMailboxes", 80, func(w *walker) (any, func() string) {
		m := &hotMailboxes{}
		return m, func() string {
			w.pass(0, time.Second, 30*time.Second)
			name := pick(w, "ann", "bob")
			if w.chance(40) {
				m.accepted(name)
				return "accepted " + name
			}
			again, hot := m.refused(w.now, name)
			return fmt.Sprintf("refused %s: again %v hot %v", name, again, hot)
		}
	}},
}
