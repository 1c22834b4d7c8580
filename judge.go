package smtpace

import (
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/internal/culprit"
	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/throttle"
)

// fate is the decision about one recipient after a transaction.
type fate struct {
	settled bool      // whether there is no further try
	status  Status    // status of a settled recipient
	err     error     // reason of a settled recipient; nil when delivered
	at      time.Time // earliest time of the next try; zero means at once
	last    bool      // whether the next try is the last one before the expiry
}

// question is everything that decides the fate of a recipient.
type question struct {
	answer         pool.Answer
	stale          bool       // whether nobody was judged: Report.NotAttempted of the transaction
	recipient      *Recipient // outcome so far, this try included
	streak         int        // number of consecutive attempts with answers of this class
	policy         schedule
	ambiguousTries int       // number of ambiguous tries after which the recipient is Unknown
	withdrawn      error     // reason for which nothing is queued again; nil while it may be
	expires        time.Time // time at which the message expires
	last           bool      // whether this was the last try before the expiry
	now            time.Time
}

// schedule returns the wait before the next try; *retry.Policy implements it.
type schedule interface {
	Next(v classify.Verdict, n int, elapsed time.Duration) (delay time.Duration, ok bool)
}

var errNoRetry = errors.New("smtpace: the retry policy allows no further try")

// judge returns the fate of one recipient. It changes nothing.
func judge(q *question) fate {
	if !q.stale {
		switch v := q.answer.Verdict.Recipient; {
		case v == classify.RecipientDelivered:
			return fate{settled: true, status: Delivered}
		case v == classify.RecipientRefused:
			return fate{settled: true, status: Refused, err: q.answer.Err}
		case v == classify.RecipientAmbiguous && q.recipient.Ambiguous >= q.ambiguousTries:
			return fate{settled: true, status: Unknown, err: q.answer.Err}
		}
	}
	if q.withdrawn != nil {
		return ended(q.recipient, q.withdrawn, false)
	}
	if q.stale { // the connection was dead before: nobody was judged
		return fate{}
	}
	delay, ok := q.policy.Next(q.answer.Verdict, q.streak, q.now.Sub(q.recipient.FirstTry))
	due := q.now.Add(delay)
	switch {
	case !ok:
		return ended(q.recipient, errNoRetry, false)
	case !due.Before(q.expires):
		if last := q.lastTry(); !last.IsZero() {
			return fate{at: last, last: true}
		}
		return ended(q.recipient, fmt.Errorf("%w: the next try would come too late", ErrExpired), false)
	case delay > 0:
		return fate{at: due}
	}
	return fate{}
}

// ended returns the fate of a recipient that gets no further try. A final dot
// that was sent without a reply, now or at an earlier try, makes it Unknown.
func ended(r *Recipient, why error, dotOut bool) fate {
	if r.Err != nil {
		why = fmt.Errorf("%w; last answer: %w", why, r.Err)
	}
	switch {
	case dotOut || r.Ambiguous > 0:
		return fate{settled: true, status: Unknown, err: why}
	case r.Tries > 0:
		return fate{settled: true, status: GaveUp, err: why}
	}
	return fate{settled: true, status: NotTried, err: why}
}

// transacted handles the report of a transaction: it tells the Scheduler and the
// observers, settles recipients, and queues the others again.
func (s *Sender) transacted(c *conn, g *throttle.Grant[*delivery], r pool.Report) {
	now, d := time.Now(), g.Value()
	defer unlessPanicking(func() { s.conclude(c, d, &r, now) }) // also when a function of the user's ends the goroutine
	if r.Ordinal == 0 {                                         // nothing was written
		g.Return(now)
	} else {
		o := outcome(r)
		if o.Blamed > 0 {
			o.Message = maphash.Comparable(messageSeed, d.sub)
		}
		changes, taken := g.Done(now, o)
		takenFor(&r, taken)
		r.Began, c.ended = later(r.Began, c.ended), now
		if blames(r.Recipients) {
			doubt(r.Recipients, c.endpoint.welcomes(d.sub.from, now), c.scheduled.Doubts(d.destination, domainOf(d.sub.from)))
		}
		s.changed(changes, d)
		s.observe(c, d, r, now)
	}
}

// conclude settles the recipients that a transaction decides, and queues the others
// again.
func (s *Sender) conclude(c *conn, d *delivery, r *pool.Report, now time.Time) {
	unsplittable(r)
	again, rests := d.sub.judge(d, r, now)
	if rests {
		d.sub.keepOrDrop(now)
	}
	for _, t := range again {
		if t.blames {
			t.d.refusedBy, t.d.refusedTwice = c.endpoint.name, d.refusedBy != ""
		}
		s.push(t.d, t.d.due)
	}
}

