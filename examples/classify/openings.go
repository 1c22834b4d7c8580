package main

import (
	"time"

	"github.com/smtpace/smtpace/classify"
)

// openings finds out how many connections were open when one more was refused:
// as many as deliveries had begun before and ended after it. A log has a
// delivery at its end, so that they stand behind the refusal.
type openings struct {
	waiting []opening // refusals that may still get deliveries, in order
	counts  [256]int  // of finished refusals, by the number of deliveries
}

type opening struct {
	at    time.Time
	under int // deliveries under way
}

const (
	// longestDelivery is when a refusal is finished.
	longestDelivery = 10 * time.Minute
	// maxWaiting bounds the memory; later refusals say the same.
	maxWaiting = 64
)

func (o *openings) add(a *answer, v classify.Verdict) {
	if a.time.IsZero() {
		return
	}
	for len(o.waiting) > 0 && a.time.Sub(o.waiting[0].at) > longestDelivery {
		o.counts[min(o.waiting[0].under, len(o.counts)-1)]++
		o.waiting = o.waiting[1:]
	}
	if v.Limit == classify.LimitConnections {
		if len(o.waiting) < maxWaiting {
			o.waiting = append(o.waiting, opening{at: a.time})
		}
		return
	}
	began := a.time.Add(-a.took)
	for i := range o.waiting {
		if w := &o.waiting[i]; began.Before(w.at) && w.at.Before(a.time) {
			w.under++
		}
	}
}

// median is that of the refusals during which anything was under way; n is how
// many those were.
func (o *openings) median() (connections, n int) {
	counts := o.counts
	for _, w := range o.waiting {
		counts[min(w.under, len(counts)-1)]++
	}
	counts[0] = 0
	for _, c := range counts {
		n += c
	}
	seen := 0
	for connections = range counts {
		if seen += counts[connections]; 2*seen >= n {
			break
		}
	}
	return connections, n
}
