package simulate

import (
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/internal/chance"
	"github.com/smtpace/smtpace/internal/words"
	"github.com/smtpace/smtpace/throttle"
)

// paced is the way of this module: connections that are free ask a Scheduler,
// which is driven as the Sender drives it.
type paced struct {
	n     *network
	sched *throttle.Scheduler[*message]
	again *retries
	ends  []*end // by host, in the order of network.hosts

	tickAt time.Duration // the time of the next Tick; unset when there is none
}

// end is an endpoint.
type end struct {
	host *host
	path *throttle.Path // of every destination here
}

// slot joins a line with its connection of the Scheduler.
type slot struct {
	end  *end
	conn *throttle.Conn[*message]
	line *line // nil until it is open
}

const unset = time.Duration(-1)

func newPaced(n *network) (*paced, error) {
	sched, err := throttle.New[*message](throttle.Config{Destination: n.sc.Set})
	if err != nil {
		return nil, err
	}
	chance.Use(sched, chance.Seed(n.result.Seed))
	if n.sc.WordsOnly {
		words.Only(sched)
	}
	again, err := newRetries(n)
	if err != nil {
		return nil, err
	}
	p := &paced{n: n, sched: sched, again: again, tickAt: unset}
	for _, h := range n.hosts {
		p.ends = append(p.ends, &end{host: h, path: throttle.Through(h.name)})
	}
	return p, nil
}

func (p *paced) push(m *message) { p.queue(m, time.Time{}, true) }

func (p *paced) queue(m *message, notBefore time.Time, fresh bool) {
	e := p.ends[m.to.Host]
	p.sched.Push(p.n.clock(), throttle.Job[*message]{
		Value: m, Destination: m.to.Name, Path: e.path, Mailbox: m.address(), Recipients: m.n, Bytes: m.bytes, Fresh: fresh, NotBefore: notBefore, Tries: m.tries,
		Sender: domainOf(m.to.Sender), From: m.to.Sender, Tenant: m.to.Tenant,
	})
	p.drive()
}

// drive makes the Scheduler open and wake lines.
func (p *paced) drive() { p.tickAgain(p.sched.Drive(p.n.clock(), p)) }

// Open dials a line.
func (p *paced) Open(c *throttle.Conn[*message]) {
	o := &slot{end: p.end(c.Endpoint()), conn: c}
	c.Owner = o
	p.n.dial(o.end.host, o)
}

// Wake makes an idle line ask again.
func (p *paced) Wake(c *throttle.Conn[*message]) { c.Owner.(*slot).line.wake() }

// Retire ends an idle line.
func (p *paced) Retire(c *throttle.Conn[*message]) { c.Owner.(*slot).line.quit() }

func (p *paced) end(name string) *end {
	for _, e := range p.ends {
		if e.host.name == name {
			return e
		}
	}
	panic("simulate: no host " + name)
}

// tickAgain calls Tick at a time; zero is never. An earlier time stays.
func (p *paced) tickAgain(again time.Time) {
	if again.IsZero() {
		return
	}
	at := p.n.since(again)
	if p.tickAt != unset && at >= p.tickAt {
		return
	}
	p.tickAt = at
	p.n.at(at, func() {
		if p.tickAt == at {
			p.tickAt = unset
			p.tickAgain(p.sched.Tick(p.n.clock(), p))
		}
	})
}

func (p *paced) opened(l *line) {
	o := l.owner.(*slot)
	o.line = l
	p.learned(o.conn.Established(p.n.clock()))
}

func (p *paced) learned(changes []throttle.Change) {
	p.n.result.Lessons = append(p.n.result.Lessons, changes...)
}

func (p *paced) next(l *line) *message {
	g, last := l.owner.(*slot).conn.Next(p.n.clock())
	switch {
	case g != nil:
		return p.granted(g)
	case last:
		l.quit()
	}
	p.drive()
	return nil
}

// granted returns the message of a grant. Recipients beyond those that may go are
// queued again.
func (p *paced) granted(g *throttle.Grant[*message]) *message {
	m := g.Value()
	m.grant = g
	if rest := m.part(g.Recipients()); rest != nil {
		p.queue(rest, time.Time{}, false)
	}
	return m
}

func (p *paced) behind(_ *line, m *message) *message {
	g, _ := m.grant.Next(p.n.clock()) // when to ask again next finds out
	if g == nil {
		return nil
	}
	return p.granted(g)
}

func (p *paced) wrote(l *line, m *message) {
	m.grant.Wrote(p.n.clock())
	m.grant.Asked(p.n.clock())
	p.drive()
}

func (p *paced) done(l *line, m *message, accepted int, a *answer) {
	g := m.grant
	m.grant = nil
	if a == nil {
		changes, _ := g.Done(p.n.clock(), throttle.Outcome{Accepted: accepted, Recipients: accepted, Stage: classify.StageDot, Verdict: stored})
		p.learned(changes)
		return
	}
	o := throttle.Outcome{
		Accepted: accepted, Recipients: max(accepted, m.asked), Behind: m.behind, Stage: a.stage, Verdict: a.verdict, Err: a.err,
		Unsent: accepted == 0 && a.stage < classify.StageDot,
	}
	unjudged := l.unjudged(a)
	if unjudged {
		o = throttle.Outcome{Stage: a.stage, Recipients: o.Recipients, Unsent: o.Unsent}
	}
	changes, taken := g.Done(p.n.clock(), o)
	p.learned(changes)
	switch {
	case unjudged:
		if m.tries == nil {
			m.tries = throttle.NewTries(p.n.clock(), m.n)
		}
		p.queue(m, time.Time{}, false)
	case taken != classify.LimitNone:
		named := *a
		named.verdict.Limit = taken
		p.queue(m, p.again.due(m, &named), false)
	default:
		p.queue(m, p.again.due(m, a), false)
	}
}

var stored = classify.Of(classify.StageDot, nil)

func (p *paced) leaves(l *line) {
	l.owner.(*slot).conn.Leaves()
	p.drive()
}

func (p *paced) closed(l *line, a *answer) {
	o := l.owner.(*slot)
	if a == nil {
		a = &answer{stage: classify.StageIdle}
	}
	p.learned(o.conn.Closed(p.n.clock(), a.stage, a.verdict, a.err))
	p.drive()
}
