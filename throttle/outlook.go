package throttle

import "time"

// Outlook is the forecast of a scope that jobs name.
type Outlook struct {
	Scope Scope
	Next  time.Time // the time at which it lets a message go; the present when that depends on others
	Rate  float64   // the lowest rate of its limits in messages a second; 0 when it has none
	Ahead int       // the number of messages that wait for it
}

// Outlooks returns the forecasts of the limited scopes of a list. Scopes without limits
// have none.
func (s *Scheduler[T]) Outlooks(now time.Time, l *ScopeList) (all []Outlook) {
	if l == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, of := range l.scopes {
		p := s.parentLocked(now, of)
		if p == nil {
			continue
		}
		_, next := p.binding(now)
		all = append(all, Outlook{Scope: p.of, Next: maxTime(now, next), Rate: lowestRate([]*scope{&p.scope}), Ahead: p.parked})
	}
	return all
}
