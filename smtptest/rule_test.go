package smtptest

import (
	"sync"
	"sync/atomic"
	"testing"
)

func TestRuleMatches(t *testing.T) {
	ev := Event{Stage: StageRcpt, Conn: 2, Message: 3, Rcpt: 4, Recipient: "User@Example.org"}
	tests := []struct {
		name string
		rule Rule
		want bool
	}{
		{"everything", Rule{}, true},
		{"stage", Rule{Stage: StageRcpt}, true},
		{"other stage", Rule{Stage: StageMail}, false},
		{"ordinals", Rule{Conn: 2, Message: 3, Rcpt: 4}, true},
		{"other connection", Rule{Conn: 1}, false},
		{"other message", Rule{Message: 1}, false},
		{"other ordinal", Rule{Rcpt: 1}, false},
		{"address", Rule{Recipient: "user@example.ORG"}, true},
		{"other address", Rule{Recipient: "other@example.org"}, false},
		{"domain", Rule{Recipient: "@example.org"}, true},
		{"other domain", Rule{Recipient: "@ample.org"}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Rules(tt.rule)(ev) != nil; got != tt.want {
				t.Errorf("got %t, want %t", got, tt.want)
			}
		})
	}
}

func TestRulesFirstMatchWins(t *testing.T) {
	fault := Rules(
		Rule{Stage: StageMail, Times: 2, Fault: Fault{Reply: "1"}},
		Rule{Stage: StageMail, Fault: Fault{Reply: "2"}})
	for i, want := range []string{"1", "1", "2", "2"} {
		if got := fault(Event{Stage: StageMail}).Reply; got != want {
			t.Errorf("event %d got %s, want %s", i+1, got, want)
		}
	}
}

func TestRulesAreSafeForConcurrentUse(t *testing.T) {
	fault := Rules(Rule{Times: 10})
	var hits atomic.Int64
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 10 {
				if fault(Event{}) != nil {
					hits.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if got := hits.Load(); got != 10 {
		t.Errorf("applied %d times, want 10", got)
	}
}
