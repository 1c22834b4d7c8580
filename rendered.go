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
	making sync.Mutex // held while the bytes are made
	body   pool.Body  // empty when they are not held
	known  bool       // they were made at least once
	begun  bool       // a transaction was begun with them
	onWire int        // deliveries on the wire
	rests  bool       // it may be in Sender.resting

	holding bool   // the Scheduler counts them
	held    string // for this destination
	size    int64  // at this size

	sum     [sha256.Size]byte
	summed  bool // sum is that of the bytes that were sent
	verdict repeatable
	file    string // in Config.SpoolDir; "" when there is none
}

// repeatable tells whether a message renders to the same bytes every time.
type repeatable uint8

const (
	unproven repeatable = iota
	repeats
	differs
)

// keepRendered is how long the bytes of a message are held that is not on the
// wire.
const keepRendered = 5 * time.Second

// render returns the bytes of the message, which it makes unless they are held.
// Its error wraps ErrInvalid for a message that cannot be sent as it is, ErrChanged
// for one that was sent and is another now, and else ErrLocal.
func (l *letter) render() (pool.Body, error) {
	if body, ok := l.heldBody(); ok {
		return body, nil
	}
	l.making.Lock()
	defer l.making.Unlock()
	if body, ok := l.heldBody(); ok {
		return body, nil
	}
	body, err := l.make()
	if err != nil {
		return pool.Body{}, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.body = body
	if !l.known && l.in.Msg != nil {
		l.s.sizes.add(body.Len())
		l.s.admission(l.lane).resize(&l.pass, int64(body.Len()))
	}
	l.known = true
	return body, nil
}

// heldBody returns the bytes that are held, and whether there are any.
func (l *letter) heldBody() (pool.Body, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.body, l.body.Len() > 0
}

// make reads the message from its file or renders it, and compares it with what
// was sent.
func (l *letter) make() (pool.Body, error) {
	l.mu.Lock()
	file, known, summed, sum := l.file, l.known, l.summed, l.sum
	l.mu.Unlock()
	var body pool.Body
	var err error
	if file != "" {
		body, err = readBody(file)
	} else {
		body, err = l.in.render()
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
func (l *letter) useLocked(d *delivery, body pool.Body) {
	l.unrestLocked()
	l.onWire++
	l.body = body
	if l.holding {
		return
	}
	l.holding, l.held, l.size = true, d.destination, l.ownSize(body.Bytes())
	now := time.Now()
	l.s.sched.Hold(now, l.held, l.lane, l.size)
	for _, other := range l.parts {
		if other.item != nil {
			l.s.sched.Rendered(now, other.item)
		}
	}
}

// ownSize returns how many bytes are held of data: none where they are the
// caller's.
func (l *letter) ownSize(data []byte) int64 {
	if l.in.Msg == nil && len(data) > 0 && &data[0] == &l.in.Data[0] {
		return 0
	}
	return int64(len(data))
}

// usedLocked notes that a delivery has left the wire.
func (l *letter) usedLocked(begun bool) {
	l.onWire--
	l.begun = l.begun || begun
}

// rest drops the bytes when the next try is far, and else leaves them to
// Sender.resting; so long as a delivery is on the wire they stay.
func (l *letter) rest(now time.Time) {
	l.mu.Lock()
	if l.onWire > 0 || !l.holding || l.open == 0 || len(l.parts) == 0 {
		l.mu.Unlock()
		return
	}
	l.rechargeLocked(now)
	far := true
	for _, d := range l.parts {
		far = far && d.due.Sub(now) > keepRendered
	}
	var evicted []*letter
	if !far {
		l.rests = true
		evicted = l.s.resting.add(l, l.size, now)
	}
	l.mu.Unlock()
	if far {
		l.drop()
	}
	for _, other := range evicted {
		other.drop()
	}
}

// unrestLocked takes the message out of Sender.resting.
func (l *letter) unrestLocked() {
	if l.rests {
		l.rests = false
		l.s.resting.remove(l)
	}
}

// rechargeLocked has the bytes count for a destination that they are still
// needed for.
func (l *letter) rechargeLocked(now time.Time) {
	if c := l.pass.of(l.held); c != nil && c.deliveries > 0 {
		return
	}
	l.s.sched.Release(now, l.held, l.lane, l.size)
	l.held = l.parts[0].destination
	l.s.sched.Hold(now, l.held, l.lane, l.size)
}

// drop drops the bytes, if they can be made again, and unless the message has
// gone on the wire meanwhile.
func (l *letter) drop() {
	l.making.Lock()
	defer l.making.Unlock()
	l.mu.Lock()
	body, begun := l.body, l.begun
	idle := l.idleLocked()
	l.mu.Unlock()
	if !idle || begun && !l.assure(body.Bytes()) {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.idleLocked() || l.begun != begun {
		return // what is on the wire, or was, drops them later
	}
	l.body = pool.Body{}
	now := time.Now()
	l.releaseLocked(now)
	for _, d := range l.parts {
		if d.item != nil {
			l.s.sched.Dropped(now, d.item)
		}
	}
}

// idleLocked reports whether the bytes are held and not on the wire.
func (l *letter) idleLocked() bool { return l.holding && l.onWire == 0 && l.open > 0 }

// releaseLocked has the Scheduler count the bytes no more.
func (l *letter) releaseLocked(now time.Time) {
	if l.holding {
		l.holding = false
		l.s.sched.Release(now, l.held, l.lane, l.size)
	}
}

// assure reports whether the bytes that were sent can be had again when they are
// dropped. It proves it once, and writes them to a file where it is not so. It is
// called with making held.
func (l *letter) assure(data []byte) bool {
	l.mu.Lock()
	summed, verdict, file := l.summed, l.verdict, l.file
	l.mu.Unlock()
	if file != "" || verdict == repeats {
		return true
	}
	if !summed || verdict == unproven {
		sum := sha256.Sum256(data)
		verdict = l.prove(sum)
		l.mu.Lock()
		l.sum, l.summed, l.verdict = sum, true, verdict
		l.mu.Unlock()
	}
	return verdict == repeats || l.spool(data)
}

// prove renders a Msg once more, to find out whether it comes out the same.
// Data does, so long as the caller leaves it alone.
func (l *letter) prove(sum [sha256.Size]byte) repeatable {
	if l.in.Msg == nil {
		return repeats
	}
	if again, err := l.in.render(); err == nil && sha256.Sum256(again.Bytes()) == sum {
		return repeats
	}
	return differs
}

// spool writes the bytes to a file of their own, if there is a directory for
// that. They are kept in memory when that fails.
func (l *letter) spool(data []byte) bool {
	dir := l.s.cfg.SpoolDir
	if dir == "" {
		return false
	}
	file, err := writeFile(dir, data)
	if err != nil {
		l.s.cfg.Logger.Warn("smtpace: message cannot be written to SpoolDir and is kept in memory", "error", err)
		return false
	}
	l.mu.Lock()
	settled := l.open == 0
	if !settled {
		l.file = file
	}
	l.mu.Unlock()
	if settled {
		l.removeFile(file)
	}
	return !settled
}

func (l *letter) removeFile(file string) {
	if err := os.Remove(file); err != nil {
		l.s.cfg.Logger.Warn("smtpace: file of a settled message cannot be removed", "error", err)
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
