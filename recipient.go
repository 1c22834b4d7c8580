package smtpace

import (
	"time"

	"github.com/smtpace/smtpace/classify"
)

// Recipient is how one recipient of a message ended.
type Recipient struct {
	Address     string // as the caller gave it
	Destination string // whose limits applied
	Status      Status

	Class classify.Class  // what the last answer meant
	Reply *classify.Reply // the last reply that was read for it; nil when there was none
	Err   error           // why it is not delivered: a reply, an I/O error, an expiry; nil when it is

	Tries     int // transactions begun
	Attempts  int // tries that counted against the retry policy
	Ambiguous int // tries whose final dot was sent and whose reply never came

	FirstTry time.Time // when the first try ended; zero when there was none
	LastTry  time.Time // when the last try ended
}
