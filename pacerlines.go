package smtpace

import (
	"sync"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/throttle"
)

// line is the way of calls of functions: a relay, or a destination itself. To the
// Scheduler it is an endpoint.
type line struct {
	name     string
	provider string // profile of its host; "" when none is known
	path     *throttle.Path
	pinned   bool // whether PacerConfig.Relays names it: it is never forgotten
	limited  bool // whether SetLimits has set limits, which would be forgotten with it; guarded by lineSet.mu

	mu      sync.Mutex
	counts  Counts
	senders senders
	logins  logins
	opened  int64 // number of places that were opened
}

// maxLines is the number of lines to keep, once for destinations and once for relays that
// PacerConfig.Relays does not name.
const maxLines = 10_000

// place is a place for one call at a time on a line: a connection as the Scheduler
// sees it. It is established as soon as it is opened.
type place struct {
	pacer *Pacer
	line  *line
	conn  *throttle.Conn[*turn]
	id    uint64

	mu    sync.Mutex
	idle  bool      // whether it has asked and was given nothing
	woken bool      // whether it was woken before it was idle
	ended bool      // whether it takes nothing more
	since time.Time // the time since which it is idle
}

// lineSet is the lines of a Pacer and their places.
type lineSet struct {
	receivers receivers

	mu     sync.Mutex
	relays map[string]*line
	direct map[string]*line // by destination, as a cache
	places map[*place]struct{}
	lastID uint64
}

// init makes the lines of the relays that are configured.
func (l *lineSet) init(cfg PacerConfig) {
	l.receivers = receivers{cfg.Profiles, cfg.Destinations}
	l.relays, l.direct, l.places = map[string]*line{}, map[string]*line{}, map[*place]struct{}{}
	for name := range cfg.Relays {
		l.relays[name] = l.made(name)
		l.relays[name].pinned = true
		l.relays[name].logins.own = cfg.relayLimits(name)
	}
}

// made returns a new line.
func (l *lineSet) made(name string) *line {
	return &line{name: name, provider: l.receivers.host(name), path: throttle.Through(name)}
}

// lineOf returns the line of a request to a destination. A relay that is new gets the
// ceilings of its service.
func (p *Pacer) lineOf(relay, destination string) *line {
	at, isNew := p.lines.of(relay, destination)
	if isNew && relay != "" {
		for _, old := range p.lines.crowdedOut(at) {
			old.mu.Lock()
			old.logins = logins{}
			p.limitLocked(old, time.Now())
			old.mu.Unlock()
		}
		at.mu.Lock()
		defer at.mu.Unlock()
		if at.logins.own = p.cfg.relayLimits(relay); at.logins.own != (throttle.Limits{}) {
			p.limitLocked(at, time.Now())
		}
	}
	return at
}

// of returns the line of a request to a destination, and whether it is new.
func (l *lineSet) of(relay, destination string) (at *line, isNew bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	by, name := l.direct, destination
	if relay != "" {
		by, name = l.relays, relay
	}
	if at = by[name]; at != nil {
		return at, false
	}
	if relay == "" && len(by) >= maxLines {
		clear(by)
	}
	at = l.made(name)
	by[name] = at
	return at, true
}

// limit returns the line through a relay whose limits are set, or taken back.
func (l *lineSet) limit(relay string, set bool) *line {
	at, _ := l.of(relay, "")
	l.mu.Lock()
	defer l.mu.Unlock()
	at.limited = set
	return at
}

// crowdedOut drops the lines through relays that no place uses and no setting names, but
// one, when there are too many. It returns them.
func (l *lineSet) crowdedOut(but *line) (old []*line) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.relays) <= maxLines {
		return nil
	}
	used := map[*line]bool{but: true}
	for v := range l.places {
		used[v.line] = true
	}
	for name, at := range l.relays {
		if !at.pinned && !at.limited && !used[at] {
			delete(l.relays, name)
			old = append(old, at)
		}
	}
	return old
}

// at returns the line of a name that the Scheduler knows.
func (l *lineSet) at(name string) *line {
	l.mu.Lock()
	at := l.relays[name]
	l.mu.Unlock()
	if at == nil {
		at, _ = l.of("", name)
	}
	return at
}

