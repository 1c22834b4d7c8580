package smtpace

import "time"

const (
	// lastTryMargin is the longest time between the last try and the expiry, which
	// it may take to get a connection and a token. It is a sixteenth of the time
	// that is left if that is less.
	lastTryMargin = 30 * time.Second
	// shortestLastWait is the shortest wait before a last try.
	shortestLastWait = time.Second
)

// lastTry returns the time of a last try just before the expiry, for a recipient
// whose next try would come after it; zero when there is none. A delay that the
// reply asks for is kept, unless it ends after the expiry by no more than a quarter
// of the time that is left.
func (q *question) lastTry() time.Time {
	left := q.expires.Sub(q.now)
	wait := left - min(left/16, lastTryMargin)
	if asked := q.answer.Verdict.RetryAfter; asked < left {
		wait = max(wait, asked)
	} else if asked > left+left/4 {
		return time.Time{}
	}
	if q.last || wait < shortestLastWait {
		return time.Time{}
	}
	return q.now.Add(wait)
}
