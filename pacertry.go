package smtpace

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/pool"
)

// ErrNotNow is the reason of recipients whose turn does not come within the time that Try
// may wait. TryError.RetryAt says when to come back.
var ErrNotNow = errors.New("smtpace: not its turn yet")

// try runs a call of Try.
func (c *call) try(ctx context.Context) error {
	c.once = true
	if !c.pacer.enter() {
		return ErrClosed
	}
	defer c.pacer.leave()
	turns, err := c.begin()
	if err != nil {
		return err
	}
	if !c.expires.IsZero() && !c.start.Before(c.expires) {
		c.withdraw(ErrExpired)
		return c.tried(nil)
	}
	for _, t := range append(turns, &c.first) {
		c.pacer.book.tries(t.destination, c.scopes, 1)
		defer c.pacer.book.tries(t.destination, c.scopes, -1)
	}
	c.queueAll(turns)
	return c.tryAll(ctx)
}

// tryAll waits for the turns of a call of Try as long as it may, and takes them.
func (c *call) tryAll(ctx context.Context) error {
	limit := c.patience(ctx)
	var why error
	for c.open > 0 {
		until := limit
		if !c.comesBy(limit) {
			until = time.Now() // what was given already is taken
		}
		t, err := c.await(ctx, until, ErrNotNow)
		if t == nil {
			why = err
			break
		}
		c.transact(ctx, t)
	}
	if why != nil {
		c.turnAway(why)
	}
	return c.tried(why)
}

// patience returns the time until which Try waits for its turn.
func (c *call) patience(ctx context.Context) time.Time {
	wait := c.request.MaxWait
	if wait == 0 {
		wait = c.pacer.cfg.MaxWait
	}
	limit := c.start.Add(wait)
	if end, ok := ctx.Deadline(); ok && end.Before(limit) {
		limit = end
	}
	return limit
}

// comesBy reports whether some turn of the call is likely to come by a time.
func (c *call) comesBy(limit time.Time) bool {
	c.mu.Lock()
	given := c.granted != nil
	c.mu.Unlock()
	if given {
		return true
	}
	now := time.Now()
	if c.firstOpen && c.isDueBy(limit, &c.first, now) {
		return true
	}
	for t := range c.turns {
		if c.isDueBy(limit, t, now) {
			return true
		}
	}
	return false
}

// isDueBy reports whether a turn is likely to come by a time.
func (c *call) isDueBy(limit time.Time, t *turn, now time.Time) bool {
	return !slices.ContainsFunc(c.pacer.forecasts(now, t.destination, c.scopes), func(f forecast) bool { return f.at.After(limit) })
}

// turnAway takes what waits out of the queue, and notes when to come back.
func (c *call) turnAway(why error) {
	c.drop()
	if errors.Is(why, ErrClosed) {
		return
	}
	now := time.Now()
	seen := map[string]bool{}
	for i := range c.recipients {
		r := &c.recipients[i]
		if r.settled || r.Tries > 0 || seen[r.Destination] {
			continue
		}
		seen[r.Destination] = true
		c.laterAt(c.pacer.appoint(now, now, r.Destination, c.scopes))
	}
}

// comeBack notes the time at which to try recipients of a turn again, after an answer
// that puts them off until due. A zero due means as soon as there is room.
func (c *call) comeBack(t *turn, a *pool.Answer, due, now time.Time) {
	if due.Before(now) {
		due = now
	}
	if a.Verdict.Throttled() {
		due = c.pacer.appoint(now, due, t.destination, c.scopes)
	}
	c.laterAt(due)
}

// laterAt notes a time before which Try is not to be called again.
func (c *call) laterAt(at time.Time) { c.retryAt = later(c.retryAt, at) }

// tried reports the outcome of a call of Try; why is the reason for which some turns
// did not come, nil when all came.
func (c *call) tried(why error) error {
	p, called, all := c.pacer, false, true
	e := &TryError{RetryAt: c.retryAt}
	for i := range c.recipients {
		r := &c.recipients[i]
		all = all && r.Status == Delivered
		called = called || r.Tries > 0
		if r.settled {
			p.counters.settledOne(&r.Recipient)
			continue
		}
		e.Left = append(e.Left, r.Address)
		e.Ambiguous = max(e.Ambiguous, r.Ambiguous)
		e.Attempt = max(e.Attempt, c.request.Attempt+r.Attempts)
		switch {
		case r.Tries > 0:
			r.Status = GaveUp
		case errors.Is(why, ErrNotNow):
			r.Err = fmt.Errorf("%w: %s", why, p.whatBinds(r.Destination))
		default:
			r.Err = why
		}
	}
	if all {
		return nil
	}
	e.Called, e.Result = called, c.outcome()
	e.Verdict = c.verdict
	return e
}

// whatBinds names what holds up a destination.
func (p *Pacer) whatBinds(destination string) string {
	x := p.sched.Explain(time.Now(), destination)
	if x.Bind.Limit == "" {
		return "others are before it"
	}
	return strings.TrimRight(fmt.Sprintf("%s of %s %s", x.Bind.Limit, x.Bind.Scope, x.Bind.Name), " ") // the process has no name
}

// hasStage reports whether an error tells the stage at which it occurred.
func hasStage(err error) bool {
	_, ok := errors.AsType[*stageError](err)
	return ok || classify.StageOf(err) != classify.StageUnknown
}
