package smtpace

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"

	"github.com/smtpace/smtpace/pool"
)

// content is the bytes of a message. They are made when its first turn comes,
// dropped when it waits long, and made again for its next try. Once a transaction
// was begun with them, only the same bytes are sent.
//
// All but making is guarded by letter.mu.
type content struct {
	renderMu     sync.Mutex // held while the bytes are made
	body         pool.Body  // empty when they are not held
	renderedOnce bool       // they were made at least once
	sent         bool       // a transaction was begun with them
	inFlight     int        // deliveries on the wire
	cached       bool       // it may be in Sender.resting

	counted    bool   // the Scheduler counts them
	countedFor string // for this destination
	size       int64  // at this size

	sum     [sha256.Size]byte
	summed  bool // sum is that of the bytes that were sent
	repeats repeatability
	file    string // in Config.SpoolDir; "" when there is none
}

// repeatable tells whether a message renders to the same bytes every time.
type repeatability uint8

const (
	repeatsUnknown repeatability = iota
	repeatsSame
	repeatsOther
)

// keepRendered is how long the bytes of a message are held that is not on the
// wire.
const keepRendered = 5 * time.Second

// render returns the bytes of the message, which it makes unless they are held.
// Its error wraps ErrInvalid for a message that cannot be sent as it is, ErrChanged
// for one that was sent and is another now, and else ErrLocal.
func (sub *Submission) render() (pool.Body, error) {
	if body, ok := sub.rendered(); ok {
		return body, nil
	}
	sub.renderMu.Lock()
	defer sub.renderMu.Unlock()
	if body, ok := sub.rendered(); ok {
		return body, nil
	}
	body, err := sub.remake()
	if err != nil {
		return pool.Body{}, err
	}
	sub.mu.Lock()
	defer sub.mu.Unlock()
	sub.body = body
	if !sub.renderedOnce && sub.message.Msg != nil {
		sub.sender.sizes.add(body.Len())
		sub.sender.admission(sub.lane).resize(&sub.admitted, int64(body.Len()))
	}
	sub.renderedOnce = true
	return body, nil
}

// heldBody returns the bytes that are held, and whether there are any.
func (sub *Submission) rendered() (pool.Body, bool) {
	sub.mu.Lock()
	defer sub.mu.Unlock()
	return sub.body, sub.body.Len() > 0
}

// make reads the message from its file or renders it, and compares it with what
// was sent.
func (sub *Submission) remake() (pool.Body, error) {
	sub.mu.Lock()
	file, known, summed, sum := sub.file, sub.renderedOnce, sub.summed, sub.sum
	sub.mu.Unlock()
	var body pool.Body
	var err error
	if file != "" {
		body, err = readBody(file)
	} else {
		body, err = sub.message.render()
	}
	switch {
	case errors.Is(err, fs.ErrNotExist) && file != "":
		return pool.Body{}, fmt.Errorf("%w: its copy in Config.SpoolDir is gone: %w", ErrChanged, err)
	case err != nil && known: // it was valid, and may have been sent
		return pool.Body{}, fmt.Errorf("%w: rendering the message again: %v", ErrLocal, err)
	case err != nil && !errors.Is(err, ErrInvalid):
		return pool.Body{}, fmt.Errorf("%w: rendering the message: %w", ErrLocal, err)
	case err == nil && summed && sha256.Sum256(body.Bytes()) != sum:
		return pool.Body{}, ErrChanged
	}
	return body, err
}

// readBody reads what writeFile has written.
func readBody(file string) (pool.Body, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return pool.Body{}, err
	}
	return pool.NewBody(data)
}

// useLocked notes that a delivery goes on the wire with these bytes.
func (sub *Submission) startLocked(d *delivery, body pool.Body) {
	sub.uncacheLocked()
	sub.inFlight++
	sub.body = body
	if sub.counted {
		return
	}
	sub.counted, sub.countedFor, sub.size = true, d.destination, sub.ownSize(body.Bytes())
	now := time.Now()
	sub.sender.sched.Hold(now, sub.countedFor, sub.lane, sub.size)
	for _, other := range sub.deliveries {
		if other.item != nil {
			sub.sender.sched.Rendered(now, other.item)
		}
	}
}

// ownSize returns how many bytes are held of data: none where they are the
// caller's.
func (sub *Submission) ownSize(data []byte) int64 {
	if sub.message.Msg == nil && len(data) > 0 && &data[0] == &sub.message.Data[0] {
		return 0
	}
	return int64(len(data))
}

// usedLocked notes that a delivery has left the wire.
func (sub *Submission) finishLocked(begun bool) {
	sub.inFlight--
	sub.sent = sub.sent || begun
}

