package simulate

// Destination is a domain that mail goes to.
type Destination struct {
	Name string
	// Host is the index in Scenario.Hosts of the receiver that takes its mail.
	Host int
	// Messages is how many there are for it; zero means that there are always
	// more.
	Messages int
	// Hot, if it is positive, makes every so manieth message one for the same
	// mailbox. All others are for a mailbox each.
	Hot int
	// Unwell marks one that the others must not suffer from.
	Unwell bool
}
