package throttle

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// A snapshot tells its limits, with the reply that taught them; those that are too old
// are left out.
func TestLearnedLimits(t *testing.T) {
	now := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	lesson := func(age int, more string) string {
		return fmt.Sprintf(`{"lessons":{"age":%d,"limit":"message-rate","evidence":"450 4.7.1 slow down"%s},"meters":{"learned rate":{"rate":{"per_second":4.5,"depth":0.1,"reach":10}}}}`, age, more)
	}
	text := fmt.Sprintf(`{"version":%d,"taken":%q,"process":{},"destinations":{"a.example":%s,"old.example":%s},"endpoints":{"relay:25":%s}}`,
		snapshotVersion, now.Add(-time.Minute).Format(time.RFC3339), lesson(60, `,"connections_refused":5,"recipients_per_message":20`), lesson(90*24*3600, ""), lesson(0, ""))
	found, err := LearnedLimits(now, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, l := range found {
		got = append(got, fmt.Sprintf("%v %s %s", l.Scope, l.Key, l.Value))
		if l.Evidence != "450 4.7.1 slow down" || now.Sub(l.At) < time.Minute || now.Sub(l.At) > 2*time.Minute {
			t.Errorf("%+v", l)
		}
	}
	want := `endpoint "relay:25" rate 4.5/s; destination "a.example" connections 4; destination "a.example" per-message 20; destination "a.example" rate 4.5/s`
	if strings.Join(got, "; ") != want {
		t.Errorf("%s, want %s", strings.Join(got, "; "), want)
	}
	of := scopeRecord{Meters: map[string]meterRecord{"learned rate": {}, "rate": {Rate: &estimateRecord{Level: 9}}, "learned bytes": {Rate: &estimateRecord{Level: 8}}}}
	if got := of.limits(now, Scope{}); len(got) != 1 || got[0].Key != "bytes" {
		t.Errorf("of meters without a rate, and of some that were not learned: %+v", got)
	}
	for _, bad := range []string{"", "{", `{"version":0}`} {
		if _, err := LearnedLimits(now, []byte(bad)); err == nil {
			t.Errorf("%q is a snapshot", bad)
		}
	}
}
