package smtptest

import (
	"strings"
	"sync"
)

// Rule is a fault with the events that it applies to: those that match every
// field that is not zero.
type Rule struct {
	Stage     Stage
	Conn      int    // the connection, from 1
	Message   int    // the transaction on its connection, from 1
	Rcpt      int    // the ordinal of RCPT, from 1
	Recipient string // an address, or "@domain" for all of a domain; letter case is ignored
	Times     int    // how often the rule applies; 0: always
	Fault     Fault
}

// Rules returns a function for Config.Fault that applies the first rule that
// matches an event. It is safe for concurrent use.
func Rules(rules ...Rule) func(Event) *Fault {
	var mu sync.Mutex
	used := make([]int, len(rules))
	return func(ev Event) *Fault {
		mu.Lock()
		defer mu.Unlock()
		for i := range rules {
			r := &rules[i]
			if !r.matches(ev) || r.Times > 0 && used[i] >= r.Times {
				continue
			}
			used[i]++
			return new(r.Fault)
		}
		return nil
	}
}

// matches reports whether the rule speaks of ev.
func (r *Rule) matches(ev Event) bool {
	return (r.Stage == "" || r.Stage == ev.Stage) &&
		(r.Conn == 0 || r.Conn == ev.Conn) &&
		(r.Message == 0 || r.Message == ev.Message) &&
		(r.Rcpt == 0 || r.Rcpt == ev.Rcpt) &&
		(r.Recipient == "" || r.matchesRecipient(ev.Recipient))
}

// matchesRecipient compares an address with the rule's address or domain.
func (r *Rule) matchesRecipient(addr string) bool {
	if domain, ok := strings.CutPrefix(r.Recipient, "@"); ok {
		return addr != "" && strings.EqualFold(domainOf(addr), domain)
	}
	return strings.EqualFold(r.Recipient, addr)
}
