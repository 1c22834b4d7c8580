package smtpace

import (
	"slices"
	"strings"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/throttle"
)

// begin makes what the Scheduler granted ready for the wire. It returns nil,
// with everything given back, when there is nothing left to send.
func (s *Sender) begin(l *link, g *throttle.Grant[*delivery]) *pool.Delivery {
	d := g.Value()
	if s.routeAgain(d) {
		g.Return(time.Now())
		return nil
	}
	body, err := d.letter.render()
	if err != nil {
		s.unrendered(d, g, err)
		return nil
	}
	p, room := newPoolDelivery()
	send, rest := d.take(g.Recipients(), l.domains, body, room)
	if send == nil {
		g.Return(time.Now())
		return nil
	}
	if rest != nil {
		s.push(rest, rest.due)
	}
	p.From, p.To, p.Body, p.Provider = d.letter.from, send, body, d.provider
	p.DSN, p.NoParams, p.Value = d.letter.in.DSN, d.bare, g
	return d.onWire(p)
}

// newPoolDelivery returns a delivery for the wire and, in the same piece, room
// for its recipient if it has one.
func newPoolDelivery() (d *pool.Delivery, room []string) {
	one := &struct {
		pool.Delivery
		to [1]string
	}{}
	return &one.Delivery, one.to[:0]
}

// take decides what goes on the wire now, n recipients of so many domains at
// most, and what is left for another delivery. It returns the recipients, in room
// if they fit, or nil when the message has been withdrawn.
func (d *delivery) take(n, domains int, body pool.Body, room []string) (send []string, rest *delivery) {
	l := d.letter
	l.mu.Lock()
	defer l.finish()
	d.item, d.local = nil, nil
	switch {
	case d.pos < 0:
		return nil, nil
	case l.leaving != nil:
		l.endAllLocked(d, l.leaving, false)
		return nil, nil
	}
	d.going = true
	l.useLocked(d, body)
	if left := d.split(n, domains); len(left) > 0 {
		rest = l.attachLocked(d.route, left)
		rest.bare = d.bare
	}
	send = slices.Grow(room, len(d.to))
	for _, i := range d.to {
		send = append(send, l.to[i].wire)
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
		wire := d.letter.to[i].wire
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
func (d *delivery) onWire(p *pool.Delivery) *pool.Delivery {
	l := d.letter
	l.mu.Lock()
	defer l.mu.Unlock()
	d.wire = p
	if d.pos < 0 {
		p.Cancel()
	}
	return p
}

// transacted judges the answers to one transaction: it teaches the Scheduler,
// settles recipients, and queues the others again.
func (s *Sender) transacted(l *link, g *throttle.Grant[*delivery], r pool.Report) {
	now, d := time.Now(), g.Value()
	if r.Ordinal == 0 { // nothing was written
		g.Return(now)
	} else {
		s.changed(g.Done(now, outcome(r)))
		s.observe(l, d, r, now)
	}
	again := d.letter.judge(d, r, now)
	d.letter.rest(now)
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
func (s *Sender) observe(l *link, d *delivery, r pool.Report, now time.Time) {
	f := s.observer.Try
	if r.NotAttempted {
		return
	}
	s.tally.tried(d.destination, r)
	l.endpoint.answered(r)
	if f == nil {
		return
	}
	try := Try{
		Time: now, Relay: l.endpoint.name, Connection: l.conn.ID(), Ordinal: r.Ordinal,
		Destination: d.destination, ID: d.letter.in.ID, Recipients: make([]TryRecipient, len(d.to)),
	}
	for k, i := range d.to {
		a := r.Recipients[k]
		try.Recipients[k] = TryRecipient{
			Address: d.letter.result.Recipients[i].Address, Stage: a.Stage, Reply: a.Reply, Err: a.Err, Verdict: a.Verdict,
		}
	}
	f(try)
}
