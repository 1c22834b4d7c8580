package smtpace

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/internal/printable"
)

// routeLater has the Router asked about a delivery without a route: at once, or
// after a while when it has already answered "not now".
func (s *Sender) routeLater(d *delivery, why error) {
	sub := d.sub
	sub.mu.Lock()
	defer sub.finish()
	if !d.resumeLocked() {
		return
	}
	var at time.Time
	if why != nil {
		at = d.notNowLocked(why, time.Now())
	}
	d.askLocked(at)
}

// askLocked has the Router asked about d at a time; zero means at once. It ends d
// when the Sender is stopping.
func (d *delivery) askLocked(at time.Time) {
	d.state = stateRouting
	if !d.sub.sender.routing.ask(d, d.domainLocked(), at) {
		d.sub.endAllLocked(d, d.sub.reasonLocked(d, ErrClosed), false)
	}
}

// domainLocked returns the domain of the first recipient of d. The recipients of
// a delivery that the Router is asked about share it.
func (d *delivery) domainLocked() string { return domainOf(d.sub.recipients[d.to[0]].mailbox) }

// notNowLocked counts an answer "not now" and returns the time to ask again.
func (d *delivery) notNowLocked(why error, now time.Time) time.Time {
	return d.failedLocked(fmt.Errorf("%w: %w", ErrNoRoute, why), now)
}

// reroute asks the Router about a delivery, and queues it or asks again later.
func (s *Sender) reroute(d *delivery) {
	q, ok := d.request()
	if !ok {
		return
	}
	ctx, cancel := context.WithTimeout(s.routing.ctx, routerTimeout)
	defer cancel()
	r, err := route{}, errRouterEnded
	defer func() { s.answered(d, r, err) }()
	given, failed := s.askRouter(ctx, q)
	r, err = s.resolve(q.Domain, given, failed)
}

// errRouterEnded is the answer "not now" of a Router that has ended its goroutine.
var errRouterEnded = errors.New("smtpace: the Router has ended its goroutine")

// answered gives a delivery the route that the Router has answered, and queues it
// or has the Router asked again later.
func (s *Sender) answered(d *delivery, r route, err error) {
	if d.routed(r, err, time.Now()) {
		s.push(d, time.Time{})
	}
}

// request returns the request to the Router. It reports false when d has ended.
func (d *delivery) request() (RouteRequest, bool) {
	d.sub.mu.Lock()
	defer d.sub.mu.Unlock()
	if d.state == stateEnded {
		return RouteRequest{}, false
	}
	return d.sub.routeRequest(d.domainLocked()), true
}

// routeRequest returns the request to the Router about a domain.
func (sub *Submission) routeRequest(domain string) RouteRequest {
	return RouteRequest{Domain: domain, Sender: sub.from, Tenant: sub.message.Tenant, ID: sub.message.ID}
}

// routed gives d the route that the Router has answered. It reports whether d is
// pending now. Otherwise d has ended, or the Router is asked again later.
func (d *delivery) routed(r route, err error, now time.Time) (pending bool) {
	sub := d.sub
	sub.mu.Lock()
	defer sub.finish()
	if !d.resumeLocked() {
		sub.released = append(sub.released, r.path)
		return false
	}
	if never, ok := errors.AsType[*NoRouteError](err); ok {
		sub.refuseRouteLocked(d, never)
		return false
	}
	if err != nil {
		d.askLocked(d.notNowLocked(err, now))
		return false
	}
	r.renewed = d.path != nil
	d.newcomer = d.newcomer || r.destination != d.destination
	d.setRouteLocked(r)
	sub.sender.routed.put(d.domainLocked(), r.destination)
	return true
}

// setRouteLocked replaces the route of d.
func (d *delivery) setRouteLocked(r route) {
	sub := d.sub
	sub.released = append(sub.released, d.path)
	sub.admitted.detached(d.destination)
	sub.admitted.attached(r.destination)
	sub.sender.admission(sub.lane).move(&sub.admitted, r.destination)
	d.route, d.failures, d.lastFailure = r, 0, nil
	for _, i := range d.to {
		sub.result.Recipients[i].Destination = r.destination
	}
}

// refuseRouteLocked refuses every recipient of d for good: no mail can go to
// their domain.
func (sub *Submission) refuseRouteLocked(d *delivery, never error) {
	for _, i := range d.to {
		sub.noteRouteLocked(i, never)
	}
	sub.refuseAllLocked(d, never)
}

// noteRouteLocked keeps the reply that a Router has given for recipient i.
func (sub *Submission) noteRouteLocked(i int, never error) {
	r := &sub.result.Recipients[i]
	if given, ok := errors.AsType[*classify.Reply](never); ok {
		r.Reply = tidyReply(given)
		r.Class = sub.sender.classifier.Of(classify.Input{Stage: classify.StageRcpt}, r.Reply).Class
	}
}

// tidyReply returns a reply of a function of the user's, with its texts short and
// printable. It returns the reply itself if they are.
func tidyReply(given *classify.Reply) *classify.Reply {
	if given == nil {
		return nil
	}
	line := strings.ReplaceAll(given.Text, "\n", " ")
	tidy := &classify.Reply{
		Code: given.Code, Enhanced: printable.Text(given.Enhanced, maxName), Text: printable.Text(line, printable.MaxError),
	}
	if tidy.Enhanced == given.Enhanced && tidy.Text == line {
		return given
	}
	return tidy
}
