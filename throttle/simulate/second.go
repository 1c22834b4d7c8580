package simulate

// Second is what happened in one second.
type Second struct{ Accepted, Refused int }
