package smtpace

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
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
	tally      *tally
	dispatcher dispatcher
	known      receivers
	single     *admission // of messages given singly
	bulk       *admission // of those given in bulk
	sizes      sizes      // of messages that were rendered
	resting    *resting

	saves    sync.Mutex  // held over Memory.Save, so that the last word is written last
	stopping atomic.Bool // no connection takes another delivery

	mu        sync.Mutex
	closed    bool // no message is accepted
	endpoints map[string]*endpoint
	home      *path // Config.Relays
	live      expiries
	expiry    *time.Timer
	wakesAt   time.Time // when expiry fires; zero when it is not set
	reporting int       // calls of done under way
	saver     *time.Timer
	saving    bool // saver is set
	sweeper   *time.Timer
	sweeping  bool      // sweeper is set
	idle      sync.Cond // signalled when live is empty and reporting zero
}

var errNilMsg = fmt.Errorf("%w: Msg is nil", ErrInvalid)

// New returns a Sender. All mistakes of cfg are reported together. No
// connection is opened before there is mail; see Verify.
func New(cfg Config) (*Sender, error) {
	errs := []error{cfg.validate()}
	cfg = cfg.withDefaults()
	s := &Sender{
		cfg: cfg, policy: cfg.Retry, tally: newTally(), known: receivers{cfg.Profiles, cfg.Destinations},
		single: newAdmission(cfg.MaxQueued, cfg.MaxQueuedBytes), bulk: newAdmission(cfg.MaxQueued, cfg.MaxQueuedBytes),
		resting: newResting(cfg), endpoints: map[string]*endpoint{},
	}
	s.idle.L = &s.mu
	s.dispatcher.s = s
	var err error
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
	if s.home, err = s.pathLocked(cfg.Relays); err != nil {
		return nil, err
	}
	s.home.retain() // for as long as the Sender lives
	if err := s.recall(); err != nil {
		return nil, err
	}
	return s, nil
}

// Submit accepts a message and returns; done is called exactly once, when
// every recipient is settled. It waits only while its destination has as
// many messages waiting as it may (Config.MaxQueued), which is all that ctx
// bounds: how long the message may wait after that is its Expiry.
// It fails with an error that wraps ErrInvalid, with ErrClosed, or with the
// cause of ctx; then done is not called.
//
// done runs on the goroutine that settled the last recipient, mostly that of a
// connection: it must be quick and must not wait for this Sender. It may be nil.
func (s *Sender) Submit(ctx context.Context, m Message, done func(*Result)) error {
	if done == nil {
		done = ignore
	}
	_, err := s.accept(ctx, m, throttle.Single, nil, done)
	return err
}

func ignore(*Result) {}

// Send sends one message and waits until every recipient is settled. When ctx
// ends first, the message is withdrawn within 100 ms: what waits is not sent, a
// connection that is sending it is interrupted, and a recipient whose final
// dot was sent without a reply is Unknown.
//
// The error is nil only if all recipients were delivered; else it is a
// [*SendError], or, with a nil Result, one of those of Submit.
func (s *Sender) Send(ctx context.Context, m *mail.Msg) (*Result, error) {
	if m == nil {
		return nil, errNilMsg
	}
	settled := make(chan *Result, 1)
	l, err := s.accept(ctx, Message{Msg: m}, throttle.Single, nil, func(r *Result) { settled <- r })
	if err != nil {
		return nil, err
	}
	r := await(ctx, l, settled)
	return r, r.Err()
}

