package throttle

import (
	"errors"
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/internal/chance"
)

// rig drives a Scheduler step by step.
type rig struct {
	*testing.T
	s   *Scheduler[string]
	now time.Time
}

func newRig(t *testing.T, cfg Config) *rig {
	t.Helper()
	return newSeededRig(t, cfg, 1)
}

func newSeededRig(t *testing.T, cfg Config, seed chance.Seed) *rig {
	t.Helper()
	s, err := New[string](cfg)
	if err != nil {
		t.Fatal(err)
	}
	s.seed(seed)
	return &rig{T: t, s: s, now: noon}
}

func (r *rig) pass(d time.Duration) { r.now = r.now.Add(d) }

// push queues a fresh bulk item of one recipient, through the endpoint "relay".
func (r *rig) push(destination, value string) *Item[string] {
	return r.job(Job[string]{Destination: destination, Value: value, Fresh: true})
}

func (r *rig) job(j Job[string]) *Item[string] {
	if j.Path == nil {
		j.Path = Through("relay")
	}
	it := r.s.Push(r.now, j)
	checkPlaces(r.T, r.s, r.now)
	return it
}

// opening reserves a connection, which must be allowed.
func (r *rig) opening(endpoint string) *Conn[string] {
	r.Helper()
	c, again := r.s.Open(r.now, endpoint)
	if c == nil {
		r.Fatalf("no connection to %s may be opened; ask again at %v", endpoint, again)
	}
	return c
}

func (r *rig) open(endpoint string) *Conn[string] {
	r.Helper()
	c := r.opening(endpoint)
	c.Established(r.now)
	return c
}

// grant asks for the next item, which must be want.
func (r *rig) grant(c *Conn[string], want string) *Grant[string] {
	r.Helper()
	g, again := askNext(c, r.now)
	if wait := again.Sub(r.now); g == nil && wait > 0 && wait < time.Microsecond { // rounding
		r.pass(wait)
		g, again = askNext(c, r.now)
	}
	checkPlaces(r.T, r.s, r.now)
	switch {
	case g == nil:
		r.Fatalf("nothing may go, ask again in %v; want %q", again.Sub(r.now), want)
	case g.Value() != want:
		r.Fatalf("got %q, want %q", g.Value(), want)
	}
	return g
}

// none asks for the next item; there must be none for so long, or, when that is
// zero, until something changes.
func (r *rig) none(c *Conn[string], wait time.Duration) {
	r.Helper()
	g, again := askNext(c, r.now)
	if g != nil {
		r.Fatalf("got %q, want nothing", g.Value())
	}
	r.soon(again, wait)
}

func (r *rig) soon(again time.Time, wait time.Duration) {
	r.Helper()
	var got time.Duration
	if !again.IsZero() {
		got = again.Sub(r.now)
	}
	if diff := got - wait; diff < 0 || diff > time.Microsecond {
		r.Fatalf("told to ask again in %v, want %v", got, wait)
	}
}

func (r *rig) accepted(g *Grant[string]) {
	g.Wrote(r.now)
	g.Asked(r.now)
	g.Done(r.now, Outcome{Accepted: g.Recipients(), Recipients: g.Recipients()})
	checkPlaces(r.T, r.s, r.now)
}

var errRefused = errors.New("450 4.7.1 not now")

// refused ends a grant with a refusal that names a limit.
func (r *rig) refused(g *Grant[string], stage classify.Stage, l classify.Limit, hint time.Duration) []Change {
	g.Wrote(r.now)
	g.Asked(r.now)
	changes, _ := g.Done(r.now, Outcome{Stage: stage, Verdict: throttled(l, hint), Err: errRefused})
	checkPlaces(r.T, r.s, r.now)
	return changes
}

func throttled(l classify.Limit, hint time.Duration) classify.Verdict {
	return classify.Verdict{Class: classify.ClassRateLimited, Limit: l, RetryAfter: hint}
}

// exchange sends what is next, which must be want, and has it accepted.
func (r *rig) exchange(c *Conn[string], want string) {
	r.Helper()
	r.accepted(r.grant(c, want))
}

func (r *rig) ready(endpoint string, want int, wait time.Duration) {
	r.Helper()
	n, again := r.askReady(endpoint)
	if n != want {
		r.Fatalf("%d items are ready at %s, want %d", n, endpoint, want)
	}
	r.soon(again, wait)
}

// unlimited has no limit that could get in the way.
var unlimited = Limits{Connections: Unlimited, MessagesPerConnection: Unlimited, RecipientsPerMessage: Unlimited}

func wide() Config {
	return Config{Process: unlimited, Endpoint: unlimited, Destination: unlimited}
}

// widen lets a scope have so many at once, as if it had grown.
func widen(n int, scopes ...*scope) {
	for _, s := range scopes {
		s.concurrency = int32(n)
	}
}

func (r *rig) endpoint(name string) *endpoint[string] {
	e, ok := r.s.endpoints.get(name)
	if !ok {
		r.Fatalf("there is no endpoint %q", name)
	}
	return e
}

func (r *rig) destination(name string) *destination[string] {
	d, ok := r.s.dests.get(name)
	if !ok {
		r.Fatalf("there is no destination %q", name)
	}
	return d
}

// askReady returns the ready items of an endpoint and the next time to ask, as
// a plan begins.
func (r *rig) askReady(endpoint string) (int, time.Time) {
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	e, ok := r.s.endpoints.get(endpoint)
	if !ok {
		return 0, time.Time{}
	}
	return r.s.readyLocked(r.now, e)
}

// askOpen opens a connection as a plan does.
func (r *rig) askOpen(endpoint string) (*Conn[string], time.Time) {
	return mayOpen(r.s, endpoint, r.now)
}

func mayOpen[T any](s *Scheduler[T], endpoint string, now time.Time) (*Conn[T], time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.endpoints.get(endpoint)
	if !ok {
		return nil, time.Time{}
	}
	return s.mayOpenLocked(now, e)
}

// askNext returns the decision of Conn.Next, and the time to ask again.
func askNext[T any](c *Conn[T], now time.Time) (*Grant[T], time.Time) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	if c.state == connClosed {
		return nil, time.Time{}
	}
	c.become(connWorking)
	return c.nextLocked(now, false)
}

// retires reports whether a connection takes nothing more.
func retires[T any](c *Conn[T]) bool {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	return c.last || c.state == connClosed
}

// settled carries out what the Scheduler has in mind, so that only a change can
// stir it again.
func (r *rig) settled() { r.s.Tick(r.now, nobody{}) }

// nobody is a Driver whose connections never do anything.
type nobody struct{}

func (nobody) Open(*Conn[string])   {}
func (nobody) Wake(*Conn[string])   {}
func (nobody) Retire(*Conn[string]) {}