// add counts a place that was opened.
func (l *lineSet) add(v *place) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lastID++
	v.id = l.lastID
	l.places[v] = struct{}{}
}

// remove drops a place that has ended.
func (l *lineSet) remove(v *place) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.places, v)
}

// idleFor is the time after which a place that nothing uses is ended.
const idleFor = 10 * time.Second

// endIdle ends the places that nothing has used for long, and reports whether there
// are others.
func (l *lineSet) endIdle(now time.Time) (left bool) {
	l.mu.Lock()
	var old []*place
	for v := range l.places {
		old = append(old, v)
	}
	l.mu.Unlock()
	for _, v := range old {
		if !v.endIdle(now) {
			left = true
		}
	}
	return left
}

// endIdle ends a place that is idle for long, and reports whether it has.
func (v *place) endIdle(now time.Time) bool {
	v.mu.Lock()
	stays := v.ended || !v.idle || now.Sub(v.since) < idleFor
	v.ended = v.ended || !stays
	v.mu.Unlock()
	if !stays {
		v.close(now)
	}
	return !stays
}

// end ends a place after its call.
func (v *place) end(now time.Time) {
	v.mu.Lock()
	was := v.ended
	v.ended = true
	v.mu.Unlock()
	if !was {
		v.close(now)
	}
}

// close tells the Scheduler that a place has ended.
func (v *place) close(now time.Time) {
	v.conn.Leaves()
	v.conn.Closed(now, classify.StageIdle, classify.Verdict{}, nil)
	v.pacer.lines.remove(v)
	v.pacer.again.Store(true)
}

// serve gives a free place its next call, or leaves it idle.
func (v *place) serve() {
	p := v.pacer
	for {
		now := time.Now()
		g, last := v.conn.Next(now)
		p.again.Store(true)
		switch {
		case g != nil:
			if g.Value().offer(g, v) {
				return
			}
			g.Return(now)
		case last:
			v.end(now)
			return
		case v.rests(now):
			return
		}
	}
}

// rests makes a place idle. It reports false when it was woken meanwhile, and has to
// ask again.
func (v *place) rests(now time.Time) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.woken {
		v.woken = false
		return false
	}
	v.idle, v.since = true, now
	return true
}

// wake has an idle place ask for its next call.
func (v *place) wake() {
	v.mu.Lock()
	asks := v.idle && !v.ended
	v.woken = !v.idle && !v.ended
	v.idle = false
	v.mu.Unlock()
	if asks {
		v.serve()
	}
}

// placer carries out the decisions of the Scheduler of a Pacer.
type placer struct{ pacer *Pacer }

// Open opens a place for a call. It implements throttle.Driver.
func (d placer) Open(c *throttle.Conn[*turn]) {
	p, now := d.pacer, time.Now()
	at := p.lines.at(c.Endpoint())
	v := &place{pacer: p, line: at, conn: c}
	c.Owner = v
	p.lines.add(v)
	at.mu.Lock()
	at.opened++
	at.mu.Unlock()
	changes := c.Established(now)
	v.serve()
	p.changed(changes, nil)
}

// Wake has an idle place serve the next call. It implements throttle.Driver.
func (placer) Wake(c *throttle.Conn[*turn]) { c.Owner.(*place).wake() }

// Retire ends an idle place, in whose stead another line needs one. It implements
// throttle.Driver.
func (placer) Retire(c *throttle.Conn[*turn]) { c.Owner.(*place).end(time.Now()) }

// drive has places do what is ready.
func (p *Pacer) drive() { p.step(p.sched.Drive) }

// step drives the Scheduler until nothing is ready any more. Places are opened and woken
// within, and ask without driving, so that this does not nest.
func (p *Pacer) step(drive func(time.Time, throttle.Driver[*turn]) time.Time) {
	for {
		now := time.Now()
		p.alarm.set(now, drive(now, placer{p}))
		if !p.again.Swap(false) {
			return
		}
		drive = p.sched.Drive
	}
}
