package simulate

import "time"

// fixed keeps to given limits at each host and learns nothing. It is both
// Unpaced and Oracle.
type fixed struct {
	n      *network
	limits Limits
	again  *retries // nil: what was refused goes again at once
	desks  []*desk  // by host
}

// unpacedConnections is the number of connections that Unpaced opens to a host,
// as a loop over a list with 20 goroutines does.
const unpacedConnections = 20

func newUnpaced(n *network) *fixed {
	return newFixed(n, Limits{Connections: unpacedConnections}, nil)
}

func newOracle(n *network) (*fixed, error) {
	again, err := newRetries(n)
	if err != nil {
		return nil, err
	}
	return newFixed(n, n.sc.Oracle, again), nil
}

func newFixed(n *network, limits Limits, again *retries) *fixed {
	f := &fixed{n: n, limits: limits, again: again}
	for _, h := range n.hosts {
		f.desks = append(f.desks, &desk{f: f, host: h, alarmAt: unset, slow: map[slowKey]*slowline{}})
	}
	return f
}

// desk holds the mail for one host, and its lines.
type desk struct {
	f       *fixed
	host    *host
	queue   fifo // of what has no rate of its own
	slow    map[slowKey]*slowline
	slows   []*slowline // the same, in the order of their first messages
	lines   int
	resting []*line
	due     time.Duration // no message before
	alarmAt time.Duration
}

// slowline holds the mail for one mailbox or destination that has a rate of its
// own.
type slowline struct {
	queue fifo
	every time.Duration
	due   time.Duration
}

// slowKey names a hot mailbox; where box is 0, a destination.
type slowKey struct{ box, destination int }

// carrier is a line as its desk sees it.
type carrier struct {
	desk    *desk
	carried int
}

func (f *fixed) push(m *message) {
	d := f.desks[m.to.Host]
	d.line(m).push(m)
	d.work()
}

// line returns the row in which a message waits.
func (d *desk) line(m *message) *fifo {
	key, perSecond := slowKey{0, m.to.index}, max(d.f.limits.Domains[m.to.Name], d.f.limits.Domains[m.to.Sender])
	if m.hot() && d.f.limits.HotRate > 0 {
		key, perSecond = slowKey{box: m.box}, d.f.limits.HotRate
	}
	if perSecond == 0 {
		return &d.queue
	}
	s := d.slow[key]
	if s == nil {
		s = &slowline{every: interval(perSecond)}
		d.slow[key] = s
		d.slows = append(d.slows, s)
	}
	return &s.queue
}

// work gives one line the next message that is due.
func (d *desk) work() {
	if at := d.ready(); at != 0 {
		d.alarm(at)
		return
	}
	if last := len(d.resting) - 1; last >= 0 {
		l := d.resting[last]
		d.resting = d.resting[:last]
		l.wake()
	} else if d.lines < d.f.limits.Connections {
		d.lines++
		d.f.n.dial(d.host, &carrier{desk: d})
	}
}

// ready returns the time at which the next message may go: zero for now, unset
// when there is none.
func (d *desk) ready() time.Duration {
	now := d.f.n.now
	at := unset
	if d.queue.len() > 0 {
		at = 0
	}
	for _, s := range d.slows {
		if s.queue.len() > 0 && (at == unset || s.due < at) {
			at = s.due
		}
	}
	if at == unset {
		return unset
	}
	if at = max(at, d.due); at <= now {
		return 0
	}
	return at
}

func (d *desk) alarm(at time.Duration) {
	if at == unset || d.alarmAt != unset && at >= d.alarmAt {
		return
	}
	d.alarmAt = at
	d.f.n.at(at, func() {
		if d.alarmAt == at {
			d.alarmAt = unset
			d.work()
		}
	})
}

// take removes the next message that may go now. One with a rate of its own
// comes first.
func (d *desk) take() *message {
	if at := d.ready(); at != 0 {
		d.alarm(at)
		return nil
	}
	now := d.f.n.now
	perSecond := rateAt(d.f.limits.Rate, now)
	if perSecond > 0 {
		d.due = max(d.due, now) + interval(perSecond)
	}
	for _, s := range d.slows {
		if s.queue.len() > 0 && s.due <= now {
			s.due = now + s.every
			return s.queue.pop()
		}
	}
	m := d.queue.pop()
	if most := d.f.limits.Recipients; most > 0 {
		if rest := m.part(most); rest != nil {
			d.queue.push(rest)
		}
		d.due += time.Duration(m.n-1) * interval(perSecond)
	}
	return m
}

func (f *fixed) opened(*line) {}

func (f *fixed) next(l *line) *message {
	c := l.owner.(*carrier)
	m := f.behind(l, nil)
	switch {
	case m != nil:
		return m
	case c.full():
		l.quit()
	default:
		c.desk.resting = append(c.desk.resting, l)
	}
	return nil
}

// full reports whether a line has carried what it may.
func (c *carrier) full() bool {
	most := c.desk.f.limits.PerConnection
	return most > 0 && c.carried >= most
}

func (f *fixed) behind(l *line, _ *message) *message {
	c := l.owner.(*carrier)
	if c.full() {
		return nil
	}
	m := c.desk.take()
	if m != nil {
		c.carried++
	}
	return m
}

func (f *fixed) wrote(l *line, _ *message) { l.owner.(*carrier).desk.work() }

func (f *fixed) done(_ *line, m *message, _ int, a *answer) {
	if a == nil {
		return
	}
	if f.again != nil {
		if at := f.again.due(m, a); !at.IsZero() {
			f.n.at(f.n.since(at), func() { f.push(m) })
			return
		}
	}
	f.push(m)
}

// redial is the time that Oracle waits after failing to open a connection.
const redial = time.Second

func (f *fixed) leaves(*line) {}

func (f *fixed) closed(l *line, a *answer) {
	d := l.owner.(*carrier).desk
	for i := range d.resting {
		if d.resting[i] == l {
			d.resting = append(d.resting[:i], d.resting[i+1:]...)
			break
		}
	}
	if a != nil && f.again != nil {
		f.n.after(redial, func() { d.lines--; d.work() })
		return
	}
	d.lines--
	d.work()
}

func interval(perSecond float64) time.Duration {
	return time.Duration(float64(time.Second) / perSecond)
}
