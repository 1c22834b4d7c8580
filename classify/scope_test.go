package classify

import (
	"io"
	"testing"
)

func TestScopeByStage(t *testing.T) {
	tests := []struct {
		stage Stage
		reply string
		want  Scope
	}{
		{StageBanner, "554 5.7.1 spam", ScopeSource}, // no message is at hand
		{StageEHLO, "550 user unknown", ScopeSource},
		{StageMail, "554 5.7.1 spam", ScopeMessage},
		{StageMail, "550 5.7.1 not you", ScopeSenderDomain},
		{StageRcpt, "550 5.7.1 not you", ScopeRecipient},
		{StageDot, "550 5.7.1 not you", ScopeMessage},
		{StageIdle, "421 4.4.2 timeout", ScopeConnection},
		{StageRcpt, "550 5.1.1 user unknown", ScopeRecipient},
		{StageRcpt, "550 5.1.2 host unknown", ScopeDestination},
		{StageDot, "554 5.7.1 Sender domain is listed in a blocklist", ScopeSenderDomain},
		{StageUnknown, "550 what", ScopeMessage},
	}
	for _, tt := range tests {
		reply, err := ParseReply(tt.reply)
		if err != nil {
			t.Fatal(err)
		}
		if v := Of(tt.stage, reply); v.Scope != tt.want {
			t.Errorf("%s at %v: scope %v by %s, want %v", tt.reply, tt.stage, v.Scope, v.Rule, tt.want)
		}
	}
}

// TestEveryRefusalHasAScope also has what is no reply.
func TestEveryRefusalHasAScope(t *testing.T) {
	for stage := StageConnect; stage <= StageUnknown; stage++ {
		for class := range Classes {
			if Class(class) != ClassOK && scopeOf(Class(class), stage) == ScopeNone {
				t.Errorf("%v at %v has none", Class(class), stage)
			}
		}
		if v := Of(stage, io.EOF); v.Scope != ScopeConnection || v.Rule != "" {
			t.Errorf("%v: %+v", stage, v)
		}
		if v := Of(stage, nil); v.Scope != ScopeNone || v.Rule != "" {
			t.Errorf("%v: %+v", stage, v)
		}
	}
}
