package smtpace

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/smtpace/smtpace/internal/printable"
	"github.com/smtpace/smtpace/pool"
	"github.com/wneessen/go-mail"
)

// rendering is the making of the bytes of a message, by a goroutine that does nothing
// else meanwhile; see renderers.
type rendering struct {
	ahead   bool          // whether no connection has taken the message yet; guarded by Submission.mu
	alone   bool          // whether one goroutine waits for it, so that done is sent to
	aborted atomic.Bool   // whether the next write of the Msg fails
	done    chan struct{} // closed, or sent to, when body and err are set
	body    pool.Body
	err     error
}

// source is the origin of the bytes of a message, and their hash if they were sent.
type source struct {
	msg     *mail.Msg // nil means that it is made from data
	data    []byte
	parties uint64 // Submission.parties
	file    string // name of the copy in Config.SpoolDir; "" when there is none
	again   bool   // whether the message was rendered before
	summed  bool   // whether sum is set
	sum     [sha256.Size]byte
}

// errDataChanged is the error of a message whose Data is no longer what was given.
var errDataChanged = fmt.Errorf("%w: its Data was changed", ErrChanged)

// abandonAfter is the time for which a rendering is waited for once its result is
// not needed any more.
const abandonAfter = 50 * time.Millisecond

// render returns the bytes of the message. It makes them unless they are in memory. Its
// error wraps ErrInvalid for a message that cannot be sent as it is, ErrChanged if the
// bytes differ from those that were sent, ErrClosed if Shutdown or Close did not wait
// for them, and else ErrLocal.
func (sub *Submission) render() (pool.Body, error) {
	sub.mu.Lock()
	src, body := sub.sourceLocked(), sub.body
	if err := sub.failed; err != nil {
		sub.failed = nil
		sub.mu.Unlock()
		return pool.Body{}, err
	}
	if body.Len() == 0 && sub.isMadeLocked() {
		r := sub.renderLocked(src, false)
		r.ahead = false
		sub.mu.Unlock()
		return sub.sender.await(r)
	}
	shared := sub.ownSize(body.Bytes()) == 0
	sub.mu.Unlock()
	switch {
	case sub.edges != 0 && shared && edgesHash(src.data) != sub.edges:
		return pool.Body{}, errDataChanged
	case body.Len() == 0:
		return src.make(nil)
	case shared && src.summed && sha256.Sum256(body.Bytes()) != src.sum:
		return pool.Body{}, ErrChanged
	}
	return body, nil
}

// isReady reports whether render does not wait.
func (sub *Submission) isReady() bool {
	if sub.message.Msg == nil && !sub.owned {
		return true
	}
	sub.mu.Lock()
	defer sub.mu.Unlock()
	return sub.body.Len() > 0 || !sub.isMadeLocked()
}

// isMadeLocked reports whether it takes a goroutine to make the bytes: they are
// rendered from a Msg, or read from a file.
func (sub *Submission) isMadeLocked() bool { return sub.message.Msg != nil || sub.file != "" }

// renderAhead begins to make the bytes of a message that a connection will take
// soon. It returns nil when there is nothing to make.
func (sub *Submission) renderAhead() *rendering {
	sub.mu.Lock()
	defer sub.mu.Unlock()
	if sub.body.Len() > 0 || sub.failed != nil || sub.open == 0 || !sub.isMadeLocked() {
		return nil
	}
	return sub.renderLocked(sub.sourceLocked(), true)
}

// renderLocked begins a rendering, unless one runs, and returns it.
func (sub *Submission) renderLocked(src source, ahead bool) *rendering {
	if sub.rendering == nil {
		sub.beginLocked(&rendering{ahead: ahead, done: make(chan struct{})}, src)
	}
	return sub.rendering
}

// beginLocked begins a rendering.
func (sub *Submission) beginLocked(r *rendering, src source) {
	sub.rendering = r
	sub.holdMsgLocked()
	sub.sender.renderers.start(renderJob{sub, r, src})
}

// end tells who waits for a rendering that it has ended.
func (r *rendering) end() {
	if r.alone {
		r.done <- struct{}{}
	} else {
		close(r.done)
	}
}

// sourceLocked returns what the bytes are made from at present.
func (sub *Submission) sourceLocked() source {
	return source{sub.message.Msg, sub.message.Data, sub.parties, sub.file, sub.renderedOnce, sub.summed, sub.sum}
}

