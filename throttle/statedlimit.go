package throttle

import (
	"time"

	"github.com/smtpace/smtpace/classify"
)

// statedKinds are the kinds of the meters of limits that replies have stated, by
// what they count.
var statedKinds = [unitCount]*meterKind{
	messages:    {name: "stated rate", unit: messages, limit: classify.LimitMessageRate, learned: true},
	recipients:  {name: "stated recipient-rate", unit: recipients, limit: classify.LimitRecipientRate, learned: true},
	connections: {name: "stated connection-rate", unit: connections, limit: classify.LimitConnectionRate, learned: true},
}

// statedLimit is the meter of a limit over time that a refusal has stated in numbers: a
// ceiling. Below it the pace is found as ever. It counts what is taken from then on, and
// goes with the other lessons of its scope.
type statedLimit struct {
	log quotaLog
}

func (l *statedLimit) at(now time.Time, n int) time.Time {
	return l.log.at(now, min(n, l.log.quota.Count)) // what can never be allowed is refused by the receiver alone
}

func (l *statedLimit) take(now time.Time, n int) { l.log.enter(l.log.advance(now), n) }
func (l *statedLimit) commit(time.Time, int)     {}

// release gives back n of the latest that were taken.
func (l *statedLimit) release(_ time.Time, n int) {
	for last := len(l.log.log) - 1; last >= 0 && n > 0; last-- {
		back := min(n, l.log.log[last].n)
		l.log.log[last].n -= back
		l.log.sum -= back
		n -= back
	}
}

func (l *statedLimit) accepted(time.Time, time.Time, int) bool { return false }
func (l *statedLimit) asNew(time.Time) bool                    { return false }
func (l *statedLimit) spaces() bool                            { return true }

func (l *statedLimit) explain(now time.Time) (string, time.Time) { return "stated limit", l.at(now, 1) }

// record keeps nothing: the next refusal states it again.
func (l *statedLimit) record(time.Time) (meterRecord, bool)          { return meterRecord{}, false }
func (l *statedLimit) restore(time.Time, meterRecord, time.Duration) {}

// heed takes a limit that a refusal states as a ceiling. It takes no notice of
// numbers that what was accepted lately contradicts, nor of octets: what was
// accepted of these is not counted. A wrong number thus binds no longer than the other lessons of the scope.
func (s *scope) heed(now time.Time, st classify.Stated, atOnce int, generation int32) {
	count := int(st.Count)
	if count <= 0 || st.Bytes {
		return
	}
	accepted := 0
	u := messages
	switch st.Limit {
	case classify.LimitConnections:
		if l := s.learned(); atOnce-1 <= count {
			l.stated, s.concurrency = count, min(s.concurrency, int32(count))
		}
		return
	case classify.LimitConnectionRate:
		u = connections
	case classify.LimitRecipientRate:
		u, accepted = recipients, int(s.recent.recipients)
	case classify.LimitMessageRate, classify.LimitQuota:
		accepted = int(s.recent.messages)
	default:
		return
	}
	if st.Per <= 0 || accepted > count && now.Sub(s.recent.since()) <= st.Per {
		return
	}
	quota := Quota{Count: count, Per: st.Per}
	if l, ok := s.meter(statedKinds[u]).(*statedLimit); ok {
		l.log.set(now, quota)
		return
	}
	s.fit(&statedLimit{log: *newQuotaLog(quota)}, statedKinds[u], generation)
}
