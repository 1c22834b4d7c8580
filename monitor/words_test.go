package monitor

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/smtpace/smtpace/throttle"
)

// say returns phrases as the page shows them.
func say(all []phrase) string {
	var lines []string
	for _, p := range all {
		line := ""
		for _, part := range p {
			if ms, ok := part.(int64); ok {
				part = time.UnixMilli(ms).UTC().Format("15:04")
			}
			line += fmt.Sprint(part)
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

func TestWords(t *testing.T) {
	at := func(d time.Duration) *time.Time { return new(noon.Add(d)) }
	learned := throttle.Pace{Concurrency: 8, MessageRate: "50/s", LastRefusal: "450 4.7.1 slow down", RefusedAt: at(-2 * time.Hour)}
	for _, test := range []struct {
		name string
		x    throttle.Explanation
		want string
	}{
		{"learned", throttle.Explanation{
			Queued: 12031, InFlight: 2, Pace: learned, Rate: 50, Bind: throttle.Binding{Scope: "destination", Name: "d", Limit: "message-rate", Learned: true},
			Next: at(400 * time.Millisecond), ETA: at(3 * time.Hour),
		}, "Paced by the learned rate; next message in 0.4 s; 2 on the wire; 12,031 waiting, done about 15:00\n50/s learned at 10:00 from 450 4.7.1 slow down\nUp to 8 at once"},
		{"idle", throttle.Explanation{Pace: throttle.Pace{Concurrency: 1}}, "Nothing waits\nNo limit was learned; up to 1 at once"},
		{"set", throttle.Explanation{Queued: 3, Rate: 0.5, Pace: throttle.Pace{Concurrency: 10}, Bind: throttle.Binding{Scope: "process", Limit: "message-rate"}, Next: at(time.Minute)},
			"Paced by the rate of this process; next message in 60 s; 3 waiting\n30/min is the limit; 10 at once"},
		{"paused", throttle.Explanation{Queued: 1, Pace: throttle.Pace{Concurrency: 1}, Bind: throttle.Binding{Scope: "destination", Name: "d", Limit: "pause"}},
			"Paused by the operator; 1 waiting\nNo limit was learned; up to 1 at once"},
		{"unreachable", throttle.Explanation{
			Queued: 7, Pace: throttle.Pace{Concurrency: 1}, Endpoint: "mx:25", Via: &throttle.Pace{}, Next: at(10 * time.Minute),
			Bind: throttle.Binding{Scope: "endpoint", Name: "mx:25", Limit: "unreachable", Learned: true},
		}, "Nothing is accepted at present: no connection to mx:25; next message in 10 min; 7 waiting\nNo limit was learned; up to 1 at once\nGoes through mx:25"},
		{"greylisted", throttle.Explanation{Queued: 4, Parked: 2, Pace: throttle.Pace{Concurrency: 1}},
			"Waits for the next try; 4 waiting\nNo limit was learned; up to 1 at once\n2 of the waiting are held for their mailbox, tenant or sender alone"},
		{"connections", throttle.Explanation{Queued: 4, InFlight: 3, Pace: throttle.Pace{Concurrency: 3, LastRefusal: "421 too many", RefusedAt: at(-time.Minute)}, Bind: throttle.Binding{Scope: "destination", Name: "d", Limit: "connections", Learned: true}},
			"Paced by the learned number at once; 3 on the wire; 4 waiting\n3 at once learned at 11:59 from 421 too many"},
		{"endpoint", throttle.Explanation{
			Queued: 4, InFlight: 1, Endpoint: "relay:587", Proved: "webpki", Pace: throttle.Pace{Concurrency: 5}, Via: &learned,
			Bind: throttle.Binding{Scope: "endpoint", Name: "relay:587", Limit: "message-rate", Learned: true},
		}, "Paced by the learned rate of relay:587; 1 on the wire; 4 waiting\nNo limit was learned; up to 5 at once\nGoes through relay:587 (TLS proves webpki)\nrelay:587: 50/s learned at 10:00 from 450 4.7.1 slow down\nrelay:587: Up to 8 at once"},
		{"hint", throttle.Explanation{Queued: 4, Pace: throttle.Pace{Concurrency: 1, PausedUntil: at(time.Hour), Inferred: "3 refusals"}, Bind: throttle.Binding{Scope: "destination", Limit: "hint"}, Next: at(5 * time.Hour)},
			"Waits for the time that the receiver asked for; next message in 5.0 h; 4 waiting\nNo limit was learned; up to 1 at once"},
		{"unknown limit", throttle.Explanation{Queued: 1, Pace: throttle.Pace{Concurrency: 1}, Bind: throttle.Binding{Scope: "tenant", Name: "acme", Limit: "moon-phase"}},
			"Paced by moon-phase of tenant acme; 1 waiting\nNo limit was learned; up to 1 at once"},
	} {
		test.x.Time = noon
		if got := say(words(&test.x, stateOf(&test.x, 0))); got != test.want {
			t.Errorf("%s: got\n%s\nwant\n%s", test.name, got, test.want)
		}
	}
}

func TestCount(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 12031: "12,031", 1234567: "1,234,567", -1000: "-1,000", -100: "-100"} {
		if got := count(n); got != want {
			t.Errorf("%d: got %s, want %s", n, got, want)
		}
	}
}
