package throttle

import (
	"math"
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// TestAnOwnPaceKeepsToItsLimit: a connection with a limit of its own uses most of it, and
// is seldom refused.
func TestAnOwnPaceKeepsToItsLimit(t *testing.T) {
	const limit, began, length = 5.0, 20.0, time.Hour
	p := &ownPace{rate: began}
	tokens, last, accepted, refused := 5.0, noon, 0, 0
	for now := noon; now.Sub(noon) < length; now = later(now.Add(time.Millisecond), p.at()) {
		tokens = math.Min(5, tokens+limit*now.Sub(last).Seconds())
		last = now
		p.goes(now)
		if tokens >= 1 {
			tokens--
			accepted++
			p.accepted(0)
		} else {
			refused++
			p.refused(now, now)
		}
	}
	if share := float64(accepted) / (limit * length.Seconds()); share < 0.9 {
		t.Errorf("%.2f of the limit was accepted, want 0.9", share)
	}
	if share := float64(refused) / float64(accepted+refused); share > 0.03 {
		t.Errorf("%.3f of the messages were refused, want at most 0.03", share)
	}
}

// TestRefusalsOfOneMomentCutAnOwnPaceOnce, and those that follow a pause each wait longer.
func TestRefusalsOfOneMomentCutAnOwnPaceOnce(t *testing.T) {
	p := &ownPace{rate: 10}
	p.refused(noon, noon.Add(-time.Second))
	once := p.rate
	p.refused(noon.Add(time.Millisecond), noon.Add(-time.Second))
	if once >= 10 || p.rate != once || p.row != 1 {
		t.Errorf("two refusals of one moment leave %v of 10, after one %v, and count as %d", p.rate, once, p.row)
	}
	wait := p.at().Sub(noon)
	again := p.at()
	p.refused(again, again)
	if got := p.at().Sub(again); got < 3*wait/2 {
		t.Errorf("after a second refusal in a row it waits %v, after the first %v", got, wait)
	}
	for range 20 {
		again = p.at()
		p.refused(again, again)
	}
	if got := p.at().Sub(again); got > longestOwnPause {
		t.Errorf("it waits %v, want at most %v", got, longestOwnPause)
	}
}

// TestAnOwnPaceFindsALimitThatHasRisen: a connection whose host has lost half of its others
// goes twice as fast after few messages.
func TestAnOwnPaceFindsALimitThatHasRisen(t *testing.T) {
	p := &ownPace{rate: 5}
	n := 0
	for ; p.rate < 10; n++ {
		p.accepted(0)
	}
	if n > 150 {
		t.Errorf("the pace has doubled after %d messages, want 150 at most", n)
	}
}

// TestAnOwnPaceHeedsARefusalInOtherWords: whatever a refusal that counts as one of the rate
// speaks of, it slows the connection down while the rate for all does not count.
func TestAnOwnPaceHeedsARefusalInOtherWords(t *testing.T) {
	for limit, meant := range map[classify.Limit]bool{
		classify.LimitMessageRate: true, classify.LimitConnectionRate: true, classify.LimitConnections: true,
		classify.LimitMessagesPerConnection: true, classify.LimitRecipientsPerMessage: true,
		classify.LimitQuota: false, classify.LimitRecipientRate: false,
	} {
		r, e, c := newSpread(t)
		r.pass(time.Second)
		g := r.grant(c, "1")
		e.spread.begin(r.now, compares)
		c.goesLocked(r.now)
		r.refused(g, classify.StageMail, limit, 0)
		if slowed := e.spread.refused == 1; slowed != meant {
			t.Errorf("%v: a connection slows down for it: %v, want %v", limit, slowed, meant)
		}
	}
	crowded := refusal{ordinal: 3, atOnce: 2}
	for _, l := range []classify.Limit{classify.LimitConnections, classify.LimitMessagesPerConnection, classify.LimitRecipientsPerMessage} {
		if meansRate(Outcome{Verdict: throttled(l, 0), Recipients: 1}, crowded) {
			t.Errorf("%v of several is taken for one of the rate", l)
		}
	}
}

// TestAConnectionInThePlaceOfARefusedOne goes on at its pace, after its wait, where the
// refusal has ended that. Else a receiver that closes would get one after the other at once.
func TestAConnectionInThePlaceOfARefusedOne(t *testing.T) {
	for does, want := range map[classify.Connection]bool{classify.ConnKeep: false, classify.ConnDrop: true} {
		r, e, c := newSpread(t)
		r.push("a", "2")
		r.pass(time.Second)
		g := r.grant(c, "1")
		e.spread.begin(r.now, apart)
		c.goesLocked(r.now)
		v := throttled(classify.LimitMessageRate, 0)
		v.Connection = does
		g.Wrote(r.now)
		g.Done(r.now, Outcome{Stage: classify.StageMail, Verdict: v, Err: errRefused})
		c.Leaves()
		c.Closed(r.now, classify.StageMail, classify.Verdict{}, nil)
		next := r.open("relay")
		waits := next.turnAt(r.now).After(r.now)
		if waits != want {
			t.Errorf("%v: the next connection waits: %v, want %v", does, waits, want)
		}
		if next.goesLocked(r.now); (next.own == c.own) != want || len(e.spread.vacant) != 0 || e.spread.members != 1 {
			t.Errorf("%v: it has the pace of the last: %v, want %v; %d paces are left, %d connections have one", does, next.own == c.own, want, len(e.spread.vacant), e.spread.members)
		}
	}
}

// The first refusals lower a pace to what was accepted since the one before, but not by
// much at once; later ones, between which there are few messages, by a part of it.
func TestHowRefusalsCutAnOwnPace(t *testing.T) {
	for name, tt := range map[string]struct {
		lesson time.Time
		cuts   int
		good   int
		want   float64
	}{
		"the first":                 {time.Time{}, 0, 0, 9},
		"as accepted":               {noon.Add(-10 * time.Second), 1, 80, 8},
		"much was accepted":         {noon.Add(-10 * time.Second), 1, 200, 9},
		"hardly any was":            {noon.Add(-10 * time.Second), 1, 1, 6.561},
		"the last that is measured": {noon.Add(-10 * time.Second), measuredCuts - 1, 80, 8},
		"measured no more":          {noon.Add(-10 * time.Second), measuredCuts, 80, 9},
	} {
		p := &ownPace{rate: 10, lesson: tt.lesson, cuts: tt.cuts, good: tt.good}
		if p.cut(noon); math.Abs(p.rate-tt.want) > 1e-9 || p.cuts != min(tt.cuts+1, measuredCuts) {
			t.Errorf("%s: got %v after %d, want %v", name, p.rate, p.cuts, tt.want)
		}
	}
}
