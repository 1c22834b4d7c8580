package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/smtpace/smtpace"
	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/examples/bulk/internal/dkim"
)

// grace is the time that the mail on the wire has after the first interrupt.
const grace = 10 * time.Second

const (
	// maxPulled bounds the bytes of messages that wait for their turn. Each was
	// made for one recipient, so that nothing is shared between them.
	maxPulled = 128 << 20
	// pulledCost is the number of bytes of one of them beside its template: added fields,
	// and the state in package smtpace.
	pulledCost = 2 << 10
)

// campaign is one message on its way to the recipients of a list.
type campaign struct {
	options  options
	console  *console
	list     *list
	template *template
	signer   *dkim.Signer // nil signs nothing
	report   *report
	sender   *smtpace.Sender
	id       campaignID

	earlier    earlier     // what -resume goes on from
	recipients *recipients // recipients to leave out
	total      int         // recipients of this run, the bad lines included
	empty      empty       // gaps that the message will have

	preflight *preflighting
	room      []byte // the message that was made last, until it is copied
	started   time.Time
	throttled atomic.Int64
	stopping  sync.Once
	wg        sync.WaitGroup

	mu     sync.Mutex
	rows   rows                // nothing is read from it under the lock
	pulled map[*entry]struct{} // given to the sender and not settled
	putOff map[string]*putOff  // by destination
	sum    summary
	failed bool // whether a file could not be read or written to its end
}

// entry is a recipient on its way.
type entry struct {
	line    int
	address string
	putOff  *putOff // what it is counted in; nil when it was not put off
}

// mostHeld is the default of smtpace.Config.MaxHeld.
const mostHeld = 10_000

// config returns the settings of package smtpace that the flags ask for.
func (c *campaign) config() smtpace.Config {
	queued := max(maxPulled/(c.template.size+pulledCost), 100)
	var memory smtpace.Memory
	if c.options.memory != "" {
		memory = smtpace.File(c.options.memory)
	}
	return smtpace.Config{
		Relays:       []smtpace.Relay{c.options.relay},
		Destinations: c.options.destinations,
		Profiles:     c.options.profiles,
		Memory:       memory,
		Expiry:       c.options.expire,
		MaxQueued:    queued,
		MaxHeld:      min(queued, mostHeld),
		Logger:       slog.New(slog.NewTextHandler(c.console, &slog.HandlerOptions{Level: slog.LevelWarn})),
		Observers:    []smtpace.Observer{{Reply: c.replied, Try: c.tried}},
	}
}

// replied counts the replies that name a limit.
func (c *campaign) replied(r smtpace.ReplyRead) {
	if r.Reply.Code >= 400 && classify.Of(r.Stage, r.Reply).Throttled() {
		c.throttled.Add(1)
	}
}

// run sends, and gives the exit status.
func (c *campaign) run(ctx context.Context, interrupts <-chan os.Signal, stdout io.Writer) int {
	c.started = time.Now()
	verifying, verified := context.WithCancel(ctx)
	done := make(chan struct{})
	c.wg.Go(func() { c.watch(ctx.Done(), interrupts, done, verified) })
	c.wg.Go(func() { c.showProgress(done) })
	err := c.verify(verifying)
	if err == nil {
		err = c.begin()
	}
	if err == nil {
		c.tellPreflight(verifying)
		c.send(verifying.Err() != nil)
	}
	verified()
	close(done)
	c.wg.Wait()
	c.fail("closing", errors.Join(c.end(), c.close()))
	if err != nil {
		c.console.print("%v", err)
		return statusUsage
	}
	return c.finish(stdout)
}

// end ends the Sender, and gives what is on the wire a while. It saves what was learned,
// which may take longer on a busy disk than Close waits.
func (c *campaign) end() error {
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	return c.sender.Shutdown(ctx)
}

// begin makes the report ready for the records of this run.
func (c *campaign) begin() error {
	var cut []record
	if c.earlier.cut != nil {
		cut = append(cut, *c.earlier.cut)
	}
	if err := c.report.begin(c.earlier.size, cut...); err != nil {
		return fmt.Errorf("-report: %w", err)
	}
	return nil
}

// watch asks the campaign to stop when it is interrupted, and ends it when it
// is interrupted again.
func (c *campaign) watch(ended <-chan struct{}, interrupts <-chan os.Signal, done <-chan struct{}, verified func()) {
	for first := true; ; first = false {
		select {
		case <-ended:
			ended = nil
		case <-interrupts:
		case <-done:
			return
		}
		verified()
		if !first {
			c.console.print("interrupted again: stopping at once")
			c.sender.Close() // its error is that of what it cut
			continue
		}
		c.stop("interrupted")
	}
}

