package simulate

import (
	"errors"
	"fmt"
	"time"
)

// Scenario is receivers, the mail for them, and what a run is measured by. It
// is a plain value that no run changes.
type Scenario struct {
	Name         string
	Hosts        []Receiver
	Destinations []Destination

	// RoundTrip is the time to a host and back; zero means 10 ms. Each way
	// varies by up to a tenth, evenly. Opening a connection takes four of them
	// (TCP, greeting and EHLO, STARTTLS, the handshake), a message one.
	RoundTrip time.Duration
	// Length is how long a run lasts, unless all messages are accepted sooner;
	// zero means 10 min.
	Length time.Duration
	// Waiting is how many messages wait or are being sent at any time, shared
	// evenly by the destinations for which there are always more; zero means
	// 5,000.
	Waiting int

	// Oracle is what the control of that name keeps to.
	Oracle Limits
	// Allowed is what the receivers' rates let through, for mailboxes that are
	// not hot. nil means that connections are the limit: then goodput is by
	// what Oracle reaches.
	Allowed []Stretch
	// Goals are what Paced is to reach.
	Goals Goals
}

// settle returns sc with its zero fields filled in.
func (sc Scenario) settle() Scenario {
	setDefault(&sc.RoundTrip, 10*time.Millisecond)
	setDefault(&sc.Length, 10*time.Minute)
	setDefault(&sc.Waiting, 5000)
	setDefault(&sc.Oracle.Connections, 10)
	return sc
}

func setDefault[V comparable](field *V, value V) {
	var zero V
	if *field == zero {
		*field = value
	}
}

// validate reports all mistakes together.
func (sc Scenario) validate() error {
	var errs []error
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("simulate: scenario %q: "+format, append([]any{sc.Name}, args...)...))
	}
	if sc.RoundTrip < 0 || sc.Length < 0 || sc.Waiting < 0 {
		bad("RoundTrip, Length and Waiting must not be negative")
	}
	if len(sc.Destinations) == 0 {
		bad("at least one destination is needed")
	}
	for i, d := range sc.Destinations {
		if d.Host < 0 || d.Host >= len(sc.Hosts) {
			bad("destination %d is at host %d, of %d", i, d.Host, len(sc.Hosts))
		}
		if d.Messages < 0 || d.Hot < 0 {
			bad("destination %d: Messages and Hot must not be negative", i)
		}
	}
	for i, h := range sc.Hosts {
		for _, r := range h.Rules {
			if err := r.validate(); err != nil {
				bad("host %d: %w", i, err)
			}
		}
	}
	return errors.Join(errs...)
}
