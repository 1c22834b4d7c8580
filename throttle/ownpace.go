package throttle

import "time"

// Constants of the pace of a connection.
const (
	// ownCut is the part that is left of a pace after a refusal. ownGrowth is the part
	// by which each accepted message raises it. About one message of 130 is refused
	// then, whether connections have limits of their own or share one.
	ownCut    = 0.9
	ownGrowth = 0.0008
	// ownQuiet and allQuiet are the numbers of messages accepted in a row, on one
	// connection and on all, after each of which the growth doubles: the limit is
	// another. It grows by mostOwnGrowth at most.
	ownQuiet      = 20
	allQuiet      = 400
	mostOwnGrowth = 0.02
	// ownPause is the wait after a refusal in intervals of the pace. It doubles with each
	// refusal in a row, up to longestOwnPause.
	ownPause        = 1.5
	longestOwnPause = time.Minute
	// measuredCuts is the number of refusals that lower a pace to what was accepted.
	// Between two later ones lie few messages, and some of them are lost to a limit that
	// several connections share.
	measuredCuts = 4
)

// ownPace is the pace of one connection.
type ownPace struct {
	epoch    int32     // see spread.epoch
	halvings int32     // of its rate
	rate     float64   // messages a second
	next     time.Time // the time at which the next may go
	lesson   time.Time // the last refusal
	gone     int       // messages
	row      int       // refusals in a row
	cuts     int       // refusals that lowered it, up to measuredCuts
	good     int       // messages accepted in a row
	goesOn   bool      // whether the next connection takes it over: its last refusal has closed one
}

// at returns the time at which the next message may go.
func (p *ownPace) at() time.Time { return p.next }

// goes counts a message.
func (p *ownPace) goes(now time.Time) {
	p.gone++
	p.next = later(p.next, now.Add(-leastSlack)).Add(spacing(1, p.rate))
}

// accepted notes that a message was accepted, as so many on all connections since a
// refusal.
func (p *ownPace) accepted(all int) {
	p.row = 0
	p.good++
	doubled := min(max(p.good/ownQuiet, all/allQuiet), 8)
	p.rate *= 1 + min(ownGrowth*float64(int(1)<<doubled), mostOwnGrowth)
}

// refused notes that a message begun at a time was refused.
func (p *ownPace) refused(now, begun time.Time) {
	if begun.Before(p.lesson) {
		return
	}
	if p.row == 0 {
		p.cut(now)
	}
	wait := min(time.Duration(ownPause*float64(spacing(1, p.rate)))<<min(p.row, 10), longestOwnPause)
	p.row++
	p.next = later(p.next, now.Add(wait))
	p.lesson, p.good = now, 0
}

// cut lowers the pace, at first to what was accepted since the last refusal, but not by
// much at once.
func (p *ownPace) cut(now time.Time) {
	most, least := ownCut*p.rate, ownCut*ownCut*ownCut*ownCut*p.rate
	if !p.lesson.IsZero() && p.cuts < measuredCuts {
		most = min(most, float64(p.good)/now.Sub(p.lesson).Seconds())
	}
	p.cuts = min(p.cuts+1, measuredCuts)
	p.rate = max(most, least)
}
