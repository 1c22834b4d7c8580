package smtpace

// Withdraw takes back every recipient that is not in a transaction at this
// moment and returns how many those are. They end as NotTried, or as GaveUp or
// Unknown when they were tried before, with cause behind their errors; nil
// stands for ErrWithdrawn. A recipient in a transaction ends with it, and gets
// no further try when it is put off. Withdraw does not wait, and does nothing
// to a message that is settled or already withdrawn.
func (sub *Submission) Withdraw(cause error) (taken int) {
	if cause == nil {
		cause = ErrWithdrawn
	}
	return sub.withdraw(cause, false)
}

// Done returns a channel that is closed when every recipient is settled and the
// done function given to Submit has returned.
func (sub *Submission) Done() <-chan struct{} { return sub.doneChannel() }

// Result returns the outcome; nil until every recipient is settled. It is the
// Result that the done function is given.
func (sub *Submission) Result() *Result {
	sub.mu.Lock()
	defer sub.mu.Unlock()
	if sub.result.Settled.IsZero() {
		return nil
	}
	return sub.result
}

// alreadyDone is the channel of letters that end before anybody asks.
var alreadyDone = func() *chan struct{} {
	c := make(chan struct{})
	close(c)
	return &c
}()

// doneChannel returns the channel that markDone closes. It is made when it is
// first asked for.
func (sub *Submission) doneChannel() <-chan struct{} {
	if at := sub.ended.Load(); at != nil {
		return *at
	}
	c := make(chan struct{})
	if sub.ended.CompareAndSwap(nil, &c) {
		return c
	}
	return *sub.ended.Load()
}

// markDone closes the channel of doneChannel. It is called once.
func (sub *Submission) markDone() {
	if !sub.ended.CompareAndSwap(nil, alreadyDone) {
		close(*sub.ended.Load())
	}
}
