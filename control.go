package smtpace

import (
	"context"
	"errors"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/throttle"
)

// Explain returns the reasons for the pace of the mail to a domain: the current concurrency
// and rate, the limit that binds, the last evidence, the earliest time of the next
// message, and the length of the queue. domain is a recipient's domain or the name of a
// destination. A name counts as a destination's if it is that of a profile, if it
// belongs to a destination with mail or a paused one, or if it has no dot. The
// destination of any other domain is the one that a PromptRouter names. Without one it
// is the destination of the last route, else the profile of the domain, else the domain
// itself.
func (s *Sender) Explain(domain string) throttle.Explanation {
	x := s.sched.Explain(time.Now(), s.destinationOf(domain))
	x.Proved = s.provedBy(x.Endpoint)
	return x
}

// provedBy returns what TLS has proved on the last connection to an endpoint; "" when
// there was none.
func (s *Sender) provedBy(name string) string {
	s.mu.Lock()
	e := s.endpoints[name]
	s.mu.Unlock()
	if e == nil {
		return ""
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.security.Proved
}

// Pause lets mail to a domain wait, with all that shares its destination, until
// Resume. Transactions go on, and messages are accepted as before; their Expiry
// bounds how long they wait. domain is as in Explain.
func (s *Sender) Pause(domain string) {
	s.sched.Pause(time.Now(), s.destinationOf(domain))
}

// Resume ends a Pause. Mail that has waited goes at the learned pace.
func (s *Sender) Resume(domain string) {
	s.sched.Resume(time.Now(), s.destinationOf(domain))
	s.dispatcher.drive()
}

// SetLimits changes the limits of a scope while mail flows. What was used of a limit
// stays used, and messages that are on the wire go on. The name of a scope is the name of
// a relay, a domain or destination as in Explain, or a name in Route.Parents:
// SetLimits(throttle.Scope{Kind: throttle.ScopeTenant, Name: "acme"}, l) limits the mail
// with that tenant among its Parents. Zero fields fall back to those of Config, or for
// scopes that only Parents name to no limit; see [throttle.Scheduler.SetLimits]. What is
// set for a relay comes before the limits that Routes give it, now and later;
// throttle.Limits{} lets those of Routes hold again. The error names a limit or a name
// that is not valid.
func (s *Sender) SetLimits(of throttle.Scope, l throttle.Limits) error {
	of, err := normalScope(of)
	if err != nil {
		return err
	}
	if of.Kind == throttle.ScopeDestination {
		of.Name = s.destinationOf(of.Name)
	}
	err = s.sched.SetLimits(time.Now(), of, l)
	s.dispatcher.drive()
	return err
}

// Forget drops what was learned of a domain's destination: limits that were
// lifted need not be found out again step by step. Limits that are set, and
// what has been used of them, stay. domain is as in Explain.
func (s *Sender) Forget(domain string) {
	s.sched.Forget(time.Now(), s.destinationOf(domain))
	s.dispatcher.drive()
}

// RetryNow makes the mail to a domain's destination that waits for its next try due
// within a second: after an operator has mended what was wrong, nothing waits for the
// rest of its schedule. It goes at the learned pace: limits, pauses and breakers
// stay. A delay that the receiver has asked for one message is cut short. Each call
// brings a message one try at most, which counts as always. domain is as in Explain.
func (s *Sender) RetryNow(domain string) {
	s.sched.RetryNow(time.Now(), s.destinationOf(domain))
	s.dispatcher.drive()
}

// Verify connects to every relay of Config.Relays, secures the connection, logs in and
// quits, so that a wrong password, port, name or certificate shows at start, and not as
// mail waiting for a day. For each of the given senders it goes as far as MAIL and takes
// it back with RSET. Some servers refuse only there, for a missing login or for an
// address that the account may not use. An empty sender is the null sender.
//
// Verify keeps to the limits of connections and waits for them; its MAIL commands
// count against no limit. Relays that only a Router names are not known before there
// is mail and are not verified.
//
// The error joins a [*pool.Error] for each relay that failed and for each sender that a
// relay refused. Each has the stage, and the reply or cause. The error is nil when all
// are well. A sender that is no address is ErrInvalid, and nothing is tried.
func (s *Sender) Verify(ctx context.Context, senders ...string) error {
	var errs []error
	if s.home == nil {
		return nil
	}
	mailboxes, err := mailboxesOf(senders)
	if err != nil {
		return err
	}
	for _, e := range s.home.endpoints {
		err := s.verify(ctx, e, mailboxes)
		if refusedLogin(err) { // as for mail, credentials are asked once more
			err = s.verify(ctx, e, mailboxes)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// mailboxesOf returns addresses as MAIL gives them; "" stays. The error names the first
// that is none.
func mailboxesOf(addresses []string) ([]string, error) {
	mailboxes := make([]string, len(addresses))
	for i, s := range addresses {
		if s == "" {
			continue
		}
		a, err := parseAddress(s)
		if err != nil {
			return nil, err
		}
		mailboxes[i] = a.mailbox
	}
	return mailboxes, nil
}

// verify waits until a connection to e may be opened, and tries it.
func (s *Sender) verify(ctx context.Context, e *endpoint, senders []string) error {
	for {
		if s.isStopping() {
			return ErrClosed
		}
		now := time.Now()
		scheduled, again := s.sched.Open(now, e.name)
		if scheduled != nil {
			return s.verifyOn(ctx, e, scheduled, senders)
		}
		if err := pause(ctx, now, again); err != nil {
			return &pool.Error{Endpoint: e.name, Stage: classify.StageConnect, Err: err}
		}
	}
}

// verifyOn tries a connection to e and tells the Scheduler of the outcome.
func (s *Sender) verifyOn(ctx context.Context, e *endpoint, scheduled *throttle.Conn[*delivery], senders []string) error {
	err := s.pool.Verify(ctx, e.target(), senders...)
	stage, verdict := e.verdict(err)
	if err == nil || stage == classify.StageMail {
		s.changed(scheduled.Established(time.Now()), nil)
	}
	s.changed(scheduled.Closed(time.Now(), stage, verdict, err), nil)
	s.dispatcher.drive()
	return err
}

// recheck is the time after which Verify asks again for a connection that only
// a change can free.
const recheck = 100 * time.Millisecond

// pause waits until a time, or for recheck when it is zero. Its error is the
// cause of ctx.
func pause(ctx context.Context, now, again time.Time) error {
	wait := recheck
	if !again.IsZero() {
		wait = again.Sub(now)
	}
	select {
	case <-time.After(wait):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// refusedLogin reports whether a server has refused the credentials.
func refusedLogin(err error) bool {
	fault, ok := errors.AsType[*pool.Error](err)
	return ok && fault.Stage == classify.StageAuth && fault.Verdict.Class == classify.ClassSMTPAuth
}
