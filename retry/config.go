package retry

import (
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/smtpace/smtpace/classify"
)

// Config describes a [Policy]. The zero value is ready to use: it has the
// default schedule of every class.
type Config struct {
	// Schedules are the schedules of single classes. A missing class, like a
	// zero field, has its default.
	Schedules map[classify.Class]Schedule

	// Ambiguous is the schedule after a lost reply to the final dot, whatever
	// its class. By default it waits 1 s, then 5 s and then 25 s, and 30 s from
	// then on. A longer wait would make no second copy less likely: the
	// connection is gone, and its server has stored the message or not.
	Ambiguous Schedule
}

var defaultAmbiguous = Schedule{time.Second, 30 * time.Second, 5}

// defaultSchedules are the schedules of the classes, taken from the documents of
// receivers and from other mail systems. They are grouped by the party that has to
// act before another attempt makes sense.
var defaultSchedules = [classify.Classes]Schedule{
	// Nothing is wrong that another connection could not mend at once. A host
	// that is down for long is spared by the breaker of its endpoint, not here.
	classify.ClassNetwork:  {time.Second, 15 * time.Minute, 2},
	classify.ClassProtocol: {time.Second, time.Hour, 4},

	// The receiver asks for time. Greylisting servers mostly want 5 min.
	classify.ClassGreylisted: {5 * time.Minute, 40 * time.Minute, 2},
	classify.ClassServerBusy: {5 * time.Minute, time.Hour, 2},
	classify.ClassUnknown:    {5 * time.Minute, 30 * time.Minute, 3},
	classify.ClassOK:         {5 * time.Minute, 30 * time.Minute, 3}, // as Unknown: accepted, and yet to be tried again

	// The limits of a receiver. Next leaves them to the scheduler that holds
	// the limit, all but the mailbox's; Do has no scheduler.
	classify.ClassTooManyConnections:     {30 * time.Second, time.Hour, 2},
	classify.ClassConnectionMessageLimit: {time.Second, time.Minute, 2},          // a new connection is all it takes
	classify.ClassTooManyRecipients:      {5 * time.Minute, 30 * time.Minute, 3}, // as Unknown: fewer recipients need no wait, and one cannot be fewer
	classify.ClassRateLimited:            {5 * time.Minute, 30 * time.Minute, 2},
	classify.ClassRecipientRateLimited:   {30 * time.Minute, 2 * time.Hour, 2},

	// The receiver's operator or the mailbox's owner has to act.
	classify.ClassInsufficientStorage: {15 * time.Minute, time.Hour, 2},
	classify.ClassMailboxFull:         {time.Hour, 12 * time.Hour, 4},
	classify.ClassMailboxDisabled:     {time.Hour, 4 * time.Hour, 4},
	classify.ClassBadMailbox:          {time.Hour, 4 * time.Hour, 4},
	classify.ClassBadDomain:           {15 * time.Minute, 4 * time.Hour, 2}, // mostly a name server that fails for a while

	// The sender's operator has to act. A login or a certificate is often
	// mended within minutes, records in the DNS and a reputation are not.
	classify.ClassSMTPAuth:         {5 * time.Minute, time.Hour, 2},
	classify.ClassTLS:              {5 * time.Minute, time.Hour, 2},
	classify.ClassIPReputation:     {15 * time.Minute, 4 * time.Hour, 4},
	classify.ClassDomainReputation: {time.Hour, 4 * time.Hour, 2},
	classify.ClassPolicy:           {time.Hour, 4 * time.Hour, 2},
	classify.ClassRelayDenied:      {time.Hour, 4 * time.Hour, 2},
	classify.ClassSenderAuth:       {time.Hour, 4 * time.Hour, 2},
	classify.ClassDNSSender:        {time.Hour, 4 * time.Hour, 2},

	// The message itself will be the same next time; a 4yz is given the benefit
	// of the doubt.
	classify.ClassSpamContent:     {time.Hour, 4 * time.Hour, 2},
	classify.ClassContentRejected: {time.Hour, 4 * time.Hour, 2},
	classify.ClassMessageTooLarge: {time.Hour, 4 * time.Hour, 2},
	classify.ClassLoop:            {time.Hour, 4 * time.Hour, 2},
}

// Schedule is a series of waits that grows by a constant factor up to a ceiling.
// A zero field has the default of the schedule's class. For a constant wait, set
// First equal to Max.
type Schedule struct {
	First      time.Duration // the wait after the first failure, and the shortest; at least 1 ms
	Max        time.Duration // the longest wait without jitter, at most a week; a default is raised to First
	Multiplier float64       // the ratio of each wait to the one before, from 1.1 to 100
}

// The bounds of a schedule. A message expires after some days (RFC 5321 4.5.4.1),
// so that a wait of more than a week is a mistake.
const (
	minFirst      = time.Millisecond
	maxMax        = 7 * 24 * time.Hour
	minMultiplier = 1.1
	maxMultiplier = 100
)

// or returns s with its zero fields taken from the defaults.
func (s Schedule) or(defaults Schedule) Schedule {
	if s.First == 0 {
		s.First = defaults.First
		if s.Max > 0 {
			s.First = min(s.First, s.Max)
		}
	}
	if s.Max == 0 {
		s.Max = max(s.First, defaults.Max)
	}
	if s.Multiplier == 0 {
		s.Multiplier = defaults.Multiplier
	}
	return s
}

func (s Schedule) validate() error {
	var errs []error
	if s.First < minFirst {
		errs = append(errs, fmt.Errorf("field First is %v, must be at least %v", s.First, minFirst))
	}
	if s.Max < s.First {
		errs = append(errs, fmt.Errorf("field Max is %v, must be at least First, %v", s.Max, s.First))
	}
	if s.Max > maxMax {
		errs = append(errs, fmt.Errorf("field Max is %v, must be at most %v", s.Max, maxMax))
	}
	if !(s.Multiplier >= minMultiplier && s.Multiplier <= maxMultiplier) { // also catches NaN
		errs = append(errs, fmt.Errorf("field Multiplier is %v, must be from %v to %v", s.Multiplier, minMultiplier, maxMultiplier))
	}
	return errors.Join(errs...)
}

// table lists the waits up to the first that is Max. A backoff is stateful; its
// table can be shared.
func (s Schedule) table() []time.Duration {
	b := backoff.NewExponentialBackOff(
		backoff.WithInitialInterval(s.First),
		backoff.WithMaxInterval(s.Max),
		backoff.WithMultiplier(s.Multiplier),
		backoff.WithRandomizationFactor(0), // the jitter is the policy's
		backoff.WithMaxElapsedTime(0),      // the expiry is the caller's
	)
	var waits []time.Duration
	for len(waits) == 0 || waits[len(waits)-1] < s.Max {
		waits = append(waits, b.NextBackOff())
	}
	return waits
}
