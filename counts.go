package smtpace

import (
	"container/list"
	"maps"
	"sync"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/pool"
)

// Counts are numbers of recipients by outcome since New. Delivered, Refused,
// GaveUp, NotTried and Unknown are the five of Status.
type Counts struct {
	Waiting   int64 `json:"waiting,omitempty"` // messages that are not settled; only in Stats.Total
	Delivered int64 `json:"delivered"`
	Refused   int64 `json:"refused"`
	GaveUp    int64 `json:"gave_up"`
	NotTried  int64 `json:"not_tried"`
	Unknown   int64 `json:"unknown"`
	Ambiguous int64 `json:"ambiguous"` // tries whose final dot was sent without a reply
	Tries     int64 `json:"tries"`     // transactions
	Throttled int64 `json:"throttled"` // answers to tries that named a limit
	// Deferred is the number of answers that put a recipient off, by class.
	Deferred map[classify.Class]int64 `json:"deferred,omitempty"`
}

// maxCounted is the number of destinations that are counted one by one. Those
// that were used least recently are in the total alone.
const maxCounted = 10_000

// counters are the Counts of all mail and of each destination. The lock is a
// leaf.
type counters struct {
	mu     sync.Mutex
	sum    Counts                   // counts of all mail
	by     map[string]*list.Element // elements of recent by destination
	recent list.List                // of *destinationCounts, the most recently used first
}

// destinationCounts are the counts of one destination.
type destinationCounts struct {
	name   string
	counts Counts
}

// newCounters returns counters at zero.
func newCounters() *counters {
	return &counters{by: map[string]*list.Element{}}
}

// atLocked returns the counts of a destination, and makes them if need be.
func (c *counters) atLocked(destination string) *Counts {
	if at := c.by[destination]; at != nil {
		c.recent.MoveToFront(at)
		return &at.Value.(*destinationCounts).counts
	}
	if c.recent.Len() >= maxCounted {
		last := c.recent.Back()
		delete(c.by, last.Value.(*destinationCounts).name)
		c.recent.Remove(last)
	}
	d := &destinationCounts{name: destination}
	c.by[destination] = c.recent.PushFront(d)
	return &d.counts
}

// tried counts one transaction.
func (c *counters) tried(destination string, r pool.Report) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sum.tried(r)
	c.atLocked(destination).tried(r)
}

// tried counts one transaction.
func (c *Counts) tried(r pool.Report) {
	c.Tries++
	throttled := false
	for _, a := range r.Recipients {
		throttled = throttled || a.Verdict.Throttled()
		switch a.Verdict.Recipient {
		case classify.RecipientAmbiguous:
			c.Ambiguous++
		case classify.RecipientLater:
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

// answered counts the answers of a relay to one transaction of a sender.
func (e *endpoint) answered(from string, r pool.Report, now time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.counts.answered(r) > 0 {
		e.senders.accepted(from, now)
	}
}

// answered counts the answers to one transaction, and returns the number of recipients
// that were delivered.
func (c *Counts) answered(r pool.Report) (delivered int) {
	c.tried(r)
	for _, a := range r.Recipients {
		switch a.Verdict.Recipient {
		case classify.RecipientDelivered:
			c.add(Delivered)
			delivered++
		case classify.RecipientRefused:
			c.add(Refused)
		}
	}
	return delivered
}

// settled counts the outcomes of one message.
func (c *counters) settled(r *Result) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var at *Counts
	for i := range r.Recipients {
		of := &r.Recipients[i]
		if i == 0 || of.Destination != r.Recipients[i-1].Destination {
			at = c.atLocked(of.Destination)
		}
		at.add(of.Status)
		c.sum.add(of.Status)
	}
}

// settledOne counts the outcome of a recipient.
func (c *counters) settledOne(r *Recipient) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.atLocked(r.Destination).add(r.Status)
	c.sum.add(r.Status)
}

// delivered counts so many transactions with one recipient each, who was delivered.
func (c *counters) delivered(destination string, n int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, of := range []*Counts{c.atLocked(destination), &c.sum} {
		of.Tries += n
		of.Delivered += n
	}
}

// add counts one outcome.
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

// clone returns a copy that shares nothing.
func (c Counts) clone() Counts {
	c.Deferred = maps.Clone(c.Deferred)
	return c
}

// total returns the counts of all mail.
func (c *counters) total() Counts {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sum.clone()
}

// all returns the counts of every destination by name.
func (c *counters) all() map[string]Counts {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make(map[string]Counts, len(c.by))
	for name, at := range c.by {
		out[name] = at.Value.(*destinationCounts).counts.clone()
	}
	return out
}
