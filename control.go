package smtpace

import (
	"context"
	"errors"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/throttle"
)

// Explain returns the reasons for the pace of the mail to a domain: the current
// window and rate, the limit that binds, the last evidence, the time at which
// the next message may go, and the length of the queue. domain is a recipient's,
// or the name of a destination: that of a profile, of a destination that has mail
// or is paused, or a name without a dot. The destination of another domain is the
// one that a PromptRouter names, or to which a Router has last routed its mail,
// else its profile or the domain itself.
func (s *Sender) Explain(domain string) throttle.Explanation {
	return s.sched.Explain(time.Now(), s.destinationOf(domain))
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

// SetLimits changes the limits of a scope while mail flows. What was used of a
// limit stays used, and messages that are on the wire go on. The name of a scope
// is that of a relay, a domain or destination as in Explain, or the name that
// Route.Parents give: SetLimits(throttle.Scope{Kind: throttle.ScopeTenant, Name:
// "acme"}, l) limits the mail of which Parents name that tenant. Zero fields fall
// back to those of Config, or for scopes that only Parents name to no limit; see
// [throttle.Scheduler.SetLimits]. The error names a limit or a name that is not
// valid.
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

// Verify connects to every relay of Config.Relays, secures the connection, logs
// in and quits, so that a wrong password, port, name or certificate shows at
// start and not as mail that waits for a day. It keeps to the limits and waits
// for them. Relays that only a Router names are not known before there is mail
// and are not verified.
//
// The error joins a [*pool.Error] for each relay that failed, with the stage
// and the reply or cause; it is nil when all are well.
func (s *Sender) Verify(ctx context.Context) error {
	var errs []error
	if s.home == nil {
		return nil
	}
	for _, e := range s.home.endpoints {
		err := s.verify(ctx, e)
		if refusedLogin(err) { // as for mail, credentials are asked once more
			err = s.verify(ctx, e)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// verify waits until a connection to e may be opened, and tries it.
func (s *Sender) verify(ctx context.Context, e *endpoint) error {
	for {
		if s.isStopping() {
			return ErrClosed
		}
		now := time.Now()
		scheduled, again := s.sched.Open(now, e.name)
		if scheduled != nil {
			return s.verifyOn(ctx, e, scheduled)
		}
		if err := pause(ctx, now, again); err != nil {
			return &pool.Error{Endpoint: e.name, Stage: classify.StageConnect, Err: err}
		}
	}
}

// verifyOn tries a connection to e and tells the Scheduler of the outcome.
func (s *Sender) verifyOn(ctx context.Context, e *endpoint, scheduled *throttle.Conn[*delivery]) error {
	err := s.pool.Verify(ctx, e.target())
	if err == nil {
		s.changed(scheduled.Established(time.Now()))
	}
	stage, verdict := e.verdict(err)
	s.changed(scheduled.Closed(time.Now(), stage, verdict, err))
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
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// refusedLogin reports whether a server has refused the credentials.
func refusedLogin(err error) bool {
	fault, ok := errors.AsType[*pool.Error](err)
	return ok && fault.Stage == classify.StageAuth && classify.Of(fault.Stage, fault).Class == classify.ClassSMTPAuth
}
