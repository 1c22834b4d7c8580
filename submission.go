package smtpace

// Submission is the handle of a message that Submit has accepted. It need not
// be kept: an unused one costs nothing. Its methods are safe for concurrent
// use. It keeps its Message in memory for as long as it is referred to.
type Submission letter

// Withdraw takes back every recipient that is not in a transaction at this
// moment and returns how many those are. They end as NotTried, or as GaveUp or
// Unknown when they were tried before, with cause behind their errors; nil
// stands for ErrWithdrawn. A recipient in a transaction ends with it, and gets
// no further try when it is put off. Withdraw does not wait, and does nothing
// to a message that is settled or already withdrawn.
func (m *Submission) Withdraw(cause error) (taken int) {
	if cause == nil {
		cause = ErrWithdrawn
	}
	return (*letter)(m).withdraw(cause, false)
}

// Done returns a channel that is closed when every recipient is settled and the
// done function given to Submit has returned.
func (m *Submission) Done() <-chan struct{} { return (*letter)(m).doneChannel() }

// Result returns the outcome; nil until every recipient is settled. It is the
// Result that the done function is given.
func (m *Submission) Result() *Result {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.result.Settled.IsZero() {
		return nil
	}
	return m.result
}

// alreadyDone is the channel of letters that end before anybody asks.
var alreadyDone = func() *chan struct{} {
	c := make(chan struct{})
	close(c)
	return &c
}()

// doneChannel returns the channel that markDone closes. It is made when it is
// first asked for.
func (l *letter) doneChannel() <-chan struct{} {
	if at := l.ended.Load(); at != nil {
		return *at
	}
	c := make(chan struct{})
	if l.ended.CompareAndSwap(nil, &c) {
		return c
	}
	return *l.ended.Load()
}

// markDone closes the channel of doneChannel. It is called once.
func (l *letter) markDone() {
	if !l.ended.CompareAndSwap(nil, alreadyDone) {
		close(*l.ended.Load())
	}
}
