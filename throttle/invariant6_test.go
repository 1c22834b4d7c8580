package throttle

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// TestInvariant6NoLimitIsEverExceeded runs random callers against random limits
// of the process, the endpoints and the destinations: what is granted is
// written late or returned, connections come and go and fail, destinations are
// forgotten and come back through other endpoints. What was written must keep
// every limit, as it is defined; and when the callers only do what they are
// told, everything must be sent in the end.
func TestInvariant6NoLimitIsEverExceeded(t *testing.T) {
	runs := 300
	if testing.Short() {
		runs = 60
	}
	for seed := range uint64(runs) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			w := newWorld(t, seed)
			for range w.steps() {
				w.step()
				checkPlaces(t, w.s, w.now)
				if t.Failed() {
					return
				}
			}
			w.drain()
			w.checkLimits()
			w.checkForgotten()
		})
	}
}

// world is the callers of a Scheduler, and a record of all that they wrote.
type world struct {
	*rand.Rand
	t   *testing.T
	s   *Scheduler[int]
	cfg Config
	now time.Time

	items  []*Item[int]
	conns  []*caller
	flying []*flight
	holds  []hold
	paused []string
	asking []*caller // while draining: those that were opened or woken
	alarm  time.Time // while draining: when to call Tick

	refuses bool // whether most transactions are refused for the sender

	endpoints, destinations []string
	queued                  map[int]bool // by value
	values                  int
	written                 map[string]*record // by scope
}

type caller struct {
	c           *Conn[int]
	e           string
	established bool
	carried     int
	by          map[string]int
}

type flight struct {
	g            *Grant[int]
	conn         *caller
	d            string
	wrote, asked bool
	bytes        int
	before       *flight // whose place it has
	passed       bool    // its place has gone to another
}

type hold struct {
	d     string
	lane  Lane
	bytes int64
}

// record holds the events of one scope.
type record struct {
	limits                    Limits
	mails, rcpts, opens       []time.Time
	sent                      map[*flight]sent
	busy, perConn, perMessage int // the most ever
	now                       int // busy at present
}

// sent is the bytes of a message.
type sent struct {
	at time.Time
	n  int
}

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{
		Rand: rand.New(rand.NewPCG(seed, 6)), t: t, now: noon,
		endpoints: []string{"a", "b", "c"}, queued: map[int]bool{}, written: map[string]*record{}, refuses: seed%3 == 0,
	}
	for i := range 1 + w.IntN(6) {
		w.destinations = append(w.destinations, fmt.Sprintf("d%d", i))
	}
	w.cfg = Config{Process: w.limits(3), Endpoint: w.limits(2), Destination: w.limits(2), MaxHeld: w.IntN(4) * 2, MaxHeldBytes: int64(w.IntN(2) * 1000)}
	if w.IntN(2) == 0 {
		w.cfg.Endpoints = map[string]Limits{"a": w.limits(2)}
	}
	if w.IntN(2) == 0 {
		w.cfg.Destinations = map[string]Limits{"d0": w.limits(2)}
	}
	if w.IntN(2) == 0 {
		w.cfg.WarmUps = map[string]WarmUp{"d1": {Start: noon.Add(-time.Hour), Table: []int{2 + w.IntN(9), 5, 40}, Hours: 1 + w.IntN(24)}}
	}
	s, err := New[int](w.cfg)
	if err != nil {
		t.Fatal(err)
	}
	w.s = s
	c := w.limits(2)
	if err := s.SetEndpoint(noon, "c", c); err != nil {
		t.Fatal(err)
	}
	w.cfg = w.cfg.withDefaults()
	w.note("process", w.cfg.Process)
	for _, e := range w.endpoints {
		w.note("endpoint "+e, w.limitsOf(w.cfg.Endpoints, e, w.cfg.Endpoint))
	}
	w.written["endpoint c"].limits = c.or(w.cfg.Endpoint)
	for _, d := range w.destinations {
		w.note("destination "+d, w.limitsOf(w.cfg.Destinations, d, w.cfg.Destination))
	}
	return w
}

