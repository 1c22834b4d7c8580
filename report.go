package smtpace

import (
	"log/slog"
	"sync"
)

// settled counts the Result of a message and reports it. It is called once for
// each message, with no lock held.
func (s *Sender) settled(sub *Submission, r *Result) {
	s.registry.waiting.Add(-1)
	sub.use.release()
	if sub.impatient {
		s.impatient.Add(-1)
	}
	s.sweeper.after(sweepDelay)
	if s.cfg.Memory != nil {
		s.saver.after(saveEvery)
	}
	s.counters.settled(r)
	s.admission(sub.lane).leave(&sub.admitted)
	if s.isStopping() && (s.observer.Settled != nil || sub.onSettled != nil || s.journal.takes(slog.LevelInfo)) {
		s.reports.add(sub)
		return
	}
	s.report(sub)
}

// report gives a settled message to the Logger, the Observers and to its caller. What
// is deferred here and below is done also when a function of the user's ends the
// goroutine.
func (s *Sender) report(sub *Submission) {
	defer unlessPanicking(func() { s.giveBack(sub) })
	s.journal.settled(sub.result, sub.from)
	if f := s.observer.Settled; f != nil {
		f(sub.result)
	}
}

// giveBack gives a settled message to its caller.
func (s *Sender) giveBack(sub *Submission) {
	if sub.batch != nil && sub.batch.done != nil {
		sub.batch.add(unreported{sub, sub.result})
		return
	}
	if sub.batch != nil {
		defer sub.batch.end()
	}
	s.handOver(sub, sub.onSettled)
}

// handOver calls done with the Result of a message, unless done is nil or
// Unreported has taken the Result.
func (s *Sender) handOver(sub *Submission, done func(*Result)) {
	defer func() {
		sub.closeDone()
		s.registry.leave()
	}()
	if s.registry.remove(sub) && done != nil {
		s.callDone(done, sub.result)
	}
}

// callDone calls a done function.
func (s *Sender) callDone(done func(*Result), r *Result) {
	s.callbacks.enter(callDone)
	defer s.callbacks.leave(callDone)
	done(r)
}

// reports is the settled messages of a Sender that is shutting down, the first to
// be reported first. One goroutine reports them while there are any, so that what
// settles them does not wait for functions of the user's.
type reports struct {
	sender *Sender

	mu      sync.Mutex
	list    []*Submission
	running bool // whether the goroutine runs
}

// add has a message reported.
func (r *reports) add(sub *Submission) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, sub)
	if !r.running {
		r.running = true
		go r.run()
	}
}

// run reports messages until there are none.
func (r *reports) run() {
	over := false
	defer func() {
		if !over { // a function of the user's has ended the goroutine
			go r.run()
		}
	}()
	for sub := r.next(); sub != nil; sub = r.next() {
		r.sender.report(sub)
	}
	over = true
}

// next takes out the message to be reported next; nil when there is none.
func (r *reports) next() *Submission {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.list) == 0 {
		r.list, r.running = nil, false
		return nil
	}
	sub := r.list[0]
	r.list[0] = nil
	r.list = r.list[1:]
	return sub
}
