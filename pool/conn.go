package pool

import (
	"context"
	"sync"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// Conn is a connection, from the dial to the close. Its methods may be called from
// any goroutine, and at any time unless they say otherwise.
type Conn struct {
	id       uint64
	pool     *Pool
	endpoint Endpoint
	user     User
	session  *session // set before Opened

	mu      sync.Mutex
	woken   bool // since the last Next
	resting bool // whether a read waits that a wake must end
	retired bool
}

// Limits returns the limits that the server has announced. It must not be called
// before [User].Opened.
func (c *Conn) Limits() Limits { return parseLimits(c.session.extensions["LIMITS"]) }

// ID returns a number that no other connection of the Pool has.
func (c *Conn) ID() uint64 { return c.id }

// Wake makes the connection call [User].Next when it is free: at once if it is
// idle. The connection calls Leaving instead when its idle time or age is over.
// Wake never blocks.
func (c *Conn) Wake() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wakeLocked()
}

// Retire makes the connection end with QUIT as soon as it is free. It never blocks.
func (c *Conn) Retire() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.retired = true
	c.wakeLocked()
}

func (c *Conn) wakeLocked() {
	c.woken = true
	if c.resting {
		c.session.wire.wake()
	}
}

// run opens the connection, serves it and closes it, on its own goroutine. What is
// deferred is done also when a method of the User ends the goroutine.
func (c *Conn) run() {
	q := c.pool.quirksOf(c.endpoint)
	defer c.pool.forgo(q)
	t := c.pool.transcribe(c.endpoint.name(), c.id)
	end := error(&Error{Endpoint: c.endpoint.name(), Stage: classify.StageConnect, Err: errUserEnded})
	defer unlessPanicking(func() {
		t.close(end)
		c.user.Closed(c, end)
	})
	s, err := c.pool.dial(c.pool.dialing, c.endpoint, q, c, t)
	if err != nil {
		if s != nil {
			s.wire.close()
		}
		end = err
		return
	}
	c.session = s
	s.conn = c
	defer func() {
		if end = nil; s.fault != nil {
			end = s.fault
		}
	}()
	defer context.AfterFunc(c.pool.serving, func() { s.wire.interrupt(ErrClosed) })()
	c.attend()
}

// attend serves an open connection and closes it.
func (c *Conn) attend() {
	s, served := c.session, false
	defer func() {
		s.wire.close()
		s.freeBuffer()
	}()
	defer unlessPanicking(func() {
		c.user.Leaving(c)
		if s.fate != classify.ConnDrop {
			s.quit()
		}
	})
	defer unlessPanicking(func() {
		if !served {
			s.fail(classify.StageIdle, errUserEnded)
			s.breakOff()
		}
	})
	c.user.Opened(c)
	c.serve()
	served = true
}

// serve runs deliveries until the user, the pool or the server ends it.
func (c *Conn) serve() {
	s := c.session
	s.used = time.Now()
	for s.usable() {
		if s.unfinished() && !s.pipelines() {
			s.reset()
			continue
		}
		if s.spoken() {
			c.unsolicited()
			return
		}
		if c.expired() {
			return
		}
		d, last := c.next()
		if last {
			c.Retire()
		}
		if d != nil {
			c.deliver(d)
		} else if last || !c.rest() {
			return
		}
	}
}

// expired reports whether no further transaction may begin.
func (c *Conn) expired() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.retired || time.Since(c.session.born) >= c.pool.config.MaxAge
}

// next calls User.Next. After a wake from here on it must be called again.
func (c *Conn) next() (d *Delivery, last bool) {
	c.mu.Lock()
	c.woken = false
	c.mu.Unlock()
	return c.user.Next(c)
}

// deliver runs a delivery and those that follow in the same write as its dot.
func (c *Conn) deliver(d *Delivery) {
	c.session.useBuffer()
	t := c.session.newTransaction(d, nil)
	if !t.admit() {
		t.done()
		return
	}
	for t != nil {
		c.session.running = t
		next := t.run()
		c.session.worked = true
		t.done()
		t = next
	}
}

// rest waits while the connection is idle, and reports whether a wake ended that. A
// read is pending meanwhile, so that a close or a reply of the server is noticed at
// once.
func (c *Conn) rest() bool {
	s := c.session
	s.freeBuffer()
	s.rested = true
	if s.worked {
		s.used, s.worked = time.Now(), false
	}
	until := s.used.Add(c.pool.config.IdleTimeout)
	if end := s.born.Add(c.pool.config.MaxAge); end.Before(until) {
		until = end
	}
	if waits, err := c.beginRest(until); err != nil {
		s.fail(classify.StageIdle, err)
		return false
	} else if !waits {
		return true
	}
	_, err := s.r.Peek(1)
	c.endRest()
	switch {
	case err == nil && !s.spoken():
		return true
	case err == nil:
		c.unsolicited()
		return false
	case timedOut(err) && s.wire.aborted() == nil:
		// The clock decides and not the wake: after the idle time the server may
		// close at any moment.
		return time.Now().Before(until)
	default:
		s.fail(classify.StageIdle, err)
		return false
	}
}

// beginRest prepares the read of an idle connection, unless a wake came already.
func (c *Conn) beginRest(until time.Time) (waits bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.woken {
		return false, nil
	}
	if err := c.session.wire.armRest(until); err != nil {
		return false, err
	}
	c.resting = true
	return true, nil
}

func (c *Conn) endRest() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.resting = false
}

// unsolicited reads a reply that comes between two transactions, mostly a 421, and
// ends the session. It concerns no delivery.
func (c *Conn) unsolicited() {
	s := c.session
	if err := s.wire.arm(finalReplyTime); err != nil {
		s.fail(classify.StageIdle, err)
		return
	}
	if r, err := s.reply(classify.StageIdle); err == nil {
		s.noteVerdict(classify.StageIdle, classify.Verdict{Connection: classify.ConnDrop}, r)
	}
}

// replyHook returns the function to call for replies, nil for none.
func (c *Conn) replyHook() replyHook {
	o, ok := c.user.(ReplyObserver)
	if !ok {
		return nil
	}
	return func(stage classify.Stage, r *classify.Reply) { o.Reply(c, stage, r) }
}
