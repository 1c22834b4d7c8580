package smtpace

import (
	"context"
	"errors"
	"time"

	"github.com/smtpace/smtpace/throttle"
)

// incoming is a message with the way in which it was given.
type incoming struct {
	message   Message
	lane      throttle.Lane
	batch     *batch        // the SendAll it belongs to; nil for Submit and Send
	onSettled func(*Result) // the done of Submit; may be nil
	awaited   bool          // whether the caller waits for the Result
}

// accept checks a message, waits for room and queues its deliveries.
func (s *Sender) accept(ctx context.Context, in *incoming) (*Submission, error) {
	if in.message.Msg == nil {
		return s.acceptUsing(ctx, in, nil)
	}
	use, err := s.msgs.begin(ctx, in.message.Msg)
	if err != nil {
		return nil, err
	}
	sub, err := s.acceptUsing(ctx, in, use)
	if err != nil {
		use.release()
	}
	return sub, err
}

// acceptUsing does what accept does, with the use of a Msg, which ends with the
// message; nil when there is no Msg.
func (s *Sender) acceptUsing(ctx context.Context, in *incoming, use *msgUse) (*Submission, error) {
	var room recipientRoom
	defer room.free()
	from, rcpts, err := in.message.envelope(&room)
	if err != nil {
		return nil, err
	}
	routes := s.routes(RouteRequest{Sender: from, Tenant: in.message.Tenant, ID: in.message.ID}, rcpts.addresses, &room)
	defer releaseRoutes(routes)
	sub := newSubmission(len(rcpts.addresses))
	sub.sender, sub.message, sub.from = s, in.message, from
	sub.lane, sub.batch, sub.onSettled = in.lane, in.batch, in.onSettled
	sub.impatient = s.cfg.FailFast.applies(in)
	if err := s.admit(ctx, sub, routes); err != nil {
		return nil, err
	}
	if sub.use = use; use == nil {
		sub.edges = edgesHash(sub.message.Data)
	} else if err := sub.readMsg(ctx, in); err != nil {
		s.dismiss(sub)
		return nil, err
	}
	if sub.impatient {
		s.impatient.Add(1)
	}
	sub.fill(rcpts)
	s.deliver(ctx, sub, routes)
	return sub, nil
}

// admit waits until there is room for a message and counts it in.
func (s *Sender) admit(ctx context.Context, sub *Submission, routes []answer) error {
	var patience time.Duration // of Submit and Send it is that of ctx
	if sub.batch != nil {
		patience = s.cfg.BulkPatience
	}
	a := s.admission(sub.lane)
	sub.admitted.fill(a, sub.message.size(&s.sizes), routes)
	if err := a.enter(ctx, &sub.admitted, patience); err != nil {
		return err
	}
	if !s.registry.enter() {
		a.leave(&sub.admitted)
		return ErrClosed
	}
	return nil
}

// dismiss counts out a message that was admitted and is not accepted.
func (s *Sender) dismiss(sub *Submission) {
	s.registry.waiting.Add(-1)
	s.admission(sub.lane).leave(&sub.admitted)
	s.registry.leave()
}

// fill sets the recipients and times of a message that has been admitted.
func (sub *Submission) fill(r recipients) {
	now, expiry := time.Now(), sub.message.Expiry
	setDefault(&expiry, sub.sender.cfg.Expiry)
	sub.expires = now.Add(expiry)
	sub.result.ID, sub.result.Number, sub.result.Accepted = sub.message.ID, sub.sender.registry.numbers.Add(1), now
	for i, a := range r.addresses {
		sub.recipients[i] = recipientState{mailbox: a.mailbox}
		sub.result.Recipients[i].Address = r.given[i]
	}
}

// deliver makes the deliveries of a message that nobody else knows yet, tells
// the observers of it, and queues them.
func (s *Sender) deliver(ctx context.Context, sub *Submission, routes []answer) {
	s.split(sub, routes)
	if sub.admitted.loosen(); sub.admitted.vacant && sub.open > 0 {
		s.admission(sub.lane).settle(&sub.admitted)
	}
	var room [1]*delivery
	pending := append(room[:0], sub.deliveries...)
	if f := s.observer.Accepted; f != nil {
		sub.withdrawn = errNotTold
		defer s.queue(sub, pending, routes) // also when f panics
		f(ctx, Acceptance{
			Time: sub.result.Accepted, Number: sub.result.Number, ID: sub.message.ID, Tenant: sub.message.Tenant,
			Recipients: len(sub.recipients), Bulk: sub.lane == throttle.Bulk, Expires: sub.expires,
		})
		sub.withdrawn = nil
		return
	}
	s.queue(sub, pending, routes)
}

// errNotTold ends a message that was accepted without its caller learning of it.
var errNotTold = errors.New("smtpace: Observer.Accepted has panicked")

// queue makes a message known and queues its deliveries.
func (s *Sender) queue(sub *Submission, pending []*delivery, routes []answer) {
	if !s.registry.add(sub) { // closed meanwhile
		sub.withdrawn = ErrClosed
	}
	if len(pending) == 0 { // refused by the Router
		sub.mu.Lock()
		sub.finish()
		return
	}
	for _, d := range pending {
		if d.path == nil {
			s.routeLater(d, routes[d.to[0]].err)
			continue
		}
		s.push(d, time.Time{})
	}
}

// split makes one delivery for each destination and path, and for each domain
// that has no route yet.
func (s *Sender) split(sub *Submission, routes []answer) {
	var groups map[groupKey]*delivery
	if len(routes) > 1 {
		groups = make(map[groupKey]*delivery)
	}
	var last *delivery // that of the recipient before
	var lastKey groupKey
	for i := range routes {
		a := &routes[i]
		sub.result.Recipients[i].Destination = a.destination
		if never := a.neverRoute(); never != nil {
			sub.noteRouteLocked(i, never)
			sub.settleLocked(i, Refused, never)
			continue
		}
		if groups == nil {
			sub.deliveryTo(a, i, 0)
			continue
		}
		key := a.group()
		if key != lastKey {
			last, lastKey = groups[key], key
		}
		if last != nil {
			last.to = append(last.to, i)
			continue
		}
		last = sub.deliveryTo(a, i, sameDomain(routes[i+1:], a.domain))
		groups[key] = last
	}
}

// sameDomain returns the number of the first answers that are for a domain.
func sameDomain(routes []answer, domain string) (n int) {
	for n < len(routes) && routes[n].domain == domain {
		n++
	}
	return n
}

// deliveryTo makes a delivery to recipient i, with room for more of them.
func (sub *Submission) deliveryTo(a *answer, i, more int) *delivery {
	d := sub.attachFirstLocked(a.route, i, more)
	if a.path == nil {
		d.state = stateRouting
	}
	return d
}
