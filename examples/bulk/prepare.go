package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/smtpace/smtpace"
)

// newCampaign reads and checks everything that can be checked without the
// relay. Bad lines of the list are printed.
func newCampaign(o options, out *console) (*campaign, error) {
	c := &campaign{options: o, console: out, pulled: map[*entry]struct{}{}, putOff: map[string]*putOff{}}
	err := c.load()
	if err == nil {
		if c.report, err = openReport(o, out); err != nil {
			err = fmt.Errorf("-report: %w", err)
		}
	}
	if err == nil {
		err = c.goOn()
	}
	if err == nil {
		c.total, err = c.check()
	}
	if err == nil {
		c.sender, err = smtpace.New(c.config())
	}
	if err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

// load opens the list and takes the message apart.
func (c *campaign) load() error {
	l, listErr := openList(c.options.to, c.options.list)
	if listErr != nil {
		listErr = fmt.Errorf("-to: %w", listErr)
	}
	c.list = l
	raw, err := os.ReadFile(c.options.message)
	if err == nil && listErr == nil {
		err = c.parse(raw)
	} else if err != nil {
		err = fmt.Errorf("-message: %w", err)
	}
	if err = errors.Join(listErr, err); err == nil {
		c.id = newCampaignID(l.hash, sha256.Sum256(raw))
	}
	return err
}

// parse takes the message and the sender apart, now that the columns are known.
func (c *campaign) parse(raw []byte) (err error) {
	t := terms{columns: c.list.columns, sevenBit: c.options.dkimSelector != ""}
	if t.from, err = newSender(c.options.from, t.columns); err != nil {
		return fmt.Errorf("-from: %w", err)
	}
	if c.template, err = parseTemplate(c.options.message, raw, t); err != nil {
		return fmt.Errorf("-message: %w", err)
	}
	if c.signer, err = c.options.signer(c.template.fromDomain); err != nil {
		return err
	}
	if c.signer != nil && !c.signer.Covers(c.template.fromDomain) {
		c.console.print("-dkim-domain: the signature is not of the domain of From, %s: receivers may not count it (DMARC)", c.template.fromDomain)
	}
	for _, note := range c.template.notes {
		c.console.print("%s: %s", c.options.message, note)
	}
	return nil
}

// goOn takes up what earlier runs have left, when this run is to resume them.
func (c *campaign) goOn() (err error) {
	o := c.options
	if !o.resume {
		c.recipients = &recipients{known: map[recipientKey]known{}, resend: o.resend}
		return o.checkUnused()
	}
	if c.earlier, err = readEarlier(o.report); err != nil {
		return fmt.Errorf("-resume: %w", err)
	}
	if c.earlier.lines == 0 {
		c.console.print("-resume: %s has no lines: this run begins with the first recipient", o.report)
	}
	if changed := c.earlier.campaign.changed(c.id); len(changed) > 0 {
		what := strings.Join(changed, " and ") + " changed since " + o.report + " was written"
		if !o.changed {
			return fmt.Errorf("-resume: %s. Is it the right report? -changed goes on nevertheless", what)
		}
		c.console.print("-resume: %s", what)
	}
	if c.earlier.campaign != "" {
		c.id = c.earlier.campaign.continued(c.id)
	}
	c.recipients = &recipients{known: c.earlier.known, resend: o.resend}
	return nil
}

// check reads the list once, prints what is wrong with it, and counts what is to
// be sent.
func (c *campaign) check() (total int, err error) {
	for c.rows = c.list.rows(); ; total++ {
		r, err := c.next()
		switch {
		case err == io.EOF && total+c.recipients.settled == 0:
			return 0, fmt.Errorf("-to: %s: the list is empty", c.list.path)
		case err == io.EOF:
			c.rows = c.list.rows()
			c.recipients.tell(c.console, c.list.path, c.options.report)
			return total, nil
		case err != nil:
			return 0, fmt.Errorf("-to: %w", err)
		case r.err != nil:
			c.console.print("%s:%d: %v", c.list.path, r.line, r.err)
		default:
			c.startPreflight(r)
		}
	}
}

// next gives the next row that concerns this run, its values checked against the
// message.
func (c *campaign) next() (row, error) {
	for {
		r, err := c.rows.next()
		if err != nil {
			return r, err
		}
		if r.err == nil {
			r.err = c.template.check(r.values)
		}
		if !c.recipients.leaveOut(r) {
			return r, nil
		}
	}
}