// accept checks a message, waits for room and queues its deliveries.
func (s *Sender) accept(ctx context.Context, m Message, lane throttle.Lane, b *batch, done func(*Result)) (*letter, error) {
	e, err := m.envelope()
	if err != nil {
		return nil, err
	}
	routes, err := s.route(e.to)
	if err != nil {
		return nil, err
	}
	defer releaseRoutes(routes)
	var patience time.Duration // with Submit it is that of ctx
	if b != nil {
		patience = s.cfg.BulkPatience
	}
	l := &letter{s: s, lane: lane, batch: b, done: done}
	l.pass.fill(s.admission(lane), m.size(&s.sizes), routes)
	if err := s.admission(lane).enter(ctx, &l.pass, patience); err != nil {
		return nil, err
	}
	l.fill(m, e)
	parts, err := s.admit(l, routes)
	if err != nil {
		s.admission(lane).leave(&l.pass)
		return nil, err
	}
	for _, d := range parts {
		s.push(d, time.Time{})
	}
	if len(parts) == 0 { // refused by warm-ups
		l.mu.Lock()
		l.finish()
	}
	return l, nil
}

func (s *Sender) admission(lane throttle.Lane) *admission {
	if lane == throttle.Single {
		return s.single
	}
	return s.bulk
}

// fill makes l the letter of a message that has been let in.
func (l *letter) fill(m Message, e envelope) {
	now := time.Now()
	expiry := m.Expiry
	setDefault(&expiry, l.s.cfg.Expiry)
	l.in, l.from, l.expires = m, e.from, now.Add(expiry)
	l.result = &Result{ID: m.ID, Accepted: now, Recipients: make([]Recipient, len(e.to))}
	l.to, l.open = make([]target, len(e.to)), len(e.to)
	for i, a := range e.to {
		l.to[i] = target{wire: a.wire}
		l.result.Recipients[i].Address = e.given[i]
	}
}

// admit registers a letter and makes its deliveries.
func (s *Sender) admit(l *letter, routes []route) ([]*delivery, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, ErrClosed
	}
	var byDestination map[string]*delivery
	if len(routes) > 1 {
		byDestination = make(map[string]*delivery)
	}
	for i, r := range routes {
		l.result.Recipients[i].Destination = r.destination
		if d := byDestination[r.destination]; d != nil {
			d.to = append(d.to, i)
			continue
		}
		if !s.sched.Admits(l.result.Accepted, r.destination, 1) {
			l.settleLocked(i, NotTried, fmt.Errorf("%w: %s", ErrWarmUp, r.destination))
			continue
		}
		d := l.attachLocked(r, i)
		if byDestination != nil {
			byDestination[r.destination] = d
		}
	}
	s.live.add(l)
	s.alarmLocked()
	return slices.Clone(l.parts), nil
}

// push queues a delivery and puts connections to work.
func (s *Sender) push(d *delivery, notBefore time.Time) {
	l := d.letter
	l.mu.Lock()
	switch {
	case d.pos < 0: // withdrawn, and settled
		l.mu.Unlock()
		return
	case l.leaving != nil:
		l.endAllLocked(d, l.leaving, false)
		l.finish()
		return
	}
	mailbox := ""
	if len(d.to) == 1 {
		mailbox = l.to[d.to[0]].wire
	}
	d.item = s.sched.Push(time.Now(), throttle.Job[*delivery]{
		Value: d, Destination: d.destination, Path: d.path.names, Recipients: len(d.to), Mailbox: mailbox,
		Lane: l.lane, Fresh: !l.holding && !l.begun, Dropped: !l.holding && l.begun, NotBefore: notBefore,
	})
	d.due = notBefore
	l.mu.Unlock()
	s.dispatcher.drive()
}

// settled is called once for every letter, with no lock held.
func (s *Sender) settled(l *letter, r *Result) {
	s.mu.Lock()
	s.live.remove(l)
	s.reporting++
	if !s.sweeping && !s.closed {
		s.sweepLaterLocked(sweepDelay)
	}
	s.saveLaterLocked()
	s.mu.Unlock()
	s.tally.settled(r)
	s.admission(l.lane).leave(&l.pass)
	l.done(r)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reporting--; s.reporting == 0 && len(s.live) == 0 {
		s.idle.Broadcast()
	}
}

func (s *Sender) isStopping() bool { return s.stopping.Load() }

// changed tells the Observer of learned limits.
func (s *Sender) changed(changes []throttle.Change) {
	if f := s.cfg.Observer.Limit; f != nil {
		for _, c := range changes {
			f(c)
		}
	}
}
