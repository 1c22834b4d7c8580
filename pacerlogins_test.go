package smtpace

import (
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/throttle"
)

// The limits of a line are those that are set, or what is known of its logins where that
// is less.
func TestLimitsOfLogins(t *testing.T) {
	rate := func(n int, per time.Duration) throttle.Rate { return throttle.Rate{Count: n, Per: per} }
	for name, test := range map[string]struct {
		l    logins
		want throttle.Limits
	}{
		"nothing":              {logins{}, throttle.Limits{}},
		"a new line":           {logins{most: 3}, throttle.Limits{Connections: 3}},
		"more are set":         {logins{most: 3, own: throttle.Limits{Connections: 4}}, throttle.Limits{Connections: 3}},
		"no limit is set":      {logins{most: 3, own: throttle.Limits{Connections: throttle.Unlimited}}, throttle.Limits{Connections: 3}},
		"a new line for one":   {logins{most: 1}, throttle.Limits{Connections: 1}},
		"one is set":           {logins{most: 3, own: throttle.Limits{Connections: 1}}, throttle.Limits{Connections: 1}},
		"fewer are set":        {logins{most: 3, own: throttle.Limits{Connections: 2}}, throttle.Limits{Connections: 2}},
		"an old line":          {logins{own: throttle.Limits{Connections: 4}}, throttle.Limits{Connections: 4}},
		"a rate":               {logins{rate: 20}, throttle.Limits{ConnectionRate: rate(20, time.Minute)}},
		"a higher rate is set": {logins{rate: 20, own: throttle.Limits{ConnectionRate: rate(1, time.Second)}}, throttle.Limits{ConnectionRate: rate(20, time.Minute)}},
		"a lower rate is set":  {logins{rate: 20, own: throttle.Limits{ConnectionRate: rate(100, time.Hour)}}, throttle.Limits{ConnectionRate: rate(100, time.Hour)}},
		"that rate is set":     {logins{rate: 20, own: throttle.Limits{ConnectionRate: rate(10, 30*time.Second)}}, throttle.Limits{ConnectionRate: rate(10, 30*time.Second)}},
	} {
		if got := test.l.limits(); got != test.want {
			t.Errorf("%s: got %v, want %v", name, got, test.want)
		}
	}
}

// A new line begins with three connections at once, five after ten seconds, and as many
// as are set after a minute.
func TestNewLinesBeginWithFewLogins(t *testing.T) {
	var l logins
	start := time.Now()
	for _, step := range []struct {
		after   time.Duration
		most    int
		changes bool
	}{
		{0, 3, true}, {time.Second, 3, false}, {10*time.Second - 1, 3, false}, {10 * time.Second, 5, true},
		{time.Minute - 1, 5, false}, {time.Minute, 0, true}, {time.Hour, 0, false},
	} {
		if changes := l.begins(start.Add(step.after)); changes != step.changes || l.most != step.most {
			t.Errorf("after %v: got %d at once, changed %v; want %d and %v", step.after, l.most, changes, step.most, step.changes)
		}
	}
}

// A refused login teaches the number that was accepted within the minute. It is tested
// by a tenth more two hours later, and after ever longer times where that fails.
func TestRefusedLoginsTeach(t *testing.T) {
	var l logins
	now := time.Now()
	for i := range 30 {
		l.accept(now.Add(time.Duration(i) * time.Second))
	}
	now = now.Add(65 * time.Second)
	if !l.refuse(now, now) || l.rate != 24 {
		t.Fatalf("got %d, want the 24 of the last minute", l.rate)
	}
	if l.refuse(now.Add(time.Second), now.Add(-1)) {
		t.Error("one that began before the lesson has taught another")
	}
	if l.raise(now.Add(firstRaise - 1)) {
		t.Error("it is raised too soon")
	}
	gap := time.Duration(firstRaise)
	for range 6 {
		now = now.Add(gap)
		if !l.raise(now) || l.rate != 26 {
			t.Fatalf("raised: got %d, want 26", l.rate)
		}
		if !l.refuse(now, now) || l.rate != 24 {
			t.Fatalf("the raise has failed: got %d, want 24 as before", l.rate)
		}
		if gap = min(2*gap, lastRaise); l.gap != gap || !l.raiseAt.Equal(now.Add(gap)) {
			t.Errorf("got a gap of %v, want %v", l.gap, gap)
		}
	}
	now = now.Add(time.Minute)
	if !l.refuse(now, now) || l.rate != 1 {
		t.Errorf("nothing was accepted in the minute: got %d, want 1", l.rate)
	}
	now = now.Add(lastRaise)
	if !l.raise(now) || l.rate != 2 {
		t.Errorf("raised from 1: got %d, want 2", l.rate)
	}
}

// A raise is a tenth of what was allowed, and one a minute at least.
func TestRaisedLogins(t *testing.T) {
	for rate, want := range map[int]int{1: 2, 9: 10, 10: 11, 19: 20, 20: 22, 99: 108, 100: 110, 1000: 1100} {
		l := logins{rate: rate, gap: firstRaise}
		if now := time.Now(); !l.raise(now) || l.rate != want || l.before != rate || !l.raiseAt.Equal(now.Add(firstRaise)) {
			t.Errorf("from %d: got %+v, want %d", rate, l, want)
		}
	}
	if l := (logins{}); l.raise(time.Now()) || l.rate != 0 {
		t.Errorf("without a lesson: got %+v", l)
	}
}

// A refused login limits the line at once, and stops it for a minute or for as long as the
// server says. One that began before the last lesson limits nothing anew.
func TestRefusedLoginsLimitTheLine(t *testing.T) {
	p, err := NewPacer(PacerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	at := &line{name: "relay.example:587"}
	for i, test := range []struct {
		outcome throttle.Outcome
		began   time.Time
		changes bool
		rate    int
		waits   time.Duration
	}{
		{throttle.Outcome{Accepted: 1}, now.Add(-2 * time.Second), false, 0, 0},
		{throttle.Outcome{Accepted: 1}, now.Add(-time.Second), false, 0, 0},
		{throttle.Outcome{}, now.Add(-time.Second), false, 0, 0},
		{throttle.Outcome{Verdict: classify.Verdict{Limit: classify.LimitMessageRate}}, now, false, 0, 0},
		{throttle.Outcome{Verdict: classify.Verdict{Limit: classify.LimitConnectionRate}}, now, true, 2, time.Minute},
		{throttle.Outcome{Verdict: classify.Verdict{Limit: classify.LimitConnectionRate, RetryAfter: time.Hour}}, now.Add(-time.Second), false, 2, time.Hour},
	} {
		p.again.Store(false)
		p.connected(at, &test.outcome, test.began, now)
		if got := p.again.Load(); got != test.changes || at.logins.rate != test.rate || test.outcome.Verdict.RetryAfter != test.waits {
			t.Errorf("step %d: limits are set %v, %d logins a minute, wait %v; want %v, %d, %v", i, got, at.logins.rate, test.outcome.Verdict.RetryAfter, test.changes, test.rate, test.waits)
		}
	}
}
