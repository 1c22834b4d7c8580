package throttle

import "time"

const (
	// hotRefusals is the number of refusals of an address within hotWithin that show a
	// limit on this address. hotOthers is the number of other messages that must be
	// accepted since the first of them.
	hotRefusals = 3
	hotOthers   = 3
	hotWithin   = time.Minute
	// mostHot is the number of addresses that are watched.
	mostHot = 8
)

// hotMailboxes finds mailbox rates that no reply names: one address is refused again
// and again, while others are accepted. The zero value has seen none.
type hotMailboxes struct {
	list []hotMailbox // the one refused last is the last
}

// hotMailbox is an address that was refused of late.
type hotMailbox struct {
	name    string
	since   time.Time // the time of the first refusal
	refused int       // messages to it
	others  int       // messages to others that were accepted since
}

// refused notes a refusal of an address. It reports whether it was refused before of
// late, and whether its receiver limits it.
func (m *hotMailboxes) refused(now time.Time, name string) (again, hot bool) {
	for k, b := range m.list {
		if b.name != name {
			continue
		}
		m.list = append(m.list[:k], m.list[k+1:]...)
		if now.Sub(b.since) > hotWithin {
			break
		}
		b.refused++
		m.list = append(m.list, b)
		return b.others >= hotOthers, b.refused >= hotRefusals && b.others >= hotOthers
	}
	if len(m.list) == mostHot {
		m.list = append(m.list[:0], m.list[1:]...)
	}
	m.list = append(m.list, hotMailbox{name: name, since: now, refused: 1})
	return false, false
}

// accepted notes that a message was accepted.
func (m *hotMailboxes) accepted(name string) {
	for k := range m.list {
		if m.list[k].name != name {
			m.list[k].others++
		}
	}
}
