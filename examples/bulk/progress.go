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

// How often progress is shown: on a terminal, where one line changes, and
// elsewhere, where lines pile up.
const (
	terminalInterval = 500 * time.Millisecond
	fileInterval     = 10 * time.Second
)

// maxHeldShown bounds how many destinations one line names.
const maxHeldShown = 2

// showProgress shows how far the campaign is, until it is done.
func (c *campaign) showProgress(done <-chan struct{}) {
	if c.options.progress == "off" || c.options.progress == "auto" && !c.console.terminal {
		return
	}
	defer c.console.clearStatus()
	interval := fileInterval
	if c.console.terminal {
		interval = terminalInterval
	}
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	var speed speed
	for {
		c.mu.Lock()
		sum := c.sum
		c.mu.Unlock()
		rate := speed.at(time.Now(), sum.Delivered)
		c.console.setStatus(progressLine(sum, c.total, rate, heldBack(c.sender.Stats(), c.options.destinations)))
		select {
		case <-ticker.C:
		case <-done:
			return
		}
	}
}

// speed is messages over time, of late.
type speed struct{ samples []sample }

type sample struct {
	at    time.Time
	count int
}

// speedWindow is how far back the speed looks.
const speedWindow = 10 * time.Second

// at gives the messages per second up to now, when count are through.
func (s *speed) at(now time.Time, count int) float64 {
	s.samples = append(s.samples, sample{now, count})
	for len(s.samples) > 2 && now.Sub(s.samples[1].at) >= speedWindow {
		s.samples = s.samples[1:]
	}
	first := s.samples[0]
	if took := now.Sub(first.at); took > 0 {
		return float64(count-first.count) / took.Seconds()
	}
	return 0
}

// progressLine says how far it is on one line.
func progressLine(sum summary, total int, rate float64, held []string) string {
	line := fmt.Sprintf("%d of %d done: %d delivered, %d refused", sum.Messages, total, sum.Delivered, sum.Refused)
	for _, rare := range []struct {
		count int
		name  string
	}{{sum.GaveUp, "given up"}, {sum.NotTried, "not tried"}, {sum.Unknown, "unknown"}} {
		if rare.count > 0 {
			line += fmt.Sprintf(", %d %s", rare.count, rare.name)
		}
	}
	line += fmt.Sprintf(", %d waiting, %.1f/s", total-sum.Messages, rate)
	if len(held) > maxHeldShown {
		held = append(held[:maxHeldShown:maxHeldShown], fmt.Sprintf("%d more", len(held)-maxHeldShown))
	}
	if len(held) > 0 {
		line += "; held back: " + strings.Join(held, "; ")
	}
	return line
}

// heldBack says who is held back and why: relays first, then the destinations
// for which mail waits, the longest queue first. domains are the limits that
// were given.
func heldBack(stats smtpace.Stats, domains map[string]throttle.Limits) []string {
	var held []string
	waiting := 0
	slices.SortStableFunc(stats.Destinations, func(a, b smtpace.DestinationStats) int { return cmp.Compare(b.Queued, a.Queued) })
	var destinations []string
	for _, d := range stats.Destinations {
		waiting += d.Queued
		why := pace(d.Pace, stats.Time)
		if limits, ok := domains[d.Name]; ok && why == "" {
			why = "limited to " + limits.String()
		}
		if d.Queued > 0 && why != "" {
			destinations = append(destinations, fmt.Sprintf("%s (%d): %s", d.Name, d.Queued, why))
		}
	}
	for _, e := range stats.Relays {
		why := pace(e.Pace, stats.Time)
		if e.RestingUntil != nil {
			why = "not reachable, next try " + in(*e.RestingUntil, stats.Time) + ": " + short(e.Fault)
		}
		if waiting > 0 && why != "" {
			held = append(held, e.Name+": "+why)
		}
	}
	return append(held, destinations...)
}

// pace says what was learned of a relay or a destination; "" when nothing was.
func pace(p throttle.Pace, now time.Time) string {
	if p.LastRefusal == "" {
		return ""
	}
	why := fmt.Sprintf("%d at once", p.Window)
	if p.MessageRate != "" {
		why += ", " + p.MessageRate
	}
	if p.PausedUntil != nil {
		why += ", next " + in(*p.PausedUntil, now)
	}
	return why + ": " + short(p.LastRefusal)
}

// in says how far away a time is.
func in(at, now time.Time) string {
	return "in " + max(at.Sub(now), 0).Round(time.Second).String()
}

// maxReason bounds the characters of a reply that are shown.
const maxReason = 80

// short cuts a reply to what fits on a line.
func short(reply string) string {
	letters := []rune(strings.ReplaceAll(reply, "\n", " "))
	if len(letters) > maxReason {
		return string(letters[:maxReason]) + "..."
	}
	return string(letters)
}
