package smtpace

import (
	"errors"
	"time"

	"github.com/smtpace/smtpace/throttle"
	"github.com/wneessen/go-mail"
)

// The gaps between attempts to render a message after local failures: the first
// one, doubled every time up to the longest.
const (
	firstFailureGap   = time.Second
	longestFailureGap = 5 * time.Minute
)

// localGap returns the wait after n local failures in a row.
func failureGap(n int) time.Duration {
	gap := firstFailureGap
	for ; n > 1 && gap < longestFailureGap; n-- {
		gap *= 2
	}
	return min(gap, longestFailureGap)
}

// ownFault reports whether an error of Msg.WriteTo is a mistake in the message,
// which no later attempt mends. All others may be trouble of this machine.
func ownFault(err error) bool {
	for _, mistake := range []error{ErrInvalid, mail.ErrNoFromAddress, mail.ErrNoRcptAddresses, mail.ErrPrivateKeyMissing, mail.ErrCertificateMissing} {
		if errors.Is(err, mistake) {
			return true
		}
	}
	return false
}

// unrendered gives a grant back whose message could not be rendered. An invalid
// message is refused. Local trouble refuses nothing: the delivery is queued
// again, and its expiry ends it.
func (s *Sender) unrendered(d *delivery, g *throttle.Grant[*delivery], why error) {
	now := time.Now()
	g.Return(now)
	if at := d.postpone(why, now); !at.IsZero() {
		s.push(d, at)
	}
}

// postpone returns the time at which a delivery that could not be rendered is
// due again; zero when it has ended.
func (d *delivery) postpone(why error, now time.Time) time.Time {
	sub := d.sub
	sub.mu.Lock()
	defer sub.finish()
	d.item = nil
	switch {
	case d.pos < 0:
		return time.Time{}
	case sub.withdrawn != nil:
		sub.endAllLocked(d, sub.whyNot(d, sub.withdrawn), false)
		return time.Time{}
	case errors.Is(why, ErrChanged):
		sub.endAllLocked(d, why, false)
		return time.Time{}
	case errors.Is(why, ErrInvalid):
		sub.refuseAllLocked(d, why)
		return time.Time{}
	}
	d.failures++
	d.lastFailure = why
	return now.Add(failureGap(d.failures))
}
