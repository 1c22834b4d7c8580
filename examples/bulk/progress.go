package main

import (
	"fmt"
	"strings"
	"time"
)

// How often progress is shown: on a terminal, where lines change, and elsewhere,
// where they pile up.
const (
	terminalInterval = 500 * time.Millisecond
	fileInterval     = 10 * time.Second
)

// showProgress shows how far the campaign is, until it is done.
func (c *campaign) showProgress(done <-chan struct{}) {
	device := c.console.terminal || c.console.dumb
	if c.options.progress == "off" || c.options.progress == "auto" && !device {
		return
	}
	interval := fileInterval
	if c.console.terminal {
		interval = terminalInterval
		defer c.console.clearStatus()
	}
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	var speed speed
	for speed.at(time.Now(), 0); ; {
		select {
		case <-ticker.C:
		case <-done:
			if !c.console.terminal {
				c.showStatus(&speed)
			}
			return
		}
		c.showStatus(&speed)
	}
}

// showStatus shows how far the campaign is now.
func (c *campaign) showStatus(speed *speed) {
	c.mu.Lock()
	p := progress{summary: c.sum, total: c.total}
	c.mu.Unlock()
	p.rate = speed.at(time.Now(), p.Messages)
	held := c.heldBack(c.sender.Stats())
	if c.console.terminal {
		width := c.console.width()
		c.console.setStatus(append([]string{p.short(width)}, heldLine(held, width)...)...)
		return
	}
	c.console.setStatus(append([]string{p.long()}, heldLine(held, 0)...)...)
}

// speed is messages over time, of late.
type speed struct{ samples []sample }

type sample struct {
	at    time.Time
	count int
}

// speedSpan is the time over which the speed is measured.
const speedSpan = 10 * time.Second

// at gives the messages per second up to now, when count are through.
func (s *speed) at(now time.Time, count int) float64 {
	s.samples = append(s.samples, sample{now, count})
	for len(s.samples) > 2 && now.Sub(s.samples[1].at) >= speedSpan {
		s.samples = s.samples[1:]
	}
	first := s.samples[0]
	if took := now.Sub(first.at); took > 0 {
		return float64(count-first.count) / took.Seconds()
	}
	return 0
}

// progress is the state of a campaign at one time.
type progress struct {
	summary
	total int
	rate  float64 // recipients with an answer, per second
}

// short fits into a line of a terminal: what matters least is left out.
func (p progress) short(width int) string {
	percent := 100
	if p.total > 0 {
		percent = p.Messages * 100 / p.total
	}
	line := fmt.Sprintf("%d %% %d/%d", percent, p.Messages, p.total)
	rate := fmt.Sprintf(" %.0f/s", p.rate)
	if p.rate < 10 {
		rate = fmt.Sprintf(" %.1f/s", p.rate)
	}
	for _, part := range append([]string{rate, p.left()}, p.missed()...) {
		if len([]rune(line+part)) <= width {
			line += part
		}
	}
	return line
}

// long returns a line for a file.
func (p progress) long() string {
	line := fmt.Sprintf("%d of %d done: %d delivered, %d refused", p.Messages, p.total, p.Delivered, p.Refused)
	p.Refused = 0 // said
	line += strings.Join(p.missed(), "")
	line += fmt.Sprintf(", %d waiting, %.1f/s", p.total-p.Messages, p.rate)
	return line + p.left()
}

// missed counts those who were not delivered.
func (p progress) missed() (parts []string) {
	for _, rare := range []struct {
		count int
		name  string
	}{{p.Refused, "refused"}, {p.GaveUp, "given up"}, {p.Unknown, "unknown"}, {p.NotTried, "not tried"}} {
		if rare.count > 0 {
			parts = append(parts, fmt.Sprintf(", %d %s", rare.count, rare.name))
		}
	}
	return parts
}

// left says how long it will take at the present rate, behind a comma; "" when
// nobody knows.
func (p progress) left() string {
	todo := p.total - p.Messages
	if todo == 0 || p.rate <= 0 {
		return ""
	}
	return ", " + duration(time.Duration(float64(todo)/p.rate*float64(time.Second))) + " left"
}

// duration says a time as people do.
func duration(d time.Duration) string {
	switch {
	case d < 100*time.Second:
		return fmt.Sprintf("%d s", max(1, int(d.Round(time.Second).Seconds())))
	case d < 100*time.Minute:
		return fmt.Sprintf("%d min", int(d.Round(time.Minute).Minutes()))
	case d < 72*time.Hour:
		return fmt.Sprintf("%d h", int(d.Round(time.Hour).Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}
