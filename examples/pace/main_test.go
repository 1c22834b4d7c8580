package main

import (
	"bytes"
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smtpace/smtpace/internal/race"
	"github.com/smtpace/smtpace/internal/simulate"
	"github.com/smtpace/smtpace/smtptest"
	"github.com/smtpace/smtpace/throttle"
)

func TestTable(t *testing.T) {
	var out bytes.Buffer
	if err := run(t.Context(), &out, []string{"-scenario", "^3 connections", "-seeds", "2", "-baselines", "1"}); err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile(`(?m)^\| 3 connections \| 0\.\d\d % \(\d+\) \| 0\.\d\d % \(\d+\) \| [01]\.\d{3} \| refused <= 0\.5 %, late <= 0\.2 %, goodput >= 0\.97 \| (ok|missed: .+) \| \d\d\.\d %, [01]\.\d{3} \| \d\d\.\d %, 0\.\d{3} \| 1\.000 \|$`)
	if !row.MatchString(out.String()) {
		t.Errorf("no such row in the table:\n%s", out.String())
	}
	if !strings.Contains(out.String(), "of 1 scenarios miss a goal") {
		t.Errorf("no sum below the table:\n%s", out.String())
	}
}

func TestDrawn(t *testing.T) {
	var out bytes.Buffer
	if err := run(t.Context(), &out, []string{"-drawn", "9", "-draw", "3", "-scenario", "^9: ", "-seeds", "1", "-baselines", "0"}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "\n| 9: ") || !strings.Contains(out.String(), "of 1 scenarios miss a goal") {
		t.Errorf("the ninth of those drawn is not in the table:\n%s", out.String())
	}
}

func TestTimeline(t *testing.T) {
	var out bytes.Buffer
	if err := run(t.Context(), &out, []string{"-scenario", "^1/s", "-v"}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"1/s burst 5, seed 1:", "9m50s", "/s accepted", "mx0.example, message-rate", "450 4.7.1"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the timeline does not tell of %q:\n%.2000s", want, out.String())
		}
	}
}

func TestFlagsThatMakeNoSense(t *testing.T) {
	for _, args := range [][]string{
		{"-scenario", "("}, {"-scenario", "nothing of the kind"}, {"-seeds", "0"}, {"-baselines", "-1"}, {"-runs", "0"}, {"-drawn", "-1"}, {"-drawn", "2", "-wordless"}, {"-drawn", "2", "-unforeseen"}, {"-drawn", "2", "-real"}, {"-drawn", "2", "-sender"},
		{"-real", "-scenario", "tarpit"},
	} {
		if err := run(t.Context(), &bytes.Buffer{}, args); err == nil {
			t.Errorf("%q: no error", args)
		}
	}
}

// Every row for real is one of the scenarios, by its name, and every scenario
// with goals has a row.
func TestRowsAreScenarios(t *testing.T) {
	named := map[string]bool{}
	for _, sc := range simulate.Scenarios() {
		named[sc.Name] = sc.Goals != simulate.Goals{} && sc.Set == throttle.Limits{} // rows are sent with nothing configured
	}
	for _, r := range rows() {
		if !named[r.name] {
			t.Errorf("row %q is none of the scenarios with goals", r.name)
		}
		delete(named, r.name)
	}
	for name, goals := range named {
		if goals {
			t.Errorf("scenario %q has no row", name)
		}
	}
}

// The rows for real with the Sender itself, in memory and in virtual time, so
// that no other program can spoil them.
func TestRowsReachTheGoals(t *testing.T) {
	if race.Enabled {
		t.Skip("too slow with the race detector")
	}
	goals := map[string]simulate.Goals{}
	for _, sc := range simulate.Scenarios() {
		goals[sc.Name] = sc.Goals
	}
	for _, r := range rows() {
		t.Run(r.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r.receiver.InMemory = true
				s, err := r.score(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				for _, miss := range goals[r.name].Misses(s) {
					t.Error(miss)
				}
			})
		})
	}
}

// The kinds of other receivers with the Sender itself, in memory and in virtual time.
func TestKindsReachTheGoals(t *testing.T) {
	if race.Enabled {
		t.Skip("too slow with the race detector")
	}
	for _, r := range kinds() {
		t.Run(r.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r.receiver.InMemory = true
				start := time.Now()
				s, err := r.score(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				for _, miss := range r.goals.Misses(s) {
					t.Error(miss)
				}
				t.Logf("%.2f %% refused, goodput %.3f, in %v", 100*s.Refused, s.Goodput, time.Since(start))
				if took := time.Since(start); took > 75*time.Second {
					t.Errorf("it took %v, want a minute at most", took)
				}
			})
		})
	}
}