func (w *world) note(scope string, l Limits) {
	w.written[scope] = &record{limits: l, sent: map[*flight]sent{}}
}

func (w *world) limitsOf(by map[string]Limits, name string, d Limits) Limits {
	if l, ok := by[name]; ok {
		return l
	}
	return d
}

// limits makes up limits, each of which is set in one of so many cases.
func (w *world) limits(oneOf int) (l Limits) {
	number := func(n int) int {
		if w.IntN(oneOf+1) > 0 {
			return 0
		}
		return 1 + w.IntN(n)
	}
	pace := func() (r Rate) {
		if w.IntN(oneOf+2) == 0 {
			r = Rate{Count: 1 + w.IntN(8), Per: []time.Duration{time.Second, 10 * time.Second, time.Minute}[w.IntN(3)], Burst: w.IntN(6)}
		}
		return r
	}
	l.Connections, l.MessagesPerConnection, l.RecipientsPerMessage = number(4), number(5), number(4)
	l.ConnectionRate, l.MessageRate, l.RecipientRate = pace(), pace(), pace()
	if w.IntN(oneOf+2) == 0 { // messages have up to 100 bytes
		l.ByteRate = Rate{Count: 20 + w.IntN(500), Per: time.Minute, Burst: w.IntN(150)}
	}
	if w.IntN(oneOf+2) == 0 {
		l.Quota = Quota{Count: 1 + w.IntN(10), Per: []time.Duration{time.Minute, time.Hour, day}[w.IntN(3)]}
		l.MessageRate.Burst = min(l.MessageRate.Burst, l.Quota.Count)
	}
	if l.RecipientRate.Count > 0 {
		l.RecipientsPerMessage = min(l.RecipientsPerMessage, max(l.RecipientRate.Burst, 1))
	}
	return l
}

// step does one thing at random.
func (w *world) step() {
	switch w.IntN(12) {
	case 0, 1:
		w.push()
	case 2:
		w.meddle()
	case 3:
		w.pass()
	case 4:
		w.open()
	case 5:
		w.finishOpening()
	case 6, 7, 8:
		w.next()
	case 9:
		w.write()
	case 10:
		w.end()
	case 11:
		w.release()
	}
}

func (w *world) push() {
	w.values++
	j := Job[int]{
		Value: w.values, Destination: pickOne(w, w.destinations), Path: w.path(), Recipients: w.IntN(8), Bytes: w.IntN(101),
		Lane: Lane(w.IntN(lanes)), Fresh: w.IntN(2) == 0, Dropped: w.IntN(4) == 0, Mailbox: []string{"", "a", "b"}[w.IntN(3)],
		Sender: []string{"", "s", "s", "s", "o"}[w.IntN(5)], RefusedTwice: w.IntN(2) == 0,
	}
	if w.IntN(4) == 0 {
		j.RefusedBy = pickOne(w, w.endpoints)
	}
	if w.IntN(4) == 0 {
		j.NotBefore = w.now.Add(time.Duration(w.Float64() * float64(20*time.Second)))
	}
	w.items = append(w.items, w.s.Push(w.now, j))
	w.queued[j.Value] = true
}

func (w *world) path() *Path {
	switch w.IntN(8) {
	case 0:
		return Through("b", "a")
	case 1:
		return Through("c")
	}
	return Through("a", "b")
}

func pickOne[E any](w *world, all []E) E { return all[w.IntN(len(all))] }