// stop finishes what is on the wire and takes no new work.
func (c *campaign) stop(why string) {
	c.stopping.Do(func() {
		c.console.print("%s: finishing what is on the wire, for up to %v", why, grace)
		c.wg.Go(func() {
			if err := c.end(); err != nil {
				c.console.print("connections were cut: %v", err)
			}
		})
	})
}

// send sends to all of the list unless it was interrupted before, and accounts
// for all of it in any case.
func (c *campaign) send(interrupted bool) {
	if !interrupted {
		err := c.sender.SendAll(context.Background(), c.messages(), c.settled)
		if !errors.Is(err, smtpace.ErrClosed) { // it was stopped
			c.fail("sending", err)
		}
	}
	c.mu.Lock()
	left := c.pulled
	c.pulled = nil
	c.mu.Unlock()
	for e := range left { // pulled when the sender had stopped
		c.add(record{Address: e.address, Text: smtpace.ErrClosed.Error()})
	}
	for r := range c.rest() {
		c.add(record{Address: r.address, Text: smtpace.ErrClosed.Error()})
	}
}

// messages makes the message of each recipient when the sender asks for it.
func (c *campaign) messages() iter.Seq[smtpace.Message] {
	return func(yield func(smtpace.Message) bool) {
		for r := range c.rest() {
			data, err := c.render(r)
			if err != nil {
				c.add(record{Address: r.address, Status: smtpace.Refused, Text: err.Error()})
				continue
			}
			e := &entry{line: r.line, address: r.address}
			c.mu.Lock()
			c.pulled[e] = struct{}{}
			c.mu.Unlock()
			if !yield(smtpace.Message{From: c.template.from.fill(r.values), To: []string{r.address}, Data: data, ID: e}) {
				return
			}
		}
	}
}

// render makes the message of one recipient, signed if that is wanted.
func (c *campaign) render(r row) ([]byte, error) {
	now := time.Now()
	c.room = c.template.appendTo(c.room[:0], mailing{
		from: c.template.from.fill(r.values), address: r.address, values: r.values, now: now, id: c.id.messageID(keyOf(r.address)),
	})
	if c.signer == nil {
		return bytes.Clone(c.room), nil
	}
	signature, err := c.signer.Sign(c.room, now)
	return append(signature, c.room...), err
}

// rest gives the rows that were not read yet and can be sent; the others it
// reports as refused.
func (c *campaign) rest() iter.Seq[row] {
	return func(yield func(row) bool) {
		for {
			r, err := c.next()
			switch {
			case err == io.EOF:
				return
			case err != nil:
				c.fail("-to", err)
				return
			case r.err != nil:
				c.add(record{Address: r.address, Status: smtpace.Refused, Text: r.err.Error()})
			case !yield(r):
				return
			}
		}
	}
}

// settled records the end of one message. The Sender calls it.
func (c *campaign) settled(result *smtpace.Result) {
	e := result.ID.(*entry)
	c.mu.Lock()
	delete(c.pulled, e)
	c.settledLocked(e)
	c.mu.Unlock()
	r := &result.Recipients[0]
	if errors.Is(r.Err, smtpace.ErrInvalid) {
		c.console.print("%s:%d: %v", c.list.path, e.line, r.Err)
	}
	c.add(newRecord(r, result.Settled.Sub(result.Accepted)))
}

// add counts and reports one recipient. When the report cannot be written the
// campaign stops: nobody could tell later who got the mail.
func (c *campaign) add(r record) {
	r.Campaign = c.id
	c.mu.Lock()
	c.sum.add(r)
	c.mu.Unlock()
	if err := c.report.add(r); err != nil {
		c.fail("-report", err)
		c.stop("the report cannot be written")
	}
}

// fail notes and prints what went wrong with a file.
func (c *campaign) fail(what string, err error) {
	if err == nil {
		return
	}
	c.console.print("%s: %v", what, err)
	c.mu.Lock()
	c.failed = true
	c.mu.Unlock()
}

// finish prints the summary and gives the exit status.
func (c *campaign) finish(stdout io.Writer) int {
	c.sum.Throttled = c.throttled.Load()
	c.sum.Skipped = c.recipients.settled
	c.sum.Seconds = seconds(time.Since(c.started))
	c.fail("standard output", writeJSON(stdout, c.sum))
	if c.failed || c.sum.Delivered != c.sum.Messages {
		return statusMissed
	}
	return statusDelivered
}

// close closes the files.
func (c *campaign) close() error {
	c.preflight.stop()
	var errs []error
	if c.list != nil {
		errs = append(errs, c.list.close())
	}
	return errors.Join(append(errs, c.report.close())...)
}
