package simulate

import "math/rand/v2"

// Connections allows Max connections at once; it belongs to StageBanner. A
// connection counts from its arrival until its socket is gone.
type Connections struct{ Max int }

func (c Connections) gate(*rand.Rand) gate { return c }

func (c Connections) admit(q query) bool { return q.open < c.Max }
