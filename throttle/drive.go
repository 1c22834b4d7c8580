package throttle

import (
	"slices"
	"time"
)

// Driver carries out what a Scheduler decides. Its methods are called with no
// lock held, from whichever goroutine called Drive or Tick.
type Driver[T any] interface {
	// Open dials a connection that the Scheduler has reserved. It must be ended
	// with Conn.Closed, also when it cannot be opened.
	Open(c *Conn[T])
	// Wake has an idle connection call Conn.Next.
	Wake(c *Conn[T])
	// Retire ends an idle connection, in whose place another endpoint needs one.
	// It has left; Conn.Closed must follow.
	Retire(c *Conn[T])
}

// driveBatch bounds how many connections are woken and opened for one taking of
// the lock, and driveLooks how many endpoints are looked at.
const (
	driveBatch = 16
	driveLooks = 200
)

// Drive wakes idle connections and opens new ones for what is ready, at every
// endpoint where something has changed since the last call. Call it after Push,
// Next, Wrote, Asked, Leaves, Closed, Release, Resume, Forget and SetLimits; it
// costs one atomic load where nothing has changed.
//
// It returns when to call Tick; zero means that the times returned before
// stand.
func (s *Scheduler[T]) Drive(now time.Time, d Driver[T]) (tick time.Time) {
	if !s.stirred.Load() {
		return time.Time{}
	}
	return s.Tick(now, d)
}

// Tick does what Drive does, at a time that Drive or Tick returned.
func (s *Scheduler[T]) Tick(now time.Time, d Driver[T]) (tick time.Time) {
	for {
		var todo plan[T]
		s.mu.Lock()
		s.planLocked(now, &todo)
		tick = s.firstAlarm()
		s.mu.Unlock()
		for _, c := range todo.wake[:todo.wakes] {
			d.Wake(c)
		}
		for _, c := range todo.open[:todo.opens] {
			d.Open(c)
		}
		for _, c := range todo.retire[:todo.retires] {
			d.Retire(c)
		}
		if !todo.full() {
			return tick
		}
	}
}

// plan lists the connections to wake, to open and to end at once.
type plan[T any] struct {
	wake, open, retire    [driveBatch]*Conn[T]
	wakes, opens, retires int
	looks                 int // endpoints that were looked at
}

func (p *plan[T]) full() bool {
	return p.wakes == driveBatch || p.opens == driveBatch || p.retires == driveBatch || p.looks == driveLooks
}

// stirLocked makes the next Drive look at an endpoint.
func (s *Scheduler[T]) stirLocked(e *endpoint[T]) {
	if e.stirred {
		return
	}
	e.stirred = true
	s.stir = append(s.stir, e)
	s.stirred.Store(true)
}

// stirPathLocked makes the next Drive look at those endpoints of a path at
// which it would find something to do.
func (s *Scheduler[T]) stirPathLocked(now time.Time, p *path[T]) {
	if len(p.endpoints) > 1 {
		if next := p.least(); next != nil { // before those that had more of their share
			s.stirIfWantedLocked(now, next)
		}
	}
	for _, e := range p.endpoints {
		if !e.wantsNothing() && p.serves(now, e) {
			s.stirIfWantedLocked(now, e)
		}
	}
}

// stirOverflowLocked makes the next Drive look at the endpoints that serve
// while another is full, after a change of that one.
func (s *Scheduler[T]) stirOverflowLocked(now time.Time, e *endpoint[T]) {
	if e.overflows == 0 {
		return
	}
	for _, p := range e.paths {
		if p.of.overflow == OverflowFull {
			s.stirPathLocked(now, p)
		}
	}
}

// stirIfWantedLocked makes the next Drive look at an endpoint, unless it would
// find nothing to do: no connection to wake and none to open, or no items ready
// beyond those for which connections are starting, and no earlier alarm.
func (s *Scheduler[T]) stirIfWantedLocked(now time.Time, e *endpoint[T]) {
	if e.wantsNothing() {
		return
	}
	room, ready, starting := s.room(), 0, int(e.starting)
	if len(e.idle) > 0 { // those that are being opened would come later
		starting -= int(e.opening)
	}
	for _, p := range e.paths {
		if !p.serves(now, e) {
			continue
		}
		if p.passesOver(now, e) {
			continue
		}
		if p.rests(e) {
			ready += min(p.ready(room), 1)
		} else {
			ready += max(p.ready(room)-p.startingElsewhere(e), 0)
		}
		soonest := p.soonest()
		if ready > starting || !soonest.IsZero() && (e.alarmPos < 0 || soonest.Before(e.alarm) || !soonest.After(now)) {
			s.stirLocked(e)
			return
		}
	}
}

// wantsNothing reports whether Drive will look at the endpoint in any case, or would
// find no connection to wake and none to open.
func (e *endpoint[T]) wantsNothing() bool {
	return e.stirred || len(e.idle) == 0 && (e.starved || e.free() <= 0 && e.crowding.experimentEnds().IsZero())
}

// stirAllLocked makes the next Drive look at every endpoint.
func (s *Scheduler[T]) stirAllLocked() {
	s.endpoints.each(func(e *endpoint[T]) bool {
		s.stirLocked(e)
		return true
	})
}

