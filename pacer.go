package smtpace

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/retry"
	"github.com/smtpace/smtpace/throttle"
)

// Pacer paces code that sends by itself: with net/smtp, with a client of go-mail,
// through the HTTP API of a mail service. It has the limits, the lessons and the
// retries of a Sender, and no connections.
//
// Do waits for the turn of a destination, calls a function that sends, judges its
// error, and tries again until the message is settled. Try calls it once at most, for
// workers that have a queue of their own.
//
// NewPacer makes a Pacer, and Shutdown or Close must end it. All methods are safe for
// concurrent use. Functions are called on the goroutine of the caller. The Pacer has
// one goroutine of its own, only while Shutdown or Close saves the lessons.
type Pacer struct {
	cfg        PacerConfig
	sched      *throttle.Scheduler[*turn]
	policy     *retry.Policy
	classifier *classify.Classifier
	receivers  receivers
	counters   *counters
	observer   Observer // all of PacerConfig.Observers in one
	journal    journal
	lines      lineSet
	book       book
	tabs       tabs
	alarm      alarm
	again      atomic.Bool // whether Drive may have more to do
	sweeper    lazyTimer
	saver      lazyTimer
	numbers    atomic.Uint64 // Result.Number of the last call
	saving     saving

	running  atomic.Int64  // number of calls of Do and Try that have not returned
	stopping chan struct{} // closed by Shutdown and Close
	stopOnce sync.Once
	quiet    chan struct{} // gets a value when running is 0 after stopping was closed
}

// NewPacer returns a Pacer. It reports all mistakes of cfg together.
func NewPacer(cfg PacerConfig) (*Pacer, error) {
	cfg, err := cfg.normalized()
	errs := [...]error{err, nil, nil, nil}
	p := &Pacer{
		cfg: cfg, counters: newCounters(), receivers: receivers{cfg.Profiles, cfg.Destinations},
		observer: compose(cfg.Observers), stopping: make(chan struct{}), quiet: make(chan struct{}, 1),
	}
	p.cfg.Logger = new(callbacks).logger(cfg.Logger, cfg.LogAddresses)
	p.journal = journal{p.cfg.Logger, cfg.LogAddresses}
	if p.policy = cfg.Retry; p.policy == nil {
		p.policy, errs[1] = retry.New(retry.Config{})
	}
	p.classifier, errs[2] = classify.New(append(cfg.Rules, cfg.Profiles.Rules()...)...)
	p.sched, errs[3] = throttle.New[*turn](cfg.scheduler())
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	p.lines.init(cfg)
	p.tabs.off = p.observer.Accepted != nil || p.observer.Try != nil || p.observer.Settled != nil || p.journal.takes(slog.LevelInfo)
	p.alarm.do = func() { p.step(p.sched.Tick) }
	p.sweeper.do, p.saver.do = p.sweep, p.saveNow
	if err := restoreFrom(cfg.Memory, len(cfg.WarmUps) > 0, p.Restore, p.cfg.Logger); err != nil {
		return nil, err
	}
	return p, nil
}

// Do waits for the turn of a destination, calls fn, and judges its error. Until the
// message is settled it waits and calls fn again, under the policy of
// PacerConfig.Retry. to is the address of the recipient, or a domain. It returns nil
// when the message was delivered.
//
// fn returns nil when the message was accepted. See [PaceRequest] for the errors that
// are understood. Some errors leave open whether the message was sent, as that of a
// lost connection does. After such errors fn is called PacerConfig.AmbiguousTries times
// at most. Wrap the error with [NotSent] if the message was certainly not sent.
//
// fn must not call the Pacer and wait for other mail. It keeps its own place meanwhile;
// if all places are kept so, all calls wait until they expire.
//
// While it waits, Do returns when ctx ends; once fn runs, Do returns when fn does. Its
// error is a [*SendError] with the outcome, ErrClosed after Shutdown or Close, or wraps
// ErrInvalid when to is no address.
func (p *Pacer) Do(ctx context.Context, to string, fn func(context.Context) error) error {
	return p.run(ctx, to, fn, false)
}

// DoRequest does the same as Do for a request with more detail. The recipients are
// split by destination: fn is called with those of one turn, spelt as in the request.
// It is called on the goroutine of the caller, and never twice at once. A destination
// that makes its recipients wait does not hold up the others.
//
// When a call was accepted for some of its recipients, fn returns [RecipientErrors]
// with the others. Only those that may be accepted later are tried again.
func (p *Pacer) DoRequest(ctx context.Context, r PaceRequest, fn func(ctx context.Context, to []string) error) error {
	if err := callable(ctx, fn != nil); err != nil {
		return err
	}
	c := newCall(p, r)
	c.fnTo = fn
	return c.do(ctx)
}

// Try calls fn once, when the turn of the destination comes within PacerConfig.MaxWait
// and before ctx ends. It returns nil when the message was delivered, and else a
// [*TryError] with the time of the next try, if there is to be one. These times are
// handed out one after the other at the present pace, so that jobs come back when there
// is room for them.
func (p *Pacer) Try(ctx context.Context, to string, fn func(context.Context) error) error {
	return p.run(ctx, to, fn, true)
}

