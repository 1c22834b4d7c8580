package simulate

// Limits are what Oracle keeps to, at each host by itself. A zero field is no
// limit, but for Connections.
type Limits struct {
	Connections   int       // at once; zero means 10
	Rate          []Stretch // messages, evenly spaced
	PerConnection int       // messages
	HotRate       float64   // messages a second to each hot mailbox
	// Domains are messages a second to single destinations.
	Domains map[string]float64
}
