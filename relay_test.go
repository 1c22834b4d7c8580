package smtpace

import (
	"strings"
	"testing"

	"github.com/smtpace/smtpace/throttle"
)

// TestRelayMistakes: a relay needs an Addr and nothing else. A mistake names the relay.
func TestRelayMistakes(t *testing.T) {
	long := strings.Repeat("n", 1<<10)
	for _, tt := range []struct {
		relay Relay
		says  string // "" where nothing is wrong
	}{
		{Relay{Addr: "mx.example:25"}, ""},
		{Relay{Addr: "mx.example:25", Name: "a b", Limits: throttle.Limits{Connections: 1}}, ""},
		{Relay{Addr: "mx.example:25", Name: long}, ""},
		{Relay{Addr: "mx.example:25", Name: long + "n"}, `relay "` + long[:40] + `"...: Name has 1025 bytes; at most 1024`},
		{Relay{Addr: "mx.example:25", Name: "a\nb"}, `relay "a\nb": Name contains a line break`},
		{Relay{}, `relay "": `},
		{Relay{Addr: "mx.example"}, `relay "mx.example": `},
		{Relay{Addr: "mx.example", Name: "mine"}, `relay "mine": `},
		{Relay{Addr: "mx.example:25", Limits: throttle.Limits{Connections: -7}}, `relay "mx.example:25": Limits: `},
	} {
		err := tt.relay.validate()
		if (err == nil) != (tt.says == "") || err != nil && !strings.HasPrefix(err.Error(), tt.says) {
			t.Errorf("%.60q at %q: got %v, want %q", tt.relay.Name, tt.relay.Addr, err, tt.says)
		}
	}
}
