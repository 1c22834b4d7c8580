package throttle

import "time"

// MayOpen reserves one more connection to an endpoint, when there is mail for
// it that is ready, or a probe is due, and the limits allow it. Else it returns
// nil and when to ask again; the zero time means: not before a change. Every
// connection it returns must be ended with Closed.
func (s *Scheduler[T]) MayOpen(name string, now time.Time) (*Conn[T], time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.endpoints.get(name)
	if !ok {
		return nil, time.Time{}
	}
	if e.down && (e.probing || e.until.After(now)) {
		return nil, e.nextProbe()
	}
	d := s.wantingLocked(e, now)
	if d == nil {
		return nil, time.Time{}
	}
	return s.openLocked(e, d, now)
}

// Open reserves a connection as MayOpen does, whether or not there is mail.
func (s *Scheduler[T]) Open(name string, now time.Time) (*Conn[T], time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.endpointLocked(name)
	s.spareLocked(e, now)
	return s.openLocked(e, nil, now)
}

// wantingLocked is the destination whose mail a new connection would be for.
func (s *Scheduler[T]) wantingLocked(e *endpoint[T], now time.Time) *destination[T] {
	room := s.room()
	for _, p := range e.paths {
		if !p.serves(e) {
			continue
		}
		s.matureLocked(p, now)
		if d, _ := p.pick(room); d != nil {
			return d
		}
	}
	return nil
}

func (s *Scheduler[T]) openLocked(e *endpoint[T], d *destination[T], now time.Time) (*Conn[T], time.Time) {
	if int(s.process.busy) >= ceiling(s.process.limits.Connections) || e.free() <= 0 || e.opening() {
		return nil, time.Time{}
	}
	scopes := []*scope{&s.process, &e.scope}
	if d != nil {
		scopes = append(scopes, &d.scope)
	}
	at := now
	for _, sc := range scopes {
		if t := sc.openAt(now); t.After(at) {
			at = t
		}
	}
	if at.After(now) {
		return nil, at
	}
	s.process.opened(now)
	e.opened(now)
	if d != nil {
		d.opened(now)
		d.busy-- // what is busy at a destination is transactions
	}
	probe := e.down && !e.probing
	e.probing = e.probing || probe
	return &Conn[T]{s: s, e: e, begun: now, faults: e.faults, probe: probe, messages: Unlimited, recipients: Unlimited}, time.Time{}
}
