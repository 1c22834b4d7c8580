package pool

import (
	"context"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// opening is a session that is being opened. The wire bounds the bytes that each
// step may read.
type opening struct {
	*session
	endpoint Endpoint
	logins   *logins
	asked    *credentials  // nil if they were not asked for yet
	patience time.Duration // bound of each step up to TLS; 0 means Timeouts.Command
	climbs   bool          // whether TLS may be tried in another way when it fails
}

// open opens the session over its connection, ready for MAIL. Every error is an *Error,
// also that of the end of ctx.
func (o *opening) open(ctx context.Context) error {
	stop, ended := context.AfterFunc(ctx, func() { o.wire.interrupt(context.Cause(ctx)) }), false
	defer func() {
		if !ended { // a ReplyObserver has ended the goroutine
			stop()
			o.wire.close()
		}
	}()
	err := o.run(ctx)
	ended = true
	if !stop() && err == nil {
		err = o.newError(classify.StageEHLO, context.Cause(ctx))
	}
	return err
}

// run takes the steps in order. Each has its own time and its own bound on the
// bytes that are read.
func (o *opening) run(ctx context.Context) error {
	upToTLS := o.timeouts.Command
	if o.patience > 0 {
		upToTLS = min(upToTLS, o.patience)
	}
	startTLS := upToTLS
	if o.climbs {
		startTLS = min(startTLS, opportunisticTime)
	}
	steps := []struct {
		stage   classify.Stage
		timeout time.Duration
		do      func(context.Context) error
	}{
		{classify.StageBanner, o.timeouts.Dial, o.handshake},
		{classify.StageBanner, upToTLS, o.greet},
		{classify.StageEHLO, upToTLS, o.hello},
		{classify.StageStartTLS, startTLS, o.startTLS},
		{classify.StageAuth, o.timeouts.Command, o.login},
		{classify.StageEHLO, upToTLS, o.extend},
	}
	defer o.freeBuffer()
	for _, step := range steps {
		o.wire.budget = maxReply
		err := o.wire.arm(step.timeout)
		if err == nil {
			err = step.do(ctx)
		}
		if err != nil {
			return o.failed(step.stage, err)
		}
	}
	o.wire.budget = -1
	return nil
}

// failed returns the error of a step as an *Error.
func (o *opening) failed(stage classify.Stage, err error) error {
	if e, ok := err.(*Error); ok {
		return e // the step knew its stage better
	}
	return o.newError(stage, withCause(o.wire.aborted(), err))
}
