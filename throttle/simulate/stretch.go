package simulate

import "time"

// Stretch is a rate from some time on, until the next Stretch or the end.
type Stretch struct {
	From      time.Duration
	PerSecond float64
}

func steady(perSecond float64) []Stretch { return []Stretch{{PerSecond: perSecond}} }

// rateAt is the rate at a time; 0 when there is none.
func rateAt(stretches []Stretch, now time.Duration) (perSecond float64) {
	for _, s := range stretches {
		if s.From <= now {
			perSecond = s.PerSecond
		}
	}
	return perSecond
}

// allowed is how many messages the rates let through from one time to another.
func allowed(stretches []Stretch, from, to time.Duration) float64 {
	var n float64
	for i, s := range stretches {
		end := to
		if i+1 < len(stretches) {
			end = min(to, stretches[i+1].From)
		}
		if begin := max(from, s.From); end > begin {
			n += s.PerSecond * (end - begin).Seconds()
		}
	}
	return n
}
