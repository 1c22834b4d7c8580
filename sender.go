package smtpace

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/retry"
	"github.com/smtpace/smtpace/throttle"
	"github.com/wneessen/go-mail"
)

// Sender sends mail at the pace that the receivers allow. It is made by New,
// safe for concurrent use, and must be ended with Shutdown or Close. Messages
// wait in memory.
type Sender struct {
	cfg        Config
	sched      *throttle.Scheduler[*delivery]
	pool       *pool.Pool
	policy     *retry.Policy
	classifier *classify.Classifier
	counters   *counters
	observer   Observer // all of Config.Observers
	dispatcher dispatcher
	routing    routing
	receivers  receivers
	single     *admission // of messages given singly
	bulk       *admission // of those given in bulk
	sizes      sizes      // of messages that were rendered
	cache      *contentCache

	registry registry
	sweeper  lazyTimer
	saver    lazyTimer
	saves    sync.Mutex // held over Memory.Save, so that the last word is written last

	mu        sync.Mutex
	endpoints map[string]*endpoint
	home      *path // Config.Relays
}

var errNilMsg = fmt.Errorf("%w: Msg is nil", ErrInvalid)

// New returns a Sender. All mistakes of cfg are reported together. No
// connection is opened before there is mail; see Verify.
func New(cfg Config) (*Sender, error) {
	errs := []error{cfg.validate()}
	cfg, err := cfg.withDefaults().normalized()
	errs = append(errs, err)
	s := &Sender{
		cfg: cfg, policy: cfg.Retry, counters: newCounters(), receivers: receivers{cfg.Profiles, cfg.Destinations},
		observer: compose(cfg.Observers),
		single:   newAdmission(cfg.MaxQueued, cfg.MaxQueuedBytes), bulk: newAdmission(cfg.MaxQueued, cfg.MaxQueuedBytes),
		cache: newContentCache(cfg), endpoints: map[string]*endpoint{},
	}
	s.registry.init()
	s.sweeper.do, s.saver.do = s.sweep, s.saveNow
	s.dispatcher.sender = s
	if s.policy == nil {
		s.policy, err = retry.New(retry.Config{})
		errs = append(errs, err)
	}
	s.classifier, err = classify.New(append(cfg.Rules, cfg.Profiles.Rules()...)...)
	errs = append(errs, err)
	limits := map[string]throttle.Limits{}
	for _, r := range cfg.Relays {
		limits[r.name()] = r.Limits
	}
	s.sched, err = throttle.New[*delivery](throttle.Config{
		Process: cfg.Process, Destination: cfg.Destination, Destinations: cfg.limits(),
		WarmUps: cfg.WarmUps, Endpoints: limits, MaxHeld: cfg.MaxInFlight, MaxHeldBytes: cfg.MaxHeldBytes,
	})
	errs = append(errs, err)
	s.pool, err = pool.New(pool.Config{Classifier: s.classifier, Timeouts: cfg.Timeouts, IdleTimeout: cfg.IdleTimeout, MaxAge: cfg.MaxAge})
	errs = append(errs, err)
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	s.home = s.homePath()
	s.routing.start(s)
	if err := s.recall(); err != nil {
		return nil, err
	}
	return s, nil
}

// Submit accepts a message and returns a handle of it; done is called exactly
// once, when every recipient is settled. It waits only while its destination has
// as many messages waiting as it may (Config.MaxQueued), which is all that ctx
// bounds: how long the message may wait after that is its Expiry.
// It fails with an error that wraps ErrInvalid, with ErrClosed, or with the
// cause of ctx; then done is not called.
//
// done runs on the goroutine that settled the last recipient, mostly that of a
// connection: it must be quick and must not wait for this Sender. It may be nil.
func (s *Sender) Submit(ctx context.Context, m Message, done func(*Result)) (*Submission, error) {
	if done == nil {
		done = ignore
	}
	sub, err := s.accept(ctx, m, throttle.Single, nil, done)
	return sub, err
}

func ignore(*Result) {}

// Send sends one message and waits until every recipient is settled. When ctx
// ends first, the message is withdrawn within 100 ms: what waits is not sent, a
// connection that is sending it is interrupted, and a recipient whose final
// dot was sent without a reply is Unknown.
//
// The error is nil only if all recipients were delivered; else it is a
// [*SendError], or, with a nil Result, one of those of Submit.
func (s *Sender) Send(ctx context.Context, m Message) (*Result, error) {
	sub, err := s.accept(ctx, m, throttle.Single, nil, ignore)
	if err != nil {
		return nil, err
	}
	r := await(ctx, sub)
	return r, r.Err()
}

// SendMail sends a message of go-mail as Send does.
func (s *Sender) SendMail(ctx context.Context, m *mail.Msg) (*Result, error) {
	if m == nil {
		return nil, errNilMsg
	}
	return s.Send(ctx, Message{Msg: m})
}

