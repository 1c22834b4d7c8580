package throttle

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// TestScopesOfJobs runs random senders with random limits of every kind of scope,
// which change while mail flows, in virtual time. No limit is ever exceeded;
// nothing that every scope of it allows waits while a connection that could carry
// it is idle; and nothing is forgotten.
func TestScopesOfJobs(t *testing.T) {
	runs := 60
	if testing.Short() {
		runs = 20
	}
	for seed := range uint64(runs) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			w := newScopeWorld(t, seed)
			for range 150 {
				w.at(time.Duration(w.Float64()*float64(2*time.Minute)), w.meddle)
			}
			w.run()
			w.end()
		})
	}
}

// scopeWorld is senders, connections and a record of what they did.
type scopeWorld struct {
	*rand.Rand
	t      *testing.T
	s      *Scheduler[int]
	now    time.Time
	timer  time.Time // the time of the next Tick; zero when there is none
	events scopeEvents
	seq    int
	slow   bool // whether messages have several recipients

	scopes []Scope
	names  []string // destinations
	sets   map[Scope]*limitHistory
	items  map[int]*scopeItem
	queued map[int]bool
	paused map[string]bool
	conns  []*scopeConn
	flying []*scopeFlight
	values int
	sent   int
}

type scopeItem struct {
	it     *Item[int]
	scopes []Scope
	d      string
}

type scopeConn struct {
	c    *Conn[int]
	idle bool
	gone bool
}

type scopeFlight struct {
	g        *Grant[int]
	conn     *scopeConn
	scopes   []Scope
	segments []int // of the histories of its scopes when it was granted
}

// limitHistory is the limits of a scope over time, and what was written.
type limitHistory struct {
	limits  Limits
	segment int
	since   time.Time // the time of the last change
	quota   time.Time // the time since which there is always a quota
	per     time.Duration
	mails   []time.Time
	rcpts   []time.Time
}

func newScopeWorld(t *testing.T, seed uint64) *scopeWorld {
	w := &scopeWorld{
		Rand: rand.New(rand.NewPCG(seed, 9)), t: t, now: noon, sets: map[Scope]*limitHistory{},
		items: map[int]*scopeItem{}, queued: map[int]bool{}, paused: map[string]bool{}, slow: seed%3 == 0,
	}
	cfg := wide()
	cfg.Endpoint.Connections = 1 + w.IntN(4)
	cfg.Process.Connections = 2 + w.IntN(8)
	s, err := New[int](cfg)
	if err != nil {
		t.Fatal(err)
	}
	w.s = s
	for i := range 1 + w.IntN(4) {
		w.names = append(w.names, fmt.Sprintf("d%d", i))
	}
	kinds := []ScopeKind{ScopeTenant, ScopeSender, ScopeSenderDomain, ScopeSource}
	for i := range 1 + w.IntN(4) {
		w.scopes = append(w.scopes, Scope{kinds[w.IntN(len(kinds))], fmt.Sprint(i)})
	}
	w.scopes = append(w.scopes, PairOf(w.scopes[0], Scope{ScopeDestination, "d0"}))
	for _, of := range w.all() {
		w.sets[of] = &limitHistory{limits: unlimited, since: noon}
	}
	w.sets[Scope{Kind: ScopeProcess}].limits = Limits{}
	for _, e := range []string{"a", "b", "c"} {
		w.sets[Scope{ScopeEndpoint, e}].limits = Limits{}
	}
	for range 3 {
		w.limit(w.scopes[w.IntN(len(w.scopes))])
	}
	return w
}

// all returns every scope.
func (w *scopeWorld) all() []Scope {
	all := append([]Scope{{Kind: ScopeProcess}, {ScopeEndpoint, "a"}, {ScopeEndpoint, "b"}, {ScopeEndpoint, "c"}}, w.scopes...)
	for _, name := range w.names {
		all = append(all, Scope{ScopeDestination, name})
	}
	return all
}

