package classify

import (
	"encoding"
	"testing"
)

// TestNames checks that every constant has a name of its own, and every other
// value one as well.
func TestNames(t *testing.T) {
	tests := []struct {
		name  string
		last  uint8
		print func(uint8) string
	}{
		{"Class", uint8(Classes - 1), func(v uint8) string { return Class(v).String() }},
		{"Connection", uint8(Drop), func(v uint8) string { return Connection(v).String() }},
		{"Limit", uint8(LimitQuota), func(v uint8) string { return Limit(v).String() }},
		{"Recipient", uint8(Ambiguous), func(v uint8) string { return Recipient(v).String() }},
		{"Stage", uint8(StageQuit), func(v uint8) string { return Stage(v).String() }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			seen := map[string]uint8{}
			for v := range tt.last + 1 {
				name := tt.print(v)
				if other, twice := seen[name]; twice || name == "" || name == "invalid" {
					t.Errorf("%d is called %q, as %d", v, name, other)
				}
				seen[name] = v
			}
			for _, v := range []uint8{tt.last + 1, 255} {
				if got := tt.print(v); got != "invalid" {
					t.Errorf("%d is called %q, want invalid", v, got)
				}
			}
		})
	}
}

func TestNamesInJSON(t *testing.T) {
	for v, want := range map[encoding.TextMarshaler]string{
		TooManyConnections: "too-many-connections", Drop: "drop", LimitMessagesPerConnection: "messages-per-connection",
		Ambiguous: "ambiguous", RateLimited: "rate-limited", LimitMailboxRate: "mailbox-rate",
	} {
		if text, err := v.MarshalText(); err != nil || string(text) != want {
			t.Errorf("%#v is marshalled as %q (%v), want %q", v, text, err, want)
		}
	}
}
