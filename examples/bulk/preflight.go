package main

import (
	"bytes"
	"context"
	"errors"
	"time"

	"github.com/smtpace/smtpace/preflight"
)

// preflightTime is the time that the checks of the sender have, from their start. Mail
// does not wait for them any longer.
const preflightTime = 3 * time.Second

// checkTime is the time after which the checks are cut off. preflight.Check returns what
// it knows within 100 ms of that.
const checkTime = preflightTime - 100*time.Millisecond

// preflighting is the checks of the sender, which run beside the reading of the list.
// nil is none.
type preflighting struct {
	done   chan struct{} // closed when found is there
	late   <-chan time.Time
	cancel context.CancelFunc
	found  []preflight.Finding
	cut    bool // whether the time was over before all was known
}

func (o *options) setPreflight(s string) error {
	if s != "on" && s != "off" {
		return errors.New("must be on or off")
	}
	o.noPreflight = s == "off"
	return nil
}

// startPreflight begins the checks with the message of one recipient. Nobody is asked
// but DNS, about names of the sender's own.
func (c *campaign) startPreflight(r row) {
	if c.options.noPreflight || c.preflight != nil {
		return
	}
	sample, err := c.render(r)
	if err != nil {
		return // said when it is to be sent
	}
	sender := preflight.Sender{
		MailFrom: c.template.from.fill(r.values), Relay: &c.options.relay, DKIMSelector: c.options.dkimSelector,
		Sample: bytes.Clone(sample),
	}
	if c.signer != nil {
		sender.DKIMDomain, sender.DKIMKey = c.signer.Domain(), c.signer.Public()
	}
	ctx, cancel := context.WithTimeout(context.Background(), checkTime)
	p := &preflighting{done: make(chan struct{}), late: time.After(preflightTime), cancel: cancel}
	c.preflight = p
	began := time.Now()
	go func() {
		defer close(p.done)
		defer cancel()
		p.found = preflight.Check(ctx, sender, preflight.Options{
			Quick: true, BulkSender: true, Resolver: c.options.resolver, Timeout: checkTime,
		})
		p.cut = time.Since(began) > checkTime-100*time.Millisecond // sockets may end before ctx
	}()
}

// tellPreflight prints what the checks have found, as a warning. It waits for them until
// their time is over, or ctx ends.
func (c *campaign) tellPreflight(ctx context.Context) {
	p := c.preflight
	if p == nil {
		return
	}
	defer p.cancel()
	select {
	case <-p.done:
	case <-p.late:
	case <-ctx.Done():
	}
	select {
	case <-p.done: // perhaps all of them have happened
	default:
		return
	}
	if p.cut {
		c.console.print("preflight: DNS did not answer within %v: what it would show is not known", preflightTime)
	}
	told := false
	for _, f := range p.found {
		if f.Level != preflight.Warn && f.Level != preflight.Fail {
			continue
		}
		told = true
		c.console.print("preflight: %v: %s: %s", f.Level, f.ID, f.Why)
		if f.Mend != "" {
			c.console.print("    %s", f.Mend)
		}
		if f.Record != "" {
			c.console.print("    %s", f.Record)
		}
	}
	if told {
		c.console.print("preflight: the mail goes out nevertheless; examples/preflight looks at more, and -preflight off is silent")
	}
}

// stop ends the checks.
func (p *preflighting) stop() {
	if p != nil {
		p.cancel()
	}
}
