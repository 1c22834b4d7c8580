package smtpace

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/smtpace/smtpace/internal/finite"
	"github.com/smtpace/smtpace/internal/printable"
	"github.com/smtpace/smtpace/throttle"
)

// route is the way of a delivery: the destination whose limits apply, the
// profile whose rules judge the replies, and the endpoints.
type route struct {
	destination string
	provider    string              // name of a profile; "" when none is known
	path        *path               // nil while the Router has not answered
	parents     *throttle.ScopeList // further scopes whose limits apply; nil is none
	until       time.Time           // end of the route's validity; zero means none
	renewed     bool                // whether the next grant uses the route even after until
}

// answer is the route of a domain, as far as it is known when a message is
// accepted.
type answer struct {
	route
	domain string
	owner  bool  // whether this answer has the reference to path, for all answers of its domain
	err    error // reason why there is no route now; nil when there is one, or while the Router is asked
}

// neverRoute returns the reason why a domain never gets mail; nil when it may.
func (a *answer) neverRoute() error {
	if a.err == nil {
		return nil
	}
	if never, ok := errors.AsType[*NoRouteError](a.err); ok {
		return never
	}
	return nil
}

// groupKey is equal for recipients that share a delivery. It has a destination,
// a path and parents, or a domain while there is no route.
type groupKey struct{ destination, path, parents, domain string }

// group returns the key of the delivery that an answer belongs to.
func (a *answer) group() groupKey {
	if a.path == nil {
		return groupKey{domain: a.domain}
	}
	return groupKey{destination: a.destination, path: a.path.levels.Key(), parents: a.parents.Key()}
}

// routes returns the route of every recipient, as far as it is known at once. It
// retains the path of each domain once; releaseRoutes releases them. q is the
// request to the Router without a domain. The answers are stored in room.
func (s *Sender) routes(q RouteRequest, to []address, room *recipientRoom) []answer {
	all := room.answers(len(to))
	var first map[string]int // index of the first answer by domain; nil while there is one domain
	for i := range to {
		domain, n := to[i].domain, len(all)
		if n > 0 && all[n-1].domain == domain {
			all = append(all, all[n-1].shared())
			continue
		}
		if k, ok := first[domain]; ok {
			all = append(all, all[k].shared())
			continue
		}
		q.Domain = domain
		a := s.routeNow(q)
		a.owner = true
		all = append(all, a)
		if n > 0 {
			if first == nil {
				first = map[string]int{all[0].domain: 0}
			}
			first[domain] = n
		}
	}
	return all
}

// shared returns the answer for a further recipient of the domain.
func (a answer) shared() answer {
	a.owner = false
	return a
}

// releaseRoutes releases the paths that routes has retained.
func releaseRoutes(all []answer) {
	for i := range all {
		if all[i].owner {
			all[i].path.release()
		}
	}
}

// routeNow returns the route of a domain if it is known at once. Its path is
// retained. Otherwise the destination is the one that mail for the domain went to
// last.
func (s *Sender) routeNow(q RouteRequest) answer {
	a := answer{domain: q.Domain}
	var given Route
	err, ok := ErrUseRelays, true
	if s.cfg.Router != nil {
		given, err, ok = s.askPromptRouter(q)
	}
	if ok {
		a.route, a.err = s.resolve(q.Domain, given, err)
	}
	if a.path == nil {
		a.destination = s.lastDestination(q.Domain)
	}
	return a
}

// errNoHops is the answer "not now" of a Route without hops.
var errNoHops = errors.New("smtpace: the Router gave no relay")

// askRouter calls the Router. It turns a panic into an error. The text of an error is
// printable.
func (s *Sender) askRouter(ctx context.Context, q RouteRequest) (r Route, err error) {
	s.callbacks.enter(callRouter)
	defer func() {
		s.callbacks.leave(callRouter)
		if p := recover(); p != nil {
			err = panicked(p)
		}
		err = printable.Error(finite.Error(err))
	}()
	return s.cfg.Router.Route(ctx, q)
}

// panicked returns the error of a Router that has panicked.
func panicked(with any) error { return fmt.Errorf("smtpace: the Router has panicked: %v", with) }

