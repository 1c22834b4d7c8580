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

func TestProgressLine(t *testing.T) {
	for name, c := range map[string]struct {
		sum  summary
		held []string
		want string
	}{
		"start": {want: "0 of 100 done: 0 delivered, 0 refused, 100 waiting, 2.5/s"},
		"later": {
			sum:  summary{Messages: 50, Delivered: 40, Refused: 5, GaveUp: 2, NotTried: 1, Unknown: 2},
			held: []string{"a: x"},
			want: "50 of 100 done: 40 delivered, 5 refused, 2 given up, 1 not tried, 2 unknown, 50 waiting, 2.5/s; held back: a: x",
		},
		"many": {
			held: []string{"a: x", "b: y", "c: z", "d: z"},
			want: "0 of 100 done: 0 delivered, 0 refused, 100 waiting, 2.5/s; held back: a: x; b: y; 2 more",
		},
	} {
		t.Run(name, func(t *testing.T) {
			if got := progressLine(c.sum, 100, 2.5, c.held); got != c.want {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
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

func TestHeldBack(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	learned := throttle.Pace{
		Window: 3, MessageRate: "4.5/s", PausedUntil: new(now.Add(12 * time.Second)),
		LastRefusal: "450 4.7.1 too\nmuch mail " + strings.Repeat("x", 200),
	}
	destination := func(name string, queued int, p throttle.Pace) smtpace.DestinationStats {
		return smtpace.DestinationStats{Name: name, Queued: queued, Pace: p}
	}
	stats := smtpace.Stats{
		Time: now,
		Destinations: []smtpace.DestinationStats{
			destination("free.example", 1000, throttle.Pace{Window: 10}),
			destination("idle.example", 0, learned),
			destination("given.example", 5, throttle.Pace{Window: 10}),
			destination("learned.example", 70, learned),
		},
		Relays: []smtpace.RelayStats{
			{Name: "fine:25"},
			{Name: "busy:25", Pace: throttle.Pace{Window: 1, LastRefusal: "421 too many connections"}},
			{Name: "down:25", RestingUntil: new(now.Add(90 * time.Second)), Fault: "connection refused"},
		},
	}
	limits, err := throttle.ParseLimits("rate:10/s burst 5")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"busy:25: 1 at once: 421 too many connections",
		"down:25: not reachable, next try in 1m30s: connection refused",
		"learned.example (70): 3 at once, 4.5/s, next in 12s: 450 4.7.1 too much mail " + strings.Repeat("x", 56) + "...",
		"given.example (5): limited to rate:10/s burst 5",
	}
	got := heldBack(stats, map[string]throttle.Limits{"given.example": limits, "idle.example": limits})
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	stats.Destinations = nil
	if got := heldBack(stats, nil); len(got) > 0 {
		t.Errorf("nothing waits, but %q", got)
	}
}

func TestConsole(t *testing.T) {
	var out buffer
	c := &console{w: &out, terminal: true}
	c.setStatus("10 %")
	c.print("list:%d: bad", 3)
	c.setStatus("20 %")
	c.setStatus("30 %")
	c.clearStatus()
	c.clearStatus()
	want := wrapOff + "10 %" + wrapOn + eraseLine + "bulk: list:3: bad\n" +
		wrapOff + "20 %" + wrapOn + eraseLine + wrapOff + "30 %" + wrapOn + eraseLine
	if got := out.String(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	var plain buffer
	c = newConsole(&plain)
	c.setStatus("10 %")
	c.print("x")
	if got := plain.String(); got != "10 %\nbulk: x\n" {
		t.Errorf("got %q", got)
	}
	file, err := os.Create(t.TempDir() + "/stderr")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if newConsole(file).terminal {
		t.Error("a file is taken for a terminal")
	}
}

// Progress names the destination that is held back and the reply that says so.
func TestProgress(t *testing.T) {
	cfg := smtptest.Config{InMemory: true, Domains: map[string]smtptest.Domain{
		"slow.example": {MessageRate: smtptest.Rate{Count: 1}},
	}}
	for mode, shown := range map[string]bool{"on": true, "off": false, "auto": false} {
		synctest.Test(t, func(t *testing.T) {
			srv := smtptest.NewServer(cfg)
			defer srv.Close()
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
			if len(lines) < 3 || !strings.Contains(lines[0], " of 110 done: ") {
				t.Errorf("stderr %q", got.stderr)
			}
			if second := lines[1]; !strings.Contains(second, "held back: slow.example (") || !strings.Contains(second, "450 4.7.1") {
				t.Errorf("line %q", second)
			}
		})
	}
}
