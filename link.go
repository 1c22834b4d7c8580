package smtpace

import (
	"errors"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/throttle"
)

// link is one connection: what binds the pool's with the Scheduler's. It is
// the pool's source of deliveries.
type link struct {
	endpoint *endpoint
	slot     *throttle.Conn[*delivery]
	conn     *pool.Conn // set when it is open
	domains  int        // that one message may go to, as the server says; 0 where it does not
}

// Next gives the connection its next delivery, or lets it rest.
func (l *link) Next(*pool.Conn) pool.Turn {
	s := l.endpoint.s
	for {
		if s.isStopping() {
			l.slot.Leaves()
			return pool.Turn{Retire: true}
		}
		grant, last := l.slot.Next(time.Now())
		if grant == nil {
			s.dispatcher.drive()
			return pool.Turn{Retire: last}
		}
		if d := s.begin(l, grant); d != nil {
			return pool.Turn{Delivery: d, Retire: last}
		}
	}
}

// behind gives the connection the delivery that goes right behind the dot of
// one that it is about to end.
func (l *link) behind(before *throttle.Grant[*delivery]) *pool.Delivery {
	s := l.endpoint.s
	for !s.isStopping() {
		grant, _ := before.Next(time.Now()) // when to ask again Next finds out
		if grant == nil {
			return nil
		}
		if d := s.begin(l, grant); d != nil {
			return d
		}
	}
	return nil
}

// opened is called when the connection is ready for mail.
func (l *link) opened(c *pool.Conn) {
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
		e.s.cfg.Logger.Info("smtpace: relay is back", "relay", e.relay.Name)
	}
	if f := e.s.observer.Opened; f != nil {
		f(Connection{Time: time.Now(), Relay: e.relay.Name, ID: c.ID()})
	}
}

// events are the hooks of the connection.
func (l *link) events() pool.Events {
	ev := pool.Events{Opened: l.opened, Closed: l.closed}
	if f := l.endpoint.s.observer.Reply; f != nil {
		ev.Reply = func(c *pool.Conn, stage classify.Stage, r *classify.Reply) {
			f(ReplyRead{Time: time.Now(), Relay: l.endpoint.relay.Name, Connection: c.ID(), Stage: stage, Reply: r})
		}
	}
	return ev
}

// closed is called once, when the socket is gone or could not be opened.
func (l *link) closed(c *pool.Conn, err error) {
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
			"relay", e.relay.Name, "stage", stage.String(), "error", err)
	}
	if f := e.s.observer.Closed; f != nil {
		id := uint64(0)
		if c != nil {
			id = c.ID()
		}
		f(Connection{Time: now, Relay: e.relay.Name, ID: id, Err: err})
	}
	e.s.dispatcher.drive()
	e.release()
}
