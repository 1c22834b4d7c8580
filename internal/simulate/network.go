package simulate

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// network is the world of one run: the clock, the planned events, the hosts,
// the mail and the counts.
type network struct {
	sc      Scenario
	start   time.Time // of the sender's clock
	now     time.Duration
	planned events
	order   uint64
	own     *rand.Rand // the sender's

	hosts   []*host
	targets []*target
	endless int // of them have no end of messages
	boxes   int
	sender  sender
	result  *Result
}

// The streams of random numbers. What varies at a host and on the way to it
// must not depend on what happens elsewhere.
const (
	ownStream  = iota
	hostStream // of the first host; the others follow
)

func newNetwork(sc Scenario, seed uint64, result *Result) *network {
	stream := func(i int) *rand.Rand { return rand.New(rand.NewPCG(seed, uint64(i))) }
	n := &network{sc: sc, own: stream(ownStream), result: result}
	n.start = time.Date(2030, time.May, 1, 12, 0, 0, 0, time.UTC).Add(time.Duration(n.own.Int64N(int64(time.Hour))))
	for i, r := range sc.Hosts {
		n.hosts = append(n.hosts, newHost(fmt.Sprintf("mx%d.example", i), n, r, stream(hostStream+i)))
	}
	for i, d := range sc.Destinations {
		t := &target{Destination: d, index: i, host: n.hosts[d.Host]}
		n.targets = append(n.targets, t)
		if d.Messages == 0 {
			n.endless++
		}
	}
	return n
}

// run plays events until the end of the scenario, or until all is accepted.
func (n *network) run() {
	n.fill()
	for len(n.planned) > 0 {
		e := n.planned.pop()
		if e.at > n.sc.Length {
			break
		}
		n.now = e.at
		e.do()
		if n.endless == 0 && n.result.Accepted == n.result.Created {
			return
		}
	}
	n.now = n.sc.Length
}

// fill makes the mail of the beginning, of all destinations in turn.
func (n *network) fill() {
	for more, k := true, 0; more; k++ {
		more = false
		for _, t := range n.targets {
			if k < t.Messages || t.Messages == 0 && k < n.sc.Waiting/n.endless {
				n.create(t)
				more = true
			}
		}
	}
}

func (n *network) create(t *target) {
	to := max(t.Recipients, 1)
	m := &message{to: t, box: n.boxes + 1, n: to, created: n.now, bytes: n.sc.Sizes.of(n.boxes + 1)}
	n.boxes += to
	t.created += to
	n.result.Created += to
	if t.Hot > 0 && t.created%t.Hot == 0 {
		m.box = -1 - t.index
	}
	n.sender.push(m)
}

// took notes that some recipients of a message accepted it. The others are its
// recipients from then on. Of a destination without an end of messages as many
// wait as before.
func (n *network) took(m *message, taken int) {
	if m.n -= taken; m.n == 0 {
		m.become(inFlight, accepted)
	} else {
		m.become(inFlight, waiting)
		m.box += taken
	}
	t := m.to
	t.accepted += taken
	t.finished = n.now
	n.result.took(n.now, m, taken)
	for each := max(t.Recipients, 1); t.Messages == 0 && t.created-t.accepted <= n.sc.Waiting/n.endless*each-each; {
		n.create(t)
	}
}

// tried counts a connection, or the recipients of a transaction, of which some were
// refused.
func (n *network) tried(taken, refused int) { n.result.tried(n.now, taken, refused) }

func (n *network) clock() time.Time { return n.start.Add(n.now) }

// since returns the time of the run at a time of the sender's clock.
func (n *network) since(t time.Time) time.Duration { return t.Sub(n.start) }

func (n *network) at(t time.Duration, do func()) {
	n.order++
	n.planned.push(event{at: max(t, n.now), order: n.order, do: do})
}

func (n *network) after(d time.Duration, do func()) { n.at(n.now+d, do) }

// event is a planned call. Events of the same time happen in the order in which
// they were planned.
type event struct {
	at    time.Duration
	order uint64
	do    func()
}

func (e event) before(f event) bool {
	return e.at < f.at || e.at == f.at && e.order < f.order
}

// events is a binary heap, the first event at its head.
type events []event

func (q *events) push(e event) {
	h := append(*q, e)
	i := len(h) - 1
	for i > 0 {
		up := (i - 1) / 2
		if !e.before(h[up]) {
			break
		}
		h[i] = h[up]
		i = up
	}
	h[i] = e
	*q = h
}

func (q *events) pop() event {
	h := *q
	first, last := h[0], len(h)-1
	e := h[last]
	h[last] = event{}
	h = h[:last]
	*q = h
	i := 0
	for {
		down := 2*i + 1
		if down >= last {
			break
		}
		if down+1 < last && h[down+1].before(h[down]) {
			down++
		}
		if !h[down].before(e) {
			break
		}
		h[i] = h[down]
		i = down
	}
	if last > 0 {
		h[i] = e
	}
	return first
}
