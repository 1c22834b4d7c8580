package throttle

import (
	"fmt"
	"time"
)

// Pause stops a destination until Resume: its items stay in the queue, new ones
// included. Transactions go on to their end. The destination need not be known
// yet. A pause is not part of a snapshot.
func (s *Scheduler[T]) Pause(now time.Time, name string) { s.pause(now, name, true) }

// Resume ends a Pause; mail goes on at the pace that was learned.
func (s *Scheduler[T]) Resume(now time.Time, name string) { s.pause(now, name, false) }

func (s *Scheduler[T]) pause(now time.Time, name string, paused bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case !paused:
		delete(s.paused, name)
	case s.paused == nil:
		s.paused = map[string]bool{name: true}
	default:
		s.paused[name] = true
	}
	if d, ok := s.dests.get(name); ok {
		d.paused = paused
		s.rescheduleLocked(now, d)
	}
}

// Forget drops what was learned of the destination or the endpoint of that
// name, pauses that receivers asked for included. Limits that are set, and what
// has been used of them, stay.
func (s *Scheduler[T]) Forget(now time.Time, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.restored.forget(name)
	if e, ok := s.endpoints.get(name); ok {
		e.forget()
		s.forgetSenders(e)
		e.shared, e.recent, e.breaker, e.spread, e.uneven, e.tarpit = sharedRefusals{}, recentTotals{}, breaker[T]{}, nil, nil, nil
		e.blocked = time.Time{}
		s.stirLocked(e)
	}
	if d, ok := s.dests.get(name); ok {
		d.forget()
		d.recent = recentTotals{}
		d.forgetMailboxes()
		s.forgetBarsLocked(d)
		s.rescheduleLocked(now, d)
	}
}

// SetLimits changes the limits of a scope. Zero fields fall back as those of Config do;
// for scopes that only jobs name they mean no limit. All zero, those of an endpoint fall
// back to SetEndpoint's. Used tokens stay used: a raised
// quota lets the difference go, and a lowered rate spaces the messages that come.
// Grants stay valid. The scope need not be known yet.
//
// For scopes that only jobs name, Connections is the number of transactions at once. A
// message and its follower on the same connection count as one. They have no connections
// of their own, so ConnectionRate and MessagesPerConnection are mistakes.
func (s *Scheduler[T]) SetLimits(now time.Time, of Scope, l Limits) error {
	if err := l.Validate(); err != nil {
		return fmt.Errorf("throttle: limits of %s %q: %w", of.Kind, of.Name, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch of.Kind {
	case ScopeProcess:
		l = l.or(defaultLimits(defaultProcessConnections))
		s.cfg.Process = l
		s.process.setLimits(now, &l, s.newGeneration())
	case ScopeEndpoint:
		s.limitEndpointLocked(now, of.Name, l)
	case ScopeDestination:
		l = l.or(s.cfg.Destination)
		s.cfg.Destinations = remember(s.cfg.Destinations, of.Name, l, s.cfg.Destination)
		if d, ok := s.dests.get(of.Name); ok {
			d.setLimits(now, &l, s.newGeneration())
		}
	default:
		if err := s.limitParentLocked(now, of, l); err != nil {
			return err
		}
	}
	s.lookAgainLocked(now, of)
	return nil
}

// limitEndpointLocked sets the limits of an endpoint; zero ones take back what was set.
// The limits also hold for endpoints of that name that are made later, whatever limits
// those have of their own.
func (s *Scheduler[T]) limitEndpointLocked(now time.Time, name string, l Limits) {
	e, known := s.endpoints.get(name)
	switch {
	case l != Limits{}:
		l = l.or(s.cfg.Endpoint)
		s.cfg.Endpoints = remember(s.cfg.Endpoints, name, l, Limits{})
	default:
		delete(s.cfg.Endpoints, name)
		l = s.cfg.Endpoint
		if known && e.own != nil {
			l = *e.own
		}
	}
	if known {
		e.setLimits(now, &l, s.newGeneration())
	}
}

// remember returns limits by name with those of one name. It keeps none that equal the
// usual ones.
func remember(by map[string]Limits, name string, l, usual Limits) map[string]Limits {
	if l == usual {
		delete(by, name)
		return by
	}
	if by == nil {
		by = map[string]Limits{}
	}
	by[name] = l
	return by
}
