package throttle

// Lane is how urgent an item is. The zero value is Bulk.
type Lane uint8

// The lanes. When both have work, Single gets 9 of 10 turns.
const (
	Bulk   Lane = iota // newsletters: many, and in no hurry
	Single             // given one by one: a password reset
	lanes  = 2
)

// singleTurns is how many turns in a row the Single lane gets at most while
// the Bulk lane has work.
const singleTurns = 9

// String returns the lane in lower case.
func (l Lane) String() string {
	switch l {
	case Bulk:
		return "bulk"
	case Single:
		return "single"
	}
	return "invalid"
}
