package main

import (
	"time"

	"github.com/smtpace/smtpace/classify"
)

// pace counts what was accepted over time. Without times in the log it counts
// nothing.
type pace struct {
	minute           time.Time // the one that is counted
	accepted, opened int       // in it
	limited          bool      // a rate was refused in it

	minutes                  int // finished ones in which a rate was refused
	acceptedThen, openedThen int // in all of those

	hours       [24]int // what was accepted, by the hour of the day
	hour        time.Time
	beforeQuota int // accepted in the 24 hours before the first refusal for a quota
}

func (p *pace) add(a answer, v classify.Verdict) {
	if a.time.IsZero() {
		return
	}
	p.turn(a.time)
	switch {
	case v.Class == classify.ClassOK:
		p.accepted++
		p.hours[p.hour.Hour()]++
		if a.ordinal <= 1 {
			p.opened++
		}
	case v.Limit == classify.LimitQuota && p.beforeQuota == 0:
		for _, n := range p.hours {
			p.beforeQuota += n
		}
	case v.Limit == classify.LimitConnectionRate, v.Limit == classify.LimitMessageRate, v.Limit == classify.LimitRecipientRate:
		p.limited = true
	}
	p.settle()
}

// settle counts the minute in progress as if it ended now; turn takes it back
// with the next answer.
func (p *pace) settle() {
	if p.limited {
		p.minutes++
		p.acceptedThen += p.accepted
		p.openedThen += p.opened
	}
}

// turn goes on to the time of an answer. Logs are nearly in order: what is
// older than the minute in progress counts there.
func (p *pace) turn(now time.Time) {
	minute, hour := now.Truncate(time.Minute), now.Truncate(time.Hour)
	if p.minute.IsZero() {
		p.minute, p.hour = minute, hour
		return
	}
	if minute.After(p.minute) {
		p.minute, p.accepted, p.opened, p.limited = minute, 0, 0, false
	} else if p.limited {
		p.minutes--
		p.acceptedThen -= p.accepted
		p.openedThen -= p.opened
	}
	for n := 0; p.hour.Before(hour) && n < len(p.hours); n++ {
		p.hour = p.hour.Add(time.Hour)
		p.hours[p.hour.Hour()] = 0
	}
	if p.hour.Before(hour) {
		p.hour = hour
	}
}
