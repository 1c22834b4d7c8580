package classify

// Recipient is what an answer means for the recipients it concerns. The zero
// value is Later: what is not understood is never lost.
type Recipient uint8

// The fates of a recipient.
const (
	Later     Recipient = iota // not now; try again
	Delivered                  // the receiver took responsibility
	Refused                    // never; a further try would be refused as well
	Ambiguous                  // the final dot may have arrived, its reply did not
)

var recipientNames = [...]string{"later", "delivered", "refused", "ambiguous"}

// String returns the fate in lower case.
func (r Recipient) String() string { return name(recipientNames[:], uint8(r)) }

// MarshalText returns the same text as String.
func (r Recipient) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads what String returns, in upper or lower case.
func (r *Recipient) UnmarshalText(text []byte) error {
	return unmarshal(r, "fate of a recipient", recipientNames[:], text)
}
