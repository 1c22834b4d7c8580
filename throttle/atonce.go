package throttle

import (
	"math"
	"time"

	"github.com/smtpace/smtpace/classify"
)

const (
	// secondsAtOnce bounds the recipients of one transaction to those of so many
	// seconds of a learned rate. What a receiver refuses of a larger one is a
	// refusal for each recipient.
	secondsAtOnce = 3
	// atOnceGrowth is the growth factor of the recipients of one transaction, after each
	// transaction that was accepted whole.
	atOnceGrowth = 1.25
	// retryAtOnce is the number of accepted recipients, in multiples of a refused number
	// of recipients, after which the refused number is tried again. It doubles each time;
	// after longestTest the number is tried again at any rate.
	retryAtOnce = 40
)

// atOnce finds the number of recipients for one transaction at a receiver that caps them
// or limits their rate. One that does lets a few at a time pass, and accepts a part of
// what comes with more. The zero atOnce was never refused.
type atOnce struct {
	most   float64   // recipients of a transaction; 0 is no bound
	failed float64   // the least number that was refused, not for its rate; 0 when none was
	left   float64   // recipients to be accepted before failed is tried again
	wait   float64   // the multiple of failed that was waited for the last time
	at     time.Time // the time at which failed was refused
}

// accepted notes that n recipients of a transaction were accepted.
func (a *atOnce) accepted(now time.Time, n int) {
	if a == nil || a.most == 0 {
		return
	}
	a.left -= float64(n)
	if float64(n) >= math.Floor(a.most) {
		a.most = max(a.most*atOnceGrowth, a.most+1)
	}
	switch {
	case a.failed == 0:
	case float64(n) >= a.failed:
		a.failed = 0
	case a.left <= 0 || now.Sub(a.at) >= longestTest:
		a.most = a.failed
	default:
		a.most = max(min(a.most, a.failed-1), 1)
	}
}

// refused notes that of n recipients only some were accepted. proven has a smaller
// number kept to for some time: the rate is not the reason, or the accepted recipients
// are lost with the transaction.
func (a *atOnce) refused(now time.Time, n, some int, proven bool) {
	a.most = max(float64(some), 1)
	if !proven || n < 2 || some == 0 {
		return
	}
	a.wait = max(2*a.wait, retryAtOnce)
	a.failed, a.at = float64(some+1), now
	a.left = a.wait * a.failed
}

// cap returns the number that a receiver takes at once, whatever the rate; 0 when it is
// not known.
func (a *atOnce) cap() int {
	if a == nil {
		return 0
	}
	return max(int(a.failed)-1, 0)
}

// within returns the number of recipients that one transaction may have at a rate.
func (a *atOnce) within(rate float64) int {
	return a.bound(int(max(secondsAtOnce*rate, 1)))
}

// bound returns the number of n recipients that one transaction may have.
func (a *atOnce) bound(n int) int {
	if a == nil || a.most == 0 {
		return n
	}
	return min(n, max(int(a.most), 1))
}

// recipientsAtOnce returns the number of recipients that one transaction may have at
// a learned rate of recipients: one while it probes.
func (r *learnedRate) recipientsAtOnce() int {
	switch {
	case r.outage.lasts():
		return 1
	case !r.known():
		return math.MaxInt
	}
	return r.atOnce.within(r.rate())
}

// recipientsAtOnce returns the number of recipients that one transaction may
// have.
func (s *scope) recipientsAtOnce() int {
	n := ceiling(s.limits.RecipientsPerMessage)
	if s.limits.RecipientRate.Count > 0 {
		n = min(n, max(s.limits.RecipientRate.Burst, 1))
	}
	if i := s.inferred(); i != nil {
		n = i.atOnce.bound(n)
	}
	l := s.learned()
	if l == nil {
		return n
	}
	n = l.perMessage.bound(n)
	if r := s.rate(learnedRecipientsKind); r != nil {
		n = min(n, r.recipientsAtOnce())
	}
	return n
}

// countsRecipients reports whether a refusal is for the rate of recipients. It is
// also where a receiver speaks of too many recipients in a message and means the first, or
// where it speaks of messages, but has accepted some recipients of the message and refused
// others, or is known to do so.
func (s *scope) countsRecipients(o Outcome, r refusal) bool {
	switch {
	case o.Verdict.Limit == classify.LimitRecipientRate:
		return true
	case o.Verdict.Limit == classify.LimitRecipientsPerMessage && o.Stage == classify.StageRcpt && o.Recipients == 0:
		return true
	case o.Verdict.Limit != classify.LimitMessageRate || o.Stage != classify.StageRcpt:
		return false
	case r.recipients > 1 && o.Recipients > 0:
		return true
	}
	return s.rate(learnedMessagesKind) == nil && (r.recipients > 1 || s.rate(learnedRecipientsKind) != nil)
}

// refusedRecipients learns from a refusal for the rate of recipients.
func (s *scope) refusedRecipients(now time.Time, o Outcome, r refusal) bool {
	rate := s.learnRate(now, learnedRecipientsKind, int(s.recent.recipients), s.recent.since(), r.generation)
	lost := o.Accepted == 0 && o.Recipients > 0
	if lost {
		rate.spend(now, o.Recipients)
	}
	news, lasted, proven := !r.begun.Before(rate.ended), rate.outage.lasts(), rate.known() && rate.settled()
	refused := max(r.recipients-o.Accepted, 1)
	begins := rate.refusedFor(now, r.begun, refused, o.Accepted > 0 && o.cuts(r.recipients) && refused >= leastCut, o.Verdict.RetryAfter)
	tolerated := !begins && !lasted
	if news && (lost || o.cuts(r.recipients) || !tolerated && o.Behind == 0) {
		rate.atOnce.refused(now, r.recipients, o.Recipients, lost || proven && begins)
	}
	return begins
}

// spend counts recipients accepted in a transaction that then failed: they count for the
// receiver, but they show no end of an outage.
func (p *rateEstimate) spend(now time.Time, n int) {
	if n > 0 && !p.outage.lasts() {
		p.accepted += n
		p.recent.add(now, n)
	}
}
