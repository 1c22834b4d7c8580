package main

import (
	"hash/maphash"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// repeats finds the lines that tell of one reply again: mail servers log the reply to
// MAIL, DATA or the dot for each recipient, and some log one for the server and one for
// the recipient. The same recipient again is a further try.
type repeats struct {
	seed    maphash.Seed
	replies map[uint64]replied
	told    map[uint64]bool    // recipients whose line has come, by reply and try
	ring    [maxRepeats]uint64 // the keys of told and their replies, the oldest at next
	keys    [maxRepeats]uint64
	next    int
}

// replied is a reply that was seen.
type replied struct {
	last time.Time
	try  uint64 // how often the reply was seen anew
}

const (
	// maxRepeats bounds the lines that are remembered.
	maxRepeats = 4096
	// repeatWithin is how long a message goes without a further try, at least.
	repeatWithin = 30 * time.Second
)

func newRepeats() *repeats {
	return &repeats{
		seed: maphash.MakeSeed(), replies: make(map[uint64]replied, maxRepeats), told: make(map[uint64]bool, maxRepeats),
	}
}

// has reports whether an earlier line had the same reply, to another recipient.
func (r *repeats) has(a *answer) bool {
	if a.id == "" {
		return false
	}
	key := r.key(a)
	seen, known := r.replies[key]
	gap := a.time.Sub(seen.last)
	again := known && gap < repeatWithin && gap > -repeatWithin && !r.told[r.recipientKey(a, key, seen.try)]
	if known && !again {
		seen.try++
	}
	seen.last = a.time
	r.replies[key] = seen
	r.tell(key, r.recipientKey(a, key, seen.try))
	return again
}

// tell remembers a line in place of the oldest one.
func (r *repeats) tell(key, recipient uint64) {
	if old := r.ring[r.next]; old != 0 {
		delete(r.told, old)
		delete(r.replies, r.keys[r.next])
	}
	r.ring[r.next], r.keys[r.next] = recipient, key
	r.next = (r.next + 1) % maxRepeats
	r.told[recipient] = true
}

// key stands for a reply: each RCPT has its own.
func (r *repeats) key(a *answer) uint64 {
	var h maphash.Hash
	h.SetSeed(r.seed)
	for _, part := range [...]string{a.id, a.process, a.host, a.text} {
		h.WriteString(part)
		h.WriteByte(0)
	}
	if a.stage == classify.StageRcpt || a.stage == classify.StageUnknown || a.host == "" {
		h.WriteString(a.recipient)
	}
	h.WriteByte(byte(a.stage))
	return h.Sum64()
}

// recipientKey stands for the line of a recipient, or of the server, that tells of a
// reply.
func (r *repeats) recipientKey(a *answer, key, try uint64) uint64 {
	recipient := a.recipient
	if a.ofServer {
		recipient = ""
	}
	return maphash.String(r.seed, recipient) ^ (key + try*0x9e3779b97f4a7c15) | 1
}
