package smtpace

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/internal/printable"
	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/throttle"
)

// endpoint is a relay in use: its settings, references and counters.
type endpoint struct {
	sender   *Sender
	name     string
	provider string // profile of its host; "" when none is known
	service  bool   // whether that is a service that customers log in to: all its replies are its own
	pinned   bool   // whether it is one of Config.Relays, which are never forgotten

	mu       sync.Mutex
	relay    pool.Endpoint   // settings of new connections
	limits   throttle.Limits // limits that were given last
	refs     int             // number of deliveries and connections; not counted for a pinned endpoint
	conflict bool            // whether a second relay of the same name has been logged
	down     bool            // whether a warning has been logged since the last success
	security pool.Security   // of the last connection
	fault    error           // reason why the last connection could not be opened; nil when it could
	counts   Counts
	senders  senders
	prospects
	opened int64 // number of connections that were opened
	failed int64 // number of those that could not be
}

// target returns the settings of a new connection.
func (e *endpoint) target() pool.Endpoint {
	e.mu.Lock()
	defer e.mu.Unlock()
	relay := e.relay
	relay.Provider = e.provider
	return e.sender.callbacks.endpoint(relay)
}

// endpointOf returns the endpoint of a hop with one more reference. It makes
// one for a new name. A relay of a known name must be the same but for its
// functions and limits, which the endpoint takes over.
func (s *Sender) endpointOf(h Hop) (*endpoint, error) {
	e, taken := s.endpointFor(h)
	if taken.news && taken.err != nil {
		s.cfg.Logger.Warn("smtpace: a Route is wrong, its mail waits", "relay", printable.Text(h.name(), maxName), "error", printable.Error(taken.err))
	}
	if taken.news && taken.err == nil {
		s.dispatcher.drive() // with the new limits
	}
	return e, taken.err
}

// takeover is the outcome of giving an endpoint the settings of a relay.
type takeover struct {
	err  error // reason why the relay cannot be used; nil when it can
	news bool  // whether the limits have changed or, with err, whether that is to be logged
}

// endpointFor does the part of endpointOf that needs the lock. The Scheduler gets the
// limits under it, so that the last ones apply in the end.
func (s *Sender) endpointFor(h Hop) (*endpoint, takeover) {
	r, relay := h.Relay, h.endpoint()
	name := relay.Name
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.endpoints[name]
	known := e != nil
	if !known {
		e = &endpoint{sender: s, name: name, relay: relay, provider: s.receivers.host(r.Addr), service: s.receivers.service(r.Addr) != nil}
		e.proven.Store(s.proven.has(name))
	}
	limits := s.receivers.limitsOf(r)
	taken := e.take(relay, limits)
	if taken.err != nil {
		return nil, taken
	}
	if !e.pinned && (taken.news || !known) {
		_ = s.sched.SetEndpoint(time.Now(), name, limits) // Hop.validate has looked at them
	}
	s.endpoints[name] = e
	e.retain()
	return e, taken
}

// take takes over the functions and limits of a relay of the same name.
func (e *endpoint) take(relay pool.Endpoint, limits throttle.Limits) takeover {
	e.mu.Lock()
	defer e.mu.Unlock()
	if was := e.relay; was.Addr != relay.Addr || was.TLS != relay.TLS || was.HELO != relay.HELO || was.Auth != relay.Auth || was.AllowInsecureLogin != relay.AllowInsecureLogin || was.Proof() != relay.Proof() {
		first := !e.conflict
		e.conflict = true
		return takeover{news: first, err: fmt.Errorf("smtpace: relay %q is %s already (TLS %v), and cannot be %s (TLS %v) as well: a relay with another Addr, TLS, HELO, Auth or AllowInsecureLogin needs another Name",
			e.name, was.Addr, was.TLS, relay.Addr, relay.TLS)}
	}
	e.relay = relay
	if e.limits == limits || e.pinned {
		return takeover{}
	}
	e.limits = limits
	return takeover{news: true}
}

// retained returns the endpoint of a name with one more reference; nil when it
// has been forgotten.
func (s *Sender) retained(name string) *endpoint {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.endpoints[name]
	if e != nil {
		e.retain()
	}
	return e
}

// retain adds a reference.
func (e *endpoint) retain() {
	if e.pinned {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.refs++
}

// release drops a reference. An endpoint without references is forgotten.
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
	e.sender.sched.ForgetEndpoint(time.Now(), e.name)
}

// established counts an opened connection. It reports whether the relay was
// down before.
func (e *endpoint) established(c *conn, p *pool.Conn) (recovered bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	c.pooled = p
	recovered = e.down
	e.down, e.fault, e.hopeless = false, nil, false
	e.opened++
	return recovered
}

// secured notes how a new connection is secured. It reports whether a warning is due:
// TLS has failed, so that less is used than before.
func (e *endpoint) secured(by pool.Security) (warn bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	warn = by.Fallback != nil && (e.security.Fallback == nil || e.security.TLS != by.TLS)
	e.security = by
	return warn
}

// failedToOpen counts a connection that could not be opened. It reports whether
// a warning is due: one for each period in which the relay is down.
func (e *endpoint) failedToOpen(err error, verdict classify.Verdict) (warn bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.failed++
	e.fault = err
	warn = !e.down && !verdict.Throttled()
	e.down = e.down || warn
	return warn
}

// verdict returns the stage and the meaning of the error that has ended a
// connection; the zero verdict for nil.
func (e *endpoint) verdict(err error) (classify.Stage, classify.Verdict) {
	if err == nil {
		return classify.StageIdle, classify.Verdict{}
	}
	if fault, ok := errors.AsType[*pool.Error](err); ok {
		return fault.Stage, fault.Verdict
	}
	return classify.StageIdle, e.sender.classifier.Of(classify.Input{Stage: classify.StageIdle, Provider: e.provider}, err)
}

// welcomes reports whether the relay has accepted mail of a sender lately.
func (e *endpoint) welcomes(from string, now time.Time) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.senders.lately(from, now)
}

// path is the endpoints that serve a route. The nil path has none.
type path struct {
	endpoints []*endpoint
	levels    *throttle.Path
}

// retain adds a reference to every endpoint of the path.
func (p *path) retain() {
	if p == nil {
		return
	}
	for _, e := range p.endpoints {
		e.retain()
	}
}

// release drops a reference to every endpoint of the path.
func (p *path) release() {
	if p == nil {
		return
	}
	for _, e := range p.endpoints {
		e.release()
	}
}

// homePath returns the path of Config.Relays; nil when there are none.
func (s *Sender) homePath() *path {
	if len(s.cfg.Relays) == 0 {
		return nil
	}
	p := &path{}
	var names []string
	for _, r := range s.cfg.Relays {
		if slices.Contains(names, r.name()) { // New reports it
			continue
		}
		e := &endpoint{sender: s, name: r.name(), relay: r.endpoint(), limits: s.receivers.limitsOf(r), provider: s.receivers.host(r.Addr), service: s.receivers.service(r.Addr) != nil, pinned: true}
		s.endpoints[e.name] = e
		p.endpoints = append(p.endpoints, e)
		names = append(names, e.name)
	}
	p.levels = throttle.Through(names...)
	return p
}
