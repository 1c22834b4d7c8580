package classify

// Input is where an answer was met, as far as the sender knows it. The zero
// value is an answer met while connecting, of an unknown receiver.
type Input struct {
	// Stage is where in the session. Of a reply out of a log, that may be
	// [StageUnknown].
	Stage Stage

	// Provider is the name of the receiver's profile, "" when it is not known.
	// Rules that name a provider are for its replies only.
	Provider string

	// Ordinal is the number of the message on its connection, from 1; 0 when
	// it is not known. A 421 that says no more means one thing to the first MAIL
	// of a connection and another to its fifth.
	Ordinal int
}
