package smtpace

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"time"

	"github.com/smtpace/smtpace/pool"
)

// content is the rendered bytes of a message. They are made when a connection
// first takes the message, dropped when the next try is far, and made again for
// it. Once a transaction was begun with them, only the same bytes are sent.
//
// Submission.mu guards all fields but renderMu.
type content struct {
	renderMu     sync.Mutex // held while the message is rendered; locked before Submission.mu
	body         pool.Body  // empty while the bytes are not in memory
	renderedOnce bool       // whether the message was rendered before
	sent         bool       // whether a transaction was begun with the bytes
	inFlight     int        // number of deliveries in flight
	cached       bool       // whether Sender.cache has the message

	counted    bool   // whether the Scheduler counts the bytes
	countedFor string // destination that they count for
	size       int64  // number of bytes that they count

	sum     [sha256.Size]byte // hash of the bytes that were sent
	summed  bool              // whether sum is set
	repeats repeatability
	file    string // name of the copy in Config.SpoolDir; "" when there is none
}

// render returns the bytes of the message. It makes them unless they are in
// memory. Its error wraps ErrInvalid for a message that cannot be sent as it is,
// ErrChanged when the bytes are no longer those that were sent, and else
// ErrLocal.
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

// rendered returns the bytes that are in memory, and whether there are any.
func (sub *Submission) rendered() (pool.Body, bool) {
	sub.mu.Lock()
	defer sub.mu.Unlock()
	return sub.body, sub.body.Len() > 0
}

// remake reads the message from its file or renders it, and compares it with
// the bytes that were sent.
func (sub *Submission) remake() (pool.Body, error) {
	sub.mu.Lock()
	file, again, summed, sum := sub.file, sub.renderedOnce, sub.summed, sub.sum
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
	case err != nil && again: // it was valid, and may have been sent
		return pool.Body{}, fmt.Errorf("%w: rendering the message again: %v", ErrLocal, err)
	case err != nil && !errors.Is(err, ErrInvalid):
		return pool.Body{}, fmt.Errorf("%w: rendering the message: %w", ErrLocal, err)
	case err == nil && summed && sha256.Sum256(body.Bytes()) != sum:
		return pool.Body{}, ErrChanged
	}
	return body, err
}

// startLocked notes that d goes in flight with these bytes.
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
		if other.state == stateQueued {
			sub.sender.sched.Rendered(now, other.item)
		}
	}
}

// finishLocked notes that a delivery is in flight no more, and whether its
// transaction was begun.
func (sub *Submission) finishLocked(begun bool) {
	sub.inFlight--
	sub.sent = sub.sent || begun
}

// ownSize returns the number of bytes that data adds to the caller's: zero for
// the caller's own Data.
func (sub *Submission) ownSize(data []byte) int64 {
	if sub.message.Msg == nil && len(data) > 0 && &data[0] == &sub.message.Data[0] {
		return 0
	}
	return int64(len(data))
}

// keepOrDrop drops the bytes when every next try is far, and else has
// Sender.cache keep them for a while. It does nothing while a delivery is in
// flight.
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

// uncacheLocked takes the message out of Sender.cache.
func (sub *Submission) uncacheLocked() {
	if sub.cached {
		sub.cached = false
		sub.sender.cache.remove(sub)
	}
}

// recountLocked has the bytes count for a destination that still needs them.
func (sub *Submission) recountLocked(now time.Time) {
	if c := sub.admitted.of(sub.countedFor); c != nil && c.deliveries > 0 {
		return
	}
	sub.sender.sched.Release(now, sub.countedFor, sub.lane, sub.size)
	sub.countedFor = sub.deliveries[0].destination
	sub.sender.sched.Hold(now, sub.countedFor, sub.lane, sub.size)
}

// uncountLocked has the Scheduler count the bytes no more.
func (sub *Submission) uncountLocked(now time.Time) {
	if sub.counted {
		sub.counted = false
		sub.sender.sched.Release(now, sub.countedFor, sub.lane, sub.size)
	}
}

// drop drops the bytes, unless they are in use or could not be made again.
func (sub *Submission) drop() {
	sub.renderMu.Lock()
	defer sub.renderMu.Unlock()
	sub.mu.Lock()
	body, sent := sub.body, sub.sent
	droppable := sub.droppableLocked()
	sub.mu.Unlock()
	if !droppable || sent && !sub.repeatable(body.Bytes()) {
		return
	}
	sub.mu.Lock()
	defer sub.mu.Unlock()
	if !sub.droppableLocked() || sub.sent != sent {
		return // the delivery that was in flight meanwhile drops them later
	}
	sub.body = pool.Body{}
	now := time.Now()
	sub.uncountLocked(now)
	for _, d := range sub.deliveries {
		if d.state == stateQueued {
			sub.sender.sched.Dropped(now, d.item)
		}
	}
}

// droppableLocked reports whether the bytes are in memory and not in use.
func (sub *Submission) droppableLocked() bool {
	return sub.counted && sub.inFlight == 0 && sub.open > 0
}
