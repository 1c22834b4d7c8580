package smtpace

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/throttle"
)

// conn binds a connection of the pool to its place in the Scheduler. It
// implements pool.User.
type conn struct {
	endpoint   *endpoint
	scheduled  *throttle.Conn[*delivery]
	pooled     *pool.Conn // nil until it is established
	maxDomains int        // number of domains that the server takes in one message; 0 means any
	began      time.Time  // the time at which its opening began
	opened     time.Time  // the time at which it was ready; zero until then
	ended      time.Time  // the end of its last transaction; zero before the first

	spare []*pool.Delivery // transactions that have ended, to be used again; with no content but room for recipients
}

// mostRoom is the number of recipients that a spare transaction has room for at most.
const mostRoom = 100

// newDelivery returns an empty transaction, with room for recipients.
func (c *conn) newDelivery() *pool.Delivery {
	last := len(c.spare) - 1
	if last < 0 {
		return &pool.Delivery{To: make([]string, 0, 1)}
	}
	d := c.spare[last]
	c.spare = c.spare[:last]
	return d
}

// keep keeps a transaction that nobody refers to any more.
func (c *conn) keep(d *pool.Delivery) {
	to := d.To
	if clear(to); cap(to) > mostRoom {
		to = nil
	}
	*d = pool.Delivery{To: to[:0]}
	c.spare = append(c.spare, d)
}

// Next returns the next delivery of the connection, or leaves it idle. It renders
// before it asks for tokens, so that others do not lack them meanwhile.
func (c *conn) Next(*pool.Conn) (d *pool.Delivery, last bool) {
	s := c.endpoint.sender
	for !s.isStopping() {
		if s.unmade.Load() > 0 {
			c.renderNext()
		}
		grant, last := c.scheduled.Next(time.Now())
		if grant == nil {
			s.dispatcher.drive()
			s.reportNow()
			return nil, last
		}
		if d := s.begin(c, grant); d != nil {
			return d, last
		}
	}
	return nil, true
}

// renderNext renders the message that Next is likely to grant.
func (c *conn) renderNext() {
	if d, ok := c.scheduled.Unready(time.Now()); ok {
		if r := d.sub.renderAhead(); r != nil {
			_, _ = c.endpoint.sender.await(r) // whoever takes the message gets the error
		}
	}
}

// grantOf returns the Scheduler's grant for a delivery.
func grantOf(d *pool.Delivery) *throttle.Grant[*delivery] {
	return d.Value.(*throttle.Grant[*delivery])
}

// MailWritten spends the tokens of a message and has other connections do the
// rest.
func (c *conn) MailWritten(d *pool.Delivery) {
	now := time.Now()
	grantOf(d).Wrote(now)
	c.endpoint.sender.dispatcher.driveAt(now)
}

// renderedAhead bounds how many messages a connection has rendered ahead in one
// transaction.
const renderedAhead = 2

// RcptsWritten spends the tokens of its recipients. It has a message rendered that
// can follow, while the server answers.
func (c *conn) RcptsWritten(d *pool.Delivery) {
	s, grant, now := c.endpoint.sender, grantOf(d), time.Now()
	grant.Asked(now)
	if s.unmade.Load() > 0 {
		for range renderedAhead { // more than one, where others have taken what was ready
			next, ok := grant.Unready(now)
			if !ok {
				break
			}
			next.sub.renderAhead()
		}
	}
	s.dispatcher.driveAt(now)
}

// BeforeDot lets every final dot go.
func (c *conn) BeforeDot(context.Context, *pool.Delivery) error { return nil }

// Follower returns the delivery whose envelope is written with the final dot of
// the one before; nil when there is none. It takes only what is rendered, for the
// dot waits for it.
func (c *conn) Follower(before *pool.Delivery) *pool.Delivery {
	s := c.endpoint.sender
	for !s.isStopping() {
		grant, _ := grantOf(before).Next(time.Now()) // Next returns the time to ask again
		if grant == nil {
			return nil
		}
		if next := grant.Value(); !next.sub.isReady() { // dropped at this moment
			grant.Return(time.Now())
			s.push(next, time.Time{})
			return nil
		}
		if d := s.begin(c, grant); d != nil {
			return d
		}
	}
	return nil
}

// Done judges the report of a transaction.
func (c *conn) Done(d *pool.Delivery, r pool.Report) {
	correctMail(d, &r)
	c.endpoint.sender.transacted(c, grantOf(d), r)
	c.keep(d)
}

