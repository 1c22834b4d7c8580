package throttle

import (
	"cmp"
	"container/list"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// Conn is a connection to an endpoint, from before it is dialled until its
// socket is gone.
type Conn[T any] struct {
	// Owner is the driver's own; Driver.Open sets it.
	Owner any

	s           *Scheduler[T]
	e           *endpoint[T]
	faults      int  // endpoint.faults when this was begun
	probe       bool // whether it probes an endpoint that is down
	established bool
	opened      time.Time     // the time since which it is established
	rest        time.Duration // endpoint.rest and backoff.failures before that
	failures    failures
	idleAt      *list.Element // in Scheduler.idleConns; nil while it is not idle
	state       connState
	last        bool      // whether it has carried all that it may
	carried     int       // messages
	hushed      bool      // whether a message was refused without words
	capped      bool      // whether the first of these may be for the number of messages; see ordinals
	took        time.Time // the time at which the last began that was accepted
	ended       time.Time // the time at which its last transaction ended
	rebuffed    bool      // whether the last message was refused for a rate
	denied      bool      // whether one was refused in words that may mean a cap since the last that was accepted; see meansCap
	served      bool      // whether uneven.served counts it
	doubted     bool      // whether its first message was refused in no outage, and its second is yet to tell
	own         *ownPace  // nil until it had one
	begun       time.Time
	yields      bool           // whether it ends for an endpoint that waits for a connection of the process
	opensFor    string         // the destination whose mail it was opened for; "" for none
	by          map[string]int // messages by destination, of those that limit them
	spare       *Grant[T]      // grants that have ended

	// The limits that the server has announced, Unlimited where it has not.
	messages, recipients int
}

// Established notes that the connection is ready for mail.
func (c *Conn[T]) Established(now time.Time) []Change {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	if c.established || c.state == connClosed {
		panic("throttle: Conn.Established is called twice, or after Closed")
	}
	c.established, c.opened, c.rest = true, now, c.e.rest
	if l := c.e.learned(); l != nil {
		c.failures = l.backoff.failures
	}
	c.e.established++
	c.e.newest = now
	if c.e.openings != nil && c.e.learnsOpening(now, c.begun, c.s.newGeneration()) {
		c.s.stirLocked(c.e)
	}
	changes := c.e.up(now, c.begun)
	if sp := c.e.spread; sp != nil && sp.phase == opensMore {
		c.e.compareLocked(now)
		c.s.stirLocked(c.e)
	}
	return changes
}

// crowd returns the number of connections to blame for a refusal of too many connections.
// These are all established ones and one being opened, as the receiver may count it
// already. It is this connection alone when it had a message accepted that began beside
// all the others: then the connections ask too often, and are not too many.
func (c *Conn[T]) crowd() int {
	switch {
	case c.e.inUse > c.e.established:
		return int(c.e.established) + 1
	case !c.took.IsZero() && !c.e.newest.After(c.took):
		return 1
	}
	return int(c.e.established)
}

// Announced notes the limits that the server announces (RFC 9422): messages on
// the connection, and recipients in one message. They bind this connection; 0
// is no limit.
func (c *Conn[T]) Announced(messages, recipients int) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	c.messages = cmp.Or(messages, Unlimited)
	c.recipients = cmp.Or(recipients, Unlimited)
	c.last = c.carried >= ceiling(c.messages)
}

// uselessFor is the age up to which the loss of an established connection counts as a
// failure to open it, when it has carried nothing.
const uselessFor = time.Second

// Useless reports whether the connection, if it fails now at a stage, counts as one that
// could not be opened: it is not established, or it is just so and has not come to MAIL.
// Otherwise a server that leaves as soon as it has let us in would be called without end.
func (c *Conn[T]) Useless(now time.Time, stage classify.Stage) bool {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	return c.useless(now, stage)
}

func (c *Conn[T]) useless(now time.Time, stage classify.Stage) bool {
	beforeMail := stage < classify.StageMail || stage == classify.StageIdle
	return !c.established || beforeMail && c.carried == 0 && now.Sub(c.opened) <= uselessFor
}

