package throttle

import (
	"testing"
	"time"
)

// TestExhaustion takes five refusals, of three messages, over two minutes in which
// nothing was accepted that had begun since.
func TestExhaustion(t *testing.T) {
	type try struct {
		at       time.Duration
		message  uint64
		accepted bool
		began    time.Duration
	}
	five := []try{{0, 1, false, 0}, {time.Second, 2, false, time.Second}, {time.Second, 3, false, time.Second}, {time.Minute, 1, false, time.Minute}, {2 * time.Minute, 1, false, 2 * time.Minute}}
	for name, tt := range map[string]struct {
		tries []try
		now   time.Duration
		want  bool
	}{
		"enough":                      {five, exhaustedAfter, true},
		"a moment before":             {five, exhaustedAfter - 1, false},
		"four":                        {five[:4], time.Hour, false},
		"nothing":                     {nil, time.Hour, false},
		"of two messages":             {append([]try{{0, 1, false, 0}, {0, 2, false, 0}}, five[3], five[3], five[4]), time.Hour, false},
		"of messages without numbers": {[]try{{}, {}, {}, {}, {}}, time.Hour, true},
		"one accepted meanwhile":      {append(five[:4:4], try{time.Minute, 9, true, time.Second}, five[4]), time.Hour, false},
		"one that had begun before":   {append(five[:4:4], try{time.Minute, 9, true, -time.Second}, five[4]), time.Hour, true},
	} {
		var x exhaustion
		s := newRig(t, wide()).s
		for _, y := range tt.tries {
			if y.accepted {
				x.accepted(noon.Add(y.began))
			} else {
				x.refused(noon.Add(y.began), s.numberOf(y.message))
			}
		}
		if got := x.lasts(noon.Add(tt.now)); got != tt.want {
			t.Errorf("%s: got %v, want %v", name, got, tt.want)
		}
	}
}
