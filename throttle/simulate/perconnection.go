package simulate

import "math/rand/v2"

// PerConnection allows Max messages on one connection; it belongs to StageMail.
type PerConnection struct{ Max int }

func (p PerConnection) gate(*rand.Rand) gate { return p }

func (p PerConnection) admit(q query) bool { return q.carried < p.Max }
