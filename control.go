package smtpace

import (
	"time"

	"github.com/smtpace/smtpace/throttle"
)

// Explain tells why mail to a domain goes as fast as it does: the current
// window and rate, which limit binds, the last evidence, when the next message
// may go, and how long the queue is. domain is a recipient's, or the name of a
// destination.
func (s *Sender) Explain(domain string) throttle.Explanation {
	return s.sched.Explain(time.Now(), s.destinationOf(domain))
}

// Pause lets mail to a domain wait, with all that shares its destination, until
// Resume. What is on the wire goes on, and messages are accepted as before; how
// long they may wait is their Expiry. domain is as in Explain.
func (s *Sender) Pause(domain string) {
	s.sched.Pause(time.Now(), s.destinationOf(domain))
}

// Resume ends a Pause. What has waited goes at the pace that was learned.
func (s *Sender) Resume(domain string) {
	s.sched.Resume(time.Now(), s.destinationOf(domain))
	s.dispatcher.drive()
}

// Forget drops what was learned of a domain's destination: limits that were
// lifted need not be found out again step by step. Limits that are set, and
// what has been used of them, stay. domain is as in Explain.
func (s *Sender) Forget(domain string) {
	s.sched.Forget(time.Now(), s.destinationOf(domain))
	s.dispatcher.drive()
}

// Snapshot returns what was learned of receivers, and what has been used of
// rates, quotas and warm-ups, as JSON for Restore; messages are not part of it.
// Config.Memory does the same by itself.
func (s *Sender) Snapshot() ([]byte, error) { return s.sched.Snapshot(time.Now()) }

// Restore takes over a Snapshot, aged by the time that has passed since. Call
// it before anything is sent: what is known already stays. It changes nothing
// when it returns an error, for a text that is no snapshot.
func (s *Sender) Restore(snapshot []byte) error { return s.sched.Restore(time.Now(), snapshot) }

// destinationOf is the destination of a domain, or the one that has this name.
func (s *Sender) destinationOf(domain string) string {
	if s.receivers.profiles.ByName(domain) != nil {
		return domain
	}
	normal, err := normalDomain(domain)
	if err != nil {
		return domain
	}
	a := s.routeNow(RouteRequest{Domain: normal})
	a.path.release()
	return a.destination
}