// meddle removes an item, or says that its message is rendered, or sweeps.
func (w *world) meddle() {
	if len(w.items) == 0 {
		return
	}
	it := pickOne(w, w.items)
	switch w.IntN(8) {
	case 0, 1:
		w.s.Sweep(w.now)
	case 2, 3:
		w.s.Rendered(w.now, it)
		if w.IntN(2) == 0 {
			w.s.Dropped(w.now, it)
		}
	case 4:
		w.s.Pause(w.now, it.job.Destination)
		w.paused = append(w.paused, it.job.Destination)
	case 5:
		w.resume()
		w.s.Forget(w.now, it.job.Destination)
		w.s.Explain(w.now, it.job.Destination)
	default:
		if was, is := w.s.Remove(w.now, it), w.queued[it.job.Value]; was != is {
			w.t.Errorf("Remove of %d says %v, want %v", it.job.Value, was, is)
		}
		delete(w.queued, it.job.Value)
	}
}

func (w *world) resume() {
	for _, name := range w.paused {
		w.s.Resume(w.now, name)
	}
	w.paused = nil
}

// pass lets time pass; now and then so much that destinations are forgotten.
func (w *world) pass() {
	d := pickOne(w, []time.Duration{time.Millisecond, 100 * time.Millisecond, time.Second, 5 * time.Second, 30 * time.Second})
	if w.IntN(30) == 0 {
		d = 2 * time.Hour
	}
	w.now = w.now.Add(time.Duration(w.Float64() * float64(d)))
}

func (w *world) open() {
	name := pickOne(w, w.endpoints)
	if w.IntN(10) == 0 {
		if c, _ := w.s.Open(w.now, name); c != nil {
			w.opened(c, name, "process", "endpoint "+name)
		}
		return
	}
	w.mayOpen(name)
}

func (w *world) mayOpen(name string) (*caller, time.Time) {
	scopes := []string{"process", "endpoint " + name}
	if e, ok := w.s.endpoints.get(name); ok {
		if d, _ := w.s.wantingLocked(w.now, e); d != nil {
			scopes = append(scopes, "destination "+d.name)
		}
	}
	c, again := mayOpen(w.s, name, w.now)
	if c == nil {
		return nil, again
	}
	return w.opened(c, name, scopes...), again
}

func (w *world) opened(c *Conn[int], name string, scopes ...string) *caller {
	for _, scope := range scopes {
		r := w.written[scope]
		r.opens = append(r.opens, w.now)
	}
	w.count(1, "process", "endpoint "+name)
	w.conns = append(w.conns, &caller{c: c, e: name, by: map[string]int{}})
	return w.conns[len(w.conns)-1]
}

// count notes that so many more are busy.
func (w *world) count(n int, scopes ...string) {
	for _, scope := range scopes {
		r := w.written[scope]
		r.now += n
		r.busy = max(r.busy, r.now)
	}
}

func (w *world) finishOpening() {
	if len(w.conns) == 0 {
		return
	}
	c := pickOne(w, w.conns)
	switch {
	case !c.established && w.IntN(3) > 0:
		c.c.Established(w.now)
		c.established = true
	case !c.established:
		w.close(c, errors.New("no"))
	case w.IntN(3) == 0 && w.flightsOn(c) == 0:
		w.close(c, nil)
	}
}

// flightOn returns a flight of a connection, nil when it has none.
func (w *world) flightOn(c *caller) *flight {
	if i := slices.IndexFunc(w.flying, func(f *flight) bool { return f.conn == c }); i >= 0 {
		return w.flying[i]
	}
	return nil
}

func (w *world) flightsOn(c *caller) (n int) {
	for _, f := range w.flying {
		if f.conn == c {
			n++
		}
	}
	return n
}

func (w *world) close(c *caller, err error) {
	stages := []classify.Stage{classify.StageConnect, classify.StageBanner, classify.StageAuth}
	v := w.verdict()
	if w.IntN(3) == 0 {
		v = classify.Verdict{Class: classify.ClassSMTPAuth}
	}
	c.c.Closed(w.now, pickOne(w, stages), v, err)
	w.count(-1, "process", "endpoint "+c.e)
	w.conns = slices.DeleteFunc(w.conns, func(o *caller) bool { return o == c })
}