// limit sets random limits of a scope. Those of connections stay as they are for
// the process and the endpoints.
func (w *scopeWorld) limit(of Scope) {
	var l Limits
	if of.Kind > ScopeEndpoint && w.IntN(2) == 0 {
		l.Connections = 1 + w.IntN(3)
	}
	pace := func() Rate {
		return Rate{Count: 1 + w.IntN(8), Per: []time.Duration{time.Second, 10 * time.Second, time.Minute}[w.IntN(3)], Burst: w.IntN(6)}
	}
	if w.IntN(3) == 0 {
		l.MessageRate = pace()
	}
	if w.IntN(4) == 0 {
		l.RecipientRate = pace()
	}
	if w.IntN(5) == 0 {
		l.Quota = Quota{Count: 1 + w.IntN(12), Per: []time.Duration{time.Minute, time.Hour}[w.IntN(2)]}
		l.MessageRate.Burst = min(l.MessageRate.Burst, l.Quota.Count)
	}
	if of.Kind.further() && w.IntN(5) == 0 {
		l = Limits{}
	}
	if err := w.s.SetLimits(w.now, of, l); err != nil {
		w.t.Fatal(err)
	}
	h := w.sets[of]
	h.limits, h.since = l, w.now
	h.segment++
	switch {
	case l.Quota == (Quota{}):
		h.quota = time.Time{}
	case h.quota.IsZero():
		h.quota, h.per = w.now, l.Quota.Per
	default:
		h.per = min(h.per, l.Quota.Per)
	}
}

// meddle does one thing at random.
func (w *scopeWorld) meddle() {
	switch w.IntN(12) {
	case 0:
		all := w.all()
		w.limit(all[w.IntN(len(all))])
	case 1:
		w.limit(w.scopes[w.IntN(len(w.scopes))])
	case 2:
		if value, ok := w.any(); ok {
			if !w.s.Remove(w.now, w.items[value].it) {
				w.t.Errorf("%d is queued and cannot be removed", value)
			}
			delete(w.queued, value)
		}
	case 3:
		name := w.names[w.IntN(len(w.names))]
		if w.paused[name] = !w.paused[name]; w.paused[name] {
			w.s.Pause(w.now, name)
		} else {
			w.s.Resume(w.now, name)
		}
	case 4:
		if value, ok := w.any(); ok {
			w.s.Dropped(w.now, w.items[value].it)
			w.s.Rendered(w.now, w.items[value].it)
		}
	case 5:
		w.s.Sweep(w.now)
	default:
		for range 1 + w.IntN(6) {
			w.push()
		}
	}
}

// any returns an item that is queued.
func (w *scopeWorld) any() (value int, ok bool) {
	for range 10 {
		if value = 1 + w.IntN(w.values+1); w.queued[value] {
			return value, true
		}
	}
	return 0, false
}

func (w *scopeWorld) push() {
	w.values++
	i := &scopeItem{d: w.names[w.IntN(len(w.names))]}
	for _, of := range w.scopes {
		if w.IntN(2) == 0 {
			i.scopes = append(i.scopes, of)
		}
	}
	list, err := NewScopeList(i.scopes...)
	if err != nil {
		w.t.Fatal(err)
	}
	j := Job[int]{
		Value: w.values, Destination: i.d, Scopes: list, Lane: Lane(w.IntN(lanes)), Fresh: w.IntN(2) == 0,
		Path: []*Path{Through("a"), Through("b"), Through("c"), Through("a", "b")}[w.IntN(4)],
	}
	if w.slow {
		j.Recipients = 1 + w.IntN(6)
	}
	if w.IntN(6) == 0 {
		j.NotBefore = w.now.Add(time.Duration(w.Float64() * float64(20*time.Second)))
	}
	i.it = w.s.Push(w.now, j)
	w.items[w.values] = i
	w.queued[w.values] = true
}

// at has a function called after a time.
func (w *scopeWorld) at(after time.Duration, do func()) {
	w.seq++
	heap.Push(&w.events, scopeEvent{w.now.Add(after), w.seq, do})
}

// run carries out the events, and checks after each.
func (w *scopeWorld) run() {
	for steps := 0; len(w.events) > 0 && !w.t.Failed(); steps++ {
		e := heap.Pop(&w.events).(scopeEvent)
		w.now = e.at
		e.do()
		w.drive(false)
		checkPlaces(w.t, w.s, w.now)
		if steps > 20_000 {
			w.t.Fatalf("%d items wait after %d steps, %v: %+v", len(w.queued), steps, w.now.Sub(noon), w.s.Stats(w.now))
		}
	}
}

// drive has the Scheduler's decisions carried out until it has none.
func (w *scopeWorld) drive(tick bool) {
	for {
		var next time.Time
		if tick {
			next = w.s.Tick(w.now, w)
		} else {
			next = w.s.Drive(w.now, w)
		}
		if next.IsZero() {
			break
		}
		if next.After(w.now) {
			w.setTimer(next)
			break
		}
		tick = true
	}
	if !w.s.stirred.Load() && (len(w.events) == 0 || w.events[0].at.After(w.now)) { // those woken have asked
		w.checkIdle()
	}
}

// setTimer has Tick called at a time, unless it will be called earlier.
func (w *scopeWorld) setTimer(at time.Time) {
	if !w.timer.IsZero() && !at.Before(w.timer) {
		return
	}
	w.timer = at
	w.at(at.Sub(w.now), func() {
		if w.timer.Equal(at) {
			w.timer = time.Time{}
			w.drive(true)
		}
	})
}

