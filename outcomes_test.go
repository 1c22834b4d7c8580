package smtpace

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/smtpace/smtpace/internal/chance"
	"github.com/smtpace/smtpace/internal/golden"
	"github.com/smtpace/smtpace/smtptest"
)

// TestOutcomes sends three messages through a relay with faults that are drawn by a seed,
// and compares the Results and the log with testdata/outcomes.txt, which is written anew
// as testdata/forms.txt is.
func TestOutcomes(t *testing.T) {
	golden.CompareDrawn(t, "testdata/outcomes.txt", 60,
		golden.Form{Name: "in turn", Draw: func(rng *rand.Rand) (string, string) { return drawnOutcome(t, rng, nil) }},
		golden.Form{Name: "lock-step", Draw: func(rng *rand.Rand) (string, string) { return drawnOutcome(t, rng, []string{"PIPELINING"}) }},
	)
}

// drawnOutcome sends to a server with one or two faults.
func drawnOutcome(t *testing.T, rng *rand.Rand, omit []string) (input, outcome string) {
	stages := []smtptest.Stage{smtptest.StageConnect, smtptest.StageHelo, smtptest.StageMail, smtptest.StageRcpt, smtptest.StageRcpt, smtptest.StageData, smtptest.StageDot, smtptest.StageDot}
	says := []string{
		"421 4.3.2 closing", "421 4.7.0 too many connections", "450 4.2.1 mailbox busy", "450 4.7.1 Greylisted, try again in 60 seconds", "451 4.7.1 rate limit of 10 messages per minute exceeded",
		"452 4.5.3 too many recipients", "452 4.2.2 mailbox full", "454 4.7.0 login is down", "500 5.5.2 what", "503 5.5.1 bad sequence", "530 5.7.0 authentication required",
		"550 5.1.1 no such user", "550 5.7.1 your address 192.0.2.1 is blocked", "552 5.3.4 message too large", "554 5.7.1 spam", "555 5.5.4 unknown parameter", "",
	}
	var rules []smtptest.Rule
	for range 1 + rng.IntN(2) {
		r := smtptest.Rule{Stage: golden.One(rng, stages...), Times: golden.One(rng, 0, 1, 1)} // the times of further tries are random, and so is their order
		if r.Stage == smtptest.StageRcpt {
			r.Recipient = golden.One(rng, "", "1@x.test", "@y.test")
		}
		if r.Fault.Reply = golden.One(rng, says...); r.Fault.Reply == "" {
			r.Fault.Silent = true
		}
		if r.Fault.Silent || strings.HasPrefix(r.Fault.Reply, "421") {
			r.Fault.End = smtptest.Close
		}
		rules = append(rules, r)
		input += fmt.Sprintf("%s %s %q %d times, ", r.Stage, r.Recipient, r.Fault.Reply, r.Times)
	}
	inWorld(t, smtptest.Config{Omit: omit, Fault: smtptest.Rules(rules...), Latency: 10 * time.Millisecond}, func(t *testing.T, srv *smtptest.Server) {
		var told logged
		cfg := Config{Relays: []Relay{relayTo(srv)}, Logger: told.logger(slog.LevelInfo), Expiry: time.Hour, AmbiguousTries: 2}
		cfg.Process.Connections = 1
		s := newSender(t, cfg)
		chance.Use(s.sched, 1)
		var got results
		for _, m := range []Message{rendered("a", "1@x.test"), rendered("b", "1@x.test", "2@y.test", "3@x.test"), rendered("c", "4@y.test", "5@x.test")} {
			if _, err := s.Submit(t.Context(), m, got.done); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(2 * time.Hour)
		for _, id := range []string{"a", "b", "c"} {
			outcome += id + " " + shownResult(got.of(id)) + " | "
		}
		outcome += fmt.Sprintf("%s | %d messages taken", shownLog(t, told.String()), srv.Stats().Messages)
	})
	return strings.TrimSuffix(input, ", "), outcome
}

// shownResult returns what has become of each recipient.
func shownResult(r *Result) string {
	if r == nil {
		return "is not settled"
	}
	var all []string
	for _, to := range r.Recipients {
		text := fmt.Sprint(to.Status)
		if to.Tries < 3 {
			text += fmt.Sprintf(" after %d tries, %d counted, %d ambiguous", to.Tries, to.Attempts, to.Ambiguous)
		}
		if to.Err != nil {
			text += ": " + strings.ReplaceAll(to.Err.Error(), "\n", "; ")
		}
		if n := len(all); n > 0 && strings.HasSuffix(all[n-1], " "+text) {
			all[n-1] = to.Address + " and " + all[n-1]
			continue
		}
		all = append(all, to.Address+" "+text)
	}
	return strings.Join(all, ", ")
}

// shownLog returns the kinds of the records.
func shownLog(t *testing.T, text string) string {
	var all []string
	for line := range strings.Lines(text) {
		var record map[string]any
		if err := json.Unmarshal([]byte(line), &record); err != nil {
			t.Fatal(err)
		}
		all = append(all, fmt.Sprint(record["level"], " ", record["msg"]))
	}
	slices.Sort(all)
	return strings.Join(slices.Compact(all), ", ")
}
