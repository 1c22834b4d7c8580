package smtpace

import (
	"os"
	"path/filepath"
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
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	mx := []Relay{{Addr: "mx.example:25"}}
	for want, cfg := range map[string]Config{
		"SpoolDir: \"" + file + "\"":  {Relays: mx, SpoolDir: file},
		"SpoolDir: \"/no such folder": {Relays: mx, SpoolDir: "/no such folder"},
		"FailFast: 3":                 {Relays: mx, FailFast: FailFastAlways + 1},
		"MaxHeldBytes":                {Relays: mx, MaxHeldBytes: -1},
		"MaxQueued":                   {Relays: mx, MaxQueued: -1},
		"MaxQueuedBytes":              {Relays: mx, MaxQueuedBytes: -1},
		"BulkPatience":                {Relays: mx, BulkPatience: -1},
		"DialAndSendTimeout":          {Relays: mx, DialAndSendTimeout: -1},
		"AmbiguousTries":              {Relays: mx, AmbiguousTries: -1},
		"Limits: ":                    {Relays: []Relay{{Addr: "mx.example:25", Limits: throttle.Limits{Connections: -7}}}},
		"Name contains":               {Relays: []Relay{{Addr: "mx.example:25", Name: "a\x1b[2J"}}},
		"Name has 1025 bytes":         {Relays: []Relay{{Addr: "mx.example:25", Name: strings.Repeat("n", 1025)}}},
		"Memory is needed":            {Relays: mx, WarmUps: map[string]throttle.WarmUp{"a.example": {}}},
		"not a directory":             {Relays: mx, Memory: File(filepath.Join(file, "memory"))},
		"no such folder/memory":       {Relays: mx, Memory: File("/no such folder/memory")},
	} {
		if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	s, err := New(Config{Relays: []Relay{{Addr: "mx.example:25", Name: strings.Repeat("n", 1024)}}, SpoolDir: filepath.Dir(file), FailFast: FailFastAlways, Memory: File(filepath.Join(filepath.Dir(file), "memory"))})
	if err != nil {
		t.Errorf("what is just allowed: got %v", err)
	} else if err := s.Shutdown(t.Context()); err != nil { // Close does not wait for a slow disk
		t.Error(err)
	}
	if _, err := New(Config{}); err == nil {
		t.Error("a Config without relays is accepted")
	}
}
