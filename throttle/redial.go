package throttle

import (
	"time"

	"github.com/smtpace/smtpace/classify"
)

// capMemory is the time since the last refusal of a connection for which no second one
// is dialled beside another.
const capMemory = time.Hour

// DialsAgain reports whether a connection being opened may be dialled another time, and
// counts the dial, as a limit on connections over time does. The connection keeps its
// places.
func (c *Conn[T]) DialsAgain(now time.Time) bool {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	return c.dialLocked(now)
}

// dialLocked counts one more dial if the rates of all scopes let it begin.
func (c *Conn[T]) dialLocked(now time.Time) bool {
	scopes := []*scope{&c.s.process, &c.e.scope}
	if d, ok := c.s.dests.get(c.opensFor); ok && c.opensFor != "" {
		scopes = append(scopes, &d.scope)
	}
	for _, sc := range scopes {
		if sc.openAt(now).After(now) {
			return false
		}
	}
	for _, sc := range scopes {
		sc.opened(now)
		sc.inUse-- // a dial again takes no place, and one beside takes it itself
	}
	return true
}

// DialsBeside reports whether a connection being opened may be dialled at a second
// address while the first does not answer: there are two for a moment. That needs places
// of its own at the endpoint and in the process, and an endpoint that has not refused a
// connection for their number lately. After true, DialedBeside must follow.
func (c *Conn[T]) DialsBeside(now time.Time) bool {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	s, e := c.s, c.e
	if e.down || e.metCap(now) || int(s.process.inUse) >= ceiling(s.process.limits.Connections) ||
		int(e.inUse) >= ceiling(e.limits.Connections) || !c.dialLocked(now) {
		return false
	}
	s.process.inUse++
	e.inUse++
	return true
}

// DialedBeside gives back what DialsBeside took: there is one connection again.
func (c *Conn[T]) DialedBeside() {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	c.s.process.inUse--
	c.e.inUse--
	c.s.stirStarvedLocked()
	c.e.stirServersLocked(c.s)
}

// metCap reports whether the endpoint has a learned number of connections, or has
// refused one for their number lately.
func (e *endpoint[T]) metCap(now time.Time) bool {
	l := e.learned()
	if l == nil {
		return false
	}
	return l.connections.failed > 0 || l.limit == classify.LimitConnections && now.Sub(l.last) < capMemory
}
