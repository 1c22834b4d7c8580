package smtpace

import (
	"slices"

	"github.com/smtpace/smtpace/throttle"
)

// path is the endpoints that serve a route. The nil path has none.
type path struct {
	endpoints []*endpoint
	levels    *throttle.Path
}

func (p *path) retain() {
	if p == nil {
		return
	}
	for _, e := range p.endpoints {
		e.retain()
	}
}

func (p *path) release() {
	if p == nil {
		return
	}
	for _, e := range p.endpoints {
		e.release()
	}
}

// fault returns what keeps the path from serving: the fault of its first
// endpoint that has one.
func (p *path) fault() error {
	if p == nil {
		return nil
	}
	for _, e := range p.endpoints {
		e.mu.Lock()
		fault := e.fault
		e.mu.Unlock()
		if fault != nil {
			return fault
		}
	}
	return nil
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
		e := &endpoint{sender: s, name: r.name(), relay: r.endpoint(), limits: r.Limits, provider: s.receivers.host(r.Addr), pinned: true}
		s.endpoints[e.name] = e
		p.endpoints = append(p.endpoints, e)
		names = append(names, e.name)
	}
	p.levels = throttle.Through(names...)
	return p
}
