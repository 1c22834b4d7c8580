package throttle

import (
	"fmt"
	"time"
)

// ScopeKind says what kind of holder limits belong to.
type ScopeKind uint8

// The kinds of scopes.
const (
	ScopeProcess ScopeKind = iota
	ScopeEndpoint
	ScopeDestination
	scopeKinds
)

var scopeKindNames = [scopeKinds]string{"process", "endpoint", "destination"}

// String returns the kind in lower case.
func (k ScopeKind) String() string {
	if k < scopeKinds {
		return scopeKindNames[k]
	}
	return "invalid"
}

// Scope names one holder of limits. Name is empty for the process.
type Scope struct {
	Kind ScopeKind
	Name string
}

// SetLimits sets the limits of a scope, from now on; zero fields fall back as
// those of Config do. What was used of a limit stays used: a quota that is
// raised lets go what it has more than before, a rate that is lowered spaces
// what comes. Nothing that is under way is taken back. An endpoint or a
// destination need not be known yet.
func (s *Scheduler[T]) SetLimits(now time.Time, of Scope, l Limits) error {
	if err := l.Validate(); err != nil {
		return fmt.Errorf("throttle: limits of %s %q: %w", of.Kind, of.Name, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch of.Kind {
	case ScopeProcess:
		l = l.or(defaultLimits(DefaultProcessConnections))
		s.cfg.Process = l
		s.process.setLimits(now, &l, s.newGeneration())
		s.stirAllLocked()
	case ScopeEndpoint:
		l = l.or(s.cfg.Endpoint)
		e := s.endpointLocked(of.Name)
		e.pinned = true
		e.setLimits(now, &l, s.newGeneration())
		s.stirLocked(e)
	case ScopeDestination:
		l = l.or(s.cfg.Destination)
		if s.cfg.Destinations == nil {
			s.cfg.Destinations = map[string]Limits{}
		}
		s.cfg.Destinations[of.Name] = l
		if d, ok := s.dests.get(of.Name); ok {
			d.setLimits(now, &l, s.newGeneration())
			s.rescheduleLocked(now, d)
		}
	default:
		return fmt.Errorf("throttle: limits of scope kind %d: want ScopeProcess, ScopeEndpoint or ScopeDestination", of.Kind)
	}
	return nil
}
