package main

import (
	"slices"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// openings finds out how many connections were open when one more was refused:
// as many as deliveries had begun before and ended after it. A log has a
// delivery at its end, so that they stand behind the refusal.
type openings struct {
	waiting []opening // refusals that may still get deliveries, in order
	counts  []uint32  // of finished refusals, by the number of deliveries
}

type opening struct {
	at    time.Time
	under int // deliveries under way
}

const (
	// longestDelivery is the age at which a refusal is finished.
	longestDelivery = 10 * time.Minute
	// maxWaiting bounds the memory; later refusals say the same.
	maxWaiting = 64
	// maxUnder bounds the deliveries that are told apart.
	maxUnder = 255
)

func (o *openings) add(a *answer, v classify.Verdict) {
	if a.time.IsZero() {
		return
	}
	for len(o.waiting) > 0 && a.time.Sub(o.waiting[0].at) > longestDelivery {
		o.counts = counted(o.counts, o.waiting[0].under)
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

// median returns the median over the refusals during which anything was under way, and
// the number n of those refusals.
func (o *openings) median() (connections, n int) {
	counts := counted(slices.Clone(o.counts), 0)
	for _, w := range o.waiting {
		counts = counted(counts, w.under)
	}
	counts[0] = 0
	for _, c := range counts {
		n += int(c)
	}
	seen := 0
	for connections = range counts {
		if seen += int(counts[connections]); 2*seen >= n {
			break
		}
	}
	return connections, n
}

// counted counts one more refusal with so many deliveries under way.
func counted(counts []uint32, under int) []uint32 {
	under = min(under, maxUnder)
	for len(counts) <= under {
		counts = append(counts, 0)
	}
	counts[under]++
	return counts
}