// rest drops the bytes when the next try is far, and else leaves them to
// Sender.resting; so long as a delivery is on the wire they stay.
func (sub *Submission) keepOrDrop(now time.Time) {
	sub.mu.Lock()
	if sub.inFlight > 0 || !sub.counted || sub.open == 0 || len(sub.deliveries) == 0 {
		sub.mu.Unlock()
		return
	}
	sub.recountLocked(now)
	far := true
	for _, d := range sub.deliveries {
		far = far && d.due.Sub(now) > keepRendered
	}
	var evicted []*Submission
	if !far {
		sub.cached = true
		evicted = sub.sender.cache.add(sub, sub.size, now)
	}
	sub.mu.Unlock()
	if far {
		sub.drop()
	}
	for _, other := range evicted {
		other.drop()
	}
}

// unrestLocked takes the message out of Sender.resting.
func (sub *Submission) uncacheLocked() {
	if sub.cached {
		sub.cached = false
		sub.sender.cache.remove(sub)
	}
}

// rechargeLocked has the bytes count for a destination that they are still
// needed for.
func (sub *Submission) recountLocked(now time.Time) {
	if c := sub.admitted.of(sub.countedFor); c != nil && c.deliveries > 0 {
		return
	}
	sub.sender.sched.Release(now, sub.countedFor, sub.lane, sub.size)
	sub.countedFor = sub.deliveries[0].destination
	sub.sender.sched.Hold(now, sub.countedFor, sub.lane, sub.size)
}

// drop drops the bytes, if they can be made again, and unless the message has
// gone on the wire meanwhile.
func (sub *Submission) drop() {
	sub.renderMu.Lock()
	defer sub.renderMu.Unlock()
	sub.mu.Lock()
	body, begun := sub.body, sub.sent
	idle := sub.droppableLocked()
	sub.mu.Unlock()
	if !idle || begun && !sub.repeatable(body.Bytes()) {
		return
	}
	sub.mu.Lock()
	defer sub.mu.Unlock()
	if !sub.droppableLocked() || sub.sent != begun {
		return // what is on the wire, or was, drops them later
	}
	sub.body = pool.Body{}
	now := time.Now()
	sub.uncountLocked(now)
	for _, d := range sub.deliveries {
		if d.item != nil {
			sub.sender.sched.Dropped(now, d.item)
		}
	}
}

// idleLocked reports whether the bytes are held and not on the wire.
func (sub *Submission) droppableLocked() bool {
	return sub.counted && sub.inFlight == 0 && sub.open > 0
}

// releaseLocked has the Scheduler count the bytes no more.
func (sub *Submission) uncountLocked(now time.Time) {
	if sub.counted {
		sub.counted = false
		sub.sender.sched.Release(now, sub.countedFor, sub.lane, sub.size)
	}
}

// assure reports whether the bytes that were sent can be had again when they are
// dropped. It proves it once, and writes them to a file where it is not so. It is
// called with making held.
func (sub *Submission) repeatable(data []byte) bool {
	sub.mu.Lock()
	summed, verdict, file := sub.summed, sub.repeats, sub.file
	sub.mu.Unlock()
	if file != "" || verdict == repeatsSame {
		return true
	}
	if !summed || verdict == repeatsUnknown {
		sum := sha256.Sum256(data)
		verdict = sub.prove(sum)
		sub.mu.Lock()
		sub.sum, sub.summed, sub.repeats = sum, true, verdict
		sub.mu.Unlock()
	}
	return verdict == repeatsSame || sub.spool(data)
}

// prove renders a Msg once more, to find out whether it comes out the same.
// Data does, so long as the caller leaves it alone.
func (sub *Submission) prove(sum [sha256.Size]byte) repeatability {
	if sub.message.Msg == nil {
		return repeatsSame
	}
	if again, err := sub.message.render(); err == nil && sha256.Sum256(again.Bytes()) == sum {
		return repeatsSame
	}
	return repeatsOther
}

// spool writes the bytes to a file of their own, if there is a directory for
// that. They are kept in memory when that fails.
func (sub *Submission) spool(data []byte) bool {
	dir := sub.sender.cfg.SpoolDir
	if dir == "" {
		return false
	}
	file, err := writeFile(dir, data)
	if err != nil {
		sub.sender.cfg.Logger.Warn("smtpace: message cannot be written to SpoolDir and is kept in memory", "error", err)
		return false
	}
	sub.mu.Lock()
	settled := sub.open == 0
	if !settled {
		sub.file = file
	}
	sub.mu.Unlock()
	if settled {
		sub.removeFile(file)
	}
	return !settled
}

func (sub *Submission) removeFile(file string) {
	if err := os.Remove(file); err != nil {
		sub.sender.cfg.Logger.Warn("smtpace: file of a settled message cannot be removed", "error", err)
	}
}

// writeFile writes data to a new file, of which nothing is left when it fails.
func writeFile(dir string, data []byte) (name string, err error) {
	f, err := os.CreateTemp(dir, "smtpace-*.eml")
	if err != nil {
		return "", err
	}
	_, err = f.Write(data)
	if err := errors.Join(err, f.Close()); err != nil {
		return "", errors.Join(err, os.Remove(f.Name()))
	}
	return f.Name(), nil
}