// TryRequest does the same as Try for a request with more detail. It splits the request
// as DoRequest does, and calls fn once for each destination whose turn comes in time.
// [TryError.Left] has the recipients to be tried again.
func (p *Pacer) TryRequest(ctx context.Context, r PaceRequest, fn func(ctx context.Context, to []string) error) error {
	if err := callable(ctx, fn != nil); err != nil {
		return err
	}
	c := newCall(p, r)
	c.fnTo = fn
	return c.try(ctx)
}

// callable reports a context or a function that is nil.
func callable(ctx context.Context, hasFunction bool) error {
	switch {
	case ctx == nil:
		return fmt.Errorf("%w: the context is nil", ErrInvalid)
	case !hasFunction:
		return fmt.Errorf("%w: the function is nil", ErrInvalid)
	}
	return nil
}

// run does what Do does, or with once what Try does.
func (p *Pacer) run(ctx context.Context, to string, fn func(context.Context) error, once bool) error {
	if err := callable(ctx, fn != nil); err != nil {
		return err
	}
	a, done, began, err := p.under(ctx, to, fn)
	if done {
		return nil
	}
	c := newCallTo(p, to)
	c.fn, c.once = fn, once
	switch {
	case a == nil && once:
		return c.try(ctx)
	case a == nil:
		return c.do(ctx)
	}
	defer p.leave()
	if _, wrong := c.begin(); wrong != nil { // begin has had the same recipient before
		panic(wrong)
	}
	c.resumed(a, began, err)
	if once {
		return c.tryAll(ctx)
	}
	return c.settleAll(ctx)
}

// isStopping reports whether Shutdown or Close has been called.
func (p *Pacer) isStopping() bool {
	select {
	case <-p.stopping:
		return true
	default:
		return false
	}
}

// enter counts a call of Do or Try. It reports false after Shutdown and Close.
func (p *Pacer) enter() bool {
	p.running.Add(1)
	if p.isStopping() {
		p.leave()
		return false
	}
	return true
}

// leave counts the end of a call of Do or Try.
func (p *Pacer) leave() {
	if p.running.Add(-1) > 0 || !p.isStopping() {
		return
	}
	select {
	case p.quiet <- struct{}{}:
	default:
	}
}

// stop has calls that wait return, and refuses others.
func (p *Pacer) stop() {
	p.stopOnce.Do(func() {
		close(p.stopping)
		p.sweeper.stop()
		p.saver.stop()
		p.alarm.stop()
		for _, a := range p.tabs.end(true) {
			p.endTab(a)
		}
	})
}

// Shutdown has waiting calls of Do and Try return with ErrClosed, waits for the running
// functions, and saves the lessons. When ctx ends before they return, it returns the
// cause of ctx. When Memory.Save has not returned 80 ms after ctx has ended, the error
// wraps ErrHanging. After it no timer of the Pacer is left. It may be called more than
// once, and together with Close.
func (p *Pacer) Shutdown(ctx context.Context) error {
	p.stop()
	var err error
	for p.running.Load() > 0 && err == nil {
		select {
		case <-p.quiet:
		case <-ctx.Done():
			err = context.Cause(ctx)
		}
	}
	return errors.Join(err, p.lastSave(ctx))
}

// Close does what Shutdown does, and does not wait for functions that run: those
// return to their callers, and are not tried again. It may be called more than once.
func (p *Pacer) Close() error {
	p.stop()
	return p.lastSave(overContext)
}

// lastSave saves what was learned. Once ctx has ended it does not wait for a Memory
// that hangs.
func (p *Pacer) lastSave(ctx context.Context) error {
	if p.cfg.Memory == nil {
		return nil
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.save()
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
	}
	select {
	case <-done:
		return nil
	case <-time.After(hangingLooks * progressEvery):
		return fmt.Errorf("%w: %s", ErrHanging, callbackNames[callMemory])
	}
}

// saveNow saves unless the Pacer is stopping. The timer calls it.
func (p *Pacer) saveNow() {
	if !p.isStopping() {
		p.save()
	}
}

// save gives PacerConfig.Memory a snapshot.
func (p *Pacer) save() {
	if p.cfg.Memory == nil {
		return
	}
	p.saving.save(p.Snapshot, func(snapshot []byte) error { return saveTo(p.cfg.Memory, snapshot) }, p.cfg.Logger)
}

// sweep has the Scheduler forget destinations without work, and ends connections that
// nothing has used for long. It sets the timer again while there are others.
func (p *Pacer) sweep() {
	p.endTabs()
	now := time.Now()
	left := p.lines.endIdle(now)
	if next := p.sched.Sweep(now); !next.IsZero() || left {
		p.sweeper.after(max(next.Sub(now), sweepDelay))
	}
	p.drive()
}
