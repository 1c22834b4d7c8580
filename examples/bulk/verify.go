package main

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/smtpace/smtpace"
	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/pool"
)

// patience is the silence of the relay after which a line is printed about it.
const patience = 5 * time.Second

// verify asks the relay before the first message. It fails for what would fail
// for every message and does not go away by waiting; a relay that is down is
// worth a line, and mail waits for it.
func (c *campaign) verify(ctx context.Context) error {
	slow := time.AfterFunc(patience, func() {
		c.console.print("%s has not answered for %v; waiting", c.options.relay.Addr, patience)
	})
	defer slow.Stop()
	err := c.sender.Verify(ctx)
	switch {
	case err == nil, ctx.Err() != nil, errors.Is(err, smtpace.ErrClosed):
		return nil
	case isSetting(err):
		return err
	}
	c.console.print("%v; mail waits until the relay is back", err)
	return nil
}

// isSetting reports whether the fault is in the settings rather than in the
// relay's state: a refusal for good, an unknown name, a certificate, something
// that the relay does not offer or speak.
func isSetting(err error) bool {
	stage := classify.StageConnect
	if fault, ok := errors.AsType[*pool.Error](err); ok {
		stage = fault.Stage
	}
	verdict := classify.Of(stage, err)
	if reply, ok := errors.AsType[*classify.Reply](err); ok {
		return reply.Code >= 500 && !verdict.Throttled()
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return dns.IsNotFound
	}
	for _, kind := range []error{pool.ErrNoTLS, pool.ErrNoAuth, pool.ErrProtocol} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return verdict.Class == classify.ClassTLS
}
