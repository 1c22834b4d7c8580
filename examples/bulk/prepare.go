package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/smtpace/smtpace"
)

// prepare makes a campaign ready to run. An interrupt ends it at once, for files may be
// pipes that never end, and nothing was sent yet.
func prepare(o options, out *console, interrupts <-chan os.Signal) (*campaign, error) {
	var made *campaign
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		made, err = newCampaign(o, out)
	}()
	select {
	case <-done:
		return made, err
	case <-interrupts:
		return nil, errors.New("interrupted: nothing was sent")
	}
}

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
		c.tellList()
	}
	return err
}

// tellList prints what was odd in front of the entries of the list.
func (c *campaign) tellList() {
	for _, note := range c.list.notes {
		c.console.print("%s:%s", c.list.path, note)
	}
	if c.list.other != "" {
		c.console.print("%s: the addresses are those of %q, not of %q; -column NAME says another column", c.list.path, c.list.names[c.list.email], c.list.other)
	}
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
	bad := 0
	for c.rows = c.list.rows(); ; total++ {
		r, err := c.next()
		switch {
		case err == io.EOF:
			return total, c.checked(total, bad)
		case err != nil:
			return 0, fmt.Errorf("-to: %w", err)
		case r.err != nil:
			if bad++; bad <= maxBadShown {
				c.console.print("%s:%d: %v", c.list.path, r.line, r.err)
			}
		default:
			c.empty.look(c.template.used, r)
			c.startPreflight(r)
		}
	}
}

// empty counts the entries without a value that the message fills in.
type empty struct {
	count []int // by column
	first []int // its line
}

// look takes an entry.
func (e *empty) look(used []bool, r row) {
	if e.count == nil {
		e.count, e.first = make([]int, len(used)), make([]int, len(used))
	}
	for column, filled := range used {
		if filled && r.values[column] == "" {
			if e.count[column]++; e.count[column] == 1 {
				e.first[column] = r.line
			}
		}
	}
}

// tellEmpty prints how often the message will have a gap.
func (c *campaign) tellEmpty() {
	for column, count := range c.empty.count {
		if count > 0 {
			c.console.print("%s: %d entries have no %q, which the message fills in; the first is in line %d", c.list.path, count, c.list.names[column], c.empty.first[column])
		}
	}
}

// maxBadShown bounds the bad lines that are printed; the report has all.
const maxBadShown = 100

// checked ends the check of a list with total entries for this run, some of them bad. A
// list without a good one is none.
func (c *campaign) checked(total, bad int) error {
	if bad > maxBadShown {
		c.console.print("%s: %d bad lines in all", c.list.path, bad)
	}
	settled := c.recipients.settled
	c.recipients.tell(c.console, c.list.path, c.options.report)
	c.tellCrash()
	c.tellEmpty()
	switch c.rows = c.list.rows(); {
	case total+settled == 0:
		return fmt.Errorf("-to: %s: the list is empty", c.list.path)
	case total == bad && settled == 0 && !c.list.csv:
		return fmt.Errorf("-to: %s: no line can be sent to; a table needs a header with a column %q, and a comma, semicolon, tab or bar between its values (or a first line that names another, such as sep=^)",
			c.list.path, emailColumn)
	case total == bad && settled == 0:
		return fmt.Errorf("-to: %s: no line can be sent to", c.list.path)
	}
	return nil
}

// tellCrash prints the recipients that may get a second copy: those without a line in the
// report of a run that did not end. A run that ends writes a line for every recipient.
func (c *campaign) tellCrash() {
	missing := c.recipients.missing
	if c.earlier.lines == 0 || missing == 0 || len(c.earlier.campaign.changed(c.id)) > 0 {
		return
	}
	c.console.print("the run before was cut off: %d recipients have no line in %s, and up to %d of them may have the mail. They get it (again) with the same Message-ID",
		missing, c.options.report, min(missing, c.report.onWire))
}

// next gives the next row that concerns this run, its values checked against the
// message.
func (c *campaign) next() (row, error) {
	for {
		r, err := c.rows.next()
		if err != nil {
			return r, err
		}
		if r.comment {
			c.recipients.note(&c.recipients.noted, r.line, r.note)
			continue
		}
		if r.err == nil && r.given > 0 && slices.Contains(c.template.used[r.given:], true) {
			r.err = errCount(r.given, len(r.values))
		}
		if r.err == nil {
			r.err = c.template.check(r.values)
		}
		if !c.recipients.leaveOut(r) {
			return r, nil
		}
	}
}
