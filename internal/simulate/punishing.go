package simulate

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// punishing returns receivers that block whoever has passed a limit.
func punishing() []Scenario {
	minute := SlidingWindow{300, time.Minute}
	long := func(name string, perSecond float64, rules ...Rule) Scenario {
		return Scenario{
			Name: name, Length: 24 * time.Hour, Hosts: []Receiver{{Rules: rules}},
			Oracle: Limits{Rate: steady(perSecond * 0.99)}, Allowed: steady(perSecond),
			Goals: Goals{Refused: 0.03, Goodput: 0.5, Leaves: true},
		}
	}
	return []Scenario{
		long("300 a minute, then 10 min of 450", 5, at(classify.StageMail, tooMuch, penalty(minute, 10*time.Minute, false))),
		long("300 a minute, then 421 at the banner for 30 min, extended by each try", 5, ban(minute, 30*time.Minute, tooMuchAndClose, true)...),
		long("50/s, each try over it blocks for 60 s", 50, at(classify.StageMail, tooMuch, penalty(perSecond(50, 20), time.Minute, true))),
		long("2/s burst 10, then an hour of 450 at RCPT, extended by each try", 2,
			at(classify.StageRcpt, tooMuch, penalty(perSecond(2, 10), time.Hour, true))),
		long("10/s burst 50, then 421 at MAIL for 15 min", 10,
			at(classify.StageMail, tooMuchAndClose, penalty(perSecond(10, 50), 15*time.Minute, false))),
		long("300 a minute, then bans that double from 1 min to 4 h", 5, at(classify.StageMail, tooMuch, longer(minute, time.Minute, 4*time.Hour))),
		long("5/s burst 20, five refusals in 10 min ban for 30 min", 5, counted(perSecond(5, 20), 5, 10*time.Minute, 30*time.Minute)...),
		long("300 a minute, then 20 min of 451 without a reason", 5, at(classify.StageMail, noReason, penalty(minute, 20*time.Minute, false))),
		long("300 a minute, then 421 without a reason for 20 min, at the banner too", 5, ban(minute, 20*time.Minute, noReasonEnds, false)...),
		long("60 a minute, then an hour of 451 without a reason, extended by each try", 1,
			at(classify.StageMail, noReason, penalty(SlidingWindow{60, time.Minute}, time.Hour, true))),
		long("2/s burst 5, then connections end without a word for 15 min, extended by each try", 2,
			at(classify.StageMail, noWord, penalty(perSecond(2, 5), 15*time.Minute, true))),
		long("1/s burst 3, then 421 without a reason for 20 min, at the banner too, extended by each try", 1,
			ban(perSecond(1, 3), 20*time.Minute, noReasonEnds, true)...),
		long("5/s burst 30, then 5 min of 451 without a reason at RCPT, extended by each try", 5,
			at(classify.StageRcpt, noReason, penalty(perSecond(5, 30), 5*time.Minute, true))),
		long("20/s burst 20, then a minute of 450", 20, at(classify.StageMail, tooMuch, penalty(perSecond(20, 20), time.Minute, false))),
		forDays(4, long("2/s burst 5, then 4 h of 450, extended by each try", 2,
			at(classify.StageMail, tooMuch, penalty(perSecond(2, 5), 4*time.Hour, true)))),
		forDays(4, long("500 an hour, then 4 h of 450, extended by each try", 500.0/3600,
			at(classify.StageMail, tooMuch, penalty(SlidingWindow{500, time.Hour}, 4*time.Hour, true)))),
	}
}

// forDays returns a scenario that lasts for so many days.
func forDays(n int, sc Scenario) Scenario {
	sc.Length = time.Duration(n) * 24 * time.Hour
	return sc
}

// Ban is a time in which a receiver refuses everybody because a limit was passed.
type Ban struct {
	Began   time.Duration // the time since the start of the run
	Block   time.Duration // its length, if no try extends it
	Refused int           // tries, the one that began it included
	Over    time.Duration // the time at which a message was accepted again; 0 when none was
}

// refusedBy notes a refusal of a receiver that punishes; begins says that it begins a
// ban.
func (r *Result) refusedBy(now, block time.Duration, begins bool) {
	if begins {
		r.Bans = append(r.Bans, Ban{Began: now, Block: block})
	}
	r.Bans[len(r.Bans)-1].Refused++
}

// leftAlone measures how a sender leaves a receiver alone that punishes it.
type leftAlone struct {
	Bans         int
	First, Later float64 // shut-outs, in multiples of the ban
	Tries        int     // refused in one ban after the first, at most
	Within       int     // bans within three hours, after the second, at most
}

