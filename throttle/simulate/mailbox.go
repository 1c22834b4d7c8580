package simulate

import "math/rand/v2"

// Mailbox allows every recipient what Each allows; it belongs to StageRcpt.
type Mailbox struct{ Each Model }

func (m Mailbox) gate(rng *rand.Rand) gate {
	return &mailboxes{each: m.Each, rng: rng, by: map[int]gate{}}
}

type mailboxes struct {
	each Model
	rng  *rand.Rand
	by   map[int]gate
}

func (m *mailboxes) admit(q query) bool {
	g := m.by[q.box]
	if g == nil {
		g = m.each.gate(m.rng)
		m.by[q.box] = g
	}
	return g.admit(q)
}
