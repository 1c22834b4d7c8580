package smtpace

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// route is where a delivery goes: whose limits apply, whose rules judge the
// replies, and through what.
type route struct {
	destination string
	provider    string    // the name of a profile; "" when none is known
	path        *path     // nil while the Router has not said
	until       time.Time // the route is out of date after it; zero is never
}

// answer is what is known of the route of a domain when a message is accepted.
type answer struct {
	route
	domain string
	owner  bool  // it stands for the reference to path, others with the same domain do not
	err    error // why there is no route now; nil when there is, or while the Router is being asked
}

// never returns the reason why a domain never gets mail; nil when it may.
func (a *answer) neverRoute() error {
	if never, ok := errors.AsType[*NoRouteError](a.err); ok {
		return never
	}
	return nil
}

// routes returns the route of every recipient, as far as it is known at once.
// Their paths are retained once for each domain; releaseRoutes releases them.
func (s *Sender) routes(m *Message, e *envelope, room []answer) []answer {
	all := room[:0]
	var known map[string]int // by domain: where it stands in all; nil while there is one
	for i := range e.to {
		domain, n := e.to[i].domain, len(all)
		if n > 0 && all[n-1].domain == domain {
			all = append(all, all[n-1])
			continue
		}
		if k, ok := known[domain]; ok {
			all = append(all, all[k])
			continue
		}
		all = append(all, s.routeNow(RouteRequest{Domain: domain, Sender: e.from, Tenant: m.Tenant, ID: m.ID}))
		all[n].owner = true
		if n > 0 {
			if known == nil {
				known = map[string]int{all[0].domain: 0}
			}
			known[domain] = n
		}
	}
	return all
}

// routeNow returns the route of a domain if it is known at once.
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
		a.destination = s.receivers.destination(q.Domain)
	}
	return a
}

func releaseRoutes(all []answer) {
	for i := range all {
		if all[i].owner {
			all[i].path.release()
		}
	}
}

// group is what the recipients of one delivery have in common: a destination and
// a path, or, while there is no route, a domain.
type groupKey struct{ destination, path, domain string }

func (a *answer) group() groupKey {
	if a.path == nil {
		return groupKey{domain: a.domain}
	}
	return groupKey{destination: a.destination, path: a.path.levels.Key()}
}

// domain returns the recipient domain of a delivery that has no route yet: all
// its recipients have the same.
func (d *delivery) domain() string {
	wire := d.sub.recipients[d.to[0]].mailbox
	return wire[strings.LastIndexByte(wire, '@')+1:]
}

// routeLater has the Router asked about a delivery without a route.
func (s *Sender) routeLater(d *delivery, why error) {
	var at time.Time
	if why != nil { // it said "not now"
		sub := d.sub
		sub.mu.Lock()
		at = d.putOffLocked(why, time.Now())
		sub.mu.Unlock()
	}
	s.routing.ask(d, at)
}

// putOffLocked notes why a delivery has no route, and returns when to ask again.
func (d *delivery) putOffLocked(why error, now time.Time) time.Time {
	d.failures++
	d.lastFailure = fmt.Errorf("%w: %w", ErrNoRoute, why)
	return now.Add(failureGap(d.failures))
}

// routeAgain takes a delivery off the queue whose route is out of date. It
// reports whether it is so.
func (s *Sender) routeAgain(d *delivery) bool {
	if d.until.IsZero() || !time.Now().After(d.until) {
		return false
	}
	sub := d.sub
	sub.mu.Lock()
	defer sub.finish()
	d.item = nil
	switch {
	case d.pos < 0:
	case sub.withdrawn != nil:
		sub.endAllLocked(d, sub.withdrawn, false)
	default:
		d.routing = true
		s.routing.ask(d, time.Time{})
	}
	return true
}

// reroute asks the Router about a delivery and queues it.
func (s *Sender) reroute(d *delivery) {
	q, ok := d.request()
	if !ok {
		return
	}
	given, err := s.askRouter(s.routing.ctx, q)
	r, err := s.resolve(q.Domain, given, err)
	switch at, queued := d.routed(r, err, time.Now()); {
	case queued:
		s.push(d, time.Time{})
	case !at.IsZero():
		s.routing.ask(d, at)
	}
}

// request returns what the Router is asked about a delivery; false when it has
// ended.
func (d *delivery) request() (RouteRequest, bool) {
	sub := d.sub
	sub.mu.Lock()
	defer sub.mu.Unlock()
	if d.pos < 0 {
		return RouteRequest{}, false
	}
	return RouteRequest{Domain: d.domain(), Sender: sub.from, Tenant: sub.message.Tenant, ID: sub.message.ID}, true
}

// routed gives a delivery the route that the Router has answered. It reports
// whether d is to be queued now, or else when the Router is to be asked again;
// zero when d has ended.
func (d *delivery) routed(r route, err error, now time.Time) (again time.Time, queue bool) {
	sub := d.sub
	sub.mu.Lock()
	defer sub.finish()
	switch never, is := errors.AsType[*NoRouteError](err); {
	case d.pos < 0:
		sub.released = append(sub.released, r.path)
		return time.Time{}, false
	case sub.withdrawn != nil:
		sub.released = append(sub.released, r.path)
		sub.endAllLocked(d, sub.whyNot(d, sub.withdrawn), false)
		return time.Time{}, false
	case is:
		sub.refuseRouteLocked(d, never)
		return time.Time{}, false
	case err != nil:
		return d.putOffLocked(err, now), false
	}
	sub.released = append(sub.released, d.path)
	sub.admitted.detached(d.destination)
	sub.admitted.attached(r.destination)
	d.route, d.routing, d.lastFailure, d.failures = r, false, nil, 0
	for _, i := range d.to {
		sub.result.Recipients[i].Destination = r.destination
	}
	if !sub.sender.sched.Admits(now, r.destination, 1) {
		sub.endAllLocked(d, fmt.Errorf("%w: %s", ErrWarmUp, r.destination), false)
		return time.Time{}, false
	}
	return time.Time{}, true
}

// refuseRouteLocked refuses every recipient of d for good: no mail can go to
// their domain.
func (sub *Submission) refuseRouteLocked(d *delivery, never error) {
	for _, i := range d.to {
		sub.noteRouteLocked(i, never)
	}
	sub.refuseAllLocked(d, never)
}

// noteRouteLocked keeps the reply that a Router has given for a recipient.
func (sub *Submission) noteRouteLocked(i int, never error) {
	r := &sub.result.Recipients[i]
	if reply, ok := errors.AsType[*classify.Reply](never); ok {
		r.Reply = reply
		r.Class = sub.sender.classifier.Of(classify.Input{Stage: classify.StageRcpt}, reply).Class
	}
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

// validateRouted reports what is wrong with a relay of a Route.
func (r Relay) validateRouted() error {
	if r.Name == "" && (r.Credentials != nil || r.TLSConfig != nil || r.DialContext != nil) {
		return fmt.Errorf("relay %q of a Route has Credentials, a TLSConfig or a DialContext and no Name: the Name tells it from others at the same address", r.Addr)
	}
	return r.validate()
}