// accept checks a message, waits for room and queues its deliveries.
func (s *Sender) accept(ctx context.Context, m Message, lane throttle.Lane, b *batch, done func(*Result)) (*Submission, error) {
	var room oneRecipient
	e, err := m.envelope(&room)
	if err != nil {
		return nil, err
	}
	var one [1]answer
	routes := s.routes(&m, &e, one[:])
	defer releaseRoutes(routes)
	var patience time.Duration // with Submit it is that of ctx
	if b != nil {
		patience = s.cfg.BulkPatience
	}
	sub := newSubmission(len(e.to))
	sub.sender, sub.lane, sub.batch, sub.onSettled = s, lane, b, done
	sub.admitted.fill(s.admission(lane), m.size(&s.sizes), routes)
	if err := s.admission(lane).enter(ctx, &sub.admitted, patience); err != nil {
		return nil, err
	}
	if !s.registry.enter() {
		s.admission(lane).leave(&sub.admitted)
		return nil, ErrClosed
	}
	sub.fill(&m, e)
	s.admit(sub, routes)
	var first [1]*delivery
	parts := append(first[:0], sub.deliveries...)
	if f := s.observer.Accepted; f != nil {
		f(Acceptance{
			Time: sub.result.Accepted, ID: m.ID, Recipients: len(e.to), Bulk: lane == throttle.Bulk, Expires: sub.expires,
		})
	}
	if !s.registry.add(sub) { // closed meanwhile
		sub.withdrawn = ErrClosed
	}
	for _, d := range parts {
		if !d.routing {
			s.push(d, time.Time{})
			continue
		}
		s.routeLater(d, routes[d.to[0]].err)
	}
	if len(parts) == 0 { // refused by warm-ups, or without a way
		sub.mu.Lock()
		sub.finish()
	}
	return sub, nil
}

func (s *Sender) admission(lane throttle.Lane) *admission {
	if lane == throttle.Single {
		return s.single
	}
	return s.bulk
}

// fill makes l the letter of a message that has been let in.
func (sub *Submission) fill(m *Message, e envelope) {
	now := time.Now()
	expiry := m.Expiry
	setDefault(&expiry, sub.sender.cfg.Expiry)
	sub.message, sub.from, sub.expires = *m, e.from, now.Add(expiry)
	sub.result.ID, sub.result.Accepted = m.ID, now
	for i, a := range e.to {
		sub.recipients[i] = recipientState{mailbox: a.mailbox}
		sub.result.Recipients[i].Address = e.given[i]
	}
}

// admit makes the deliveries of a letter that nobody else knows yet: one for
// each destination and path, and for each domain that has no route yet.
func (s *Sender) admit(sub *Submission, routes []answer) {
	var groups map[groupKey]*delivery
	if len(routes) > 1 {
		groups = make(map[groupKey]*delivery)
	}
	for i := range routes {
		a := &routes[i]
		sub.result.Recipients[i].Destination = a.destination
		if never := a.neverRoute(); never != nil {
			sub.noteRouteLocked(i, never)
			sub.settleLocked(i, Refused, never)
			continue
		}
		if groups == nil {
			s.admitOne(sub, a, i)
			continue
		}
		g := a.group()
		if d := groups[g]; d != nil {
			d.to = append(d.to, i)
			continue
		}
		if d := s.admitOne(sub, a, i); d != nil {
			groups[g] = d
		}
	}
}

// admitOne makes a delivery for one recipient; nil when a warm-up has no room
// for it.
func (s *Sender) admitOne(sub *Submission, a *answer, i int) *delivery {
	if !s.sched.Admits(sub.result.Accepted, a.destination, 1) {
		sub.settleLocked(i, NotTried, fmt.Errorf("%w: %s", ErrWarmUp, a.destination))
		return nil
	}
	d := sub.attachFirstLocked(a.route, i)
	d.routing = a.path == nil
	return d
}

// push queues a delivery and puts connections to work.
func (s *Sender) push(d *delivery, notBefore time.Time) {
	sub := d.sub
	sub.mu.Lock()
	switch {
	case d.pos < 0: // withdrawn, and settled
		sub.mu.Unlock()
		return
	case sub.withdrawn != nil:
		sub.endAllLocked(d, sub.withdrawn, false)
		sub.finish()
		return
	}
	mailbox := ""
	if len(d.to) == 1 {
		mailbox = sub.recipients[d.to[0]].mailbox
	}
	d.item = s.sched.Push(time.Now(), throttle.Job[*delivery]{
		Value: d, Destination: d.destination, Path: d.path.levels, Recipients: len(d.to), Mailbox: mailbox,
		Lane: sub.lane, Fresh: !sub.counted && !sub.sent, Dropped: !sub.counted && sub.sent, NotBefore: notBefore,
	})
	d.due = notBefore
	sub.mu.Unlock()
	s.dispatcher.drive()
}

// settled is called once for every letter, with no lock held.
func (s *Sender) settled(sub *Submission, r *Result) {
	s.registry.remove(sub)
	s.sweeper.after(sweepDelay)
	if s.cfg.Memory != nil {
		s.saver.after(saveEvery)
	}
	s.counters.settled(r)
	if f := s.observer.Settled; f != nil {
		f(r)
	}
	s.admission(sub.lane).leave(&sub.admitted)
	sub.onSettled(r)
	sub.markDone()
	s.registry.leave()
}

func (s *Sender) isStopping() bool { return s.registry.stopping.Load() }

// changed tells the observers of learned limits.
func (s *Sender) changed(changes []throttle.Change) {
	if f := s.observer.Limit; f != nil {
		for _, c := range changes {
			f(c)
		}
	}
}
