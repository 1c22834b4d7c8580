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
	replies [maxRepeats]replied // by the last digits of their keys; a newer one takes the place
	told    [maxRepeats]uint64  // the keys of recipients whose line has come, likewise
}

// replied is a reply that was seen.
type replied struct {
	key  uint64
	last time.Time
	try  uint64 // times that the reply was seen anew
}

const (
	// maxRepeats is the number of replies that are remembered, a power of two.
	maxRepeats = 1 << 14
	// repeatWithin is the least time for which a message goes without a further try.
	repeatWithin = 30 * time.Second
)

func newRepeats() *repeats { return &repeats{seed: maphash.MakeSeed()} }

// has reports whether an earlier line had the same reply, to another recipient.
func (r *repeats) has(a *answer) bool {
	if a.id == "" {
		return false
	}
	key := r.key(a)
	seen := &r.replies[key%maxRepeats]
	if seen.key != key {
		*seen = replied{key: key, last: a.time}
		r.tell(r.recipientKey(a, key, 0))
		return false
	}
	gap := a.time.Sub(seen.last)
	seen.last = a.time
	recipient := r.recipientKey(a, key, seen.try)
	if gap < repeatWithin && gap > -repeatWithin && r.told[recipient%maxRepeats] != recipient {
		r.tell(recipient)
		return true
	}
	seen.try++
	r.tell(r.recipientKey(a, key, seen.try))
	return false
}

// tell remembers the line of a recipient.
func (r *repeats) tell(recipient uint64) { r.told[recipient%maxRepeats] = recipient }

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
	return maphash.String(r.seed, recipient) ^ (key + try*0x9e3779b97f4a7c15)
}
