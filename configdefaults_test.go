package smtpace

import (
	"reflect"
	"testing"
	"time"

	"github.com/smtpace/smtpace/pool"
)

// TestDefaults: the fields of Config and PacerConfig that are zero have the defaults that
// their comments name, and those that are set stay.
func TestDefaults(t *testing.T) {
	want := Config{
		Expiry: 24 * time.Hour, MaxHeld: 10000, MaxHeldBytes: 64 << 20, MaxQueued: 250000, MaxQueuedBytes: 1 << 30,
		BulkPatience: 10 * time.Minute, DialAndSendTimeout: 2 * time.Minute, AmbiguousTries: 3,
	}
	set := Config{
		Expiry: time.Second, MaxHeld: 1, MaxHeldBytes: 1, MaxQueued: 1, MaxQueuedBytes: 1,
		BulkPatience: 1, DialAndSendTimeout: 1, AmbiguousTries: 1,
	}
	for name, tt := range map[string]struct{ given, want Config }{"zero": {Config{}, want}, "set": {set, set}} {
		got := tt.given.withDefaults()
		if got.Profiles == nil {
			t.Errorf("%s: no profiles, not even an empty set", name)
		}
		got.Profiles = nil
		if !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: got %+v, want %+v", name, got, tt.want)
		}
	}
	p, err := PacerConfig{}.normalized()
	if err != nil {
		t.Fatal(err)
	}
	if p.Expiry != 24*time.Hour || p.AmbiguousTries != 3 || p.MaxWait != time.Second || p.Profiles == nil {
		t.Errorf("of a Pacer: got %+v", p)
	}
}

// TestDotTimeoutDoubles: the wait for the reply to the dot begins at Timeouts.Dot, which is 10
// minutes unless it is set, and doubles with each try that was ambiguous, up to three times.
func TestDotTimeoutDoubles(t *testing.T) {
	for _, tt := range []struct {
		dot       time.Duration
		ambiguous int
		want      time.Duration
	}{
		{0, 0, 0}, {0, 1, 20 * time.Minute}, {0, 2, 40 * time.Minute}, {0, 3, 80 * time.Minute}, {0, 4, 80 * time.Minute}, {0, 100, 80 * time.Minute},
		{time.Minute, 0, 0}, {time.Minute, 1, 2 * time.Minute}, {time.Minute, 9, 8 * time.Minute},
	} {
		cfg := Config{Timeouts: pool.Timeouts{Dot: tt.dot}}
		if got := cfg.dotTimeout(tt.ambiguous); got != tt.want {
			t.Errorf("%v, %d ambiguous tries: got %v, want %v", tt.dot, tt.ambiguous, got, tt.want)
		}
	}
}
