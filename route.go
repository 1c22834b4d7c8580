package smtpace

import (
	"fmt"
	"slices"
	"strings"

	"github.com/smtpace/smtpace/throttle"
)

// route is where a recipient goes: whose limits apply, whose rules judge the
// replies, and through what.
type route struct {
	destination string
	provider    string // the name of a profile, "" when none is known
	path        *path
}

// route finds the routes of all recipients. The paths are retained once for
// each route; the caller releases them.
func (s *Sender) route(to []address) ([]route, error) {
	routes := make([]route, 0, len(to))
	for _, a := range to {
		r, err := s.routeDomain(a.domain)
		if err != nil {
			releaseRoutes(routes)
			return nil, err
		}
		routes = append(routes, r)
	}
	return routes, nil
}

func releaseRoutes(routes []route) {
	for _, r := range routes {
		r.path.release()
	}
}

func (s *Sender) routeDomain(domain string) (route, error) {
	r := route{path: s.home}
	var relays []Relay
	if s.cfg.Route != nil {
		r.destination, relays = s.cfg.Route(domain)
	}
	if r.destination == "" {
		r.destination = s.known.destination(domain)
	}
	r.provider = s.known.provider(r.destination, domain)
	if len(relays) == 0 {
		if len(s.cfg.Relays) == 0 {
			return r, fmt.Errorf("%w: Route gives no relay for %q, and Config.Relays is empty", ErrInvalid, domain)
		}
		r.path.retain()
		return r, nil
	}
	var err error
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.path, err = s.pathLocked(relays); err != nil {
		return r, fmt.Errorf("%w: Route, for %q: %w", ErrInvalid, domain, err)
	}
	r.path.retain()
	return r, nil
}

// pathLocked gives the endpoints of relays, made where they are new.
func (s *Sender) pathLocked(relays []Relay) (*path, error) {
	p := &path{}
	var names []string
	for _, r := range relays {
		if err := r.validate(); err != nil {
			return nil, err
		}
	}
	for _, r := range relays {
		if slices.Contains(names, r.name()) {
			return nil, fmt.Errorf("relay %q is named twice", r.name())
		}
		e := s.endpoints[r.name()]
		if e == nil {
			e = &endpoint{s: s, relay: r.endpoint(), provider: s.known.host(r.Addr)}
			if err := s.sched.SetEndpoint(r.name(), r.Limits); err != nil {
				return nil, err
			}
			s.endpoints[r.name()] = e
		}
		p.endpoints = append(p.endpoints, e)
		names = append(names, r.name())
	}
	if len(names) > 0 { // Config.Relays may be empty
		p.of = throttle.Through(names...)
	}
	return p, nil
}

func (r Relay) validate() error {
	if strings.ContainsAny(r.Name, "\r\n\x00") {
		return fmt.Errorf("relay %q: Name contains a line break or NUL", r.Name)
	}
	if err := r.endpoint().Validate(); err != nil {
		return fmt.Errorf("relay %q: %w", r.name(), err)
	}
	if err := r.Limits.Validate(); err != nil {
		return fmt.Errorf("relay %q: Limits: %w", r.name(), err)
	}
	return nil
}
