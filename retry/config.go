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
	// Schedules replaces the schedules of single classes. A class that is
	// missing, and a field that is zero, has the default of its class.
	Schedules map[classify.Class]Schedule

	// Ambiguous is the schedule after a lost reply to the final dot, whatever
	// class the loss is of. By default it waits 30 s, doubling to 30 min: a
	// server that was slow to answer may still be storing the first copy
	// (RFC 1047), and a second one at once is sure to be a duplicate.
	Ambiguous Schedule
}

var defaultAmbiguous = Schedule{30 * time.Second, 30 * time.Minute, 2}

// defaultSchedules are first values from what receivers document and from what
// other mail systems do. They differ by who has to do something before another
// try makes sense.
var defaultSchedules = [classify.Classes]Schedule{
	// Nothing is wrong that another connection could not mend at once. A host
	// that is down for long is spared by the breaker of its endpoint, not here.
	classify.Network:  {time.Second, 15 * time.Minute, 2},
	classify.Protocol: {time.Second, time.Hour, 4},

	// The receiver asks for time. Greylisting servers mostly want 5 min.
	classify.Greylisted: {5 * time.Minute, 40 * time.Minute, 2},
	classify.ServerBusy: {5 * time.Minute, time.Hour, 2},
	classify.Unknown:    {5 * time.Minute, 30 * time.Minute, 3},
	classify.OK:         {5 * time.Minute, 30 * time.Minute, 3}, // as Unknown: accepted, and yet to be tried again

	// The limits of a receiver. Next leaves them to the scheduler that holds
	// the limit, all but the mailbox's; Do has no scheduler.
	classify.TooManyConnections:     {30 * time.Second, time.Hour, 2},
	classify.ConnectionMessageLimit: {time.Second, time.Minute, 2}, // a new connection is all it takes
	classify.TooManyRecipients:      {time.Second, time.Minute, 2}, // a new transaction is
	classify.RateLimited:            {5 * time.Minute, 30 * time.Minute, 2},
	classify.RecipientRateLimited:   {30 * time.Minute, 2 * time.Hour, 2},

	// The receiver's operator or the mailbox's owner has to act.
	classify.InsufficientStorage: {15 * time.Minute, time.Hour, 2},
	classify.MailboxFull:         {time.Hour, 12 * time.Hour, 4},
	classify.MailboxDisabled:     {time.Hour, 4 * time.Hour, 4},
	classify.BadMailbox:          {time.Hour, 4 * time.Hour, 4},
	classify.BadDomain:           {15 * time.Minute, 4 * time.Hour, 2}, // mostly a name server that fails for a while

	// The sender's operator has to act. A login or a certificate is often
	// mended within minutes, records in the DNS and a reputation are not.
	classify.SMTPAuth:         {5 * time.Minute, time.Hour, 2},
	classify.TLS:              {5 * time.Minute, time.Hour, 2},
	classify.IPReputation:     {15 * time.Minute, 4 * time.Hour, 4},
	classify.DomainReputation: {time.Hour, 4 * time.Hour, 2},
	classify.Policy:           {time.Hour, 4 * time.Hour, 2},
	classify.RelayDenied:      {time.Hour, 4 * time.Hour, 2},
	classify.SenderAuth:       {time.Hour, 4 * time.Hour, 2},
	classify.DNSSender:        {time.Hour, 4 * time.Hour, 2},

	// The message itself will be the same next time; a 4yz is given the benefit
	// of the doubt.
	classify.SpamContent:     {time.Hour, 4 * time.Hour, 2},
	classify.ContentRejected: {time.Hour, 4 * time.Hour, 2},
	classify.MessageTooLarge: {time.Hour, 4 * time.Hour, 2},
	classify.Loop:            {time.Hour, 4 * time.Hour, 2},
}

// Schedule is a series of waits that grows by a constant factor up to a
// ceiling. A field that is zero has the default of the schedule's class; a
// constant wait is a First that equals Max.
type Schedule struct {
	First      time.Duration // the wait after the first failure, at least 1 ms; no wait is shorter
	Max        time.Duration // no wait is longer but for jitter, at most a week; a default grows to First if that is longer
	Multiplier float64       // how much longer each wait is than the one before, from 1.1 to 100
}

// The bounds of a schedule. A message lives some days (RFC 5321 4.5.4.1), so a
// wait of more than a week says something else than it means.
const (
	minFirst      = time.Millisecond
	maxMax        = 7 * 24 * time.Hour
	minMultiplier = 1.1
	maxMultiplier = 100
)

// or fills what is zero from the defaults.
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