// errWriterEnded is the error of a rendering whose writer has ended the goroutine.
var errWriterEnded = fmt.Errorf("%w: a writer of the Msg has ended its goroutine", ErrLocal)

// make carries out a rendering.
func (sub *Submission) make(r *rendering, src source) {
	r.err = errWriterEnded
	defer sub.made(r)
	r.body, r.err = src.make(&r.aborted)
}

// made hands over what a rendering has made.
func (sub *Submission) made(r *rendering) {
	sub.letMsgGo()
	defer r.end()
	sub.mu.Lock()
	sub.rendering = nil
	var evicted []*Submission
	switch {
	case sub.open == 0:
	case r.err == nil:
		evicted = sub.renderedLocked(r)
	case r.ahead:
		sub.failed = r.err
	}
	sub.mu.Unlock()
	for _, other := range evicted {
		other.drop()
	}
}

// renderedLocked notes the bytes of a message that has waited for them. It returns
// the messages that the caller must drop.
func (sub *Submission) renderedLocked(r *rendering) (evicted []*Submission) {
	if !sub.renderedOnce {
		sub.renderedOnce = true
		sub.sender.sizes.add(r.body.Len())
		sub.sender.admission(sub.lane).resize(&sub.admitted, int64(r.body.Len()))
	}
	if !r.ahead { // the connection that waits for the bytes counts them
		sub.body = r.body
		return nil
	}
	if len(sub.deliveries) == 0 {
		return nil
	}
	now := time.Now()
	for _, d := range sub.deliveries {
		if d.state != stateQueued {
			continue
		}
		if sub.body.Len() == 0 {
			sub.body = r.body
			sub.countLocked(now, d.destination)
			evicted = sub.cacheLocked(now)
		}
		if sub.sender.cache.fits(sub.size) {
			sub.sender.sched.RenderedAhead(d.item, sub.body.Len())
		} else { // it might wait for the room that it takes up itself
			sub.sender.sched.Rendered(now, d.item)
		}
	}
	return evicted
}

// await returns the bytes of a rendering. It does not wait for long once Shutdown
// or Close has been called.
func (s *Sender) await(r *rendering) (pool.Body, error) {
	select {
	case <-r.done:
		return r.body, r.err
	case <-s.registry.closing:
	}
	if r.abandon() {
		return r.body, r.err
	}
	return pool.Body{}, fmt.Errorf("%w while the message was rendered", ErrClosed)
}

// abandon stops a rendering whose result is not needed any more, and reports whether
// it has ended. It waits for that, but not for long.
func (r *rendering) abandon() bool {
	r.aborted.Store(true)
	select {
	case <-r.done:
		return true
	case <-time.After(abandonAfter):
		return false
	}
}

// holdMsgLocked notes that a rendering begins to read the Msg.
func (sub *Submission) holdMsgLocked() {
	sub.use.hold()
	if sub.batch != nil {
		sub.batch.readers.Add(1)
	}
}

// letMsgGo notes that a rendering reads the Msg no more.
func (sub *Submission) letMsgGo() {
	sub.use.release()
	if sub.batch != nil {
		sub.batch.readers.Done()
	}
}

// make reads the message from its file or renders it, and compares it with the
// bytes that were sent. Rendering ends when aborted is set; nil means never.
func (src *source) make(aborted *atomic.Bool) (body pool.Body, err error) {
	if src.file != "" {
		body, err = readBody(src.file)
	} else {
		err = unpanicked("a writer of the Msg", func() (err error) {
			body, err = render(src.msg, src.data, aborted)
			return err
		})
		err = printable.Error(err) // it may be one of the caller's writers
		if src.parties != 0 && partiesHash(src.msg) != src.parties {
			err = fmt.Errorf("%w: its Msg has other recipients now", ErrChanged)
		}
	}
	switch {
	case errors.Is(err, ErrChanged):
		return pool.Body{}, err
	case err != nil && src.again: // it was valid, and may have been sent
		return pool.Body{}, fmt.Errorf("%w: rendering the message again: %v", ErrLocal, err)
	case err != nil && !errors.Is(err, ErrInvalid):
		return pool.Body{}, fmt.Errorf("%w: rendering the message: %w", ErrLocal, err)
	case err == nil && src.summed && sha256.Sum256(body.Bytes()) != src.sum:
		return pool.Body{}, ErrChanged
	}
	return body, err
}