// planLocked plans for the endpoints that were stirred or have an alarm due.
func (s *Scheduler[T]) planLocked(now time.Time, todo *plan[T]) {
	for {
		e, ok := s.alarms.first()
		if !ok || e.alarm.After(now) {
			break
		}
		s.alarms.remove(e)
		e.alarmPos = -1
		s.stirLocked(e)
	}
	s.offersLocked(now)
	for len(s.stir) > 0 {
		if todo.full() {
			return
		}
		todo.looks++
		e := s.stir[0]
		s.stir[0], s.stir = nil, s.stir[1:]
		e.stirred = false // what moves to another of its paths meanwhile stirs it anew
		if !s.planForLocked(now, e, todo) {
			s.stirLocked(e)
			return // the next batch goes on with it
		}
		if len(s.stir) == 0 {
			s.stir = nil
			s.offersLocked(now)
			s.stirStarvedLocked()
		}
	}
	s.stirred.Store(false)
}

// planForLocked wakes the newest idle connections of an endpoint first, so that
// old ones age out, then opens others as far as the limits allow, and sets the
// alarm for what will be ready later. It returns false when the plan is full.
func (s *Scheduler[T]) planForLocked(now time.Time, e *endpoint[T], todo *plan[T]) bool {
	ready, again := s.readyLocked(now, e)
	for int(e.starting-e.opening) < ready && len(e.idle) > 0 {
		if todo.full() {
			return false
		}
		c, later := e.nextIdle(now)
		if c == nil {
			again = earlier(again, later)
			break
		}
		c.become(connWoken)
		todo.wake[todo.wakes] = c
		todo.wakes++
	}
	for int(e.starting+e.returning) < ready || ready > 0 && e.wantsMore() {
		if todo.full() {
			return false
		}
		starved := e.starved
		c, later := s.mayOpenLocked(now, e)
		if c == nil {
			if e.starved && !starved {
				s.retireLocked(todo)
			}
			again = earlier(again, later)
			break
		}
		todo.open[todo.opens] = c
		todo.opens++
	}
	s.alarmLocked(e, again)
	return true
}

// retireLocked ends the connection of any endpoint that has been idle longest:
// its place of the process is needed elsewhere.
func (s *Scheduler[T]) retireLocked(todo *plan[T]) {
	first := s.idleConns.Front()
	if first == nil {
		return
	}
	c := first.Value.(*Conn[T])
	c.become(connLeaving)
	todo.retire[todo.retires] = c
	todo.retires++
}

// alarmLocked sets the time at which an endpoint is looked at again; zero sets
// none. An earlier alarm stays.
func (s *Scheduler[T]) alarmLocked(e *endpoint[T], at time.Time) {
	if at.IsZero() || e.alarmPos >= 0 && !at.Before(e.alarm) {
		return
	}
	if e.alarmPos >= 0 {
		s.alarms.remove(e)
	}
	e.alarm = at
	s.alarms.push(e)
	if first, _ := s.alarms.first(); first == e {
		s.stirred.Store(true) // Drive must return it
	}
}

// firstAlarm returns the time at which the next endpoint or parent must be looked
// at; zero when there is none.
func (s *Scheduler[T]) firstAlarm() time.Time {
	e, ok := s.alarms.first()
	p, waits := s.waiting.first()
	switch {
	case !ok && !waits:
		return time.Time{}
	case !ok || waits && p.until.Before(e.alarm):
		return p.until
	}
	return e.alarm
}

func (e *endpoint[T]) due() time.Time   { return e.alarm }
func (e *endpoint[T]) position() *int32 { return &e.alarmPos }

// connState is the state of a connection as far as work is concerned.
type connState uint8

const (
	connWorking   connState = iota // it has a grant, or is not open for work
	connOpening                    // it is being opened for work and has not asked yet
	connWoken                      // it was idle and has not asked yet
	connReturning                  // its last message was accepted, and it is about to ask
	connIdle                       // it has asked and was given nothing
	connLeaving                    // it takes nothing more
	connClosed
)

// become moves a connection to a state, and keeps the endpoint's record of it.
func (c *Conn[T]) become(state connState) {
	if c.state == state {
		return
	}
	switch c.state {
	case connOpening:
		c.e.starting--
		c.e.opening--
	case connWoken:
		c.e.starting--
	case connReturning:
		c.e.returning--
	case connIdle:
		i := slices.Index(c.e.idle, c)
		c.e.idle = slices.Delete(c.e.idle, i, i+1)
		c.s.idleConns.Remove(c.idleAt)
		c.idleAt = nil
	case connLeaving:
		c.e.leaving--
	}
	c.state = state
	if state >= connLeaving {
		c.serves(false)
	}
	switch state {
	case connOpening:
		c.e.starting++
		c.e.opening++
	case connWoken:
		c.e.starting++
	case connReturning:
		c.e.returning++
	case connIdle:
		c.e.idle = append(c.e.idle, c)
		c.idleAt = c.s.idleConns.PushBack(c)
	case connLeaving:
		c.e.leaving++
	}
}
