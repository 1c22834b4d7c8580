package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/smtpace/smtpace"
	"github.com/smtpace/smtpace/throttle"
)

// maxHeldShown bounds how many destinations one line names.
const maxHeldShown = 2

// putOff is the mail of one destination that was tried and waits for another
// try, as with greylisting.
type putOff struct {
	destination string
	count       int
	reply       string // the last
}

// tried keeps what was put off, and why.
func (c *campaign) tried(t smtpace.Try) {
	e, ok := t.ID.(*entry)
	if !ok || t.Recipients[0].Err == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if e.putOff == nil {
		if e.putOff = c.putOff[t.Destination]; e.putOff == nil {
			e.putOff = &putOff{destination: t.Destination}
			c.putOff[t.Destination] = e.putOff
		}
		e.putOff.count++
	}
	e.putOff.reply = t.Recipients[0].Err.Error()
}

// settledLocked counts off a message that was put off.
func (c *campaign) settledLocked(e *entry) {
	if e.putOff == nil {
		return
	}
	if e.putOff.count--; e.putOff.count == 0 {
		delete(c.putOff, e.putOff.destination)
	}
}

// heldBack says who is held back and why: relays first, then destinations with waiting
// mail, the longest queue first.
func (c *campaign) heldBack(stats smtpace.Stats) []string {
	var held, destinations []string
	waiting := 0
	slices.SortStableFunc(stats.Destinations, func(a, b smtpace.DestinationStats) int { return cmp.Compare(b.Queued, a.Queued) })
	for _, d := range stats.Destinations {
		waiting += d.Queued
		count, why := c.whyHeld(d, stats.Time)
		if d.Queued > 0 && why != "" {
			destinations = append(destinations, fmt.Sprintf("%s (%d): %s", d.Name, count, why))
		}
	}
	for _, e := range stats.Relays {
		why := pace(e.Pace, stats.Time)
		if e.RestingUntil != nil {
			why = fmt.Sprintf("%s (not reachable, next try %s)", short(e.Fault), in(*e.RestingUntil, stats.Time))
		}
		if waiting > 0 && why != "" {
			held = append(held, e.Name+": "+why)
		}
	}
	return append(held, destinations...)
}

// whyHeld says why mail for a destination waits, and how much of it; "" is
// nothing out of the ordinary.
func (c *campaign) whyHeld(d smtpace.DestinationStats, now time.Time) (count int, why string) {
	if why = pace(d.Pace, now); why != "" {
		return d.Queued, why
	}
	if limits, ok := c.options.destinations[d.Name]; ok {
		return d.Queued, "limited to " + limits.String()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if put := c.putOff[d.Name]; put != nil && put.count > 0 {
		return put.count, short(put.reply) + " (tried again later)"
	}
	return count, why
}

// heldLine puts what is held back on one line of a width, 0 for any; nothing
// when nothing is.
func heldLine(held []string, width int) []string {
	if len(held) == 0 {
		return nil
	}
	title, shown, more := "held back: ", min(len(held), maxHeldShown), ""
	if width > 0 && width < 60 {
		title, shown = "", 1
	}
	if len(held) > shown {
		more = fmt.Sprintf("; %d more", len(held)-shown)
	}
	held = held[:shown:shown]
	if width > 0 {
		held = fitted(held, width-len(title)-len(more))
	}
	return []string{title + strings.Join(held, "; ") + more}
}

// fitted cuts texts so that they fit into a width with "; " between them. Each has the
// same part of it, or more where the later ones need less.
func fitted(texts []string, width int) []string {
	width -= 2 * (len(texts) - 1)
	later := 0
	for _, text := range texts {
		later += len([]rune(text))
	}
	var cuts []string
	for i, text := range texts {
		later -= len([]rune(text))
		text = cut(text, max(width/(len(texts)-i), width-later))
		width -= len([]rune(text))
		cuts = append(cuts, text)
	}
	return cuts
}

// pace says what was learned of a relay or a destination; "" when nothing was.
// The reply that says so comes first, for the line may be cut.
func pace(p throttle.Pace, now time.Time) string {
	if p.LastRefusal == "" {
		return ""
	}
	why := fmt.Sprintf("%s (%d at once", short(p.LastRefusal), p.Concurrency)
	if p.MessageRate != "" {
		why += ", " + p.MessageRate
	}
	if p.PausedUntil != nil {
		why += ", next " + in(*p.PausedUntil, now)
	}
	return why + ")"
}

// in says how far away a time is.
func in(at, now time.Time) string {
	return "in " + duration(at.Sub(now))
}

// maxReason bounds the characters of a reply that are shown.
const maxReason = 80

// short cuts a reply to what fits on a line.
func short(reply string) string {
	return cut(strings.ReplaceAll(reply, "\n", " "), maxReason)
}
