package main

import (
	"time"

	"github.com/smtpace/smtpace/classify"
)

// pace counts what was accepted over time. Without times in the log it counts
// nothing.
type pace struct {
	minute  time.Time // the one that is counted
	now     counts    // in it
	limited bool      // whether a rate was refused in it

	minutes int    // finished ones in which a rate was refused
	then    counts // in all of those

	hours       [24]uint32 // what was accepted, by the hour of the day
	hour        time.Time
	beforeQuota int // accepted in the 24 hours before the first refusal for a quota
}

// counts are the numbers of what was accepted.
type counts struct{ messages, recipients, connections int }

// stragglers is by how much the lines of a log are out of order. What is older comes
// from another log, or the clock was put back, as at the end of summer time.
const stragglers = 10 * time.Minute

func (p *pace) add(a *answer, v classify.Verdict, again bool) {
	if a.time.IsZero() {
		return
	}
	p.turn(a.time)
	switch {
	case v.Class == classify.ClassOK:
		p.accepted(a, again)
	case again:
	case v.Limit == classify.LimitQuota && p.beforeQuota == 0:
		for _, n := range p.hours {
			p.beforeQuota += int(n)
		}
	case v.Limit == classify.LimitConnectionRate, v.Limit == classify.LimitMessageRate, v.Limit == classify.LimitRecipientRate:
		p.limited = true
	}
	p.settle(1)
}

// accepted counts a message, or one more recipient of it.
func (p *pace) accepted(a *answer, again bool) {
	p.now.recipients++
	if again {
		return
	}
	p.now.messages++
	p.hours[p.hour.Hour()]++
	if a.ordinal <= 1 {
		p.now.connections++
	}
}

// settle counts the minute in progress as if it ended now, once or, to take it back,
// minus once.
func (p *pace) settle(sign int) {
	if p.limited {
		p.minutes += sign
		p.then.messages += sign * p.now.messages
		p.then.recipients += sign * p.now.recipients
		p.then.connections += sign * p.now.connections
	}
}

// turn goes on to the time of an answer. Logs are nearly in order: what is a little
// older than the minute in progress counts there.
func (p *pace) turn(now time.Time) {
	minute := now.Truncate(time.Minute)
	switch {
	case p.minute.IsZero():
		p.hour = now.Truncate(time.Hour)
		p.minute = minute
	case minute.After(p.minute), p.minute.Sub(minute) > stragglers:
		p.minute, p.now, p.limited = minute, counts{}, false
	default:
		p.settle(-1)
	}
	p.turnHours(now.Truncate(time.Hour))
}

func (p *pace) turnHours(hour time.Time) {
	if p.hour.Sub(hour) > time.Hour {
		p.hour, p.hours = hour, [24]uint32{}
	}
	for n := 0; p.hour.Before(hour) && n < len(p.hours); n++ {
		p.hour = p.hour.Add(time.Hour)
		p.hours[p.hour.Hour()] = 0
	}
	if p.hour.Before(hour) {
		p.hour = hour
	}
}
