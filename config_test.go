package smtpace

import (
	"strings"
	"testing"

	"github.com/smtpace/smtpace/throttle"
)

func TestConfigReportsAllMistakes(t *testing.T) {
	_, err := New(Config{
		Relays:      []Relay{{Addr: "no-port"}, {Addr: "mx.example:25", HELO: "a b"}, {Addr: "mx.example:25"}},
		Destination: throttle.Limits{Connections: -7},
		Expiry:      -1, MaxHeld: -1,
	})
	for _, want := range []string{"no-port", "HELO", "taken", "Connections", "Expiry", "MaxHeld"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not mention %s", err, want)
		}
	}
	if _, err := New(Config{}); err == nil {
		t.Error("a Config without relays is accepted")
	}
}
