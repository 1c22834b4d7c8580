package smtpace

import (
	"errors"
	"fmt"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/pool"
)

// fate is the decision about one recipient after a transaction.
type fate struct {
	settled bool      // there is no further try
	status  Status    // of a settled recipient
	err     error     // the reason of a settled recipient; nil when delivered
	at      time.Time // the earliest time of the next try; zero means at once
}

// question is everything that the fate of a recipient depends on.
type question struct {
	answer      pool.Answer
	stale       bool       // Report.NotAttempted
	recipient   *Recipient // with this try recorded
	streak      int        // consecutive attempts with answers of this class
	policy      schedule
	onAmbiguous OnAmbiguous
	withdrawn   error     // the reason why nothing is queued again; nil when it may be
	expires     time.Time // the end of the message's time
	now         time.Time
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
		case v == classify.Delivered:
			return fate{settled: true, status: Delivered}
		case v == classify.Refused:
			return fate{settled: true, status: Refused, err: q.answer.Err}
		case v == classify.Ambiguous && q.onAmbiguous == ReportAmbiguous:
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

// judge settles what a transaction decides and makes deliveries of the rest.
func (sub *Submission) judge(d *delivery, r pool.Report, now time.Time) []*retrial {
	sub.mu.Lock()
	defer sub.finish()
	d.pooled = nil
	sub.finishLocked(r.Ordinal != 0)
	if d.pos < 0 {
		return nil // withdrawn meanwhile, and settled
	}
	sub.detachLocked(d)
	var again []*retrial
	for k, i := range d.to {
		again = sub.applyLocked(i, &r, k, now, again)
	}
	for _, t := range again {
		t.d = sub.attachLocked(d.route, t.to)
		t.d.bare = d.bare || r.NoParams
		t.d.due = t.notBefore
	}
	return again
}

// retrial is the recipients of one transaction that are tried again together.
type retrial struct {
	verdict   classify.Verdict
	streak    int
	to        []int
	notBefore time.Time
	d         *delivery
}

// applyLocked gives recipient i, the k-th of the report, its end, or adds it to
// a retrial. Recipients with the same verdict and streak share one.
func (sub *Submission) applyLocked(i int, report *pool.Report, k int, now time.Time, again []*retrial) []*retrial {
	a, t := &report.Recipients[k], &sub.recipients[i]
	switch {
	case report.Ordinal == 0: // nothing was sent: a local check, or a withdrawal
		sub.result.Recipients[i].Class = a.Verdict.Class
	case !report.NotAttempted:
		sub.recordLocked(i, a, now)
	}
	for _, trial := range again {
		if trial.verdict == a.Verdict && trial.streak == t.streak {
			trial.to = append(trial.to, i)
			return again
		}
	}
	f := judge(&question{
		answer: *a, stale: report.NotAttempted, recipient: &sub.result.Recipients[i], streak: t.streak, policy: sub.sender.policy,
		onAmbiguous: sub.sender.cfg.OnAmbiguous, withdrawn: sub.withdrawn, expires: sub.expires, now: now,
	})
	if f.settled {
		sub.settleLocked(i, f.status, f.err)
		return again
	}
	return append(again, &retrial{verdict: a.Verdict, streak: t.streak, to: []int{i}, notBefore: f.at})
}

// recordLocked counts a try of recipient i and keeps its answer.
func (sub *Submission) recordLocked(i int, a *pool.Answer, now time.Time) {
	r, t := &sub.result.Recipients[i], &sub.recipients[i]
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
