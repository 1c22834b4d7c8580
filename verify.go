package smtpace

import (
	"context"
	"errors"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/pool"
)

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

func (s *Sender) verify(ctx context.Context, e *endpoint) error {
	for {
		if s.isStopping() {
			return ErrClosed
		}
		now := time.Now()
		c, again := s.sched.Open(now, e.name)
		if c == nil {
			if err := pause(ctx, now, again); err != nil {
				return &pool.Error{Endpoint: e.name, Stage: classify.StageConnect, Err: err}
			}
			continue
		}
		err := s.pool.Verify(ctx, e.relayNow())
		stage := classify.StageIdle
		if fault, ok := errors.AsType[*pool.Error](err); ok {
			stage = fault.Stage
		}
		if err == nil {
			s.changed(c.Established(time.Now()))
		}
		s.changed(c.Closed(time.Now(), stage, s.classifier.Of(classify.Input{Stage: stage, Provider: e.provider}, err), err))
		s.dispatcher.drive()
		return err
	}
}

// recheck is how often Verify asks again for a connection that only a change
// can free.
const recheck = 100 * time.Millisecond

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

func refusedLogin(err error) bool {
	fault, ok := errors.AsType[*pool.Error](err)
	return ok && fault.Stage == classify.StageAuth && classify.Of(fault.Stage, fault).Class == classify.SMTPAuth
}
