package throttle

// caps are what refusals have taught of how much one connection may carry and
// one message may have: the ordinal that was refused is one too many. Zero
// means that nothing was refused.
type caps struct {
	perConnection int // messages
	perMessage    int // recipients
}

// lowered is the lower of a cap, of which zero is none, and what was accepted
// before a refusal.
func lowered(known, accepted int) int {
	if known == 0 {
		return accepted
	}
	return min(known, accepted)
}
