package smtpace

import (
	"fmt"
	"sync"
	"time"

	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/throttle"
)

// endpoint is a relay in use: its settings, references and counters.
type endpoint struct {
	sender   *Sender
	name     string
	provider string // the profile of its host; "" when none is known
	pinned   bool   // it is one of Config.Relays and is never forgotten

	mu       sync.Mutex
	relay    pool.Endpoint   // its functions are those that were given last
	limits   throttle.Limits // those that were given last
	refs     int             // deliveries and connections; not counted where it is pinned
	conflict bool            // that its name was given to another relay has been logged
	down     bool            // a warning has been logged
	fault    error           // why the last connection could not be opened; nil when it could
	counts   Counts
	opened   int64
	failed   int64
}

// target returns what a new connection goes to.
func (e *endpoint) relayNow() pool.Endpoint {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.relay
}

// endpointOf returns the endpoint of a relay with one more reference. It is made
// where its name is new. A relay of a known name must be the same but for its
// functions and limits, which are taken over.
func (s *Sender) endpointOf(r Relay) (*endpoint, error) {
	name, target := r.name(), r.endpoint()
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.endpoints[name]
	if e == nil {
		if err := s.sched.SetEndpoint(name, r.Limits); err != nil {
			return nil, err
		}
		e = &endpoint{sender: s, name: name, relay: target, limits: r.Limits, provider: s.receivers.host(r.Addr)}
		s.endpoints[name] = e
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.takeLocked(target, r.Limits); err != nil {
		return nil, err
	}
	e.refs++
	return e, nil
}

// takeLocked takes over the functions and limits of a relay of the same name.
func (e *endpoint) takeLocked(target pool.Endpoint, limits throttle.Limits) error {
	if was := e.relay; was.Addr != target.Addr || was.TLS != target.TLS || was.HELO != target.HELO || was.Auth != target.Auth {
		err := fmt.Errorf("smtpace: relay %q is %s already (TLS %v), and cannot be %s (TLS %v) as well: a relay with another Addr, TLS, HELO or Auth needs another Name",
			e.name, was.Addr, was.TLS, target.Addr, target.TLS)
		if !e.conflict {
			e.conflict = true
			e.sender.cfg.Logger.Error("smtpace: a Route is wrong, its mail waits", "relay", e.name, "error", err)
		}
		return err
	}
	e.relay = target
	if e.limits == limits || e.pinned {
		return nil
	}
	e.limits = limits
	return e.sender.sched.SetLimits(time.Now(), throttle.Scope{Kind: throttle.ScopeEndpoint, Name: e.name}, limits)
}

// retained returns an endpoint by name with one more reference; nil when it has
// been forgotten.
func (s *Sender) retained(name string) *endpoint {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.endpoints[name]
	if e != nil {
		e.retain()
	}
	return e
}

// retain adds one reference.
func (e *endpoint) retain() {
	if e.pinned {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.refs++
}

// release drops one reference; an endpoint that a Router named and that nothing
// refers to any more is forgotten.
func (e *endpoint) release() {
	if e.pinned {
		return
	}
	e.sender.mu.Lock()
	defer e.sender.mu.Unlock()
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.refs--; e.refs > 0 {
		return
	}
	delete(e.sender.endpoints, e.name)
}