// askPromptRouter does the same with a Router that may know at once. It reports false
// for one that does not.
func (s *Sender) askPromptRouter(q RouteRequest) (r Route, err error, ok bool) {
	prompt, is := s.cfg.Router.(PromptRouter)
	if !is {
		return Route{}, nil, false
	}
	defer func() {
		if p := recover(); p != nil {
			err, ok = panicked(p), true
		}
		err = printable.Error(finite.Error(err))
	}()
	return prompt.RouteNow(q)
}

// maxName bounds the names in bytes that a Router gives to destinations and providers.
// It is more than a domain can have (RFC 1035 2.3.4).
const maxName = 256

// resolve returns the route that a Router's answer means, with its path retained.
func (s *Sender) resolve(domain string, answer Route, err error) (route, error) {
	r := route{destination: printable.Text(answer.Destination, maxName), provider: printable.Text(answer.Provider, maxName), until: answer.Until}
	useRelays := errors.Is(err, ErrUseRelays) && s.home != nil
	if err == nil || useRelays {
		parents, wrong := parentsOf(answer.Parents)
		if wrong != nil {
			return route{}, printable.Error(wrong)
		}
		r.parents = parents
	}
	if soonest := time.Now().Add(minValidity); !r.until.IsZero() && r.until.Before(soonest) {
		r.until = soonest
	}
	if r.destination == "" {
		r.destination = s.receivers.destination(domain)
	} else if name, err := destinationName(r.destination, s.receivers.profiles); err == nil {
		r.destination = name
	}
	if r.provider == "" {
		r.provider = s.receivers.provider(r.destination, domain)
	}
	switch {
	case useRelays:
		r.path = s.home
	case err != nil:
		return route{}, err
	case len(answer.Levels) == 0:
		return route{}, errNoHops
	default:
		if r.path, err = s.pathOf(answer); err != nil {
			return route{}, printable.Error(err)
		}
	}
	return r, nil
}

// pathOf returns the path of a Route, retained. It makes the endpoints that are
// new.
func (s *Sender) pathOf(r Route) (*path, error) {
	levels, err := r.levels()
	if err != nil {
		return nil, err
	}
	p := &path{levels: levels}
	for _, level := range r.Levels {
		for _, h := range level {
			e, err := s.endpointOf(h)
			if err != nil {
				p.release()
				return nil, err
			}
			p.endpoints = append(p.endpoints, e)
		}
	}
	return p, nil
}

// levels returns the levels of a Route with the names of their relays.
func (r Route) levels() (*throttle.Path, error) {
	levels := make([][]throttle.Hop, 0, len(r.Levels))
	for _, level := range r.Levels {
		hops := make([]throttle.Hop, 0, len(level))
		for _, h := range level {
			if err := h.validate(); err != nil {
				return nil, err
			}
			hops = append(hops, throttle.Hop{Endpoint: h.name(), Weight: h.Weight})
		}
		levels = append(levels, hops)
	}
	return throttle.NewPath(r.Overflow, levels...)
}

// parentsOf returns the parents of a Route in their normal form.
func parentsOf(all []throttle.Scope) (*throttle.ScopeList, error) {
	if len(all) == 0 {
		return nil, nil
	}
	normal := make([]throttle.Scope, 0, len(all))
	for _, of := range all {
		of, err := normalScope(of)
		if err != nil {
			return nil, err
		}
		normal = append(normal, of)
	}
	return throttle.NewScopeList(normal...)
}

// normalScope returns a scope with its name in the normal form: a sender's domain
// as A-labels in lower case, a source address without a zone or leading zeros.
func normalScope(of throttle.Scope) (throttle.Scope, error) {
	var err error
	switch of.Kind {
	case throttle.ScopeSender:
		if of.Name != "" {
			var a address
			if a, err = parseAddress(of.Name); err == nil {
				of.Name = a.mailbox
			}
		}
	case throttle.ScopeSenderDomain:
		if of.Name != "" {
			of.Name, err = normalDomain(of.Name)
		}
	case throttle.ScopeSource:
		var a netip.Addr
		if a, err = netip.ParseAddr(of.Name); err == nil {
			of.Name = a.Unmap().WithZone("").String()
		}
	}
	if err != nil {
		return throttle.Scope{}, fmt.Errorf("smtpace: scope %v: %w", of, err)
	}
	return of, nil
}
