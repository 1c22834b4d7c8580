package smtpace

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/smtpace/smtpace/throttle"
)

// TestRecordsOfABreaker: they name the relay, and the destination and the sender where the
// breaker is theirs alone.
func TestRecordsOfABreaker(t *testing.T) {
	why := errors.New("relay access denied")
	for name, tt := range map[string]struct {
		change throttle.Change
		want   string
	}{
		"of a relay":            {throttle.Change{Name: "mx"}, `accepts mail again" relay=mx`},
		"of a destination":      {throttle.Change{Name: "x.example", Via: "mx"}, `accepts mail again" relay=mx destination=x.example`},
		"of a sender":           {throttle.Change{Name: "mx", Sender: "s.example"}, `accepts mail again" relay=mx sender=s.example`},
		"of a sender somewhere": {throttle.Change{Name: "x.example", Via: "mx", Sender: "s.example"}, `accepts mail again" relay=mx destination=x.example sender=s.example`},
		"one that opens":        {throttle.Change{Name: "mx", Reason: why, Until: epoch}, `from now on" relay=mx next=` + epoch.Format(time.RFC3339Nano)[:19]},
	} {
		var out bytes.Buffer
		logBreaker(slog.New(slog.NewTextHandler(&out, nil)), &tt.change)
		text := strings.TrimSpace(out.String())
		if !strings.Contains(text, "level=WARN") || !strings.Contains(text, tt.want) {
			t.Errorf("%s: got %s\nwant %s", name, text, tt.want)
		}
		if opens := tt.change.Reason != nil; strings.Contains(text, `error="relay access denied"`) != opens || !opens && !strings.HasSuffix(text, tt.want) {
			t.Errorf("%s: got %s\nwant %s", name, text, tt.want)
		}
	}
}
