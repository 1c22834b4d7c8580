package smtptest

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

// gate applies the limits of a server. Its methods return the reply that
// refuses, or "" and have counted what they allowed.
type gate struct {
	cfg *Config

	mu         sync.Mutex
	limits     Limits // Config.Limits, until SetLimits replaces them
	down       bool
	open, peak int
	conns      meter
	mails      meter
	rcpts      meter
	domains    map[string]*domainGate // made at the first RCPT
}

// domainGate is the state of one recipient domain.
type domainGate struct {
	open      int // transactions
	mails     meter
	rcpts     meter
	mailboxes map[string]*meter
	seen      map[triple]time.Time // greylist: first tries
}

// or returns the configured reply or, without one, the default. The default
// loses its enhanced code if the extension is off.
func (g *gate) or(configured string, code int, enhanced, format string, args ...any) string {
	if configured != "" {
		return configured
	}
	return g.cfg.line(code, enhanced, fmt.Sprintf(format, args...))
}

// connect asks for one more connection from client.
func (g *gate) connect(now time.Time, client string) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	l := g.limits
	const text = "%s Error: too many connections from %s"
	if !g.conns.admit(l.ConnectionRate, now) {
		return g.or(l.ConnectionRate.Reply, 421, "4.7.0", text, g.cfg.Hostname, client)
	}
	if !l.Connections.allows(g.open) {
		return g.or(l.Connections.Reply, 421, "4.7.0", text, g.cfg.Hostname, client)
	}
	g.enterLocked()
	return ""
}

// enter counts a connection that a fault let in.
func (g *gate) enter() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.enterLocked()
}

func (g *gate) enterLocked() {
	g.open++
	g.peak = max(g.peak, g.open)
}

// disconnect gives back one connection.
func (g *gate) disconnect() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open--
}

func (g *gate) connections() (open, peak int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.open, g.peak
}

// mail asks for a transaction on a connection that has had n.
func (g *gate) mail(now time.Time, client string, n int) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	l := g.limits
	if !l.MessagesPerConnection.allows(n) {
		return g.or(l.MessagesPerConnection.Reply, 421, "4.7.0", "%s Error: too many messages in this connection", g.cfg.Hostname)
	}
	if !g.mails.admit(l.MessageRate, now) {
		return g.or(l.MessageRate.Reply, 450, "4.7.1", "Error: too much mail from %s", client)
	}
	return ""
}

// rcpt asks for a recipient of a transaction that has had n accepted ones, in
// of them in the same domain.
func (g *gate) rcpt(now time.Time, t triple, n, in int) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	l := g.limits
	if !l.RecipientsPerMessage.allows(n) {
		return g.or(l.RecipientsPerMessage.Reply, 452, "4.5.3", "Error: too many recipients")
	}
	if !g.rcpts.admit(l.RecipientRate, now) {
		return g.or(l.RecipientRate.Reply, 450, "4.7.1", "Error: too many recipients from %s", t.client)
	}
	name := domainOf(t.to)
	d, ok := g.cfg.Domains[name]
	if !ok {
		if d, ok = g.cfg.Domains["*"]; !ok {
			return ""
		}
	}
	state := g.domains[name]
	if state == nil {
		state = &domainGate{mailboxes: make(map[string]*meter), seen: make(map[triple]time.Time)}
		g.domains[name] = state
	}
	return g.inDomainLocked(now, d, state, t, in)
}

// inDomainLocked asks for a recipient in a domain with limits d; in of the
// transaction's were accepted there before.
func (g *gate) inDomainLocked(now time.Time, d Domain, state *domainGate, t triple, in int) string {
	if !state.known(now, t, d.Greylist.Delay) {
		return g.or(d.Greylist.Reply, 450, "4.2.0", "<%s>: Recipient address rejected: Greylisted", t.to)
	}
	if in == 0 && !d.Transactions.allows(state.open) {
		return g.or(d.Transactions.Reply, 451, "4.7.0", "<%s>: too many concurrent messages for this domain", t.to)
	}
	if !d.RecipientsPerMessage.allows(in) {
		return g.or(d.RecipientsPerMessage.Reply, 452, "4.5.3", "Error: too many recipients")
	}
	if in == 0 && !state.mails.admit(d.MessageRate, now) {
		return g.or(d.MessageRate.Reply, 450, "4.7.1", "<%s>: too many messages for this domain", t.to)
	}
	if !state.rcpts.admit(d.RecipientRate, now) {
		return g.or(d.RecipientRate.Reply, 450, "4.7.1", "<%s>: too many recipients in this domain", t.to)
	}
	if !state.mailbox(t.to).admit(d.MailboxRate, now) {
		return g.or(d.MailboxRate.Reply, 450, "4.2.1", "<%s>: the user is receiving mail too fast", t.to)
	}
	if in == 0 {
		state.open++
	}
	return ""
}

// known reports whether a triple has waited long enough, and notes it.
func (d *domainGate) known(now time.Time, t triple, delay time.Duration) bool {
	if delay == 0 {
		return true
	}
	first, ok := d.seen[t]
	if !ok {
		d.seen[t] = now
		return false
	}
	return now.Sub(first) >= delay
}

// mailbox returns the meter of an address.
func (d *domainGate) mailbox(addr string) *meter {
	m := d.mailboxes[addr]
	if m == nil {
		m = new(meter)
		d.mailboxes[addr] = m
	}
	return m
}

// leave gives back a transaction's place in its domains.
func (g *gate) leave(domains map[string]int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for name := range domains {
		if d := g.domains[name]; d != nil {
			d.open--
		}
	}
}

// tooManyErrors asks for another command where there were n errors in a row.
func (g *gate) tooManyErrors(n int) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	if l := g.limits.Errors; !l.allows(n) {
		return g.or(l.Reply, 421, "4.7.0", "%s Error: too many errors", g.cfg.Hostname)
	}
	return ""
}

func (g *gate) setLimits(l Limits) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.limits = l
}

func (g *gate) setDown(down bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.down = down
}

func (g *gate) isDown() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.down
}

// SetLimits puts l in the place of Config.Limits from now on. What was counted
// before counts for l as well, and no connection is ended. It panics if l is
// contradictory.
func (s *Server) SetLimits(l Limits) {
	if err := errors.Join(l.validate("SetLimits")...); err != nil {
		panic(err)
	}
	s.gate.setLimits(l)
}

// SetDown begins an outage, or ends it. While the server is down every
// connection is reset, those that are open as well as new ones; DialContext
// fails with ECONNREFUSED.
func (s *Server) SetDown(down bool) {
	s.gate.setDown(down)
	s.mu.Lock()
	defer s.mu.Unlock()
	if !down {
		return
	}
	for sess := range s.sessions {
		resetConn(sess.raw)
	}
}
