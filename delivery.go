package smtpace

import (
	"strings"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/throttle"
)

// begin makes what the Scheduler granted ready for the wire. It returns nil,
// with everything given back, when there is nothing left to send.
func (s *Sender) begin(c *conn, g *throttle.Grant[*delivery]) *pool.Delivery {
	d := g.Value()
	if s.routeAgain(d) {
		g.Return(time.Now())
		return nil
	}
	body, err := d.sub.render()
	if err != nil {
		s.unrendered(d, g, err)
		return nil
	}
	send, rest := d.take(g.Recipients(), c.domains, body)
	if send == nil {
		g.Return(time.Now())
		return nil
	}
	if rest != nil {
		s.push(rest, rest.due)
	}
	return d.started(&pool.Delivery{
		From: d.sub.from, To: send, Body: body, Provider: d.provider, DSN: d.sub.message.DSN, NoParams: d.bare, Value: g,
	})
}

// take decides what goes on the wire now, n recipients of so many domains at
// most, and what is left for another delivery. Nothing goes when the message
// has been withdrawn.
func (d *delivery) take(n, domains int, body pool.Body) (send []string, rest *delivery) {
	sub := d.sub
	sub.mu.Lock()
	defer sub.finish()
	d.item, d.lastFailure = nil, nil
	switch {
	case d.pos < 0:
		return nil, nil
	case sub.withdrawn != nil:
		sub.endAllLocked(d, sub.withdrawn, false)
		return nil, nil
	}
	d.going = true
	sub.startLocked(d, body)
	if left := d.split(n, domains); len(left) > 0 {
		rest = sub.attachLocked(d.route, left)
		rest.bare = d.bare
	}
	send = make([]string, len(d.to))
	for k, i := range d.to {
		send[k] = sub.recipients[i].mailbox
	}
	return send, rest
}

// split keeps n recipients at most, of so many domains at most unless that is
// zero, and returns the others.
func (d *delivery) split(n, domains int) (left []int) {
	if n >= len(d.to) && domains == 0 {
		return nil
	}
	var kept []int
	seen := map[string]bool{}
	for _, i := range d.to {
		wire := d.sub.recipients[i].mailbox
		domain := wire[strings.LastIndexByte(wire, '@')+1:]
		if len(kept) == n || domains > 0 && len(seen) == domains && !seen[domain] {
			left = append(left, i)
			continue
		}
		seen[domain] = true
		kept = append(kept, i)
	}
	d.to = kept
	return left
}

// onWire notes that a connection has d, unless the letter has been withdrawn
// since it was taken: a withdrawal that comes later finds it.
func (d *delivery) started(p *pool.Delivery) *pool.Delivery {
	sub := d.sub
	sub.mu.Lock()
	defer sub.mu.Unlock()
	d.pooled = p
	if d.pos < 0 {
		p.Cancel()
	}
	return p
}

// transacted judges the answers to one transaction: it teaches the Scheduler,
// settles recipients, and queues the others again.
func (s *Sender) transacted(c *conn, g *throttle.Grant[*delivery], r pool.Report) {
	now, d := time.Now(), g.Value()
	if r.Ordinal == 0 { // nothing was written
		g.Return(now)
	} else {
		s.changed(g.Done(now, outcome(r)))
		s.observe(c, d, r, now)
	}
	again := d.sub.judge(d, r, now)
	d.sub.keepOrDrop(now)
	for _, t := range again {
		s.push(t.d, t.notBefore)
	}
}

// outcome sums a transaction up for the Scheduler: the answer that names a
// limit counts before all others.
func outcome(r pool.Report) throttle.Outcome {
	o := throttle.Outcome{Recipients: r.Accepted}
	chosen := -1
	for k, a := range r.Recipients {
		if a.Verdict.Recipient == classify.Delivered {
			o.Accepted++
		}
		if chosen < 0 || a.Verdict.Throttled() && !r.Recipients[chosen].Verdict.Throttled() {
			chosen = k
		}
	}
	if chosen >= 0 {
		a := r.Recipients[chosen]
		o.Stage, o.Verdict, o.Err = a.Stage, a.Verdict, a.Err
	}
	return o
}

// observe tells the observers and the tallies of one transaction.
func (s *Sender) observe(c *conn, d *delivery, r pool.Report, now time.Time) {
	f := s.observer.Try
	if r.NotAttempted {
		return
	}
	s.counters.tried(d.destination, r)
	c.endpoint.answered(r)
	if f == nil {
		return
	}
	try := Try{
		Time: now, Relay: c.endpoint.name, Connection: c.pooled.ID(), Ordinal: r.Ordinal,
		Destination: d.destination, ID: d.sub.message.ID, Recipients: make([]TryRecipient, len(d.to)),
	}
	for k, i := range d.to {
		a := r.Recipients[k]
		try.Recipients[k] = TryRecipient{
			Address: d.sub.result.Recipients[i].Address, Stage: a.Stage, Reply: a.Reply, Err: a.Err, Verdict: a.Verdict,
		}
	}
	f(try)
}
