package throttle

import (
	"time"

	"github.com/smtpace/smtpace/classify"
)

// Change is one lesson: a limit that was learned, or an endpoint that rests or
// is back.
type Change struct {
	Time  time.Time
	Scope string // "endpoint" or "destination"
	Name  string
	Limit classify.Limit // what was learned; LimitNone for a rest or its end
	// From and To are the limit before and after: connections, messages or
	// recipients, those of rates per second, rounded down. 0 is none.
	From, To int
	Until    time.Time // no use before; zero when there is no pause
	Reason   error     // the reply or error that taught it; nil when it is back
}