// later returns the later of two times.
func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// observe counts a transaction and tells the observers of it.
func (s *Sender) observe(c *conn, d *delivery, r pool.Report, now time.Time) {
	if r.NotAttempted {
		return
	}
	s.counters.tried(d.destination, r)
	c.endpoint.answered(d.sub.from, r, now)
	c.endpoint.noteMail(r)
	f := s.observer.Try
	if f == nil && !s.journal.takes(slog.LevelDebug) {
		return
	}
	try := Try{
		Time: now, Began: r.Began, Accepted: d.sub.result.Accepted, Again: d.tries != nil,
		Relay: c.endpoint.name, Connection: c.pooled.ID(), Ordinal: r.Ordinal, Destination: d.destination,
		Number: d.sub.result.Number, ID: d.sub.message.ID, Tenant: d.sub.message.Tenant, Recipients: make([]TryRecipient, len(d.to)),
	}
	for k, i := range d.to {
		try.Recipients[k] = TryRecipient{d.sub.result.Recipients[i].Address, r.Recipients[k]}
	}
	s.journal.try(&try, d.sub.from)
	if f != nil {
		f(try)
	}
}

// addresses returns the addresses of the sender and of the recipients of d; none for
// nil.
func (d *delivery) addresses() []string {
	if d == nil {
		return nil
	}
	all := []string{d.sub.from}
	for _, i := range d.to {
		all = append(all, d.sub.recipients[i].mailbox)
	}
	return all
}

// judge ends d with the report of its transaction, settles the recipients that
// the report decides, and makes pending deliveries of the others. It reports
// whether the bytes wait for further tries.
func (sub *Submission) judge(d *delivery, r *pool.Report, now time.Time) (again []retrial, rests bool) {
	sub.mu.Lock()
	defer sub.finishAt(now)
	d.pooled = nil
	sub.finishLocked(r.Ordinal != 0)
	if d.state == stateEnded {
		return nil, sub.restsLocked() // withdrawn meanwhile, and settled
	}
	sub.detachLocked(d)
	for k, i := range d.to {
		a := &r.Recipients[k]
		switch {
		case r.Ordinal == 0: // nothing was sent: a local check, or a withdrawal
			sub.result.Recipients[i].Class = a.Verdict.Class
		case !r.NotAttempted:
			sub.recordLocked(i, a, now)
		}
		if t := find(again, a.Verdict, sub.recipients[i].streak); t != nil {
			t.d.to = append(t.d.to, i)
			continue
		}
		q := sub.questionLocked(i, a, r.NotAttempted, now)
		q.last = d.last
		f := judge(&q)
		if f.settled {
			sub.settleLocked(i, f.status, f.err)
			continue
		}
		if d.tries == nil {
			d.tries = throttle.NewTries(now, len(d.to))
		}
		next := sub.attachLocked(d.route, []int{i})
		next.noParams, next.due, next.tries = d.noParams|r.NoParams, f.at, d.tries
		next.last = d.last || f.last
		blames := !r.NotAttempted && a.Verdict.Recipient != classify.RecipientAmbiguous && (culprit.IsSender(a.Stage, a.Verdict) || culprit.IsLogin(a.Verdict))
		again = append(again, retrial{a.Verdict, sub.recipients[i].streak, next, blames})
	}
	if len(again) > 0 && !sub.counted && sub.body.Len() > 0 { // its grant counts it no more
		sub.countLocked(now, d.destination)
	}
	sub.leaveLocked()
	return again, sub.restsLocked()
}

// retrial is a new delivery of recipients with the same verdict and streak, which
// have the same fate.
type retrial struct {
	verdict classify.Verdict
	streak  int
	d       *delivery
	blames  bool // whether the verdict speaks of the sender or its quota, so that another relay may try at once
}

// find returns the retrial of a verdict and a streak; nil when there is none.
func find(all []retrial, verdict classify.Verdict, streak int) *retrial {
	for i := range all {
		if all[i].verdict == verdict && all[i].streak == streak {
			return &all[i]
		}
	}
	return nil
}

// questionLocked returns the question of recipient i with its answer.
func (sub *Submission) questionLocked(i int, a *pool.Answer, stale bool, now time.Time) question {
	return question{
		answer: *a, stale: stale, recipient: &sub.result.Recipients[i], streak: sub.recipients[i].streak, policy: sub.sender.policy,
		ambiguousTries: sub.sender.cfg.AmbiguousTries, withdrawn: sub.withdrawn, expires: sub.expires, now: now,
	}
}

// recordLocked counts a try of recipient i and keeps its answer.
func (sub *Submission) recordLocked(i int, a *pool.Answer, now time.Time) {
	sub.recipients[i].record(&sub.result.Recipients[i], a, now)
}

// record counts a try in the outcome of a recipient, and keeps its answer.
func (s *recipientState) record(r *Recipient, a *pool.Answer, now time.Time) {
	r.Tries++
	if r.FirstTry.IsZero() {
		r.FirstTry = now
	}
	r.LastTry = now
	r.Class, r.Err = a.Verdict.Class, a.Err
	if a.Reply != nil {
		r.Reply = a.Reply
	}
	if a.Verdict.Recipient == classify.RecipientAmbiguous {
		r.Ambiguous++
	}
	throttled := a.Verdict.Throttled()
	if throttled && a.Verdict.Limit != classify.LimitMailboxRate {
		return // a limit costs no attempt
	}
	if !throttled {
		r.Attempts++
	}
	if s.class == a.Verdict.Class {
		s.streak++
	} else {
		s.class, s.streak = a.Verdict.Class, 1
	}
}
