package smtpace

import (
	"container/list"
	"strings"
	"sync"
	"time"
)

// maxRoutedDomains is the number of domains of which routedDomains keeps the
// destination.
const maxRoutedDomains = 10_000

// routedDomains is the destinations to which the mail of domains was last routed,
// after the Router had not known them at once or their routes were out of date.
// Those that were given longest ago are forgotten. Its lock is a leaf.
type routedDomains struct {
	mu     sync.Mutex
	by     map[string]*list.Element // of routedDomain, by domain
	recent list.List                // the same, the latest in front
}

// routedDomain is a domain with its last destination.
type routedDomain struct{ domain, destination string }

// put keeps the destination of a domain.
func (r *routedDomains) put(domain, destination string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e := r.by[domain]; e != nil {
		e.Value = routedDomain{domain, destination}
		r.recent.MoveToFront(e)
		return
	}
	if r.by == nil {
		r.by = map[string]*list.Element{}
	}
	r.by[domain] = r.recent.PushFront(routedDomain{domain, destination})
	if len(r.by) > maxRoutedDomains {
		delete(r.by, r.recent.Remove(r.recent.Back()).(routedDomain).domain)
	}
}

// get returns the last destination of a domain; "" when none is known.
func (r *routedDomains) get(domain string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e := r.by[domain]; e != nil {
		return e.Value.(routedDomain).destination
	}
	return ""
}

// lastDestination returns the last destination of mail for a domain, or that of the
// domain itself while none is known.
func (s *Sender) lastDestination(domain string) string {
	if name := s.routed.get(domain); name != "" {
		return name
	}
	return s.receivers.destination(domain)
}

// destinationOf returns the destination of a domain, or the one of this name. The name
// of a profile, of a destination with mail or of a paused one, and a name without a
// dot, is a destination's. Others are domains.
func (s *Sender) destinationOf(name string) string {
	if s.receivers.profiles.ByName(name) != nil {
		return name
	}
	normal, err := normalDomain(name)
	if err != nil || s.isDestination(name) {
		return name
	}
	if s.isDestination(normal) || !strings.ContainsAny(normal, ".[") {
		return normal
	}
	a := s.routeNow(RouteRequest{Domain: normal})
	a.path.release()
	return a.destination
}

// isDestination reports whether the Scheduler knows a destination of this name.
func (s *Sender) isDestination(name string) bool {
	e := s.sched.Explain(time.Now(), name)
	return e.Known || e.Bind.Limit == "pause"
}
