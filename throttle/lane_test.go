package throttle

import "testing"

func TestLaneString(t *testing.T) {
	for l, want := range map[Lane]string{Bulk: "bulk", Single: "single", 7: "invalid"} {
		if got := l.String(); got != want {
			t.Errorf("lane %d is %q, want %q", l, got, want)
		}
	}
}
