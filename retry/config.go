package retry

import (
	"time"

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
