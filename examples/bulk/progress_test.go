package main

import (
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smtpace/smtpace"
	"github.com/smtpace/smtpace/smtptest"
	"github.com/smtpace/smtpace/throttle"
)

// The line of a terminal has what matters most at any width.
func TestProgressLines(t *testing.T) {
	early := progress{total: 100, rate: 2.5}
	late := progress{summary: summary{Messages: 1294, Delivered: 1280, Refused: 5, GaveUp: 2, NotTried: 4, Unknown: 3}, total: 5000, rate: 172.4}
	for name, c := range map[string]struct{ got, want string }{
		"start":            {early.short(80), "0 % 0/100 2.5/s, 40 s left"},
		"80 columns":       {late.short(80), "25 % 1294/5000 172/s, 21 s left, 5 refused, 2 given up, 3 unknown, 4 not tried"},
		"40 columns":       {late.short(40), "25 % 1294/5000 172/s, 21 s left"},
		"20 columns":       {late.short(20), "25 % 1294/5000 172/s"},
		"nothing to do":    {progress{}.short(80), "100 % 0/0 0.0/s"},
		"nothing known":    {progress{total: 5}.short(80), "0 % 0/5 0.0/s"},
		"a file":           {late.long(), "1294 of 5000 done: 1280 delivered, 5 refused, 2 given up, 3 unknown, 4 not tried, 3706 waiting, 172.4/s, 21 s left"},
		"a file, at end":   {progress{summary: summary{Messages: 2, Delivered: 2}, total: 2, rate: 1}.long(), "2 of 2 done: 2 delivered, 0 refused, 0 waiting, 1.0/s"},
		"held, wide":       {heldLine([]string{"a: x", "b: y", "c: z", "d: z"}, 80)[0], "held back: a: x; b: y; 2 more"},
		"held, narrow":     {heldLine([]string{"a: x"}, 40)[0], "a: x"},
		"held, two long":   {heldLine([]string{strings.Repeat("a", 90), strings.Repeat("b", 90), "c"}, 80)[0], "held back: " + strings.Repeat("a", 28) + "…; " + strings.Repeat("b", 29) + "…; 1 more"},
		"held, one long":   {heldLine([]string{strings.Repeat("a", 90), "b: y"}, 60)[0], "held back: " + strings.Repeat("a", 42) + "…; b: y"},
		"held, the other":  {heldLine([]string{"a: x", strings.Repeat("b", 90)}, 60)[0], "held back: a: x; " + strings.Repeat("b", 42) + "…"},
		"held, both fit":   {heldLine([]string{strings.Repeat("a", 40), strings.Repeat("b", 27)}, 80)[0], "held back: " + strings.Repeat("a", 40) + "; " + strings.Repeat("b", 27)},
		"held, 40 columns": {heldLine([]string{strings.Repeat("a", 90), "b"}, 40)[0], strings.Repeat("a", 31) + "…; 1 more"},
		"held, 5 columns":  {heldLine([]string{"a: x", "b"}, 5)[0], "…; 1 more"},
		"held, a file":     {heldLine([]string{strings.Repeat("a", 90), "b"}, 0)[0], "held back: " + strings.Repeat("a", 90) + "; b"},
		"minutes":          {duration(150 * time.Second), "3 min"},
		"hours":            {duration(5 * time.Hour), "5 h"},
		"days":             {duration(100 * time.Hour), "4 days"},
		"at once":          {duration(-time.Second), "1 s"},
	} {
		if c.got != c.want {
			t.Errorf("%s: got  %q\nwant %q", name, c.got, c.want)
		}
	}
}

func TestSpeed(t *testing.T) {
	var s speed
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i, c := range []struct {
		after time.Duration
		count int
		want  float64
	}{
		{0, 0, 0}, {time.Second, 10, 10}, {2 * time.Second, 40, 20}, {10 * time.Second, 40, 4},
		{12 * time.Second, 40, 0}, {20 * time.Second, 40, 0}, {22 * time.Second, 60, 2},
	} {
		if got := s.at(start.Add(c.after), c.count); got != c.want {
			t.Errorf("%d: after %v: %v, want %v", i, c.after, got, c.want)
		}
		if len(s.samples) > 5 {
			t.Errorf("%d samples", len(s.samples))
		}
	}
}

// TestSpeedOfTwoSamples: two are kept, however long ago the first was.
func TestSpeedOfTwoSamples(t *testing.T) {
	var s speed
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	s.at(start, 0)
	if got := s.at(start.Add(10*speedSpan), 200); got != 2 {
		t.Errorf("200 in 100 s: got %v a second, want 2", got)
	}
}

