package preflight

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/smtpace/smtpace"
	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/profile"
	"github.com/smtpace/smtpace/smtptest"
	"github.com/smtpace/smtpace/throttle"
)

// memory is a Memory that must not be written.
type memory struct {
	text  []byte
	saved bool
}

func (m *memory) Load() ([]byte, error) { return m.text, nil }

func (m *memory) Save(text []byte) error { m.text, m.saved = text, true; return nil }

// find returns the bounds of a key, each as "scope value origin binds".
func find(d DomainLimits, key string) (found []string) {
	for _, b := range d.Bounds {
		if b.Key == key {
			found = append(found, fmt.Sprint(b.Scope, " ", b.Value, " ", b.Origin, " ", b.Binds))
		}
	}
	return found
}

func TestLimits(t *testing.T) {
	profiles, err := profile.New(profile.Profile{
		Name: "big", Domains: []string{"big.example"}, Help: []string{"https://big.example/postmaster"},
		Figures: []profile.Figure{
			{Limits: throttle.Limits{Connections: 4}, Source: "https://big.example/limits", Date: "2026-01-01"},
			{Limits: throttle.Limits{MessageRate: throttle.Rate{Count: 10, Per: 1e9}}, Source: "hearsay", Customary: true},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	cfg := smtpace.Config{
		Profiles:     profiles,
		Destinations: map[string]throttle.Limits{"big": {Connections: 2}, "Own.Example": {Connections: 7}},
		Destination:  throttle.Limits{RecipientsPerMessage: 50},
		Relays:       []smtpace.Relay{{Addr: "relay.example:587", Limits: throttle.Limits{MessageRate: throttle.Rate{Count: 50, Per: 1e9}}}},
	}
	found, err := Limits(cfg, "BIG.example", "own.example.", "else.example")
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []map[string][]string{
		{
			"connections": {"destination 2 config true", "destination 4 profile false", "relay 20 default true", "process 100 default true"},
			"rate":        {"destination 10/s profile true", "relay 50/s config true"},
			"per-message": {"destination 50 config true"},
		},
		{"connections": {"destination 7 config true", "relay 20 default true", "process 100 default true"}},
		{"connections": {"destination 10 default true", "relay 20 default true", "process 100 default true"}},
	} {
		for key, bounds := range want {
			if got := find(found[i], key); !slices.Equal(got, bounds) {
				t.Errorf("%s %s: %q, want %q", found[i].Domain, key, got, bounds)
			}
		}
	}
	big := found[0]
	if big.Destination != "big" || big.Profile != "big" || len(big.Help) != 1 {
		t.Errorf("%+v", big)
	}
	for _, b := range big.Bounds {
		if b.Source == "" || (b.Origin == fromProfile && b.Key == "connections" && b.Source != "https://big.example/limits 2026-01-01") ||
			(b.Key == "rate" && b.Origin == fromProfile) != b.Customary {
			t.Errorf("%+v", b)
		}
	}
	if _, err := Limits(cfg, "no domain"); err == nil || !strings.Contains(err.Error(), `"no domain"`) {
		t.Errorf("error %v", err)
	}
	if _, err := Limits(smtpace.Config{Memory: &memory{text: []byte("{")}}, "a.example"); err == nil {
		t.Error("a damaged memory is not told")
	}
}

// What a Sender has learned is shown with the reply that has taught it, and the file is
// left as it is.
func TestLimitsLearned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := smtptest.NewServer(smtptest.Config{InMemory: true, Domains: map[string]smtptest.Domain{
			"slow.example": {MessageRate: smtptest.Rate{Count: 2, Per: 1e9, Burst: 1}},
		}})
		defer srv.Close()
		kept := &memory{}
		relay := smtpace.Relay{Addr: srv.Addr, TLSConfig: srv.ClientTLS(), TLS: pool.TLSNone, DialContext: srv.DialContext}
		cfg := smtpace.Config{Relays: []smtpace.Relay{relay}, Memory: kept}
		sender, err := smtpace.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		var batch []smtpace.Message
		for i := range 40 {
			batch = append(batch, smtpace.Message{From: "a@kept.example", To: []string{fmt.Sprintf("u%d@slow.example", i)}, Data: []byte("Subject: x\r\n\r\nx\r\n")})
		}
		err = sender.SendAll(t.Context(), slices.Values(batch), func(*smtpace.Result) {})
		if err = errors.Join(err, sender.Close()); err != nil {
			t.Fatal(err)
		}
		kept.saved = false
		found, err := Limits(cfg, "slow.example")
		if err != nil || kept.saved {
			t.Fatalf("%v, saved %v", err, kept.saved)
		}
		for _, b := range found[0].Bounds {
			if b.Origin == fromLessons && b.Key == "rate" {
				if !strings.Contains(b.Source, "450") || !strings.HasSuffix(b.Value, "/s") || !b.Binds {
					t.Errorf("%+v", b)
				}
				return
			}
		}
		t.Errorf("no learned rate in %+v", found)
	})
}
