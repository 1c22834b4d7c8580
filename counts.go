package smtpace

import (
	"container/list"
	"maps"
	"sync"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/pool"
)

// Counts is what became of recipients, since the Sender was made.
type Counts struct {
	Waiting   int64 `json:"waiting,omitempty"` // messages that are not settled; in Stats.Total only
	Delivered int64 `json:"delivered"`
	Refused   int64 `json:"refused"`
	GaveUp    int64 `json:"gave_up"`
	NotTried  int64 `json:"not_tried"`
	Unknown   int64 `json:"unknown"`
	Ambiguous int64 `json:"ambiguous"` // tries whose final dot was sent without a reply
	Tries     int64 `json:"tries"`     // transactions
	Throttled int64 `json:"throttled"` // answers to tries that named a limit
	// Deferred counts the answers that put a recipient off, by class.
	Deferred map[classify.Class]int64 `json:"deferred,omitempty"`
}

// maxTallied is how many destinations are counted one by one; the counts of
// those that were used least recently go into the total alone.
const maxCounted = 10_000

// tally keeps the counts. Its lock is a leaf.
type counters struct {
	mu     sync.Mutex
	sum    Counts
	by     map[string]*list.Element
	recent list.List // of *tallied, the most recently used first
}

type destinationCounts struct {
	name   string
	counts Counts
}

func newCounters() *counters {
	return &counters{by: map[string]*list.Element{}}
}

// atLocked gives the counts of a destination, new ones if need be.
func (t *counters) atLocked(destination string) *Counts {
	if at := t.by[destination]; at != nil {
		t.recent.MoveToFront(at)
		return &at.Value.(*destinationCounts).counts
	}
	if t.recent.Len() >= maxCounted {
		last := t.recent.Back()
		delete(t.by, last.Value.(*destinationCounts).name)
		t.recent.Remove(last)
	}
	d := &destinationCounts{name: destination}
	t.by[destination] = t.recent.PushFront(d)
	return &d.counts
}

// tried counts one transaction.
func (t *counters) tried(destination string, r pool.Report) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sum.tried(r)
	t.atLocked(destination).tried(r)
}

// tried counts one transaction.
func (c *Counts) tried(r pool.Report) {
	c.Tries++
	throttled := false
	for _, a := range r.Recipients {
		throttled = throttled || a.Verdict.Throttled()
		switch a.Verdict.Recipient {
		case classify.Ambiguous:
			c.Ambiguous++
		case classify.Later:
			if c.Deferred == nil {
				c.Deferred = map[classify.Class]int64{}
			}
			c.Deferred[a.Verdict.Class]++
		}
	}
	if throttled {
		c.Throttled++
	}
}

// answered counts what a relay said to one transaction.
func (e *endpoint) answered(r pool.Report) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.counts.tried(r)
	for _, a := range r.Recipients {
		switch a.Verdict.Recipient {
		case classify.Delivered:
			e.counts.add(Delivered)
		case classify.Refused:
			e.counts.add(Refused)
		}
	}
}

// settled counts the ends of one message.
func (t *counters) settled(r *Result) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var at *Counts
	for i := range r.Recipients {
		of := &r.Recipients[i]
		if i == 0 || of.Destination != r.Recipients[i-1].Destination {
			at = t.atLocked(of.Destination)
		}
		at.add(of.Status)
		t.sum.add(of.Status)
	}
}

func (c *Counts) add(s Status) {
	switch s {
	case NotTried:
		c.NotTried++
	case Delivered:
		c.Delivered++
	case Refused:
		c.Refused++
	case GaveUp:
		c.GaveUp++
	case Unknown:
		c.Unknown++
	}
}

func (c Counts) clone() Counts {
	c.Deferred = maps.Clone(c.Deferred)
	return c
}

func (t *counters) total() Counts {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.sum.clone()
}

func (t *counters) of(destination string) Counts {
	t.mu.Lock()
	defer t.mu.Unlock()
	if at := t.by[destination]; at != nil {
		return at.Value.(*destinationCounts).counts.clone()
	}
	return Counts{}
}

func (t *counters) all() map[string]Counts {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := make(map[string]Counts, len(t.by))
	for name, at := range t.by {
		out[name] = at.Value.(*destinationCounts).counts.clone()
	}
	return out
}
