package simulate

import "time"

// The settings of Postfix. The first three are its defaults and the best of
// the published feedbacks; the times are tuned down from 5 and 66 minutes,
// which would hide everything else.
const (
	initialConcurrency = 5                // initial_destination_concurrency
	concurrencyLimit   = 20               // default_destination_concurrency_limit
	cohortLimit        = 1                // default_destination_concurrency_failed_cohort_limit
	minimalBackoff     = 5 * time.Second  // minimal_backoff_time
	maximalBackoff     = 30 * time.Second // maximal_backoff_time
	queueRunDelay      = 5 * time.Second  // how often what was put off is looked at
	cachedFor          = 2 * time.Second  // smtp_connection_cache_time_limit
)

// postfix is the queue manager. For each next hop it has a concurrency, the
// number of deliveries at once. It rises by 1/concurrency with every delivery that
// completes the handshake, whatever the replies from MAIL on, and falls by
// 1/concurrency with every one that does not. After as many of those in a row as the
// concurrency the next hop is dead for a while, and all of its mail waits.
type postfix struct {
	n    *network
	hops []*nexthop // by host
}

type nexthop struct {
	n           *network
	host        *host
	concurrency int // 0: dead
	inFlight    int // deliveries
	success     float64
	failure     float64
	cohorts     float64
	active      fifo
	deferred    []deferral
	cached      []*line
}

type deferral struct {
	m   *message
	due time.Duration
}

// agent joins a line with its next hop and with the delivery that opened it or
// will use it.
type agent struct {
	hop   *nexthop
	m     *message
	epoch int // of its rests
}

func newPostfix(n *network) *postfix {
	p := &postfix{n: n}
	for _, h := range n.hosts {
		hop := &nexthop{n: n, host: h, concurrency: initialConcurrency}
		p.hops = append(p.hops, hop)
		n.after(queueRunDelay, hop.scan)
	}
	return p
}

func (p *postfix) push(m *message) {
	hop := p.hops[m.to.Host]
	if hop.concurrency == 0 {
		hop.put(m)
		return
	}
	hop.active.push(m)
	hop.dispatch()
}

// dispatch begins deliveries as far as the concurrency lets it.
func (h *nexthop) dispatch() {
	for h.inFlight < h.concurrency && h.active.len() > 0 {
		m := h.active.pop()
		h.inFlight++
		if last := len(h.cached) - 1; last >= 0 {
			l := h.cached[last]
			h.cached = h.cached[:last]
			l.owner.(*agent).m = m
			l.wake()
			continue
		}
		h.n.dial(h.host, &agent{hop: h, m: m})
	}
}

// put puts a message off: for as long as it is old, within bounds.
func (h *nexthop) put(m *message) {
	age := h.n.now - m.created
	h.deferred = append(h.deferred, deferral{m, h.n.now + min(max(age, minimalBackoff), maximalBackoff)})
}

// scan makes active what is due.
func (h *nexthop) scan() {
	h.n.after(queueRunDelay, h.scan)
	if h.concurrency == 0 {
		return
	}
	kept := h.deferred[:0]
	for _, d := range h.deferred {
		if d.due <= h.n.now {
			h.active.push(d.m)
		} else {
			kept = append(kept, d)
		}
	}
	h.deferred = kept
	h.dispatch()
}

// good applies positive feedback.
func (h *nexthop) good() {
	h.cohorts = 0
	if h.concurrency == 0 { // alive again, as far as it is in use
		h.concurrency = max(h.inFlight, 1)
	}
	if h.concurrency >= concurrencyLimit || h.concurrency >= h.inFlight+initialConcurrency {
		return
	}
	step := 1 / float64(h.concurrency)
	h.success += step
	for h.success+step/2 >= 1 && h.concurrency < concurrencyLimit {
		h.concurrency++
		h.success--
		h.failure = 0
	}
}

// bad applies negative feedback.
func (h *nexthop) bad() {
	if h.concurrency == 0 {
		return
	}
	step := 1 / float64(h.concurrency)
	if h.cohorts += step; h.cohorts >= cohortLimit-1e-9 {
		h.die()
		return
	}
	h.failure -= step
	for h.failure-step/2 < 0 {
		h.concurrency = max(h.concurrency-1, 1)
		h.success = 0
		h.failure++
	}
}

// die gives a next hop up for a while.
func (h *nexthop) die() {
	h.concurrency, h.success, h.failure, h.cohorts = 0, 0, 0, 0
	for m := h.active.pop(); m != nil; m = h.active.pop() {
		h.put(m)
	}
	h.n.after(minimalBackoff, func() {
		if h.concurrency == 0 {
			h.concurrency = initialConcurrency
			h.dispatch()
		}
	})
}

func (p *postfix) opened(*line) {}

func (p *postfix) next(l *line) *message {
	a := l.owner.(*agent)
	h := a.hop
	m := a.m
	a.m = nil
	if m == nil && h.inFlight < h.concurrency {
		if m = h.active.pop(); m != nil {
			h.inFlight++
		}
	}
	if m != nil {
		return m
	}
	h.cached = append(h.cached, l)
	a.epoch++
	epoch := a.epoch
	h.n.after(cachedFor, func() {
		if a.epoch == epoch && h.uncache(l) {
			l.quit()
		}
	})
	return nil
}

// uncache takes a line out of the cache, if it is there.
func (h *nexthop) uncache(l *line) bool {
	for i := range h.cached {
		if h.cached[i] == l {
			h.cached = append(h.cached[:i], h.cached[i+1:]...)
			return true
		}
	}
	return false
}

// behind returns nil: one delivery ends before the next begins.
func (p *postfix) behind(*line, *message) *message { return nil }

func (p *postfix) wrote(*line, *message) {}

func (p *postfix) done(l *line, m *message, _ int, a *answer) {
	h := l.owner.(*agent).hop
	h.inFlight--
	if a != nil {
		h.put(m)
	}
	if a != nil && a.code == 0 {
		h.bad()
	} else {
		h.good()
	}
	h.n.after(0, h.dispatch)
}

func (p *postfix) leaves(*line) {}

func (p *postfix) closed(l *line, a *answer) {
	o := l.owner.(*agent)
	o.hop.uncache(l)
	if o.m != nil { // it never went on the wire
		o.hop.inFlight--
		o.hop.put(o.m)
		o.m = nil
		if a != nil {
			o.hop.bad()
		}
	}
	o.hop.dispatch()
}
