package smtpace

import (
	"slices"
	"sync/atomic"
	"time"
)

// minValidity is the shortest validity of a route: an Until in the past, or of a DNS
// record with a TTL of zero, counts as one so far ahead.
const minValidity = time.Second

// outOfDate reports whether the route of a granted delivery is to be renewed
// before it is used. A renewed route serves one grant in any case: the wait in the
// queue may be longer than every route is valid.
func (d *delivery) outOfDate() bool {
	if d.until.IsZero() || d.renewed {
		d.renewed = false
		return false
	}
	return time.Now().After(d.until)
}

// fresh is the answer of the Router for some recipients of a delivery whose route
// is out of date.
type fresh struct {
	domain string
	to     []int // indices of Submission.recipients
	route  route
	err    error
	known  bool // whether the Router knew the answer at once
}

// routeAgain renews the route of a granted delivery when it is out of date. The
// recipients whose new route has the same destination, path and parents stay with
// the grant. The others get deliveries of their own, one for each domain. It reports
// whether none stay, so that the grant is to be returned.
func (s *Sender) routeAgain(d *delivery) (gone bool) {
	if !d.outOfDate() {
		return false
	}
	parts := d.byDomain()
	for i := range parts {
		p := &parts[i]
		given, err, ok := s.askPromptRouter(d.sub.routeRequest(p.domain))
		if p.known = ok; ok {
			p.route, p.err = s.resolve(p.domain, given, err)
		}
	}
	stays, others, leave := d.renew(parts)
	for i, part := range others {
		if p := leave[i]; p.known {
			s.answered(part, p.route, p.err)
		} else {
			s.routeLater(part, nil)
		}
	}
	return !stays
}

// byDomain returns the recipients of d, one part for each domain.
func (d *delivery) byDomain() (parts []fresh) {
	d.sub.mu.Lock()
	defer d.sub.mu.Unlock()
	index := map[string]int{}
	for _, i := range d.to {
		domain := domainOf(d.sub.recipients[i].mailbox)
		k, ok := index[domain]
		if !ok {
			k = len(parts)
			index[domain] = k
			parts = append(parts, fresh{domain: domain})
		}
		parts[k].to = append(parts[k].to, i)
	}
	return parts
}

// renew leaves d with the recipients whose new route has the same destination and
// path, and makes deliveries for the others, parallel to leave. d is the first of
// them when none stay. It makes none when d has ended.
func (d *delivery) renew(parts []fresh) (stays bool, others []*delivery, leave []fresh) {
	sub := d.sub
	sub.mu.Lock()
	defer sub.finish()
	if !d.resumeLocked() {
		for _, p := range parts {
			sub.released = append(sub.released, p.route.path)
		}
		return false, nil, nil
	}
	old, until := d.route, time.Time{}
	var kept []int
	for _, p := range parts {
		if !p.known || p.err != nil || !p.route.sameWay(old) {
			leave = append(leave, p)
			continue
		}
		if until.IsZero() || !p.route.until.IsZero() && p.route.until.Before(until) {
			until = p.route.until
		}
		kept = append(kept, p.to...)
		d.setRouteLocked(p.route)
	}
	if len(kept) > 0 {
		slices.Sort(kept)
		d.to, d.until = kept, until
	}
	for i, p := range leave {
		part := d
		if i > 0 || len(kept) > 0 {
			part = sub.attachLocked(old, p.to)
			part.noParams, part.tries, part.last = d.noParams, d.tries, d.last
		}
		part.to = p.to
		others = append(others, part)
	}
	return len(kept) > 0, others, leave
}

// sameWay reports whether two routes have the same destination, path and parents.
func (r *route) sameWay(other route) bool {
	return r.destination == other.destination && r.path.levels.Key() == other.path.levels.Key() && r.parents.Key() == other.parents.Key()
}

const (
	// refreshDelay is the least time between two looks for outdated routes with
	// unreachable endpoints.
	refreshDelay = time.Minute
	// refreshPace is the time that each delivery of one look puts off the next:
	// 3,333 questions to the Router in a second on average.
	refreshPace = 300 * time.Microsecond
)

// refresher renews the routes that are out of date while nothing grants their
// deliveries: no endpoint of theirs can be reached, or proves what its TLSPolicy
// needs. The Router may know other hosts, or another policy, by now.
type refresher struct {
	lazyTimer
	last atomic.Int64 // number of deliveries of the last look
}

// failed has the routes looked at in a while.
func (r *refresher) failed() {
	r.after(max(refreshDelay, time.Duration(r.last.Load())*refreshPace))
}

// refresh has the Router asked about the deliveries that wait in vain with an outdated
// route.
func (s *Sender) refresh() {
	n := int64(0)
	s.registry.each(func(sub *Submission) { n += sub.refresh(time.Now()) })
	s.refresher.last.Store(n)
}

// refresh does the work of Sender.refresh for one message, and returns the number of
// its deliveries that the Router is asked about.
func (sub *Submission) refresh(now time.Time) (n int64) {
	sub.mu.Lock()
	defer sub.finish()
	for _, d := range slices.Clone(sub.deliveries) {
		stale := !d.until.IsZero() && now.After(d.until) && !d.due.After(now)
		if d.state == stateQueued && stale && d.path.faults() != nil && sub.sender.sched.Remove(now, d.item) {
			d.askLocked(time.Time{})
			n++
		}
	}
	return n
}