// Open implements Driver. Some connections take long to open, and some fail.
func (w *scopeWorld) Open(c *Conn[int]) {
	o := &scopeConn{c: c}
	c.Owner = o
	w.at(time.Duration(w.Float64()*float64(300*time.Millisecond)), func() {
		if w.IntN(20) == 0 {
			o.gone = true
			c.Closed(w.now, classify.StageConnect, classify.Verdict{}, nil)
			return
		}
		w.conns = append(w.conns, o)
		c.Established(w.now)
		w.serve(o)
	})
}

// Wake implements Driver.
func (w *scopeWorld) Wake(c *Conn[int]) {
	o := c.Owner.(*scopeConn)
	o.idle = false
	w.at(0, func() {
		if !o.gone {
			w.serve(o)
		}
	})
}

// Retire implements Driver.
func (w *scopeWorld) Retire(c *Conn[int]) { w.close(c.Owner.(*scopeConn)) }

func (w *scopeWorld) close(o *scopeConn) {
	o.gone, o.idle = true, false
	w.conns = slices.DeleteFunc(w.conns, func(other *scopeConn) bool { return other == o })
	o.c.Closed(w.now, classify.StageIdle, classify.Verdict{}, nil)
}

// serve has a connection ask for work.
func (w *scopeWorld) serve(o *scopeConn) {
	g, last := o.c.Next(w.now)
	switch {
	case g == nil && last:
		w.close(o)
		return
	case g == nil:
		o.idle = true
		return
	}
	w.carry(w.granted(o, g))
}

// granted records a grant, and checks the numbers at once.
func (w *scopeWorld) granted(o *scopeConn, g *Grant[int]) *scopeFlight {
	if !w.queued[g.Value()] {
		w.t.Errorf("%d was granted, but it was not queued", g.Value())
	}
	delete(w.queued, g.Value())
	i := w.items[g.Value()]
	f := &scopeFlight{g: g, conn: o}
	f.scopes = append([]Scope{{Kind: ScopeProcess}, {ScopeEndpoint, o.c.Endpoint()}, {ScopeDestination, i.d}}, i.scopes...)
	for _, of := range f.scopes {
		f.segments = append(f.segments, w.sets[of].segment)
	}
	w.flying = append(w.flying, f)
	for _, of := range f.scopes[2:] {
		if n, most := w.busy(of), w.sets[of].limits.Connections; most > 0 && n > most {
			w.t.Errorf("%v has %d transactions at once, want %d at most", of, n, most)
		}
	}
	return f
}

// busy returns the number of connections that have a transaction of a scope.
func (w *scopeWorld) busy(of Scope) int {
	on := map[*scopeConn]bool{}
	for _, f := range w.flying {
		if slices.Contains(f.scopes, of) {
			on[f.conn] = true
		}
	}
	return len(on)
}

// carry takes a grant through its transaction.
func (w *scopeWorld) carry(f *scopeFlight) {
	soon := func() time.Duration { return time.Duration(w.Float64() * float64(50*time.Millisecond)) }
	if w.IntN(20) == 0 {
		w.at(soon(), func() {
			f.g.Return(w.now)
			w.push()
			w.ended(f)
			w.serve(f.conn)
		})
		return
	}
	w.at(soon(), func() {
		w.write(f)
		w.at(soon(), func() {
			if follower, _ := f.g.Next(w.now); follower != nil && w.IntN(3) > 0 {
				next := w.granted(f.conn, follower)
				w.at(soon(), func() { w.done(f); w.carry(next) })
				return
			} else if follower != nil { // not used after all
				next := w.granted(f.conn, follower)
				follower.Return(w.now)
				w.ended(next)
				w.push()
			}
			w.at(soon(), func() { w.done(f); w.serve(f.conn) })
		})
	})
}

func (w *scopeWorld) write(f *scopeFlight) {
	f.g.Wrote(w.now)
	f.g.Asked(w.now)
	for i, of := range f.scopes {
		h := w.sets[of]
		if f.segments[i] != h.segment { // limits that were set since do not hold back what was granted before
			continue
		}
		h.mails = append(h.mails, w.now)
		for range f.g.Recipients() {
			h.rcpts = append(h.rcpts, w.now)
		}
		w.checkWritten(of, h)
	}
}

