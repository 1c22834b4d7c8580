package throttle

import (
	"time"

	"github.com/smtpace/smtpace/classify"
)

// Change is one lesson: a limit that was learned, a pause that a refusal has
// caused, or an endpoint that rests or is back.
type Change struct {
	Time  time.Time
	Scope string // "endpoint" or "destination"
	Name  string
	Limit classify.Limit // what was learned; LimitNone for a rest or its end
	// From and To are the limit before and after: connections, messages or
	// recipients, those of rates per second. 0 is none; both are 0 when only a
	// pause begins. A limit that stays as it is makes no Change.
	From, To float64
	Until    time.Time // no use before; zero when there is no pause
	Reason   error     // the reply or error that taught it; nil when it is back, or when a rate was found
}
