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
type link struct {
	endpoint *endpoint
	slot     *throttle.Conn[*delivery]
	conn     *pool.Conn // set when it is open
	domains  int        // that one message may go to, as the server says; 0 where it does not
}

// Next gives the connection its next delivery, or lets it rest.
func (l *link) Next(*pool.Conn) (d *pool.Delivery, last bool) {
	s := l.endpoint.s
	for !s.isStopping() {
		grant, last := l.slot.Next(time.Now())
		if grant == nil {
			s.dispatcher.drive()
			return nil, last
		}
		if d := s.begin(l, grant); d != nil {
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
func (l *link) MailWritten(d *pool.Delivery) {
	grantOf(d).Wrote(time.Now())
	l.endpoint.s.dispatcher.drive()
}

// RcptsWritten tells the Scheduler that the recipients are known.
func (l *link) RcptsWritten(d *pool.Delivery) {
	grantOf(d).Asked(time.Now())
	l.endpoint.s.dispatcher.drive()
}

// BeforeDot lets every dot go.
func (l *link) BeforeDot(context.Context, *pool.Delivery) error { return nil }

// Follower gives the connection the delivery that goes right behind the dot of
// one that it is about to end.
func (l *link) Follower(before *pool.Delivery) *pool.Delivery {
	s := l.endpoint.s
	for !s.isStopping() {
		grant, _ := grantOf(before).Next(time.Now()) // when to ask again Next finds out
		if grant == nil {
			return nil
		}
		if d := s.begin(l, grant); d != nil {
			return d
		}
	}
	return nil
}

// Done judges the outcome.
func (l *link) Done(d *pool.Delivery, r pool.Report) { l.endpoint.s.transacted(l, grantOf(d), r) }

// Leaving has other connections do what is ready.
func (l *link) Leaving(*pool.Conn) {
	l.slot.Leaves()
	l.endpoint.s.dispatcher.drive()
}

// Opened is called when the connection is ready for mail.
func (l *link) Opened(c *pool.Conn) {
	e := l.endpoint
	e.mu.Lock()
	l.conn = c
	recovered := e.down
	e.down, e.fault = false, nil
	e.opened++
	e.mu.Unlock()
	said := c.Limits()
	l.domains = said.Domains
	l.slot.Announced(said.Messages, said.Recipients)
	e.s.changed(l.slot.Established(time.Now()))
	if recovered {
		e.s.cfg.Logger.Info("smtpace: relay is back", "relay", e.name)
	}
	if f := e.s.observer.Opened; f != nil {
		f(Connection{Time: time.Now(), Relay: e.name, ID: c.ID()})
	}
}

// listener is a link whose replies the Observer wants.
type listener struct{ *link }

// Reply implements pool.ReplyObserver.
func (l listener) Reply(c *pool.Conn, stage classify.Stage, r *classify.Reply) {
	l.endpoint.s.observer.Reply(ReplyRead{
		Time: time.Now(), Relay: l.endpoint.name, Connection: c.ID(), Stage: stage, Reply: r,
	})
}

// user returns what the pool calls.
func (l *link) user() pool.User {
	if l.endpoint.s.observer.Reply != nil {
		return listener{l}
	}
	return l
}

// Closed is called once, when the socket is gone or could not be opened.
func (l *link) Closed(c *pool.Conn, err error) {
	e := l.endpoint
	if errors.Is(err, pool.ErrClosed) || errors.Is(err, pool.ErrCancelled) {
		err = nil // our own doing teaches nothing
	}
	stage := classify.StageIdle
	if fault, ok := errors.AsType[*pool.Error](err); ok {
		stage = fault.Stage
	}
	var verdict classify.Verdict
	if err != nil {
		verdict = e.s.classifier.Of(classify.Input{Stage: stage, Provider: e.provider}, err)
	}
	e.mu.Lock()
	warn := false
	if l.conn == nil && err != nil {
		e.failed++
		warn = !e.down && !verdict.Throttled()
		e.down = e.down || warn
		e.fault = err
	}
	e.mu.Unlock()
	now := time.Now()
	e.s.changed(l.slot.Closed(now, stage, verdict, err))
	if warn && !e.s.isStopping() {
		e.s.cfg.Logger.Warn("smtpace: relay cannot be used, mail for it waits",
			"relay", e.name, "stage", stage.String(), "error", err)
	}
	if f := e.s.observer.Closed; f != nil {
		id := uint64(0)
		if c != nil {
			id = c.ID()
		}
		f(Connection{Time: now, Relay: e.name, ID: id, Err: err})
	}
	e.s.dispatcher.drive()
	e.release()
}
