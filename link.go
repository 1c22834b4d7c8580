package smtpace

import (
	"context"
	"errors"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/throttle"
)

// link is one connection: what binds the pool's with the Scheduler's. It
// implements pool.User.
type conn struct {
	endpoint  *endpoint
	scheduled *throttle.Conn[*delivery]
	pooled    *pool.Conn // set when it is open
	domains   int        // that one message may go to, as the server says; 0 where it does not
}

// Next gives the connection its next delivery, or lets it rest.
func (c *conn) Next(*pool.Conn) (d *pool.Delivery, last bool) {
	s := c.endpoint.sender
	for !s.isStopping() {
		grant, last := c.scheduled.Next(time.Now())
		if grant == nil {
			s.dispatcher.drive()
			return nil, last
		}
		if d := s.begin(c, grant); d != nil {
			return d, last
		}
	}
	return nil, true
}

// grantOf returns what the Scheduler granted for a delivery.
func grantOf(d *pool.Delivery) *throttle.Grant[*delivery] {
	return d.Value.(*throttle.Grant[*delivery])
}

// MailWritten takes the tokens; there may be more, for other connections.
func (c *conn) MailWritten(d *pool.Delivery) {
	grantOf(d).Wrote(time.Now())
	c.endpoint.sender.dispatcher.drive()
}

// RcptsWritten tells the Scheduler that the recipients are known.
func (c *conn) RcptsWritten(d *pool.Delivery) {
	grantOf(d).Asked(time.Now())
	c.endpoint.sender.dispatcher.drive()
}

// BeforeDot lets every dot go.
func (c *conn) BeforeDot(context.Context, *pool.Delivery) error { return nil }

// Follower gives the connection the delivery that goes right behind the dot of
// one that it is about to end.
func (c *conn) Follower(before *pool.Delivery) *pool.Delivery {
	s := c.endpoint.sender
	for !s.isStopping() {
		grant, _ := grantOf(before).Next(time.Now()) // when to ask again Next finds out
		if grant == nil {
			return nil
		}
		if d := s.begin(c, grant); d != nil {
			return d
		}
	}
	return nil
}

// Done judges the outcome.
func (c *conn) Done(d *pool.Delivery, r pool.Report) { c.endpoint.sender.transacted(c, grantOf(d), r) }

// Leaving has other connections do what is ready.
func (c *conn) Leaving(*pool.Conn) {
	c.scheduled.Leaves()
	c.endpoint.sender.dispatcher.drive()
}

// Opened is called when the connection is ready for mail.
func (c *conn) Opened(p *pool.Conn) {
	e := c.endpoint
	e.mu.Lock()
	c.pooled = p
	recovered := e.down
	e.down, e.fault = false, nil
	e.opened++
	e.mu.Unlock()
	said := p.Limits()
	c.domains = said.Domains
	c.scheduled.Announced(said.Messages, said.Recipients)
	e.sender.changed(c.scheduled.Established(time.Now()))
	if recovered {
		e.sender.cfg.Logger.Info("smtpace: relay is back", "relay", e.name)
	}
	if f := e.sender.observer.Opened; f != nil {
		f(Connection{Time: time.Now(), Relay: e.name, ID: p.ID()})
	}
}

// listener is a link whose replies the Observer wants.
type observedConn struct{ *conn }

// Reply implements pool.ReplyObserver.
func (l observedConn) Reply(p *pool.Conn, stage classify.Stage, r *classify.Reply) {
	l.endpoint.sender.observer.Reply(ReplyRead{
		Time: time.Now(), Relay: l.endpoint.name, Connection: p.ID(), Stage: stage, Reply: r,
	})
}

// user returns what the pool calls.
func (c *conn) user() pool.User {
	if c.endpoint.sender.observer.Reply != nil {
		return observedConn{c}
	}
	return c
}

// Closed is called once, when the socket is gone or could not be opened.
func (c *conn) Closed(p *pool.Conn, err error) {
	e := c.endpoint
	if errors.Is(err, pool.ErrClosed) || errors.Is(err, pool.ErrCancelled) {
		err = nil // our own doing teaches nothing
	}
	stage := classify.StageIdle
	if fault, ok := errors.AsType[*pool.Error](err); ok {
		stage = fault.Stage
	}
	var verdict classify.Verdict
	if err != nil {
		verdict = e.sender.classifier.Of(classify.Input{Stage: stage, Provider: e.provider}, err)
	}
	e.mu.Lock()
	warn := false
	if c.pooled == nil && err != nil {
		e.failed++
		warn = !e.down && !verdict.Throttled()
		e.down = e.down || warn
		e.fault = err
	}
	e.mu.Unlock()
	now := time.Now()
	e.sender.changed(c.scheduled.Closed(now, stage, verdict, err))
	if warn && !e.sender.isStopping() {
		e.sender.cfg.Logger.Warn("smtpace: relay cannot be used, mail for it waits",
			"relay", e.name, "stage", stage.String(), "error", err)
	}
	if f := e.sender.observer.Closed; f != nil {
		id := uint64(0)
		if p != nil {
			id = p.ID()
		}
		f(Connection{Time: now, Relay: e.name, ID: id, Err: err})
	}
	e.sender.dispatcher.drive()
	e.release()
}
