package simulate

import (
	"strings"
	"testing"
	"time"
)

// A receiver that is drawn can be played, depends on the seed and its number alone, and
// every kind of limit and trouble is among a few hundred of them.
func TestDrawnReceivers(t *testing.T) {
	list := Drawn(7, 300)
	first, other := Drawn(7, 10), Drawn(8, 10)
	kinds := map[string]int{}
	for i, sc := range list {
		if err := sc.validate(); err != nil {
			t.Error(err)
		}
		if sc.Length < 5*time.Minute || sc.Length > 30*24*time.Hour {
			t.Errorf("%s: it is played for %v", sc.Name, sc.Length)
		}
		if i < 10 && (first[i].Name != sc.Name || other[i].Name == sc.Name) {
			t.Errorf("%d is %q, among ten %q, by another seed %q", i, sc.Name, first[i].Name, other[i].Name)
		}
		for _, kind := range []string{
			"a minute burst", "a fixed", "a sliding", "connections at banner", "connections at MAIL", "messages a connection",
			"recipients a minute", "recipients of a message", "MB a minute", "a ban of", "that each try extends", "hosts, each", "relay",
			"delays of", "no limit", "at random", "nothing for", "take 30 s", "refuses all", `by ""`,
		} {
			if strings.Contains(sc.Name, kind) {
				kinds[kind]++
			}
		}
	}
	if len(kinds) < 20 {
		t.Errorf("only these kinds were drawn: %v", kinds)
	}
}

// One of each kind of limit, without troubles, keeps its oracle from being refused: else
// its goals say nothing.
func TestOraclesOfDrawnReceiversAreNotRefused(t *testing.T) {
	seen := map[string]bool{}
	for _, sc := range Drawn(3, 100) {
		kind := strings.Map(func(r rune) rune {
			if r >= '0' && r <= '9' {
				return -1
			}
			return r
		}, strings.SplitN(sc.Name, " by ", 2)[0])
		if seen[kind] || strings.Contains(sc.Name, ";") || strings.Contains(kind, "hosts") {
			continue
		}
		seen[kind] = true
		sc.Length = min(sc.Length, 5*time.Minute)
		if r := mustRun(t, sc, Oracle, 1); r.RefusedShare() > 0.03 {
			t.Errorf("%s: %.1f %% refused", sc.Name, 100*r.RefusedShare())
		}
	}
	if len(seen) < 8 {
		t.Errorf("played only %d kinds", len(seen))
	}
}
