package simulate

import (
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/retry"
)

// retries schedules refused messages by the rules of the Sender.
type retries struct {
	n      *network
	policy *retry.Policy
}

func newRetries(n *network) (*retries, error) {
	policy, err := retry.New(retry.Config{})
	if err != nil {
		return nil, err
	}
	return &retries{n, policy}, nil
}

// due returns the time at which a message may go again; zero is at once. A
// limit costs no attempt and has no schedule, unless it is that of a mailbox.
// The jitter is drawn here and not by the policy, so that a run is repeatable.
func (r *retries) due(m *message, a *answer) time.Time {
	v := a.verdict
	switch {
	case a.code == 0 && a.stage == classify.StageMail: // the connection was gone: nobody refused anything
		return time.Time{}
	case v.Throttled() && v.Limit != classify.LimitMailboxRate:
		return r.in(v.RetryAfter)
	}
	if m.class != v.Class {
		m.class, m.streak = v.Class, 0
	}
	m.streak++
	wait, _ := r.policy.Bounds(v.Class, m.streak)
	switch {
	case v.Recipient == classify.RecipientAmbiguous:
		wait = ambiguousWait
	case v.Class == classify.ClassGreylisted && v.RetryAfter > 0:
		wait = v.RetryAfter
	}
	return r.in(max(wait, v.RetryAfter))
}

// ambiguousWait is the first wait after a lost reply to the final dot, as in
// retry.Config.
const ambiguousWait = 30 * time.Second

func (r *retries) in(wait time.Duration) time.Time {
	if wait == 0 {
		return time.Time{}
	}
	return r.n.clock().Add(wait + time.Duration(r.n.own.Int64N(int64(wait/5)+1)))
}