// Leaving has other connections do what is ready.
func (c *conn) Leaving(*pool.Conn) {
	c.scheduled.Leaves()
	c.endpoint.sender.dispatcher.drive()
}

// Opened notes that the connection is established and what its server announces.
func (c *conn) Opened(p *pool.Conn) {
	e := c.endpoint
	recovered := e.established(c, p)
	e.endOpening()
	announced := p.Limits()
	c.maxDomains = announced.Domains
	c.scheduled.Announced(announced.Messages, announced.Recipients)
	c.opened = time.Now()
	e.sender.changed(c.scheduled.Established(c.opened), nil)
	if recovered {
		e.sender.cfg.Logger.Info("smtpace: relay is back", "relay", e.name)
	}
	if by := p.Security(); e.secured(by) {
		e.sender.cfg.Logger.Warn("smtpace: TLS failed, a relay with opportunistic TLS gets its mail all the same",
			"relay", e.name, "by", by.String())
	}
	if f := e.sender.observer.Opened; f != nil {
		f(Connection{Time: c.opened, Relay: e.name, ID: p.ID(), Began: c.began, Opened: c.opened})
	}
}

// DialAgain implements pool.DialLimiter.
func (c *conn) DialAgain(*pool.Conn) bool { return c.scheduled.DialsAgain(time.Now()) }

// DialBeside implements pool.DialLimiter.
func (c *conn) DialBeside(*pool.Conn) bool { return c.scheduled.DialsBeside(time.Now()) }

// DialedBeside implements pool.DialLimiter.
func (c *conn) DialedBeside(*pool.Conn) {
	c.scheduled.DialedBeside()
	c.endpoint.sender.dispatcher.drive()
}

// Closed notes the end of the connection, or that it could not be opened.
func (c *conn) Closed(p *pool.Conn, err error) {
	e := c.endpoint
	defer unlessPanicking(func() { // also when a function of the user's ends the goroutine
		e.sender.dispatcher.drive()
		e.sender.failFast(e)
		e.release()
	})
	if errors.Is(err, pool.ErrClosed) || errors.Is(err, pool.ErrCancelled) {
		err = nil // it says nothing about the relay
	}
	stage, verdict := e.verdict(err)
	now := time.Now()
	warn := err != nil && c.scheduled.Useless(now, stage) && e.failedToOpen(err, verdict)
	if c.pooled == nil {
		e.judgeProspects(err)
		e.endOpening()
	}
	if c.pooled == nil && err != nil && e.sender.cfg.Router != nil {
		e.sender.refresher.failed()
	}
	e.sender.changed(c.scheduled.Closed(now, stage, verdict, err), nil)
	if warn && !e.sender.isStopping() {
		e.sender.cfg.Logger.Warn("smtpace: relay cannot be used, mail for it waits",
			"relay", e.name, "stage", stage.String(), "error", err)
	}
	if f := e.sender.observer.Closed; f != nil {
		id := uint64(0)
		if p != nil {
			id = p.ID()
		}
		f(Connection{Time: now, Relay: e.name, ID: id, Began: c.began, Opened: c.opened, Err: err})
	}
}

// logBreaker logs that a breaker has opened or closed.
func logBreaker(log *slog.Logger, c *throttle.Change) {
	who := []any{"relay", c.Name}
	if c.Via != "" {
		who = []any{"relay", c.Via, "destination", c.Name}
	}
	if c.Sender != "" {
		who = append(who, "sender", c.Sender)
	}
	if c.Reason == nil {
		log.Warn("smtpace: relay accepts mail again", who...)
		return
	}
	log.Warn("smtpace: relay refuses or loses all mail, one message at a time is tried from now on",
		append(who, "next", c.Until, "error", c.Reason)...)
}

// observedConn is a conn for an Observer that wants the replies.
type observedConn struct{ *conn }

// Reply implements pool.ReplyObserver.
func (c observedConn) Reply(p *pool.Conn, stage classify.Stage, r *classify.Reply) {
	c.endpoint.sender.observer.Reply(ReplyRead{
		Time: time.Now(), Relay: c.endpoint.name, Connection: p.ID(), Stage: stage, Reply: r,
	})
}

// user returns the pool.User of the connection.
func (c *conn) user() pool.User {
	if c.endpoint.sender.observer.Reply != nil {
		return observedConn{c}
	}
	return c
}
