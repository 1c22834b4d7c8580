package smtpace

import (
	"errors"
	"sync"
	"sync/atomic"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/retry"
	"github.com/smtpace/smtpace/throttle"
)

// Sender sends mail at the pace that the receivers allow. Messages wait in
// memory.
//
// New makes a Sender, and Shutdown or Close must end it. Send sends one message
// and waits for its outcome, Submit does not wait, and SendAll sends many. All
// methods are safe for concurrent use.
type Sender struct {
	cfg        Config
	sched      *throttle.Scheduler[*delivery]
	pool       *pool.Pool
	policy     *retry.Policy
	classifier *classify.Classifier
	counters   *counters
	observer   Observer // all of Config.Observers in one
	callbacks  callbacks
	journal    journal
	reports    reports
	proven     provenNames
	msgs       msgUses
	impatient  atomic.Int64 // number of unsettled messages that end at once when their relays have never worked
	dispatcher dispatcher
	routing    routing
	receivers  receivers
	routed     routedDomains
	single     *admission // for messages given singly
	bulk       *admission // for messages given in bulk
	sizes      sizes
	cache      *contentCache
	renderers  renderers
	pausing    atomic.Int64 // number of batches that let Results gather
	unmade     atomic.Int64 // number of messages that have waited for their bytes to be made and are not settled
	registry   registry
	sweeper    lazyTimer
	refresher  refresher
	saver      lazyTimer
	saving     saving

	mu        sync.Mutex // guards endpoints and batches
	endpoints map[string]*endpoint
	batches   map[*batch]struct{} // the SendAlls that run
	home      *path               // path of Config.Relays; nil when there are none
}

// New returns a Sender. It reports all mistakes of cfg together. No connection
// is opened before there is mail; see Verify.
func New(cfg Config) (*Sender, error) {
	errs := []error{cfg.validate()}
	cfg, err := cfg.withDefaults().normalized()
	errs = append(errs, err)
	s := &Sender{
		cfg: cfg, counters: newCounters(), receivers: receivers{cfg.Profiles, cfg.Destinations},
		single: newAdmission(cfg.MaxQueued, cfg.MaxQueuedBytes), bulk: newAdmission(cfg.MaxQueued, cfg.MaxQueuedBytes),
		cache: newContentCache(cfg), endpoints: map[string]*endpoint{}, batches: map[*batch]struct{}{},
	}
	s.observer = s.callbacks.observer(compose(cfg.Observers))
	s.cfg.Logger = s.callbacks.logger(cfg.Logger, cfg.LogAddresses)
	s.journal = journal{s.cfg.Logger, cfg.LogAddresses}
	errs = append(errs, s.compose(cfg))
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	s.registry.init()
	s.sweeper.do, s.saver.do, s.refresher.do = s.sweep, s.saveNow, s.refresh
	s.dispatcher.sender, s.reports.sender = s, s
	s.dispatcher.alarm.do = s.dispatcher.tick
	s.home = s.homePath()
	s.routing.start(s)
	if err := s.load(); err != nil {
		return nil, err
	}
	return s, nil
}

// compose makes the parts of the Sender that are of other packages.
func (s *Sender) compose(cfg Config) error {
	var errs [4]error
	if s.policy = cfg.Retry; s.policy == nil {
		s.policy, errs[0] = retry.New(retry.Config{})
	}
	s.classifier, errs[1] = classify.New(append(cfg.Rules, cfg.Profiles.Rules()...)...)
	limits := map[string]throttle.Limits{}
	for _, r := range cfg.Relays {
		limits[r.name()] = s.receivers.limitsOf(r)
	}
	s.sched, errs[2] = throttle.New[*delivery](throttle.Config{
		Process: cfg.Process, Destination: cfg.Destination, Destinations: cfg.limits(),
		WarmUps: cfg.WarmUps, Endpoints: limits, MaxHeld: cfg.MaxHeld, MaxHeldBytes: cfg.MaxHeldBytes,
	})
	s.pool, errs[3] = pool.New(pool.Config{Classifier: s.classifier, Resolver: cfg.Resolver, Timeouts: cfg.Timeouts, IdleTimeout: cfg.IdleTimeout, MaxAge: cfg.MaxAge, NoFollowers: cfg.NoFollowers, Transcript: cfg.transcript()})
	return errors.Join(errs[:]...)
}

// isStopping reports whether Shutdown or Close has been called.
func (s *Sender) isStopping() bool { return s.registry.stopping.Load() }

// admission returns the admission of a lane.
func (s *Sender) admission(lane throttle.Lane) *admission {
	if lane == throttle.Single {
		return s.single
	}
	return s.bulk
}

// changed tells the observers of learned limits, and logs them. by is the delivery
// whose outcome taught them; nil when there was none.
func (s *Sender) changed(changes []throttle.Change, by *delivery) {
	if len(changes) > 0 {
		s.journal.lessons(changes, s.observer.Limit, by.addresses())
	}
}
