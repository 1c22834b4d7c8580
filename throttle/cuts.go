package throttle

import (
	"time"

	"github.com/smtpace/smtpace/classify"
)

// sameCuts is the number of transactions in a row that end behind the same number of
// recipients where a receiver takes no more at once.
const sameCuts = 3

// cuts finds a cap of recipients per message that no reply names: some of a transaction
// are accepted, and all others refused, or the connection ends. Behind the first such
// fewer go in one transaction. That costs nothing where a rate is the limit, and little
// where it is none, for the number grows again with each that is accepted. Several in a
// row behind the same number are no chance, and no rate.
type cuts struct {
	atOnce
	number, inARow int
}

// cut notes a transaction of n recipients that ended behind so many. It reports whether
// that is a cap.
func (c *cuts) cut(now time.Time, n, number int) bool {
	if number != c.number {
		c.number, c.inARow = number, 0
	}
	if c.inARow++; c.inARow >= sameCuts {
		*c = cuts{}
		return true
	}
	if n-number >= leastCut {
		c.atOnce.refused(now, n, number, false)
	}
	return false
}

// whole notes a transaction of which n recipients were accepted.
func (c *cuts) whole(now time.Time, n int) {
	c.atOnce.accepted(now, n)
	if n > c.number {
		c.number, c.inARow = 0, 0
	}
}

// cuts reports whether a receiver has accepted some of n recipients, and then nobody. A
// refusal of DATA or the dot says nothing of recipients that were refused before.
func (o Outcome) cuts(n int) bool {
	return o.Recipients > 0 && o.Recipients < n && o.Behind == 0 && o.Stage == classify.StageRcpt
}

// ofConnections reports whether a limit is one of connections. Such a limit has let the
// connection in, and refuses no recipient behind others of the same message.
func ofConnections(l classify.Limit) bool {
	return l == classify.LimitConnections || l == classify.LimitConnectionRate || l == classify.LimitMessagesPerConnection
}

// cutLocked looks for a cap that explains why a transaction has ended behind some of its
// recipients.
func (g *Grant[T]) cutLocked(now time.Time, o Outcome) (changes []Change, taken classify.Limit) {
	for _, sc := range [...]*scope{&g.d.scope, &g.c.e.scope} {
		l := sc.learned()
		if l == nil || l.perMessage.cap() != o.Recipients {
			continue
		}
		if g.begun.After(l.perMessage.at) {
			l.perMessage.refused(now, g.n, o.Recipients, true)
		}
		return nil, classify.LimitRecipientsPerMessage
	}
	if g.d.rate(learnedRecipientsKind) != nil || g.c.e.rate(learnedRecipientsKind) != nil { // that explains it
		return nil, classify.LimitNone
	}
	if !g.d.inferring(now).cut(now, g.n, o.Recipients) {
		return nil, classify.LimitNone
	}
	return g.teach(now, o.asLimit(classify.LimitRecipientsPerMessage)), classify.LimitRecipientsPerMessage
}
