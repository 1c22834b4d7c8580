package smtpace

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/throttle"
)

// tab is a grant that has not ended although its function has returned: where nothing
// but numbers at once limits a destination, the next call goes under it, and the
// Scheduler need not be asked.
type tab struct {
	of    *tabsOf
	grant *throttle.Grant[*turn]
	at    *place
	since time.Time // the time at which it was made
	calls int64     // number of its calls that counters do not have yet
	epoch uint64    // tabs.epoch when it was made
}

// tabsOf are the tabs of a destination that no call uses.
type tabsOf struct {
	destination string
	free        []*tab
}

// tabs are the tabs of a Pacer. They exist while nothing waits anywhere: whoever begins
// to wait, meets an error or changes anything ends those that are free, and those in use
// end with their calls.
type tabs struct {
	off bool // whether there are none, because observers or the log want every event

	mu      sync.Mutex
	by      map[string]*tabsOf // by domain
	epoch   uint64             // number of times at which all were ended
	waiting int                // number of calls that wait
	closed  bool               // whether the Pacer is ending
}

const (
	// tabLife is the time after which a tab ends, so that what went under it counts.
	tabLife = time.Second
	// maxTabs is the number of domains that have tabs.
	maxTabs = 1000
)

// domainIn returns the text behind the at sign of an address, or all of a domain.
func domainIn(to string) string { return to[strings.LastIndexByte(to, '@')+1:] }

// take returns a free tab for a call; nil when there is none.
func (t *tabs) take(to string) *tab {
	t.mu.Lock()
	defer t.mu.Unlock()
	of := t.by[domainIn(to)]
	if of == nil || len(of.free) == 0 {
		return nil
	}
	last := len(of.free) - 1
	a := of.free[last]
	of.free[last] = nil
	of.free = of.free[:last]
	return a
}

// put makes a tab free that a call has used. It reports false where the tab must end.
func (t *tabs) put(a *tab) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.waiting > 0 || t.closed || a.epoch != t.epoch {
		return false
	}
	a.of.free = append(a.of.free, a)
	return true
}

// of returns the tabs of a domain and the epoch; nil when it can have none.
func (t *tabs) of(domain, destination string) (*tabsOf, uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.off || t.waiting > 0 || t.closed {
		return nil, 0
	}
	of := t.by[domain]
	if of == nil {
		if t.by == nil {
			t.by = map[string]*tabsOf{}
		}
		if len(t.by) >= maxTabs {
			return nil, 0
		}
		of = &tabsOf{destination: destination}
		t.by[domain] = of
	}
	return of, t.epoch
}

// wait counts a call that begins to wait, or with -1 one that does not any more.
func (t *tabs) wait(n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.waiting += n
}

// end begins a new epoch and returns all tabs that are free.
func (t *tabs) end(closed bool) (all []*tab) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = t.closed || closed
	if len(t.by) == 0 {
		return nil
	}
	t.epoch++
	for _, of := range t.by {
		all = append(all, of.free...)
	}
	t.by = nil
	return all
}

// endTabs ends all tabs: those in use when their calls return.
func (p *Pacer) endTabs() {
	all := p.tabs.end(false)
	for _, a := range all {
		p.endTab(a)
	}
	if len(all) > 0 {
		p.drive()
	}
}

// endTab ends a tab that no call uses. Its last message was accepted.
func (p *Pacer) endTab(a *tab) {
	now := time.Now()
	a.count(now)
	var changes []throttle.Change
	if a.grant.Again(now, "") { // counts the message; the time since is not the receiver's
		a.grant.Return(now)
	} else {
		changes, _ = a.grant.Done(now, throttle.Outcome{Accepted: 1, Stage: classify.StageDot})
	}
	a.at.serve()
	p.changed(changes, nil)
}

// count adds the calls of a tab to the counters.
func (a *tab) count(now time.Time) {
	n := a.calls
	if n == 0 {
		return
	}
	a.calls = 0
	a.at.pacer.counters.delivered(a.of.destination, n)
	a.at.line.delivered(n, now)
}

// lays makes a tab of the grant of a call that was accepted, and reports whether it
// has.
func (c *call) lays(t *turn, now time.Time) bool {
	p := c.pacer
	if c.fn == nil || c.request.Connect || !t.grant.MayAgain() {
		return false
	}
	of, epoch := p.tabs.of(domainIn(c.to[0]), t.destination)
	if of == nil {
		return false
	}
	return p.tabs.put(&tab{of: of, grant: t.grant, at: t.at, since: now, epoch: epoch})
}

// under calls fn under a tab. It returns nil when there is none, and nothing was called;
// done is true when the message was delivered. Otherwise the caller goes on with the
// tab and the error.
func (p *Pacer) under(ctx context.Context, to string, fn func(context.Context) error) (a *tab, done bool, began time.Time, err error) {
	if a = p.tabs.take(to); a == nil {
		return nil, false, began, nil
	}
	began = time.Now()
	mailbox, valid := "", true
	if domainIn(to) != to {
		at, err := parseAddress(to)
		mailbox, valid = at.mailbox, err == nil
	}
	entered := valid && ctx.Err() == nil && began.Sub(a.since) <= tabLife && p.enter()
	if !entered || !a.grant.Again(began, mailbox) {
		if entered {
			p.leave()
		}
		p.endTab(a)
		p.drive()
		return nil, false, began, nil
	}
	returned := false
	defer func() {
		if !returned { // fn has panicked, or has ended its goroutine
			a.grant.Return(time.Now())
			a.at.end(time.Now())
			p.drive()
			p.leave()
		}
	}()
	err = fn(ctx)
	returned = true
	if err != nil {
		return a, false, began, err
	}
	a.calls++
	if !p.tabs.put(a) {
		p.endTab(a)
		p.drive()
	}
	p.ran()
	p.leave()
	return a, true, began, nil
}

// resumed makes the call of Do or Try that goes on after fn has failed under a tab.
func (c *call) resumed(a *tab, began time.Time, err error) {
	t := &c.first
	t.has(a.grant, a.at)
	c.busy = true
	returned := false
	defer func() {
		if !returned {
			c.abandon(t)
		}
	}()
	a.count(began)
	c.finish(t, began, err)
	returned = true
}