// checkWritten checks what was written of a scope at last.
func (w *scopeWorld) checkWritten(of Scope, h *limitHistory) {
	within := func(all []time.Time, since time.Time, per time.Duration) (n int) {
		for i := len(all) - 1; i >= 0 && !all[i].Before(since) && w.now.Sub(all[i]) < per; i-- {
			n++
		}
		return n
	}
	check := func(what string, n, most int) {
		if n > most {
			w.t.Errorf("%v: %d %s, want %d at most: %v", of, n, what, most, h.limits)
		}
	}
	if r := h.limits.MessageRate; r.Count > 0 {
		check("messages in "+r.Per.String(), within(h.mails, h.since, r.Per), r.Count+r.burst()-1)
	}
	if r := h.limits.RecipientRate; r.Count > 0 {
		check("recipients in "+r.Per.String(), within(h.rcpts, h.since, r.Per), r.Count+r.burst()-1)
	}
	if q := h.limits.Quota; q.Count > 0 {
		check("messages in "+h.per.String(), within(h.mails, h.quota, h.per), q.Count)
	}
}

func (w *scopeWorld) done(f *scopeFlight) {
	f.g.Done(w.now, Outcome{Accepted: f.g.Recipients(), Recipients: f.g.Recipients()})
	w.sent++
	w.ended(f)
}

func (w *scopeWorld) ended(f *scopeFlight) {
	w.flying = slices.DeleteFunc(w.flying, func(other *scopeFlight) bool { return other == f })
}

// checkIdle fails the test when a connection is idle that could carry an item that
// all limits allow. With several recipients an item may wait for the tokens of one
// before it.
func (w *scopeWorld) checkIdle() {
	if w.slow {
		return
	}
	for _, o := range w.conns {
		if !o.idle {
			continue
		}
		for value := range w.queued {
			if i := w.items[value]; w.couldGo(o.c, i) {
				w.t.Errorf("%d waits at %s for %v, lot %v, though %s has an idle connection and everything allows it",
					value, i.d, i.scopes, i.it.lot != nil, o.c.Endpoint())
				return
			}
		}
	}
}

func (w *scopeWorld) couldGo(c *Conn[int], i *scopeItem) bool {
	d, e, it := i.it.flow.d, c.e, i.it
	if it.job.NotBefore.After(w.now) || d.paused || d.free() <= 0 || d.at(w.now, message(1, it.job.Bytes)).After(w.now) {
		return false
	}
	if !it.flow.path.serves(w.now, e) || !slices.Contains(it.flow.path.endpoints, e) || w.s.allowed(w.now, e, message(1, it.job.Bytes)).After(w.now) {
		return false
	}
	if f := it.flow; f.pos >= 0 && f.until.Sub(w.now) < time.Microsecond { // rounding
		return false
	}
	all := w.s.parentsLocked(w.now, it)
	for _, p := range all {
		if p.pos >= 0 && p.until.Sub(w.now) < time.Microsecond { // rounding
			return false
		}
	}
	return it.withholds(w.now, all, 1) == nil
}

// end lets everything go that the limits allow, and then checks that nothing is
// left.
func (w *scopeWorld) end() {
	for name := range w.paused {
		w.s.Resume(w.now, name)
	}
	w.at(0, func() {})
	w.run()
	for len(w.queued) > 0 && !w.t.Failed() { // idle connections of one endpoint have the places of others
		if len(w.conns) == 0 {
			w.t.Fatalf("%d items wait, and nothing happens: %+v", len(w.queued), w.s.Stats(w.now))
		}
		w.close(w.conns[0])
		w.at(0, func() {})
		w.run()
	}
	if w.t.Failed() {
		return
	}
	for range 4 {
		w.now = w.now.Add(2 * day)
		w.s.Sweep(w.now)
	}
	if w.s.parents.n+len(w.s.lots)+len(w.s.naming)+len(w.s.waiting)+len(w.s.partial) > 0 {
		w.t.Errorf("%d parents, %d lots, %d grants and %d that wait are left", w.s.parents.n, len(w.s.lots), len(w.s.naming), len(w.s.waiting))
	}
	if w.sent < 20 {
		w.t.Errorf("only %d messages were sent", w.sent)
	}
}

type scopeEvent struct {
	at  time.Time
	seq int
	do  func()
}

// scopeEvents is a container/heap.
type scopeEvents []scopeEvent

func (h scopeEvents) Len() int { return len(h) }
func (h scopeEvents) Less(i, j int) bool {
	return h[i].at.Before(h[j].at) || h[i].at.Equal(h[j].at) && h[i].seq < h[j].seq
}
func (h scopeEvents) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *scopeEvents) Push(x any)   { *h = append(*h, x.(scopeEvent)) }
func (h *scopeEvents) Pop() any {
	old := *h
	last := old[len(old)-1]
	*h = old[:len(old)-1]
	return last
}
