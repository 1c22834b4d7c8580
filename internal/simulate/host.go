package simulate

import (
	"math/rand/v2"
	"strings"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// host is a receiver in a run.
type host struct {
	name    string
	n       *network
	service time.Duration
	delay   time.Duration                                   // of the tarpit
	free    gate                                            // nil without one
	custom  func(now time.Duration, open int) time.Duration // of Receiver.Takes
	rules   []guard
	lines   []*line       // that it counts
	banned  time.Duration // the time until which everybody is refused, of a ban
	rng     *rand.Rand
}

// guard is a rule in a run.
type guard struct {
	at     classify.Stage
	domain string // "" is every one
	sender string // an address or a domain; "" is every one
	tenant string // "" is every one
	gate   gate
	answer func(now time.Duration) *answer
}

func newHost(name string, n *network, r Receiver, rng *rand.Rand) *host {
	h := &host{name: name, n: n, service: r.Service, delay: r.Tarpit.Delay, rng: rng}
	setDefault(&h.service, 20*time.Millisecond)
	if r.Tarpit.Free != nil {
		h.free = r.Tarpit.Free.gate(rng)
	}
	if r.Takes != nil {
		h.custom = r.Takes(rng)
	}
	for _, rule := range r.Rules {
		g := rule.Model.gate(rng)
		h.rules = append(h.rules, guard{at: rule.At, domain: rule.Domain, sender: rule.Sender, tenant: rule.Tenant, gate: g, answer: rule.answers(g)})
		if o, ok := rule.Model.(Outage); ok && rule.At <= classify.StageBanner {
			n.after(o.From, h.reset)
		}
	}
	return h
}

// judge returns the answer of the first rule that refuses; nil when none does.
func (h *host) judge(at classify.Stage, q query) *answer {
	q.now = h.n.now
	for i := range h.rules {
		r := &h.rules[i]
		if r.at == at && r.concerns(q) && !r.gate.admit(q) {
			return r.answer(q.now)
		}
	}
	return nil
}

// concerns reports whether a rule is about what is asked.
func (r *guard) concerns(q query) bool {
	return (r.domain == "" || r.domain == q.domain) && (r.tenant == "" || r.tenant == q.tenant) &&
		(r.sender == "" || r.sender == q.sender || r.sender == domainOf(q.sender))
}

// domainOf returns the domain of an address.
func domainOf(address string) string { return address[strings.LastIndexByte(address, '@')+1:] }

// connected judges a connection that arrives, and counts it if it is accepted.
func (h *host) connected(l *line) *answer {
	for _, at := range []classify.Stage{classify.StageConnect, classify.StageBanner} {
		if a := h.judge(at, query{open: len(h.lines), line: l}); a != nil {
			return a
		}
	}
	l.counted = true
	h.lines = append(h.lines, l)
	return nil
}

// envelope judges MAIL and the RCPTs, which arrive together. It returns the number of
// accepted recipients, and the answer to the first refused one. The message goes to those
// that are, unless the receiver closes.
func (h *host) envelope(l *line, m *message) (taken int, first *answer) {
	q := query{open: len(h.lines), carried: l.carried, box: m.box, bytes: m.bytes, domain: m.to.Name, sender: m.to.Sender, tenant: m.to.Tenant, line: l}
	l.carried++
	m.behind = 0
	if first = h.judge(classify.StageMail, q); first == nil {
		for range m.n {
			if a := h.judge(classify.StageRcpt, q); a == nil {
				taken++
				if first != nil {
					m.behind++
				}
			} else if first == nil {
				first = a
			}
			if first != nil && first.closes {
				break
			}
			q.box++
		}
	}
	m.asked = taken
	if first != nil && first.closes {
		h.forget(l)
		return 0, first
	}
	return taken, first
}

// takes returns the time that it takes to store a message.
func (h *host) takes() time.Duration {
	if h.custom != nil {
		return h.custom(h.n.now, len(h.lines))
	}
	d := h.service/2 + h.upTo(h.service)
	if h.free != nil && !h.free.admit(query{now: h.n.now}) {
		d += h.delay
	}
	return d
}

// forget stops counting a connection.
func (h *host) forget(l *line) {
	for i := range h.lines {
		if h.lines[i] == l {
			l.counted = false
			h.lines = append(h.lines[:i], h.lines[i+1:]...)
			return
		}
	}
}

// reset ends all connections.
func (h *host) reset() {
	for len(h.lines) > 0 {
		l := h.lines[0]
		h.forget(l)
		l.down(l.lost)
	}
}

// hop returns the time from one end of a connection to the other.
func (h *host) hop() time.Duration {
	half := h.n.sc.RoundTrip / 2
	return half - half/10 + h.upTo(half/5)
}

func (h *host) upTo(d time.Duration) time.Duration {
	return time.Duration(h.rng.Int64N(int64(d) + 1))
}
