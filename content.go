package smtpace

import (
	"crypto/sha256"
	"time"

	"github.com/smtpace/smtpace/pool"
)

// content is the rendered bytes of a message. They are made when a connection
// takes the message or is about to, dropped when the next try is far, and made
// again for it. Once a transaction was begun with them, only the same bytes are
// sent.
//
// Submission.mu guards all fields.
type content struct {
	body         pool.Body  // empty while the bytes are not in memory
	rendering    *rendering // rendering that runs; nil when none does
	failed       error      // error of the last rendering, for the connection that takes the message next; nil when there is none
	owned        bool       // whether Data is the rendered Msg, which nobody else can change; it does not change once the message is accepted
	renderedOnce bool       // whether the message was rendered before
	sent         bool       // whether a transaction was begun with the bytes
	unmade       bool       // whether Sender.unmade counts the message
	inFlight     int        // number of deliveries in flight
	cached       bool       // whether Sender.cache has the message

	counted    bool   // whether the Scheduler counts the bytes
	announced  bool   // whether the Scheduler knows that all queued deliveries are held rendered
	countedFor string // destination that they count for
	size       int64  // number of bytes that they count

	sum     [sha256.Size]byte // hash of the bytes that were sent
	summed  bool              // whether sum is set
	proving bool              // whether proveAndDrop runs
	repeats repeatability
	file    string // name of the copy in Config.SpoolDir; "" when there is none
}

// startLocked notes that d goes in flight with these bytes.
func (sub *Submission) startLocked(d *delivery, body pool.Body) {
	sub.uncacheLocked()
	sub.inFlight++
	sub.renderedOnce = true
	if sub.body.Len() == 0 {
		sub.body = body
	}
	if sub.holdsWithGrant(d) { // no other delivery waits
		return
	}
	now := time.Now()
	if !sub.counted {
		sub.countLocked(now, d.destination)
	}
	if sub.announced {
		return
	}
	sub.announced = true
	for _, other := range sub.deliveries {
		if other.state == stateQueued {
			sub.sender.sched.Rendered(now, other.item)
		}
	}
}

// bytesLocked returns the size of the message; 0 when it is not known yet.
func (sub *Submission) bytesLocked() int {
	switch {
	case sub.body.Len() > 0:
		return sub.body.Len()
	case sub.renderedOnce:
		return int(sub.admitted.bytes)
	}
	return len(sub.message.Data)
}

// holdsWithGrant reports whether the grant of d has the message count as held, for
// as long as it lasts: at the first try to a single recipient, when the bytes are
// there while the message waits and cannot be dropped.
func (sub *Submission) holdsWithGrant(d *delivery) bool {
	return d.tries == nil && len(sub.recipients) == 1 && sub.message.Msg == nil && (!sub.owned || sub.sender.cfg.SpoolDir == "")
}

// countLocked has the Scheduler count the bytes for a destination that it knows.
func (sub *Submission) countLocked(now time.Time, destination string) {
	sub.counted, sub.countedFor, sub.size = true, destination, sub.ownSize(sub.body.Bytes())
	sub.sender.sched.Hold(now, sub.countedFor, sub.lane, sub.size)
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
	if sub.message.Msg == nil && len(data) > 0 && len(sub.message.Data) > 0 && &data[0] == &sub.message.Data[0] {
		return 0
	}
	return int64(len(data))
}

// restsLocked reports whether the bytes wait in memory for further tries.
func (sub *Submission) restsLocked() bool {
	return sub.inFlight == 0 && sub.counted && sub.open > 0 && len(sub.deliveries) > 0
}

// keepOrDrop drops the bytes when every next try is far, and else has
// Sender.cache keep them for a while. It does nothing while a delivery is in
// flight.
func (sub *Submission) keepOrDrop(now time.Time) {
	sub.sumData()
	sub.mu.Lock()
	if !sub.restsLocked() {
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
		evicted = sub.cacheLocked(now)
	}
	sub.mu.Unlock()
	if far {
		sub.drop()
	}
	for _, other := range evicted {
		other.drop()
	}
}

// cacheLocked puts the message into Sender.cache. It returns those that the caller
// must drop.
func (sub *Submission) cacheLocked(now time.Time) (evicted []*Submission) {
	sub.cached = true
	return sub.sender.cache.add(sub, sub.size, now)
}

// uncacheLocked takes the message out of Sender.cache.
func (sub *Submission) uncacheLocked() {
	if sub.cached {
		sub.cached = false
		sub.sender.cache.remove(sub)
	}
}

// recountLocked has the bytes count for a destination that still needs them, as
// soon as the Scheduler knows one.
func (sub *Submission) recountLocked(now time.Time) {
	if !sub.counted {
		return
	}
	if c := sub.admitted.of(sub.countedFor); c != nil && c.deliveries > 0 {
		return
	}
	for _, d := range sub.deliveries {
		if d.state == stateQueued || d.state == stateInFlight {
			sub.sender.sched.Release(now, sub.countedFor, sub.lane, sub.size)
			sub.countLocked(now, d.destination)
			return
		}
	}
}

// uncountLocked has the Scheduler count the bytes no more.
func (sub *Submission) uncountLocked(now time.Time) {
	if sub.counted {
		sub.counted, sub.announced = false, false
		sub.sender.sched.Release(now, sub.countedFor, sub.lane, sub.size)
	}
}

// leaveLocked leaves the memory of rendered bytes to another message. It is called at
// the end of a transaction. When that has settled the only recipient, nobody reads the
// bytes any more.
func (sub *Submission) leaveLocked() {
	if !sub.owned || sub.open > 0 || len(sub.recipients) != 1 || sub.proving {
		return
	}
	data := sub.message.Data
	sub.message.Data, sub.body = nil, pool.Body{}
	spare.Put(&data)
}

// drop drops the bytes, unless they are in use or could not be made again. It does
// not wait: what takes long is done by a goroutine.
func (sub *Submission) drop() {
	sub.mu.Lock()
	defer sub.mu.Unlock()
	switch {
	case !sub.droppableLocked():
	case sub.owned && sub.file == "" && sub.sender.cfg.SpoolDir != "":
		sub.proveLocked()
	case !sub.sent || sub.message.Msg == nil || sub.file != "" || sub.repeats == repeatsSame:
		sub.dropLocked(time.Now())
	default:
		sub.proveLocked()
	}
}

// proveLocked has proveAndDrop drop the bytes.
func (sub *Submission) proveLocked() {
	sub.proving = true
	sub.sender.registry.open.Add(1) // Close waits for it
	go sub.proveAndDrop(sub.body)
}

// dropLocked drops the bytes.
func (sub *Submission) dropLocked(now time.Time) {
	sub.uncacheLocked()
	sub.body = pool.Body{}
	sub.uncountLocked(now)
	for _, d := range sub.deliveries {
		if d.state == stateQueued {
			sub.sender.sched.Dropped(now, d.item)
		}
	}
}

// droppableLocked reports whether the bytes are in memory and not in use.
func (sub *Submission) droppableLocked() bool {
	return sub.counted && sub.inFlight == 0 && sub.open > 0 && !sub.proving
}