func TestHeldBack(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	learned := throttle.Pace{
		Concurrency: 3, MessageRate: "4.5/s", PausedUntil: new(now.Add(12 * time.Second)),
		LastRefusal: "450 4.7.1 too\nmuch mail " + strings.Repeat("x", 200),
	}
	destination := func(name string, queued int, p throttle.Pace) smtpace.DestinationStats {
		return smtpace.DestinationStats{DestinationStats: throttle.DestinationStats{Name: name, Queued: queued, Pace: p}}
	}
	stats := smtpace.Stats{
		Time: now,
		Destinations: []smtpace.DestinationStats{
			destination("free.example", 1000, throttle.Pace{Concurrency: 10}),
			destination("idle.example", 0, learned),
			destination("given.example", 5, throttle.Pace{Concurrency: 10}),
			destination("grey.example", 4, throttle.Pace{Concurrency: 10}),
			destination("learned.example", 70, learned),
		},
		Relays: []smtpace.RelayStats{
			{EndpointStats: throttle.EndpointStats{Name: "fine:25"}},
			{EndpointStats: throttle.EndpointStats{Name: "busy:25", Pace: throttle.Pace{Concurrency: 1, LastRefusal: "421 too many connections"}}},
			{EndpointStats: throttle.EndpointStats{Name: "down:25", RestingUntil: new(now.Add(90 * time.Second))}, Fault: "connection refused"},
		},
	}
	limits, err := throttle.ParseLimits("rate:10/s burst 5")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"busy:25: 421 too many connections (1 at once)",
		"down:25: connection refused (not reachable, next try in 90 s)",
		"learned.example (70): 450 4.7.1 too much mail " + strings.Repeat("x", 55) + "… (3 at once, 4.5/s, next in 12 s)",
		"given.example (5): limited to rate:10/s burst 5",
		"grey.example (3): 451 4.7.1 Greylisted (tried again later)",
	}
	c := &campaign{
		options: options{destinations: map[string]throttle.Limits{"given.example": limits, "idle.example": limits}},
		putOff:  map[string]*putOff{"grey.example": {count: 3, reply: "451 4.7.1 Greylisted"}},
	}
	got := c.heldBack(stats)
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	stats.Destinations = stats.Destinations[:0:0]
	stats.Destinations = append(stats.Destinations, destination("free.example", 1, throttle.Pace{Concurrency: 10}))
	if got := c.heldBack(stats); !slices.Equal(got, want[:2]) {
		t.Errorf("one message waits for the relays: got %q, want %q", got, want[:2])
	}
	stats.Destinations = nil
	if got := c.heldBack(stats); len(got) > 0 {
		t.Errorf("nothing waits, but %q", got)
	}
}

func TestConsole(t *testing.T) {
	var out buffer
	c := &console{w: &out, terminal: true, width: func() int { return 8 }}
	c.setStatus("10 %")
	c.print("list:%d: bad", 3)
	c.setStatus("20 %", "held back")
	c.setStatus("30 %")
	c.clearStatus()
	c.clearStatus()
	want := wrapOff + "10 %" + wrapOn + eraseLine + "bulk: list:3: bad\n" +
		wrapOff + "20 %\r\nheld ba…" + wrapOn + eraseLine + lineUp + eraseLine + wrapOff + "30 %" + wrapOn + eraseLine
	if got := out.String(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	var plain buffer
	c = newConsole(&plain)
	c.setStatus("10 %", "held back")
	c.print("x\ny")
	c.print("na\x1b]0;PWN\a\u202eme\r")
	if got := plain.String(); got != "10 %; held back\nbulk: x\nbulk: y\nbulk: na\\x1b]0;PWN\\a\\u202eme\\r\n" {
		t.Errorf("got %q", got)
	}
	file, err := os.Create(t.TempDir() + "/stderr")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if c := newConsole(file); c.terminal || c.dumb {
		t.Error("a file is taken for a terminal")
	}
}

// Without a terminal a line now and then, and one at the end, name the
// destination that is held back and the reply that says so.
func TestProgress(t *testing.T) {
	cfg := smtptest.Config{InMemory: true, Domains: map[string]smtptest.Domain{
		"slow.example": {MessageRate: smtptest.Rate{Count: 1}},
	}}
	for mode, shown := range map[string]bool{"on": true, "off": false, "auto": false} {
		synctest.Test(t, func(t *testing.T) {
			srv := newServer(t, cfg)
			j := job{list: addresses(100, "slow.example") + addresses(10, "example.com"), message: plainMessage, flags: []string{"-progress", mode}}
			got := j.runWith(t, srv)
			got.want(t, "delivered=110")
			if !shown {
				if got.stderr != "" {
					t.Errorf("%s: stderr %q", mode, got.stderr)
				}
				return
			}
			lines := strings.Split(strings.TrimSuffix(got.stderr, "\n"), "\n")
			if len(lines) < 3 || !strings.Contains(lines[0], " of 110 done: ") || !strings.Contains(lines[1], " left; held back: ") {
				t.Errorf("stderr %q", got.stderr)
			}
			if second := lines[1]; !strings.Contains(second, "held back: slow.example (") || !strings.Contains(second, "450 4.7.1") {
				t.Errorf("line %q", second)
			}
			if last := lines[len(lines)-1]; !strings.HasPrefix(last, "110 of 110 done: 110 delivered") {
				t.Errorf("the last line is %q", last)
			}
			if strings.Contains(got.stderr, "\x1b") {
				t.Errorf("control sequences in %q", got.stderr)
			}
		})
	}
}

// Greylisted mail is shown as held back.
func TestProgressGreylisted(t *testing.T) {
	cfg := smtptest.Config{Domains: map[string]smtptest.Domain{"grey.example": {Greylist: smtptest.Greylist{
		Delay: 50 * time.Second, Reply: "450 4.2.0 Greylisted",
	}}}}
	inBubble(t, cfg, func(t *testing.T, srv *smtptest.Server) {
		j := job{list: addresses(3, "grey.example"), message: plainMessage, flags: []string{"-progress", "on"}}
		got := j.runWith(t, srv)
		got.want(t, "delivered=3")
		if !strings.Contains(got.stderr, "held back: grey.example (3): ") || !strings.Contains(got.stderr, "450 4.2.0 Greylisted") {
			t.Errorf("stderr %q", got.stderr)
		}
		lines := strings.Split(strings.TrimSuffix(got.stderr, "\n"), "\n")
		if last := lines[len(lines)-1]; strings.Contains(last, "held back") {
			t.Errorf("the last line is %q", last)
		}
	})
}
