package classify

import (
	"encoding"
	"strings"
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
		{"Connection", uint8(ConnDrop), func(v uint8) string { return Connection(v).String() }},
		{"Limit", uint8(LimitQuota), func(v uint8) string { return Limit(v).String() }},
		{"Recipient", uint8(RecipientAmbiguous), func(v uint8) string { return Recipient(v).String() }},
		{"Scope", uint8(ScopeDestination), func(v uint8) string { return Scope(v).String() }},
		{"Stage", uint8(StageUnknown), func(v uint8) string { return Stage(v).String() }},
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
		ClassTooManyConnections: "too-many-connections", ConnDrop: "drop", LimitMessagesPerConnection: "messages-per-connection",
		RecipientAmbiguous: "ambiguous", ClassRateLimited: "rate-limited", LimitMailboxRate: "mailbox-rate",
	} {
		if text, err := v.MarshalText(); err != nil || string(text) != want {
			t.Errorf("%#v is marshalled as %q (%v), want %q", v, text, err, want)
		}
	}
}

// TestNamesAreRead reads every name back that a file can have, in any case.
func TestNamesAreRead(t *testing.T) {
	for v := range StageUnknown + 1 {
		checkRead(t, v.String(), v, new(Stage))
	}
	for v := range Classes {
		checkRead(t, Class(v).String(), Class(v), new(Class))
	}
	for v := range LimitQuota + 1 {
		checkRead(t, v.String(), v, new(Limit))
	}
	for v := range ScopeDestination + 1 {
		checkRead(t, v.String(), v, new(Scope))
	}
}

func checkRead[T comparable, P interface {
	*T
	encoding.TextUnmarshaler
}](t *testing.T, name string, want T, v P) {
	t.Helper()
	for _, text := range []string{name, strings.ToUpper(name), strings.ToLower(name)} {
		if err := v.UnmarshalText([]byte(text)); err != nil || *v != want {
			t.Errorf("%q is read as %v (%v), want %v", text, *v, err, want)
		}
	}
	for _, text := range []string{"", "invalid", name + " "} {
		if err := v.UnmarshalText([]byte(text)); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%q: %v, want an error that names what is right", text, err)
		}
	}
}
