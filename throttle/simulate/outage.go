package simulate

import (
	"math/rand/v2"
	"time"
)

// Outage refuses everything from From on, for For; a For of zero means to the
// end. At StageConnect or StageBanner it also resets the connections that are
// open when it begins.
type Outage struct{ From, For time.Duration }

func (o Outage) gate(*rand.Rand) gate { return o }

func (o Outage) admit(q query) bool {
	return q.now < o.From || o.For > 0 && q.now >= o.From+o.For
}