// What a row is measured by, in memory and in virtual time.
func TestRow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := row{name: "20/s", messages: 400, hot: 10, perSecond: 20, receiver: receiver(smtptest.Limits{MessageRate: bucket(20, 5, "")})}
		r.receiver.InMemory = true
		o, err := r.send(t.Context(), throttle.Limits{MessageRate: throttle.Rate{Count: 19, Per: time.Second}})
		if err != nil {
			t.Fatal(err)
		}
		if o.refused != 0 || o.accepted() != 360 || o.tries < 400 {
			t.Errorf("%d of %d tries refused, %d accepted; want none of at least 400, and 360 that count", o.refused, o.tries, o.accepted())
		}
		if want := 400.0 / 19; math.Abs(o.took.Seconds()-want) > 0.5 {
			t.Errorf("it took %v, want about %.1f s", o.took, want)
		}
		if got := o.between(10*time.Second, 10*time.Second); got < 165 || got > 175 {
			t.Errorf("%d were accepted in 10 s, want about 171", got)
		}
	})
}

func TestRowWhoseLimitChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := row{messages: 900, perSecond: 20, receiver: receiver(smtptest.Limits{MessageRate: bucket(20, 5, "")}),
			change: 20 * time.Second, then: smtptest.Limits{MessageRate: bucket(10, 5, "")}, after: 10}
		r.receiver.InMemory = true
		s, err := r.score(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if s.Refused <= 0 || s.Refused > 0.2 || s.Goodput < 0.6 || s.Goodput > 1.02 {
			t.Errorf("%.2f %% refused, goodput %.3f: out of bounds", 100*s.Refused, s.Goodput)
		}
		if got := r.allowed(30 * time.Second); got != 500 {
			t.Errorf("30 s allow %v messages, want 500", got)
		}
	})
}

func TestNeighbours(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := slices.IndexFunc(rows(), func(r row) bool { return r.beside })
		r := rows()[i]
		r.messages = 100
		r.receiver.InMemory = true
		s, err := r.score(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if s.Slower > 0.1 {
			t.Errorf("18 receivers are %.1f %% slower beside two that are unwell", 100*s.Slower)
		}
	})
}

// TestSenderIsNotStarvedByRandomRefusals is the table of the whole Sender in short, for
// each reply: what is refused at random costs no more than it must.
func TestSenderIsNotStarvedByRandomRefusals(t *testing.T) {
	const messages = 3000
	var none sent
	for _, r := range randomRefusals() {
		switch {
		case r.share == 0:
			none = r.sendIn(t, messages)
		case r.share == 0.01 || r.share == 0.05:
			got := r.sendIn(t, messages)
			for _, miss := range got.misses(messages, none) {
				t.Errorf("%g %% refused, %s: %s", 100*r.share, r.reply, miss)
			}
			if got.took > 2*none.took || got.refused == 0 {
				t.Errorf("%g %% refused, %s: %d refused, it took %v; without refusals %v", 100*r.share, r.reply, got.refused, got.took, none.took)
			}
		}
	}
}

func TestSenderTable(t *testing.T) {
	var out bytes.Buffer
	o, err := parse([]string{"-sender", "-messages", "300", "-scenario", "^450"})
	if err != nil {
		t.Fatal(err)
	}
	printSender(t, &out, o)
	for _, want := range []string{"300 messages", "| 5 % | 450 4.7.1 Error: too much mail from 127.0.0.1 | 300 | ", "0 of 6 rows miss a goal"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the table does not tell of %q:\n%s", want, out.String())
		}
	}
}

func TestSentMisses(t *testing.T) {
	none := sent{took: 100 * time.Second, delivered: 10}
	for _, test := range []struct {
		s    sent
		want int
	}{
		{sent{took: 180 * time.Second, delivered: 10}, 0},
		{sent{took: 181 * time.Second, delivered: 10}, 1},
		{sent{took: 181 * time.Second, delivered: 9}, 2},
	} {
		if got := test.s.misses(10, none); len(got) != test.want {
			t.Errorf("%+v misses %q, want %d", test.s, got, test.want)
		}
	}
}
