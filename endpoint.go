package smtpace

import (
	"sync"

	"github.com/smtpace/smtpace/pool"
)

// endpoint is a relay in use: its settings, references and counters.
type endpoint struct {
	s        *Sender
	relay    pool.Endpoint
	provider string // the profile of its host, "" when none is known

	mu     sync.Mutex
	refs   int   // deliveries, connections; one more for a relay of Config
	down   bool  // a warning has been logged
	fault  error // why the last connection could not be opened; nil when it could
	counts Counts
	opened int64
	failed int64
}

// retained returns an endpoint by name with one more reference; nil when it has
// been forgotten.
func (s *Sender) retained(name string) *endpoint {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.endpoints[name]
	if e != nil {
		e.mu.Lock()
		e.refs++
		e.mu.Unlock()
	}
	return e
}

// release drops one reference; an endpoint that Route named and that nothing
// refers to any more is forgotten.
func (e *endpoint) release() {
	e.s.mu.Lock()
	defer e.s.mu.Unlock()
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.refs--; e.refs > 0 {
		return
	}
	delete(e.s.endpoints, e.relay.Name)
}
