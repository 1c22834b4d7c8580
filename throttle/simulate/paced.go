package simulate

import (
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/throttle"
)

// paced is this module's way: a Scheduler, asked by connections that are free,
// and driven as the Sender does it.
type paced struct {
	n     *network
	sched *throttle.Scheduler[*message]
	again *retries
	ends  []*end // by host, in the order of network.hosts
}

// end is an endpoint: its lines that rest and the alarm that the Scheduler has
// asked for.
type end struct {
	s       *paced
	host    *host
	path    []string // of every destination here
	resting []*line  // newest last: it is used first
	coming  int      // lines that are being opened or have been woken
	alarmAt time.Duration
}

// slot is what a line is to the Scheduler.
type slot struct {
	end    *end
	conn   *throttle.Conn[*message]
	coming bool
}

const unset = time.Duration(-1)

func newPaced(n *network) (*paced, error) {
	sched, err := throttle.New[*message](throttle.Config{})
	if err != nil {
		return nil, err
	}
	again, err := newRetries(n)
	if err != nil {
		return nil, err
	}
	p := &paced{n: n, sched: sched, again: again}
	for _, h := range n.hosts {
		p.ends = append(p.ends, &end{s: p, host: h, path: []string{h.name}, alarmAt: unset})
	}
	return p, nil
}

func (p *paced) push(m *message) { p.queue(m, time.Time{}, true) }

func (p *paced) queue(m *message, notBefore time.Time, fresh bool) {
	e := p.ends[m.to.Host]
	p.sched.Push(p.n.clock(), throttle.Job[*message]{
		Value: m, Destination: m.to.Name, Path: e.path, Mailbox: m.address(), Recipients: 1, Fresh: fresh, NotBefore: notBefore,
	})
	e.kick()
}

// kick sets lines to work: for what is ready it wakes those that rest and
// opens new ones, and it sets the alarm for what will be ready later.
func (e *end) kick() {
	now := e.s.n.clock()
	ready, again := e.s.sched.Ready(e.host.name, now)
	for e.coming < ready && len(e.resting) > 0 {
		l := e.resting[len(e.resting)-1]
		e.resting = e.resting[:len(e.resting)-1]
		e.comes(l.owner.(*slot), true)
		l.wake()
	}
	for e.coming < ready {
		c, later := e.s.sched.MayOpen(e.host.name, now)
		if c == nil {
			again = later
			break
		}
		o := &slot{end: e, conn: c}
		e.comes(o, true)
		e.s.n.dial(e.host, o)
	}
	e.alarm(again)
}

func (e *end) comes(o *slot, coming bool) {
	if coming == o.coming {
		return
	}
	o.coming = coming
	if coming {
		e.coming++
	} else {
		e.coming--
	}
}

// alarm has kick called at a time; an earlier alarm stays.
func (e *end) alarm(again time.Time) {
	if again.IsZero() {
		return
	}
	at := e.s.n.since(again)
	if e.alarmAt != unset && at >= e.alarmAt {
		return
	}
	e.alarmAt = at
	e.s.n.at(at, func() {
		if e.alarmAt == at {
			e.alarmAt = unset
			e.kick()
		}
	})
}

func (e *end) unrest(l *line) {
	for i := range e.resting {
		if e.resting[i] == l {
			e.resting = append(e.resting[:i], e.resting[i+1:]...)
			return
		}
	}
}

func (p *paced) opened(l *line) {
	p.learned(l.owner.(*slot).conn.Established(p.n.clock()))
}

func (p *paced) learned(changes []throttle.Change) {
	p.n.result.Lessons = append(p.n.result.Lessons, changes...)
}

func (p *paced) next(l *line) *message {
	o := l.owner.(*slot)
	if o.conn.Retire() {
		o.end.comes(o, false)
		l.quit()
		return nil
	}
	o.end.comes(o, false)
	g, again := o.conn.Next(p.n.clock())
	switch {
	case g != nil:
		return granted(g)
	case o.conn.Retire():
		l.quit()
		return nil
	}
	o.end.resting = append(o.end.resting, l)
	o.end.alarm(again)
	return nil
}

func granted(g *throttle.Grant[*message]) *message {
	m := g.Value()
	m.grant = g
	return m
}

func (p *paced) behind(_ *line, m *message) *message {
	g, _ := m.grant.Next(p.n.clock()) // when to ask again next finds out
	if g == nil {
		return nil
	}
	return granted(g)
}

func (p *paced) wrote(l *line, m *message) {
	m.grant.Wrote(p.n.clock())
	m.grant.Asked(p.n.clock())
	l.owner.(*slot).end.kick()
}

func (p *paced) done(_ *line, m *message, a *answer) {
	g := m.grant
	m.grant = nil
	if a == nil {
		p.learned(g.Done(p.n.clock(), throttle.Outcome{Accepted: 1, Recipients: 1, Stage: classify.StageDot, Verdict: stored}))
		return
	}
	p.learned(g.Done(p.n.clock(), throttle.Outcome{Stage: a.stage, Verdict: a.verdict, Err: a.err}))
	p.queue(m, p.again.due(m, a), false)
}

var stored = classify.Of(classify.StageDot, nil)

func (p *paced) closed(l *line, a *answer) {
	o := l.owner.(*slot)
	o.end.comes(o, false)
	o.end.unrest(l)
	if a == nil {
		a = &answer{stage: classify.StageIdle}
	}
	p.learned(o.conn.Closed(p.n.clock(), a.stage, a.verdict, a.err))
	for _, e := range p.ends { // a connection of the process is free
		e.kick()
	}
}
