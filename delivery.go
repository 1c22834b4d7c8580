package smtpace

import (
	"errors"
	"fmt"
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
	body, err := d.letter.render()
	send, rest := d.take(g.Recipients(), l.domains, int64(body.Len()), err)
	if send == nil {
		g.Return(time.Now())
		return nil
	}
	if rest != nil {
		s.push(rest, time.Time{})
	}
	return d.onWire(&pool.Delivery{
		From: d.letter.from, To: send, Body: body, Provider: d.provider, DSN: d.letter.in.DSN, NoParams: d.bare, Value: g,
	})
}

// take decides what goes on the wire now, n recipients of so many domains at
// most, and what is left for another delivery. Nothing goes when the message
// could not be rendered or has been withdrawn.
func (d *delivery) take(n, domains int, size int64, renderErr error) (send []string, rest *delivery) {
	l := d.letter
	l.mu.Lock()
	defer l.finish()
	d.item = nil
	switch {
	case d.pos < 0:
		return nil, nil
	case l.leaving != nil:
		l.endAllLocked(d, l.leaving, false)
		return nil, nil
	case renderErr != nil:
		l.refuseAllLocked(d, renderErr)
		return nil, nil
	}
	if !l.holding {
		l.holding, l.held = true, d.destination
		l.s.sched.Hold(d.destination, size)
		for _, other := range l.parts {
			if other.item != nil {
				l.s.sched.Rendered(time.Now(), other.item)
			}
		}
	}
	if left := d.split(n, domains); len(left) > 0 {
		rest = l.attachLocked(d.route, left...)
		rest.bare = d.bare
	}
	send = make([]string, len(d.to))
	for k, i := range d.to {
		send[k] = l.to[i].wire
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
	for _, t := range d.letter.judge(d, r, now) {
		s.push(t.d, t.notBefore)
	}
}

// judge settles what a transaction decides and makes deliveries of the rest.
func (l *letter) judge(d *delivery, r pool.Report, now time.Time) []*retrial {
	l.mu.Lock()
	defer l.finish()
	d.wire = nil
	if d.pos < 0 {
		return nil // withdrawn meanwhile, and settled
	}
	l.detachLocked(d)
	var again []*retrial
	for k, i := range d.to {
		again = l.judgeLocked(i, r, k, now, again)
	}
	for _, t := range again {
		t.d = l.attachLocked(d.route, t.to...)
		t.d.bare = d.bare || r.NoParams
	}
	return again
}

// retrial is recipients of one transaction that are tried again together.
type retrial struct {
	verdict   classify.Verdict
	streak    int
	to        []int
	notBefore time.Time
	d         *delivery
}

// judgeLocked gives recipient i, the k-th of the report, its end, or adds it to
// a retrial.
func (l *letter) judgeLocked(i int, report pool.Report, k int, now time.Time, again []*retrial) []*retrial {
	a, t := report.Recipients[k], &l.to[i]
	switch {
	case report.Ordinal == 0: // nothing was sent: a local check, or a withdrawal
		l.result.Recipients[i].Class = a.Verdict.Class
	case !report.NotAttempted:
		l.recordLocked(i, a, now)
	}
	switch {
	case report.NotAttempted: // nobody was judged
	case a.Verdict.Recipient == classify.Delivered:
		l.settleLocked(i, Delivered, nil)
		return again
	case a.Verdict.Recipient == classify.Refused:
		l.settleLocked(i, Refused, a.Err)
		return again
	case a.Verdict.Recipient == classify.Ambiguous && l.s.cfg.OnAmbiguous == ReportAmbiguous:
		l.settleLocked(i, Unknown, a.Err)
		return again
	}
	if l.leaving != nil {
		l.endLocked(i, l.leaving, false)
		return again
	}
	for _, trial := range again {
		if trial.verdict == a.Verdict && trial.streak == t.streak {
			trial.to = append(trial.to, i)
			return again
		}
	}
	trial := &retrial{verdict: a.Verdict, streak: t.streak, to: []int{i}}
	if report.NotAttempted { // the connection was dead before: again at once, and free
		return append(again, trial)
	}
	delay, ok := l.s.policy.Next(a.Verdict, t.streak, now.Sub(l.result.Recipients[i].FirstTry))
	due := now.Add(delay)
	switch {
	case !ok:
		l.endLocked(i, errors.New("smtpace: the retry policy allows no further try"), false)
		return again
	case !due.Before(l.expires):
		l.endLocked(i, fmt.Errorf("%w: the next try would come too late", ErrExpired), false)
		return again
	case delay > 0:
		trial.notBefore = due
	}
	return append(again, trial)
}

// recordLocked counts a try of recipient i and keeps its answer.
func (l *letter) recordLocked(i int, a pool.Answer, now time.Time) {
	r, t := &l.result.Recipients[i], &l.to[i]
	r.Tries++
	if r.FirstTry.IsZero() {
		r.FirstTry = now
	}
	r.LastTry = now
	r.Class, r.Err = a.Verdict.Class, a.Err
	if a.Reply != nil {
		r.Reply = a.Reply
	}
	if a.Verdict.Recipient == classify.Ambiguous {
		r.Ambiguous++
	}
	if a.Verdict.Throttled() && a.Verdict.Limit != classify.LimitMailboxRate {
		return // a limit costs no attempt
	}
	if !a.Verdict.Throttled() {
		r.Attempts++
	}
	if t.class == a.Verdict.Class {
		t.streak++
	} else {
		t.class, t.streak = a.Verdict.Class, 1
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

// observe tells the Observer and the tallies of one transaction.
func (s *Sender) observe(l *link, d *delivery, r pool.Report, now time.Time) {
	f := s.cfg.Observer.Try
	if r.NotAttempted {
		return
	}
	s.tally.tried(d.destination, r)
	l.endpoint.answered(r)
	if f == nil {
		return
	}
	try := Try{
		Time: now, Relay: l.endpoint.relay.Name, Connection: l.conn.ID(), Ordinal: r.Ordinal,
		Destination: d.destination, ID: d.letter.in.ID, Recipients: make([]TryRecipient, len(d.to)),
	}
	for k, i := range d.to {
		a := r.Recipients[k]
		try.Recipients[k] = TryRecipient{
			Address: d.letter.result.Recipients[i].Address, Stage: a.Stage, Err: a.Err, Reply: a.Reply, Verdict: a.Verdict,
		}
	}
	f(try)
}