// verdict makes up one that names a limit or none.
func (w *world) verdict() classify.Verdict {
	v := classify.Verdict{Class: classify.ClassRateLimited}
	v.Limit = classify.Limit(w.IntN(classify.Limits))
	if w.IntN(10) == 0 {
		v.RetryAfter = time.Duration(1+w.IntN(600)) * time.Second
	}
	return v
}

func (w *world) next() {
	if len(w.conns) == 0 {
		return
	}
	c := pickOne(w, w.conns)
	if c.established && w.flightsOn(c) < 2 {
		w.take(c)
	}
}

// take asks for the next grant, and counts it.
func (w *world) take(c *caller) {
	retired := retires(c.c)
	before := w.flightOn(c)
	var g *Grant[int]
	if before != nil && w.IntN(4) > 0 {
		g, _ = before.g.Next(w.now)
	} else {
		g, _ = askNext(c.c, w.now)
		before = nil
	}
	if g != nil && retired {
		w.t.Errorf("a connection that was to retire got %d", g.Value())
	}
	w.granted(c, g, before)
}

// takeNext does the work of take for a driven connection.
func (w *world) takeNext(c *caller) (f *flight, last bool) {
	g, last := c.c.Next(w.now)
	return w.granted(c, g, nil), last
}

// granted counts a grant that a connection got, behind another or not.
func (w *world) granted(c *caller, g *Grant[int], before *flight) *flight {
	if g == nil {
		return nil
	}
	if !w.queued[g.Value()] {
		w.t.Errorf("%d was granted, but it was not queued", g.Value())
	}
	delete(w.queued, g.Value())
	f := &flight{g: g, conn: c, d: g.d.name, bytes: g.size}
	w.flying = append(w.flying, f)
	if before != nil && before.d == f.d && !before.passed {
		f.before, before.passed = before, true
	} else {
		w.count(1, "destination "+f.d)
	}
	c.carried++
	c.by[f.d]++
	for _, scope := range []string{"process", "endpoint " + c.e} {
		w.written[scope].perConn = max(w.written[scope].perConn, c.carried)
	}
	r := w.written["destination "+f.d]
	r.perConn = max(r.perConn, c.by[f.d])
	return f
}

func (w *world) each(f *flight, do func(*record)) {
	for _, scope := range []string{"process", "endpoint " + f.conn.e, "destination " + f.d} {
		do(w.written[scope])
	}
}

func (w *world) write() {
	if len(w.flying) == 0 {
		return
	}
	f := pickOne(w, w.flying)
	switch {
	case !f.wrote:
		f.wrote = true
		f.g.Wrote(w.now)
		w.each(f, func(r *record) { r.mails = append(r.mails, w.now) })
		if w.IntN(2) == 0 {
			h := hold{f.d, Lane(w.IntN(lanes)), int64(w.IntN(300))}
			w.s.Hold(w.now, h.d, h.lane, h.bytes)
			w.holds = append(w.holds, h)
		}
	case !f.asked:
		w.ask(f)
		f.g.Asked(w.now)
		w.send(f)
	}
}

func (w *world) send(f *flight) {
	w.each(f, func(r *record) { r.sent[f] = sent{w.now, f.bytes} })
}

func (w *world) ask(f *flight) {
	f.asked = true
	w.each(f, func(r *record) {
		r.perMessage = max(r.perMessage, f.g.Recipients())
		for range f.g.Recipients() {
			r.rcpts = append(r.rcpts, w.now)
		}
	})
}

