package throttle

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// sharedWalks are those of what several have in common: destinations, senders, messages.
var sharedWalks = []walk{
	{"sharedRefusals", 300, func(w *walker) (any, func() string) {
		s := &sharedRefusals{}
		of := &struct {
			began       *time.Time
			last, alike string
			served      *[]string
		}{began: &s.began, served: &s.served}
		return of, func() string {
			w.pass(0, time.Millisecond, time.Second, sharedWithin)
			name, limit := pick(w, "a", "b", "c", "d"), pick(w, classify.LimitMessageRate, classify.LimitQuota)
			event := ""
			if w.chance(30) {
				n := pick(w, 1, 10, leastAccepted-1, leastAccepted)
				for range n {
					s.accepted(w.now, name)
				}
				event = fmt.Sprintf("accepted %d for %s", n, name)
			} else {
				begun := pick(w, w.now, s.began, s.began.Add(1))
				shared, gaveBack := s.refused(w.now, begun, name, limit)
				event = fmt.Sprintf("refused %s %v: shared %v, given back %v, doubts %v, is %v", name, limit, shared, gaveBack, s.doubts(limit), s.is(limit))
			}
			of.last, of.alike = "", ""
			for _, r := range s.last {
				of.last += r.destination
			}
			for l := range classify.Limit(classify.Limits) {
				if a := s.by[l]; a != nil {
					of.alike += fmt.Sprintf("%v:%s,%d,%v,%v,%s,%d;", l, strings.Join(a.theirs, ""), a.run, a.accepted, a.part, a.alone, a.lonely)
				}
			}
			return event
		}
	}},
	{"quotasOfAll", 150, func(w *walker) (any, func() string) {
		s := &sharedRefusals{}
		return &s.began, func() string {
			w.pass(0, time.Millisecond, time.Second)
			if w.chance(12) {
				w.pass(sharedWithin + 1)
			}
			name := pick(w, "a", "b", "c", "d")
			if w.chance(7) {
				s.accepted(w.now, name)
				return fmt.Sprintf("accepted for %s, served %v", name, s.served)
			}
			shared, gaveBack := s.refused(w.now, w.now, name, classify.LimitQuota)
			return fmt.Sprintf("refused %s: shared %v, given back %v, different %v", name, shared, gaveBack, s.different(w.now, classify.LimitQuota))
		}
	}},
	{"breaker", 300, func(w *walker) (any, func() string) {
		b := &breaker[string]{}
		return b, func() string {
			w.pass(0, time.Second)
			switch w.IntN(9) {
			case 0:
				begun := pick(w, b.first, b.first.Add(-1), w.now)
				return fmt.Sprintf("accepted: closed %v, doubts %v", b.accepted(begun), b.doubts())
			case 1:
				if w.chance(40) {
					n := pick(w, 5, 20)
					for range n {
						b.accepted(w.now)
					}
					return fmt.Sprintf("%d accepted, doubts %v", n, b.doubts())
				}
				if b.run > 0 && !b.open() {
					b.opens(w.now)
					b.until = w.now.Add(time.Second)
					return "opens"
				}
			}
			l := blame{
				begun: w.now, message: uint64(w.IntN(4)), sender: pick(w, "a", "b"), to: pick(w, "x", "y", "z"),
				recipients: pick(w, 1, 2), early: w.chance(30), ambiguous: w.chance(60), reason: errors.New("no"),
			}
			return fmt.Sprintf("refused: opens %v, doubts %v, all %v, only %q, holds %v", b.refused(l), b.doubts(), b.concernsAll(), b.only(), b.holds(w.now))
		}
	}},
	{"dispensable", 150, func(w *walker) (any, func() string) {
		return &struct{}{}, func() string {
			one := func() *breaker[string] {
				b := &breaker[string]{run: 1 + w.IntN(2), first: w.now.Add(-pick(w, 0, 1, longestGap, longestGap+1, longestGap+2))}
				if w.chance(50) {
					b.since, b.until, b.probing = b.first, w.now.Add(-pick(w, 0, longestGap-1, longestGap, longestGap+1)), w.chance(20)
				}
				return b
			}
			all := []*breaker[string]{one(), one()}
			text := func(b *breaker[string]) string {
				if b == nil {
					return "none"
				}
				if b.open() {
					return fmt.Sprintf("open until %v, probing %v", b.until.Sub(w.now), b.probing)
				}
				return fmt.Sprintf("%d since %v", b.run, b.first.Sub(w.now))
			}
			k, b := dispensable(w.now, slices.All(all))
			return fmt.Sprintf("%s or %s: %d, %s", text(all[0]), text(all[1]), k, text(b))
		}
	}},
}