// leftAlone returns the measure of a run.
func (r *Result) leftAlone() (l leftAlone) {
	l.Bans = len(r.Bans)
	for i, b := range r.Bans {
		if b.Over == 0 {
			b.Over = r.Length
		}
		out := float64(b.Over-b.Began) / float64(b.Block)
		if i == 0 {
			l.First = out
			continue
		}
		l.Later, l.Tries = max(l.Later, out), max(l.Tries, b.Refused)
		within := 1
		for _, c := range r.Bans[i+1:] {
			if c.Began-b.Began < 3*time.Hour {
				within++
			}
		}
		if i >= 2 {
			l.Within = max(l.Within, within)
		}
	}
	return l
}

// worse returns the worse of each figure.
func (l leftAlone) worse(m leftAlone) leftAlone {
	return leftAlone{
		max(l.Bans, m.Bans), max(l.First, m.First), max(l.Later, m.Later), max(l.Tries, m.Tries), max(l.Within, m.Within),
	}
}

// misses names what is not reached: a first shut-out of at most four times the ban,
// later ones of at most twice, at most 8 refused tries in a ban, and no more than one
// in three hours after the second.
func (l leftAlone) misses() (list []string) {
	for _, m := range []struct {
		missed bool
		text   string
	}{
		{l.First > 4, fmt.Sprintf("the first shut-out is %.1f bans, want <= 4", l.First)},
		{l.Later > 2, fmt.Sprintf("a later shut-out is %.1f bans, want <= 2", l.Later)},
		{l.Tries > 8, fmt.Sprintf("%d tries refused in one ban, want <= 8", l.Tries)},
		{l.Within > 1, fmt.Sprintf("%d bans in three hours, want 1", l.Within)},
	} {
		if m.missed {
			list = append(list, m.text)
		}
	}
	return list
}

// penalty refuses everything for a time once a limit was passed; with extend,
// each try begins that time anew.
func penalty(limit Model, block time.Duration, extend bool) func(*rand.Rand) admitter {
	return func(rng *rand.Rand) admitter {
		g, until := limit.gate(rng), time.Duration(-1)
		return func(q query) bool {
			blocked := q.now < until
			if !blocked && g.admit(q) {
				return true
			}
			if !blocked || extend {
				until = q.now + block
			}
			q.line.n.result.refusedBy(q.now, block, !blocked)
			return false
		}
	}
}

// longer refuses everything for a time that doubles with each ban.
func longer(limit Model, block, most time.Duration) func(*rand.Rand) admitter {
	return func(rng *rand.Rand) admitter {
		g, until, next := limit.gate(rng), time.Duration(-1), block
		return func(q query) bool {
			blocked := q.now < until
			if !blocked && g.admit(q) {
				return true
			}
			if !blocked {
				until = q.now + next
				next = min(2*next, most)
			}
			q.line.n.result.refusedBy(q.now, until-q.now, !blocked)
			return false
		}
	}
}

// counted refuses connections for a time after so many refusals of a limit within another.
func counted(limit Model, most int, within, block time.Duration) []Rule {
	blocked := func(q query) bool {
		if q.now >= q.line.host.banned {
			return false
		}
		q.line.n.result.refusedBy(q.now, block, false)
		return true
	}
	return []Rule{
		by(classify.StageBanner, tooMuchAndClose, func(q query) bool { return !blocked(q) }),
		at(classify.StageMail, tooMuch, func(rng *rand.Rand) admitter {
			g, refused := limit.gate(rng), []time.Duration(nil)
			return func(q query) bool {
				if blocked(q) {
					return false
				}
				if g.admit(q) {
					return true
				}
				if refused = append(refused, q.now); len(refused) > most {
					refused = refused[1:]
				}
				if len(refused) == most && q.now-refused[0] <= within {
					refused, q.line.host.banned = nil, q.now+block
					q.line.n.result.refusedBy(q.now, block, true)
				}
				return false
			}
		}),
	}
}

// ban refuses connections for a time once a limit was passed; with extend, each try begins
// that time anew.
func ban(limit Model, block time.Duration, reply string, extend bool) []Rule {
	refuse := func(q query, begins bool) bool {
		if begins || extend {
			q.line.host.banned = q.now + block
		}
		q.line.n.result.refusedBy(q.now, block, begins)
		return false
	}
	return []Rule{
		by(classify.StageBanner, reply, func(q query) bool {
			return q.now >= q.line.host.banned || refuse(q, false)
		}),
		at(classify.StageMail, reply, func(rng *rand.Rand) admitter {
			g := limit.gate(rng)
			return func(q query) bool {
				blocked := q.now < q.line.host.banned
				return !blocked && g.admit(q) || refuse(q, !blocked)
			}
		}),
	}
}
