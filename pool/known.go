package pool

import (
	"container/list"
	"net/netip"
	"sync"
	"time"
)

// maxKnown bounds the endpoints of which a Pool knows something. Those that a
// Router names may be any number.
const maxKnown = 10_000

// memory holds what a Pool has learned of its endpoints, by their names, addresses and
// TLS policies. The endpoint that was asked for longest ago is forgotten first. It is
// safe for concurrent use.
type memory struct {
	mu      sync.Mutex
	entries map[string]*list.Element
	order   list.List // of *known, the latest in front
}

// of returns what is known of an endpoint.
func (m *memory) of(e Endpoint) *known {
	key := e.name() + "\x00" + e.Addr + "\x00" + e.Proof()
	m.mu.Lock()
	defer m.mu.Unlock()
	if entry, ok := m.entries[key]; ok {
		m.order.MoveToFront(entry)
		return entry.Value.(*known)
	}
	if m.entries == nil {
		m.entries = make(map[string]*list.Element)
	}
	k := &known{key: key}
	m.entries[key] = m.order.PushFront(k)
	if m.order.Len() > maxKnown {
		oldest := m.order.Remove(m.order.Back()).(*known)
		delete(m.entries, oldest.key)
	}
	return k
}

// known is the knowledge of one endpoint: the addresses that give sessions, their kinds
// of TLS, and the logins that were refused. It is safe for concurrent use.
type known struct {
	key string // in memory.entries

	mu        sync.Mutex
	turn      int           // the number of connections so far, which rotates the addresses
	ipv6      bool          // whether the last session came about over IPv6
	answered  time.Duration // from the last dial to its connection
	opened    time.Duration // from the connection of the last session until it was ready for mail
	silences  int           // connections in a row that met silence only, at several addresses
	addresses map[netip.AddrPort]*address
	login     logins
}

// address is the state of one address of an endpoint. Where the endpoint has a
// dialer of its own, all its connections have one address, the zero AddrPort.
type address struct {
	used    time.Time     // the last time at which a try began
	failed  time.Time     // the last time at which one failed
	until   time.Time     // the end of the rest
	rest    time.Duration // the length of the last rest, 0 since a session came about
	probing bool          // whether a try is under way; of an address that rests only one is
	tls     ladder
}

// maxAddresses bounds the addresses of one endpoint whose state is kept.
const maxAddresses = 64

// addressLocked returns the state of an address.
func (k *known) addressLocked(at netip.AddrPort) *address {
	if a := k.addresses[at]; a != nil {
		return a
	}
	if k.addresses == nil {
		k.addresses = make(map[netip.AddrPort]*address)
	}
	if len(k.addresses) >= maxAddresses {
		var oldest netip.AddrPort
		var used time.Time
		for other, a := range k.addresses {
			if used.IsZero() || a.used.Before(used) {
				oldest, used = other, a.used
			}
		}
		delete(k.addresses, oldest)
	}
	a := &address{used: time.Now()}
	k.addresses[at] = a
	return a
}
