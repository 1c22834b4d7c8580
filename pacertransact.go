package smtpace

import (
	"context"
	"hash/maphash"
	"log/slog"
	"slices"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/internal/culprit"
	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/throttle"
)

// transact runs the function of a call for a turn that was given, and decides what
// becomes of its recipients.
func (c *call) transact(ctx context.Context, t *turn) {
	p, g, now := c.pacer, t.grant, time.Now()
	c.unqueued(t)
	rest := c.fit(t, g.Recipients())
	g.Wrote(now)
	g.Asked(now)
	if rest != nil {
		c.queue(rest, time.Time{}, true)
	}
	p.drive()

	returned := false
	defer func() {
		if !returned {
			c.abandon(t)
		}
	}()
	err := c.invoke(ctx, t)
	c.finish(t, now, err)
	returned = true
}

// abandon gives back what a call has whose function, or another of the user's, has
// panicked or has ended its goroutine.
func (c *call) abandon(t *turn) {
	now := time.Now()
	if t.open {
		t.open = false
		t.grant.Return(now) // what was written stays counted
	}
	if t.placed {
		t.placed = false
		t.at.end(now)
	}
	c.drop()
}

// finish ends a turn whose function has begun at a time and returned an error, and
// decides what becomes of its recipients.
func (c *call) finish(t *turn, began time.Time, err error) {
	p := c.pacer
	if err != nil {
		p.endTabs()
	}
	var room [1]pool.Answer
	r := pool.Report{Ordinal: 1, Began: began, Recipients: p.answers(room[:0], c, t, err)}
	r.Accepted = acceptedOf(r.Recipients)
	now := time.Now()
	if err == nil && c.lays(t, now) {
		t.open, t.placed = false, false
		p.count(c, t, &r, now)
		c.judge(t, &r, now)
	} else {
		p.learn(c, t, &r, now)
		c.judge(t, &r, now)
		t.placed = false
		if c.request.Connect || endsConnection(r.Recipients) {
			t.at.end(now)
		} else {
			t.at.serve()
		}
	}
	c.release()
	p.drive()
	p.ran()
}

// endsConnection reports whether some answer is one after which a connection takes no
// more mail. Its place ends too, so that a refusal of one connection too many leaves one
// fewer.
func endsConnection(answers []pool.Answer) bool {
	return slices.ContainsFunc(answers, func(a pool.Answer) bool { return a.Verdict.Connection >= classify.ConnQuit })
}

// ran sets the timers for what is due some time after a function has run.
func (p *Pacer) ran() {
	p.sweeper.after(sweepDelay)
	if p.cfg.Memory != nil {
		p.saver.after(saveEvery)
	}
}

// fit keeps n recipients in a turn and returns a turn for the others; nil when there
// are none.
func (c *call) fit(t *turn, n int) *turn {
	if n >= len(t.to) {
		return nil
	}
	rest := &turn{call: c, destination: t.destination, provider: t.provider, last: t.last, tries: t.tries, fresh: t.fresh}
	rest.to = slices.Clone(t.to[n:])
	t.to = t.to[:n]
	return rest
}

// acceptedOf returns the number of recipients that were not refused before the text of
// the message.
func acceptedOf(answers []pool.Answer) (n int) {
	for _, a := range answers {
		if a.Stage > classify.StageRcpt && a.Stage <= classify.StageDot {
			n++
		}
	}
	return n
}

// learn tells the Scheduler, the counters and the observers of the answers of a turn,
// and corrects their verdicts by what they are taken for.
func (p *Pacer) learn(c *call, t *turn, r *pool.Report, now time.Time) {
	o := outcome(*r)
	if o.Stage < classify.StageMail && o.Err != nil { // the function has not come further
		o.Stage, o.Blamed = classify.StageMail, 0
		if culprit.IsSender(o.Stage, o.Verdict) {
			o.Blamed = len(r.Recipients)
		}
	}
	if o.Blamed > 0 {
		o.Message = maphash.Comparable(messageSeed, c)
	}
	if slices.ContainsFunc(r.Recipients, func(a pool.Answer) bool { return a.Err != nil && !hasStage(a.Err) }) {
		o.Unsent = false // it may have been sent
	}
	if c.countsLogins() {
		p.connected(t.at.line, &o, r.Began, now)
	}
	welcome, mostRefused := true, false
	if blames(r.Recipients) {
		welcome, mostRefused = t.at.line.welcomes(c.from, now), t.at.conn.Doubts(t.destination, domainOf(c.from))
	}
	t.open = false
	changes, taken := t.grant.Done(now, o)
	p.changed(changes, c)
	takenFor(r, taken)
	doubt(r.Recipients, welcome, mostRefused)
	p.count(c, t, r, now)
	unsplittable(r)
}

// count adds the answers of a turn to the counters, and tells the observers of them.
func (p *Pacer) count(c *call, t *turn, r *pool.Report, now time.Time) {
	p.counters.tried(t.destination, *r)
	t.at.line.answered(c.from, *r, now)
	if f := p.observer.Try; f != nil || p.journal.takes(slog.LevelDebug) {
		try := Try{
			Time: now, Began: r.Began, Accepted: c.start, Again: !t.fresh, Relay: t.at.line.name, Connection: t.at.id, Ordinal: 1, Destination: t.destination,
			Number: c.number, ID: c.request.ID, Tenant: c.request.Tenant, Recipients: make([]TryRecipient, len(t.to)),
		}
		for k, i := range t.to {
			try.Recipients[k] = TryRecipient{c.recipients[i].Address, r.Recipients[k]}
		}
		p.journal.try(&try, c.from)
		if f != nil {
			f(try)
		}
	}
}

