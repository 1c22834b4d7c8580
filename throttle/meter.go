package throttle

import (
	"time"

	"github.com/smtpace/smtpace/classify"
)

// meter enforces one limit of one scope. Amounts are in its unit. A meter is
// not safe for concurrent use and never waits: one whose tokens come from
// elsewhere answers never until it has some, and makes the Scheduler look again
// when they arrive.
type meter interface {
	// at returns the earliest time at which n may be taken if nothing else is
	// taken before; never means only after a commit, a release or other news.
	at(now time.Time, n int) time.Time
	// take takes n, which at has allowed. They occupy the meter until commit or
	// release.
	take(now time.Time, n int)
	// commit counts n that were taken as written.
	commit(now time.Time, n int)
	// release gives back n that were taken and will not be used.
	release(now time.Time, n int)
	// accepted notes that a receiver took n in a try that began at a time. It
	// reports whether that has changed what the meter allows.
	accepted(now, begun time.Time, n int) bool
	// asNew reports whether a new meter in its place would behave the same.
	asNew(now time.Time) bool
	// spaces reports whether the meter spaces what may go, one by one.
	spaces() bool
	// explain names what holds back the next one, and until when.
	explain(now time.Time) (what string, until time.Time)
	// record returns what a snapshot keeps of the meter, and false for nothing.
	record(now time.Time) (meterRecord, bool)
	// restore takes over a record of that age, unless the meter is in use.
	restore(now time.Time, r meterRecord, age time.Duration)
}

// unit is the unit that a meter counts in.
type unit uint8

const (
	messages    unit = iota // counted when MAIL is written
	recipients              // counted when RCPT is written
	bytes                   // counted when the last RCPT is written
	connections             // counted when they are dialled
	unitCount
)

// unitSet is a set of units.
type unitSet uint8

func (s unitSet) has(u unit) bool { return s&(1<<u) != 0 }
func (s *unitSet) add(u unit)     { *s |= 1 << u }

// load is the need of a message, in units of the meters.
type load struct{ recipients, bytes int }

// message returns the load of a message of some bytes to n recipients. Of one whose
// size is not known it takes one byte.
func message(n, size int) load { return load{recipients: n, bytes: max(size, 1)} }

// of returns the amount of a unit, which is not connections.
func (l load) of(u unit) int {
	switch u {
	case recipients:
		return l.recipients
	case bytes:
		return l.bytes
	default:
		return 1
	}
}

// meterKind describes the meters of one kind.
type meterKind struct {
	name    string // its name in snapshots
	unit    unit
	limit   classify.Limit
	learned bool // whether it is learned from refusals rather than set
}

// fitted is a meter in its scope.
type fitted struct {
	meter
	kind   *meterKind
	born   int32 // the Scheduler's generation when it was fitted: grants of an earlier one have taken nothing
	lifted bool  // whether its limit was taken back: it counts and binds nothing
}

// setting is a limit over time that Limits can set.
type setting struct {
	meterKind
	fit func(l *Limits) meter                   // nil when l does not set it
	set func(m meter, now time.Time, l *Limits) // changes the limit, and keeps what was used
}

// settings are all limits over time that Limits can set. A new one is a line
// here, a field of Limits, and a line of limitKeys.
var settings = []*setting{
	rateSetting("rate", messages, classify.LimitMessageRate, func(l *Limits) Rate { return l.MessageRate }),
	rateSetting("recipient-rate", recipients, classify.LimitRecipientRate, func(l *Limits) Rate { return l.RecipientRate }),
	rateSetting("byte-rate", bytes, classify.LimitNone, func(l *Limits) Rate { return l.ByteRate }),
	rateSetting("connection-rate", connections, classify.LimitConnectionRate, func(l *Limits) Rate { return l.ConnectionRate }),
	{
		meterKind: meterKind{name: "quota", unit: messages, limit: classify.LimitQuota},
		fit: func(l *Limits) meter {
			if l.Quota == (Quota{}) {
				return nil
			}
			return newQuotaLog(l.Quota)
		},
		set: func(m meter, now time.Time, l *Limits) { m.(*quotaLog).set(now, l.Quota) },
	},
}

func rateSetting(name string, u unit, limit classify.Limit, of func(*Limits) Rate) *setting {
	s := &setting{meterKind: meterKind{name: name, unit: u, limit: limit}}
	s.fit = func(l *Limits) meter {
		if of(l) == (Rate{}) {
			return nil
		}
		b := newBucket(of(l))
		b.kind = &s.meterKind
		return b
	}
	s.set = func(m meter, now time.Time, l *Limits) { m.(*bucket).set(now, of(l)) }
	return s
}

// The kinds of meters that Limits do not set.
var (
	warmUpKind            = &meterKind{name: "warm-up", unit: messages}
	pauseKind             = &meterKind{name: "pause", unit: messages, learned: true}
	backoffKind           = &meterKind{name: "backoff", unit: connections, learned: true}
	learnedMessagesKind   = &meterKind{name: "learned rate", unit: messages, limit: classify.LimitMessageRate, learned: true}
	learnedRecipientsKind = &meterKind{name: "learned recipient-rate", unit: recipients, limit: classify.LimitRecipientRate, learned: true}
	learnedOpeningsKind   = &meterKind{name: "learned connection-rate", unit: connections, limit: classify.LimitConnectionRate, learned: true}
)
