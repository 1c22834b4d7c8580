package simulate

// Control is a way to pace mail.
type Control uint8

// The ways of control.
const (
	// Paced is throttle.Scheduler with nothing configured.
	Paced Control = iota
	// Unpaced has 20 connections to each host and tries again at once whatever
	// was refused.
	Unpaced
	// Oracle keeps to the limits of Scenario.Oracle, which were set right by
	// who knows the receiver.
	Oracle
	// Postfix is the feedback of Postfix's queue manager as it is published:
	// see its SCHEDULER_README. It has the best of the published settings, a
	// feedback of 1/concurrency, and tries again what was put off after 5 to
	// 30 s rather than the default 5 to 66 minutes.
	Postfix
)

var controlNames = [...]string{"paced", "unpaced", "oracle", "postfix"}

// Controls is the number of ways of control; every Control is below it.
const Controls = len(controlNames)

// String returns the name in lower case.
func (c Control) String() string {
	if int(c) < Controls {
		return controlNames[c]
	}
	return "invalid"
}

// sender decides. The network calls it, and it calls dial of the network and
// wake and quit of its lines.
type sender interface {
	// push takes a message to send; the sender keeps it until it is accepted.
	push(m *message)
	// opened is told of a line that is ready; next is asked at once.
	opened(l *line)
	// next gives a line that is free its next message, or nil: the line rests
	// until it is woken, unless it was told to quit.
	next(l *line) *message
	// behind gives the message whose envelope is written with the dot of m.
	behind(l *line, m *message) *message
	// wrote is told that the envelope of m is being written.
	wrote(l *line, m *message)
	// done is told of the end of a transaction in which so many recipients were
	// accepted, and of the answer to the others; a is nil when there are none.
	done(l *line, m *message, taken int, a *answer)
	// leaves is told of a line that will not ask again.
	leaves(l *line)
	// closed is told of a line that is gone; a is not nil when it could not be
	// opened.
	closed(l *line, a *answer)
}

func newSender(c Control, n *network) (sender, error) {
	switch c {
	case Unpaced:
		return newUnpaced(n), nil
	case Oracle:
		return newOracle(n)
	case Postfix:
		return newPostfix(n), nil
	}
	return newPaced(n)
}