// delivered counts calls under a tab for mail of an unknown sender.
func (l *line) delivered(n int64, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.counts.Tries += n
	l.counts.Delivered += n
	l.senders.accepted("", now)
}

// welcomes reports whether mail of a sender was accepted lately.
func (l *line) welcomes(from string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.senders.lately(from, now)
}

// answered counts the answers to one call for mail of a sender.
func (l *line) answered(from string, r pool.Report, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.counts.answered(r) > 0 {
		l.senders.accepted(from, now)
	}
}

// judge settles the recipients of a turn that its answers decide, and queues the
// others. With once they are left to the caller.
func (c *call) judge(t *turn, r *pool.Report, now time.Time) {
	var again []pacedRetrial
	for k, i := range t.to {
		a, to := &r.Recipients[k], &c.recipients[i]
		to.record(&to.Recipient, a, now)
		to.streak = max(to.streak, c.request.Attempt+1)
		f := judge(&question{
			answer: *a, recipient: &to.Recipient, streak: to.streak, policy: c.pacer.policy,
			ambiguousTries: c.pacer.cfg.AmbiguousTries, withdrawn: c.withdrawn, expires: c.lastDay(now), last: t.last, now: now,
		})
		switch {
		case f.settled:
			c.settle(i, f)
		case c.once:
			c.open--
			c.comeBack(t, a, f.at, now)
		default:
			again = c.retry(again, t, k, a, f, now)
		}
	}
	for _, next := range again {
		c.queue(next.turn, next.due, false)
	}
}

// noExpiry is the time until which a request without an end is tried.
const noExpiry = 365 * 24 * time.Hour

// lastDay returns the time at which the call expires.
func (c *call) lastDay(now time.Time) time.Time {
	if c.expires.IsZero() {
		return now.Add(noExpiry)
	}
	return c.expires
}

// pacedRetrial is a new turn of recipients with the same verdict and streak, which
// have the same fate.
type pacedRetrial struct {
	verdict classify.Verdict
	streak  int
	due     time.Time
	turn    *turn
}

// retry puts recipient k of a turn into a further one.
func (c *call) retry(again []pacedRetrial, t *turn, k int, a *pool.Answer, f fate, now time.Time) []pacedRetrial {
	i := t.to[k]
	for n := range again {
		if of := &again[n]; of.verdict == a.Verdict && of.streak == c.recipients[i].streak {
			of.turn.to = append(of.turn.to, i)
			return again
		}
	}
	if t.tries == nil {
		t.tries = throttle.NewTries(now, len(t.to))
	}
	next := &turn{call: c, destination: t.destination, provider: t.provider, tries: t.tries, last: t.last || f.last}
	next.to = append(next.one[:0], i)
	return append(again, pacedRetrial{a.Verdict, c.recipients[i].streak, f.at, next})
}

// settle gives a recipient its final status.
func (c *call) settle(i int, f fate) {
	r := &c.recipients[i]
	r.Status, r.settled = f.status, true
	if r.Err = f.err; f.status == Delivered {
		r.Err = nil
	}
	c.open--
}

// result reports the outcome of a call whose recipients are all settled.
func (c *call) result() error {
	p := c.pacer
	if len(c.recipients) == 1 && p.observer.Settled == nil && !p.journal.takes(slog.LevelInfo) {
		p.counters.settledOne(&c.recipients[0].Recipient)
		if c.recipients[0].Status == Delivered {
			return nil
		}
		return c.outcome().Err()
	}
	r := c.outcome()
	p.counters.settled(r)
	p.journal.settled(r, c.from)
	if f := p.observer.Settled; f != nil {
		f(r)
	}
	return r.Err()
}

// outcome returns the Result of a call as it is now.
func (c *call) outcome() *Result {
	r := &Result{ID: c.request.ID, Number: c.number, Accepted: c.start, Settled: time.Now(), Recipients: make([]Recipient, len(c.recipients))}
	for i := range c.recipients {
		r.Recipients[i] = c.recipients[i].Recipient
	}
	return r
}

// accepted tells the observers of a new request.
func (c *call) accepted(ctx context.Context) {
	if f := c.pacer.observer.Accepted; f != nil {
		f(ctx, Acceptance{
			Time: c.start, Number: c.number, ID: c.request.ID, Tenant: c.request.Tenant,
			Recipients: len(c.recipients), Bulk: c.request.Bulk, Expires: c.expires,
		})
	}
}

// changed tells the observers of learned limits, and logs them. by is the call whose
// outcome taught them; nil when there was none.
func (p *Pacer) changed(changes []throttle.Change, by *call) {
	if len(changes) > 0 {
		p.journal.lessons(changes, p.observer.Limit, by.addresses())
	}
}

// addresses returns the addresses of the sender and of the recipients of c; none for
// nil.
func (c *call) addresses() []string {
	if c == nil {
		return nil
	}
	all := []string{c.from}
	for i := range c.recipients {
		all = append(all, c.recipients[i].Address)
	}
	return all
}
