package pool

import (
	"testing"
	"time"
)

// TestTimeoutsAreThoseOfRFC5321 where none is set, and those that are set are kept.
func TestTimeoutsAreThoseOfRFC5321(t *testing.T) {
	const minute = time.Minute
	want := Timeouts{Dial: minute / 2, Command: 5 * minute, Data: 2 * minute, Block: 3 * minute, BeforeDot: minute, Dot: 10 * minute}
	if got := (Timeouts{}).withDefaults(); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	own := Timeouts{1, 2, 3, 4, 5, 6}
	if got := own.withDefaults(); got != own {
		t.Errorf("got %+v, want %+v", got, own)
	}
	for limit, want := range map[time.Duration]time.Duration{time.Second: time.Second, minute: 20 * time.Second} {
		if got := (Timeouts{Command: limit}).reset(); got != want {
			t.Errorf("RSET may take %v where a command may take %v, want %v", got, limit, want)
		}
	}
}
