package smtpace

import (
	"context"
	"fmt"
	"hash/maphash"
	"runtime"
	"sync"

	"github.com/smtpace/smtpace/pool"
	"github.com/wneessen/go-mail"
)

// msgUses are the Msgs that the Sender reads or may read. A Msg is not safe for
// concurrent use, so each has one use at a time.
type msgUses struct {
	shards [16]msgShard
}

// msgShard is the part of msgUses for some Msgs. Its lock is a leaf.
type msgShard struct {
	mu   sync.Mutex
	uses map[*mail.Msg]*msgUse
}

// msgUse is the use of a Msg for one message. A nil msgUse is none.
type msgUse struct {
	msg     *mail.Msg
	shard   *msgShard
	holders int           // the message, and the renderings that run
	lent    bool          // whether the Msg is read after the call that has given it
	decided chan struct{} // closed when the use ends, or lent is set; nil while nobody waits for that
}

// errMsgInUse is the error of a message whose Msg may still be read for another.
var errMsgInUse = fmt.Errorf("%w: its Msg is being sent for another message; give each message a Msg of its own, or wait until the other is settled", ErrInvalid)

// msgSeed is the seed of all hashes of Msgs.
var msgSeed = maphash.MakeSeed()

// begin begins the use of a Msg. It waits while another call is being given the
// same Msg. Its errors are errMsgInUse and the cause of ctx.
func (u *msgUses) begin(ctx context.Context, m *mail.Msg) (*msgUse, error) {
	shard := &u.shards[maphash.Comparable(msgSeed, m)%uint64(len(u.shards))]
	for {
		use, other := shard.begin(m)
		switch {
		case use != nil:
			return use, nil
		case other == nil:
			return nil, errMsgInUse
		}
		select {
		case <-other:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// begin returns a new use of a Msg. If there is one, it returns the channel to wait
// for, or nil when that use lasts until its message is settled.
func (s *msgShard) begin(m *mail.Msg) (use *msgUse, wait <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if other := s.uses[m]; other != nil {
		if other.lent {
			return nil, nil
		}
		if other.decided == nil {
			other.decided = make(chan struct{})
		}
		return nil, other.decided
	}
	if s.uses == nil {
		s.uses = map[*mail.Msg]*msgUse{}
	}
	use = &msgUse{msg: m, shard: s, holders: 1}
	s.uses[m] = use
	return use, nil
}

// lend has the use last until its message is settled.
func (u *msgUse) lend() {
	u.shard.mu.Lock()
	defer u.shard.mu.Unlock()
	u.lent = true
	u.decideLocked()
}

// decideLocked lets go on who waits for the use to end, or to last.
func (u *msgUse) decideLocked() {
	if u.decided != nil {
		close(u.decided)
		u.decided = nil
	}
}

// hold adds a holder.
func (u *msgUse) hold() {
	if u == nil {
		return
	}
	u.shard.mu.Lock()
	defer u.shard.mu.Unlock()
	u.holders++
}

// release drops a holder. The last one ends the use.
func (u *msgUse) release() {
	if u == nil {
		return
	}
	u.shard.mu.Lock()
	defer u.shard.mu.Unlock()
	if u.holders--; u.holders > 0 {
		return
	}
	delete(u.shard.uses, u.msg)
	u.decideLocked()
}

// takeOver renders the Msg of a message that nobody else knows yet. The bytes become the
// Data of the message, and the Msg is not read again. It reports false when rendering
// fails. It waits until the writers of the Msg have returned, however long that takes:
// the caller may change the Msg afterwards. Its errors are ErrClosed and the cause of
// ctx, when one of them ends the wait.
func (sub *Submission) takeOver(ctx context.Context) (taken bool, err error) {
	r := sub.batch.takeRendering()
	sub.mu.Lock()
	sub.beginLocked(r, sub.sourceLocked())
	sub.mu.Unlock()
	runtime.Gosched() // mostly it is rendered now: a wait costs more
	select {
	case <-r.done:
	case <-ctx.Done():
		r.abandon()
		return false, context.Cause(ctx)
	case <-sub.sender.registry.closing:
		r.abandon()
		return false, ErrClosed
	}
	body, err := r.body, r.err
	sub.batch.leaveRendering(r)
	if err != nil {
		return false, nil
	}
	sub.mu.Lock()
	defer sub.mu.Unlock()
	sub.message.Msg, sub.message.Data = nil, body.Bytes()
	sub.body, sub.owned, sub.repeats = body, true, repeatsOther
	return true, nil
}

// takeRendering returns a rendering that one goroutine waits for: the one of the message
// before, if that is of the same batch. A nil batch has none.
func (b *batch) takeRendering() (r *rendering) {
	if b != nil && b.rendering != nil {
		r, b.rendering = b.rendering, nil
		return r
	}
	return &rendering{ahead: true, alone: true, done: make(chan struct{}, 1)}
}

// leaveRendering keeps a rendering that has ended for the next message of a batch.
func (b *batch) leaveRendering(r *rendering) {
	if b != nil {
		r.body, r.err = pool.Body{}, nil
		b.rendering = r
	}
}

// readMsg renders the Msg of a message now, or has it rendered when a connection
// takes the message. Its errors are those of takeOver.
func (sub *Submission) readMsg(ctx context.Context, in *incoming) error {
	if in.batch == nil || in.batch.rendersNow(in.message.Msg) {
		taken, err := sub.takeOver(ctx)
		if err != nil {
			return err
		}
		if taken {
			sub.use.release()
			sub.use = nil
			return nil
		}
	}
	sub.parties = partiesHash(sub.message.Msg)
	sub.use.lend()
	return nil
}

// partiesHash returns a hash of the sender and the recipients of a Msg, which
// differs when somebody fills the Msg in for another recipient; 0 for nil.
func partiesHash(msg *mail.Msg) uint64 {
	if msg == nil {
		return 0
	}
	var h maphash.Hash
	h.SetSeed(msgSeed)
	for _, header := range [...]mail.AddrHeader{mail.HeaderEnvelopeFrom, mail.HeaderFrom, mail.HeaderTo, mail.HeaderCc, mail.HeaderBcc} {
		_ = h.WriteByte(1)
		for _, a := range msg.GetAddrHeader(header) {
			if a != nil {
				_, _ = h.WriteString(a.Address)
				_ = h.WriteByte(0)
			}
		}
	}
	return max(h.Sum64(), 1)
}

// firstMsgs is the number of Msgs of a SendAll that are rendered before its sequence
// goes on, to find out whether it gives the same Msg again.
const firstMsgs = 16

// rendersNow reports whether a Msg is to be rendered before the sequence goes on,
// which may fill it in anew. It does so for the first Msgs, and for all once one was
// given twice.
func (b *batch) rendersNow(m *mail.Msg) bool {
	for _, seen := range b.first {
		b.reuses = b.reuses || seen == m
	}
	switch {
	case b.reuses:
		return true
	case len(b.first) == firstMsgs:
		return false
	}
	b.first = append(b.first, m)
	return true
}

// edge is the number of bytes at each end of Data that edgesHash looks at.
const edge = 4 << 10

// edgesHash returns a hash of the first and the last bytes of Data. It differs when
// the caller fills the same memory in for another recipient, and costs little for
// large messages.
func edgesHash(data []byte) uint64 {
	if len(data) <= 2*edge {
		return max(maphash.Bytes(msgSeed, data), 1)
	}
	first, last := maphash.Bytes(msgSeed, data[:edge]), maphash.Bytes(msgSeed, data[len(data)-edge:])
	return max(first^last*31, 1)
}
