package throttle

import (
	"errors"
	"fmt"
	"maps"
)

// Defaults of Config and Limits.
const (
	defaultProcessConnections     = 100
	defaultEndpointConnections    = 20
	defaultDestinationConnections = 10
	defaultMessagesPerConnection  = 100
	defaultRecipientsPerMessage   = 100 // what every server must take, RFC 5321 4.5.3.1.8
	defaultMaxHeld                = 10_000
	defaultMaxHeldBytes           = 64 << 20
)

// Config configures a Scheduler, which copies it. A zero field has the default
// that it names. By default there are no rates and no quotas.
type Config struct {
	Process     Limits // of everything together; 100 connections by default
	Endpoint    Limits // of each endpoint that is not in Endpoints; 20 connections
	Destination Limits // of each destination that is not in Destinations; 10 connections

	// Endpoints and Destinations are limits by name; their zero fields fall
	// back to Endpoint and Destination.
	Endpoints    map[string]Limits
	Destinations map[string]Limits

	// WarmUps are ceilings that rise day by day, by the name of the destination.
	WarmUps map[string]WarmUp

	// MaxHeld and MaxHeldBytes bound the messages held rendered, see Hold.
	// Above them nothing goes that is not held rendered, and above 7/8 of them
	// nothing in the Bulk lane. One destination may hold a share of what is still
	// free: one alone gets 2/3, and later ones find room. 0 is 10,000 messages
	// and 64 MiB.
	MaxHeld      int
	MaxHeldBytes int64
}

// withDefaults resolves every zero field.
func (c Config) withDefaults() Config {
	c.Process = c.Process.or(defaultLimits(defaultProcessConnections))
	c.Endpoint = c.Endpoint.or(defaultLimits(defaultEndpointConnections))
	c.Destination = c.Destination.or(defaultLimits(defaultDestinationConnections))
	c.Endpoints = resolve(c.Endpoints, c.Endpoint)
	c.Destinations = resolve(c.Destinations, c.Destination)
	c.WarmUps = maps.Clone(c.WarmUps)
	if c.MaxHeld == 0 {
		c.MaxHeld = defaultMaxHeld
	}
	if c.MaxHeldBytes == 0 {
		c.MaxHeldBytes = defaultMaxHeldBytes
	}
	return c
}

// defaultLimits returns the defaults of a scope that may have so many
// connections.
func defaultLimits(connections int) Limits {
	return Limits{
		Connections: connections, MessagesPerConnection: defaultMessagesPerConnection, RecipientsPerMessage: defaultRecipientsPerMessage,
	}
}

func resolve(by map[string]Limits, d Limits) map[string]Limits {
	by = maps.Clone(by)
	for name, l := range by {
		by[name] = l.or(d)
	}
	return by
}

// validate reports all mistakes together.
func (c Config) validate() error {
	var errs []error
	check := func(where string, l Limits) {
		if err := l.Validate(); err != nil {
			errs = append(errs, fmt.Errorf("throttle: limits of %s: %w", where, err))
		}
	}
	check("the process", c.Process)
	check("an endpoint", c.Endpoint)
	check("a destination", c.Destination)
	for name, l := range c.Endpoints {
		check(fmt.Sprintf("endpoint %q", name), l)
	}
	for name, l := range c.Destinations {
		check(fmt.Sprintf("destination %q", name), l)
	}
	for name, w := range c.WarmUps {
		if err := w.validate(); err != nil {
			errs = append(errs, fmt.Errorf("throttle: warm-up of destination %q: %w", name, err))
		}
	}
	if c.MaxHeld < 0 || c.MaxHeldBytes < 0 {
		errs = append(errs, errors.New("throttle: MaxHeld and MaxHeldBytes must not be negative"))
	}
	return errors.Join(errs...)
}