// Closed notes that the socket is gone. It must be called once; a second call
// panics. When the connection was Useless and err is not nil, the failure is learned
// from: v is its verdict, and stage the stage that it came from.
func (c *Conn[T]) Closed(now time.Time, stage classify.Stage, v classify.Verdict, err error) []Change {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	if c.state == connClosed {
		panic("throttle: Conn.Closed is called twice")
	}
	c.become(connClosed)
	c.leavesSpread()
	c.e.goneInVain(now, c)
	c.s.process.inUse--
	c.e.inUse--
	if c.yields {
		c.s.yielding--
	}
	c.s.stirStarvedLocked()
	defer c.e.stirServersLocked(c.s)
	if c.probe {
		c.e.probing = false
	}
	useless := c.useless(now, stage)
	if c.established {
		c.e.established--
	}
	if err == nil || !useless {
		return nil
	}
	if c.established {
		c.resumeRest()
	}
	if c.e.breaker.open() {
		c.s.restLocked(now, &c.e.breaker, v.RetryAfter)
	}
	return c.e.failed(now, c, c.s.newGeneration(), stage, v, err)
}

// resumeRest takes back that the rests of the endpoint begin anew: the established
// connection turned out useless.
func (c *Conn[T]) resumeRest() {
	c.e.rest = max(c.e.rest, c.rest)
	if l := c.e.learned(); l != nil {
		l.backoff.resume(c.failures)
	}
}

// Leaves notes that the connection will not ask again: it is about to end. It
// occupies its limits until Closed. A second call, or one after Closed, does
// nothing.
func (c *Conn[T]) Leaves() {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	if c.state == connClosed || c.state == connLeaving {
		return
	}
	c.become(connLeaving)
	c.e.stirServersLocked(c.s)
}

// newGrant returns an empty grant: one that has ended, or a new one. A connection
// has at most two at a time.
func (c *Conn[T]) newGrant() *Grant[T] {
	g := c.spare
	if g == nil {
		scopes := make([]*scope, 2, 3)
		scopes[0], scopes[1] = &c.s.process, &c.e.scope
		return &Grant[T]{c: c, scopes: scopes}
	}
	c.spare, g.spare, g.ended = g.spare, nil, false
	return g
}

// carriedTo counts one more message to a destination, and returns how many
// there were. It returns 0 for a destination without a limit of its own.
func (c *Conn[T]) carriedTo(d *destination[T]) int {
	l := d.learned()
	if (l == nil || l.perConnection.most == 0) && ceiling(d.limits.MessagesPerConnection) >= ceiling(c.e.limits.MessagesPerConnection) {
		return 0 // the connection's own limit comes first
	}
	if c.by == nil {
		c.by = map[string]int{}
	}
	c.by[d.name]++
	return c.by[d.name]
}

// mostCountedTo is the number of destinations whose messages a connection counts. After
// mail for so many it ends.
const mostCountedTo = 1000

// mayCarry returns the number of messages that the connection may carry by its server, its
// endpoint and the process.
func (c *Conn[T]) mayCarry() int {
	return min(ceiling(c.messages), c.e.messagesAtMost(), c.s.process.messagesAtMost())
}

// carriedEnough reports whether the connection has carried as many messages as it may, or
// cannot count those of another destination.
func (c *Conn[T]) carriedEnough() bool {
	return len(c.by) >= mostCountedTo || c.carried >= c.mayCarry()
}

// uncarry counts a granted message no more, because nothing of it was written. A
// connection of which it was the last may carry another.
func (c *Conn[T]) uncarry(g *Grant[T]) {
	c.carried--
	to := 0
	if g.countedTo {
		c.by[g.d.name]--
		to = c.by[g.d.name]
	}
	if g.last {
		c.last = c.carriedEnough() || to >= g.d.messagesAtMost()
	}
}

// Endpoint returns the name of the endpoint that the connection goes to.
func (c *Conn[T]) Endpoint() string { return c.e.name }
