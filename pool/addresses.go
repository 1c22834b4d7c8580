package pool

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"
)

// Bounds of the rest of an address that gave no session.
const (
	firstRest   = time.Second
	silentRest  = 15 * time.Second // the first after a timeout, which has kept a connection waiting
	longestRest = 5 * time.Minute  // of those that double
	restJitter  = 0.2              // a rest is up to this much longer, at random

	// restPerTry is the length of a rest as a multiple of the time that the failed
	// try has taken: tries cost a connection at most a twentieth of its time.
	restPerTry    = 20
	longestPerTry = time.Hour
	maxCandidates = 20 // addresses of a name that one connection tries

	// maxSilence is the time that timeouts may take of one connection, before it leaves
	// the other addresses to the next one.
	maxSilence = 100 * time.Second
)

// candidates returns the addresses that a new connection should try, in order. The family
// of the last session goes first, IPv4 if there was none. Within it each connection
// begins with another address. Resting addresses are left out. If all rest, the one whose
// rest ends first is tried.
func (k *known) candidates(now time.Time, ips []netip.Addr, port uint16) []netip.AddrPort {
	k.mu.Lock()
	defer k.mu.Unlock()
	var families [2][]netip.AddrPort
	var least netip.AddrPort
	var end time.Time
	for _, ip := range ips {
		at := netip.AddrPortFrom(ip, port)
		a := k.addresses[at]
		if a == nil || !a.rests(now) {
			family := 0
			if ip.Is4() == k.ipv6 {
				family = 1
			}
			families[family] = append(families[family], at)
		} else if !least.IsValid() || a.until.Before(end) {
			least, end = at, a.until
		}
	}
	order := append(rotated(families[0], k.turn), rotated(families[1], k.turn)...)
	k.turn++
	if len(order) == 0 {
		return []netip.AddrPort{least}
	}
	return order[:min(len(order), maxCandidates)]
}

// rotated returns the addresses, beginning with another one at each turn.
func rotated(addrs []netip.AddrPort, turn int) []netip.AddrPort {
	if len(addrs) == 0 {
		return nil
	}
	first := turn % len(addrs)
	return slices.Concat(addrs[first:], addrs[:first])
}

// rests reports whether an address should not be tried. After its rest one
// connection tries it; the others wait for the outcome.
func (a *address) rests(now time.Time) bool {
	return a.rest > 0 && (a.probing || now.Before(a.until))
}

// begins notes that a try of an address begins.
func (k *known) begins(now time.Time, at netip.AddrPort) {
	k.mu.Lock()
	defer k.mu.Unlock()
	a := k.addressLocked(at)
	a.used, a.probing = now, true
}

// ended notes that a try ended without telling anything of the address.
func (k *known) ended(at netip.AddrPort) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.addressLocked(at).probing = false
}

// worked notes that an address has given a session.
func (k *known) worked(at netip.AddrPort) {
	k.mu.Lock()
	defer k.mu.Unlock()
	a := k.addressLocked(at)
	a.rest, a.until, a.probing = 0, time.Time{}, false
	if at.IsValid() {
		k.ipv6 = !at.Addr().Is4()
	}
}

// failed lets an address rest after a try that began at a time and gave no session.
// A failure of a try that began before the last one teaches nothing new.
func (k *known) failed(now, begun time.Time, at netip.AddrPort, silent bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	a := k.addressLocked(at)
	a.probing = false
	if begun.Before(a.failed) {
		return
	}
	a.failed = now
	a.rest = max(2*a.rest, firstRest)
	if silent {
		a.rest = max(a.rest, silentRest)
	}
	a.rest = max(min(a.rest, longestRest), min(restPerTry*now.Sub(begun), longestPerTry))
	a.until = now.Add(a.rest + time.Duration(rand.Float64()*restJitter*float64(a.rest)))
}

// Bounds of the time for which a dial is unanswered before another address is
// dialled beside it (RFC 8305 5 and 8).
const (
	firstPatience   = 250 * time.Millisecond
	longestPatience = 2 * time.Second
)

// patience returns that time. It is longer for a server that is far away.
func (k *known) patience() time.Duration {
	k.mu.Lock()
	defer k.mu.Unlock()
	return min(max(firstPatience, 2*k.answered), longestPatience)
}

// Bounds of a dial and of each step up to TLS at one of several addresses, while there
// are others to try: these need not wait for minutes for one that is silent. Servers that
// keep their clients waiting on purpose do so for less than the longest. The shortest is
// enough for most, and is used unless sessions have taken longer to come about.
const (
	shortestPatience     = 15 * time.Second
	longestWithOthers    = time.Minute
	patienceOfTheSession = 2 // times the time that the last session took to come about
)

// withOthers returns that bound.
func (k *known) withOthers() time.Duration {
	k.mu.Lock()
	defer k.mu.Unlock()
	return min(max(shortestPatience<<min(k.silences, 2), patienceOfTheSession*k.opened), longestWithOthers)
}

// opens notes how long a session took to come about.
func (k *known) opens(took time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.opened, k.silences = took, 0
}

// silent notes that a connection found nothing but silence at several addresses: they may
// all keep their clients waiting.
func (k *known) silent() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.silences++
}

// answers notes how long a dial took.
func (k *known) answers(took time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.answered = took
}