func (w *world) end() {
	if len(w.flying) == 0 {
		return
	}
	f := pickOne(w, w.flying)
	o := Outcome{Err: errors.New("no"), Recipients: w.IntN(3)}
	stage := []classify.Stage{classify.StageMail, classify.StageRcpt, classify.StageDot}[w.IntN(3)]
	switch {
	case w.refuses && w.IntN(12) > 0:
		o.Verdict, o.Stage = classify.Verdict{Class: classify.ClassRelayDenied}, stage
	default:
		switch w.IntN(3) {
		case 0:
			o.Verdict, o.Stage = w.verdict(), stage
		case 1:
			o.Accepted = f.g.Recipients()
		}
	}
	o.Unsent = o.Accepted == 0 && w.IntN(2) == 0
	w.finish(f, o)
}

func (w *world) finish(f *flight, o Outcome) {
	if f.wrote {
		if !f.asked {
			w.ask(f)
			if o.Accepted > 0 {
				w.send(f)
			}
		}
		if o.Unsent {
			w.each(f, func(r *record) { delete(r.sent, f) })
		}
		f.g.Done(w.now, o)
	} else {
		f.g.Return(w.now)
		f.conn.carried--
		f.conn.by[f.d]--
	}
	switch {
	case f.passed:
	case f.before != nil && slices.Contains(w.flying, f.before):
		f.before.passed = false
	default:
		w.count(-1, "destination "+f.d)
	}
	w.flying = slices.DeleteFunc(w.flying, func(o *flight) bool { return o == f })
}

func (w *world) release() {
	if len(w.holds) > 0 {
		i := w.IntN(len(w.holds))
		w.s.Release(w.now, w.holds[i].d, w.holds[i].lane, w.holds[i].bytes)
		w.holds = slices.Delete(w.holds, i, i+1)
	}
}

// drain has the callers do only what they are told, at the times that they are
// told, until nothing is queued.
func (w *world) drain() {
	for len(w.flying) > 0 {
		w.end()
	}
	for len(w.holds) > 0 {
		w.release()
	}
	for _, c := range slices.Clone(w.conns) {
		w.close(c, nil)
	}
	w.resume()
	w.alarm = w.s.Tick(w.now, w)
	for turns := 0; len(w.queued) > 0; turns++ {
		w.drive(w.s.Drive(w.now, w))
		switch {
		case w.t.Failed():
			return
		case len(w.asking) > 0:
			w.serve(w.asking[0])
		case !w.alarm.IsZero() && w.alarm.After(w.now):
			w.now = w.alarm
			w.alarm = w.s.Tick(w.now, w)
		case len(w.conns) > 0: // it has been idle for long
			w.close(w.conns[0], nil)
		default:
			w.t.Fatalf("%d items wait, and nobody is told to ask again (%v): %+v", len(w.queued), w.alarm.Sub(w.now), w.s.Stats(w.now))
		}
		if turns > 50_000 {
			w.t.Fatalf("%d items still wait after %d turns, at %v: %+v", len(w.queued), turns, w.now, w.s.Stats(w.now))
		}
		checkPlaces(w.t, w.s, w.now)
	}
	for _, c := range slices.Clone(w.conns) {
		w.close(c, nil)
	}
}

// drive notes a time that Drive returned.
func (w *world) drive(tick time.Time) {
	if !tick.IsZero() {
		w.alarm = tick
	}
}

// Open implements Driver.
func (w *world) Open(c *Conn[int]) {
	caller := w.opened(c, c.Endpoint(), "process", "endpoint "+c.Endpoint())
	c.Owner = caller
	w.asking = append(w.asking, caller)
}

// Wake implements Driver.
func (w *world) Wake(c *Conn[int]) { w.asking = append(w.asking, c.Owner.(*caller)) }

// Retire implements Driver.
func (w *world) Retire(c *Conn[int]) { w.close(c.Owner.(*caller), nil) }

// serve has a connection that was woken or opened send what it is given.
func (w *world) serve(c *caller) {
	w.asking = w.asking[1:]
	if !c.established {
		c.established = true
		c.c.Established(w.now)
	}
	for {
		f, last := w.takeNext(c)
		if f == nil {
			if last {
				w.close(c, nil)
			}
			return
		}
		f.wrote = true
		f.g.Wrote(w.now)
		w.each(f, func(r *record) { r.mails = append(r.mails, w.now) })
		w.drive(w.s.Drive(w.now, w))
		w.finish(f, Outcome{Accepted: 1})
	}
}

func (w *world) checkLimits() {
	w.t.Helper()
	atMost := func(scope, what string, got, want int) {
		if want != Unlimited && got > want {
			w.t.Errorf("%s: %d %s, want %d at most", scope, got, what, want)
		}
	}
	rate := func(scope, what string, times []time.Time, r Rate) {
		if r.Count > 0 {
			atMost(scope, what+" in "+r.Per.String(), busiest(times, r.Per), r.Count+r.burst()-1)
		}
	}
	for scope, r := range w.written {
		atMost(scope, "connections or transactions", r.busy, r.limits.Connections)
		atMost(scope, "messages on a connection", r.perConn, r.limits.MessagesPerConnection)
		atMost(scope, "recipients of a message", r.perMessage, r.limits.RecipientsPerMessage)
		rate(scope, "connections", r.opens, r.limits.ConnectionRate)
		rate(scope, "messages", r.mails, r.limits.MessageRate)
		rate(scope, "recipients", r.rcpts, r.limits.RecipientRate)
		if b := r.limits.ByteRate; b.Count > 0 {
			w.checkBytes(scope, r.sent, b)
		}
		if q := r.limits.Quota; q.Count > 0 {
			atMost(scope, "messages in "+q.Per.String(), busiest(r.mails, q.Per), q.Count)
		}
	}
	for name, plan := range w.cfg.WarmUps {
		w.checkWarmUp(plan, w.written["destination "+name])
	}
}

// checkBytes checks that the bytes in any Per keep a rate, which the largest message
// may exceed as if it were the burst.
func (w *world) checkBytes(scope string, by map[*flight]sent, r Rate) {
	all := slices.SortedFunc(maps.Values(by), func(a, b sent) int { return a.at.Compare(b.at) })
	for i := range all {
		sum, largest := 0, 0
		for _, s := range all[i:] {
			if s.at.Sub(all[i].at) >= r.Per {
				break
			}
			sum, largest = sum+s.n, max(largest, s.n)
		}
		if most := r.Count + max(r.burst()-1, largest); sum > most {
			w.t.Errorf("%s: %d bytes in %v, want %d at most (%v)", scope, sum, r.Per, most, r)
			return
		}
	}
}

func (w *world) checkWarmUp(plan WarmUp, r *record) {
	if r == nil {
		return
	}
	days, hours := map[time.Duration]int{}, map[time.Duration]int{}
	for _, at := range r.mails {
		since := at.Sub(plan.Start)
		days[since/day]++
		hours[since/time.Hour]++
		perDay, perHour, ok := plan.Ceilings(at)
		if ok && (days[since/day] > perDay || hours[since/time.Hour] > perHour) {
			w.t.Fatalf("%v into the warm-up: %d on that day and %d in that hour, want %d and %d at most",
				since, days[since/day], hours[since/time.Hour], perDay, perHour)
		}
	}
}

// checkForgotten lets days pass, after which nothing may be left.
func (w *world) checkForgotten() {
	for range 4 {
		w.now = w.now.Add(2 * day)
		w.s.Sweep(w.now)
	}
	if d, p := w.s.dests.n, w.s.paths.n; d+p > 0 {
		w.t.Errorf("%d destinations and %d paths are left", d, p)
	}
	w.s.endpoints.each(func(e *endpoint[int]) bool {
		if !e.pinned {
			w.t.Errorf("endpoint %s is left", e.name)
		}
		return true
	})
}

// steps returns the number of steps of a run: more where breakers are to open.
func (w *world) steps() int {
	if w.refuses {
		return 3000
	}
	return 600
}
