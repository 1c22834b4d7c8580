package smtpace

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/profile"
	"github.com/smtpace/smtpace/retry"
	"github.com/smtpace/smtpace/throttle"
)

// defaultMaxWait is the default of PacerConfig.MaxWait.
const defaultMaxWait = time.Second

// PacerConfig is the settings of a Pacer. NewPacer copies it. Every zero field has the
// default that it names, so that PacerConfig{} is ready to use.
//
// In all limits a connection is a call of a function that is under way, and
// Connections bounds how many are at once. ConnectionRate counts when that number
// grows, and at every call with PaceRequest.Connect. MessagesPerConnection must be
// zero: the connections are yours.
type PacerConfig struct {
	// Process are the limits of all calls together; 100 at once by default.
	Process throttle.Limits
	// Relay are the limits of each relay that PaceRequest.Relay names; by default 20
	// calls at once. Where a request names none, they are those of each destination,
	// beside Destination.
	Relay throttle.Limits
	// Relays are the limits of named relays; zero fields fall back to Relay.
	Relays map[string]throttle.Limits
	// Destination are the limits of each destination that is not named in
	// Destinations; by default 10 calls at once, and 100 recipients a call.
	Destination throttle.Limits
	// Destinations are the limits of named destinations, as in Config.
	Destinations map[string]throttle.Limits

	// Profiles describe receivers, as in Config: all domains of a profile are one
	// destination, its limits are ceilings, and its rules judge replies. Those of a
	// service that customers log in to are ceilings of the relay. nil means none.
	Profiles *profile.Set
	// Rules judge replies before those of Profiles and the built-in ones.
	Rules []classify.Rule
	// Judge returns the meaning of an error that is the caller's own, before anything
	// else is tried. ok is false where it does not know the error. It must be safe for
	// concurrent use. nil means that there are no such errors.
	Judge func(err error) (v classify.Verdict, ok bool)

	// WarmUps are the daily ceilings of destinations, as in Config. They need a Memory.
	WarmUps map[string]throttle.WarmUp
	// Memory keeps learned limits from one Pacer to the next, as in Config.
	Memory Memory

	// Retry schedules further tries; nil means the schedules of package retry.
	Retry *retry.Policy
	// AmbiguousTries is the number of ambiguous tries after which a recipient ends as
	// Unknown: tries that may have sent the message. 0 means 3, and 1 means that none
	// is repeated.
	AmbiguousTries int
	// Expiry is the time that Do may take for a request without Expires; 0 means 24
	// hours.
	Expiry time.Duration
	// MaxWait is the longest time that Try waits for its turn, for a request without
	// a MaxWait of its own; 0 means 1 second.
	MaxWait time.Duration

	// Logger gets every call of a function at Debug, every settled recipient of Do and
	// every lesson at Info, and trouble at Warn, as in Config.
	Logger *slog.Logger
	// LogAddresses decides how addresses appear in the records of Logger, as in Config.
	LogAddresses LogAddresses
	// Observers are called for every request of Do and every call of a function, as
	// those of Config. A Pacer has no connections of its own: Reply, Opened and Closed
	// are not called.
	Observers []Observer
}

// config returns the settings that a Sender has too, in its form.
func (c PacerConfig) config() Config {
	return Config{
		Process: c.Process, Destination: c.Destination, Destinations: c.Destinations, Profiles: c.Profiles, Rules: c.Rules,
		WarmUps: c.WarmUps, Memory: c.Memory, Retry: c.Retry, AmbiguousTries: c.AmbiguousTries, Expiry: c.Expiry,
	}
}

// normalized returns c with defaults for zero fields and the keys of its maps in the
// form that destinations are compared in. Its error joins all mistakes.
func (c PacerConfig) normalized() (PacerConfig, error) {
	errs := []error{c.validate()}
	setDefault(&c.Expiry, defaultExpiry)
	setDefault(&c.AmbiguousTries, defaultAmbiguousTries)
	setDefault(&c.MaxWait, defaultMaxWait)
	c.Rules = slices.Clone(c.Rules)
	c.Relays = maps.Clone(c.Relays)
	if c.Profiles == nil {
		c.Profiles = new(profile.Set)
	}
	shared, err := c.config().normalized()
	c.Destinations, c.WarmUps = shared.Destinations, shared.WarmUps
	return c, errors.Join(append(errs, err)...)
}

// validate reports the mistakes of c that nothing else finds, joined.
func (c PacerConfig) validate() error {
	var errs []error
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("smtpace: PacerConfig."+format, args...))
	}
	if len(c.WarmUps) > 0 && c.Memory == nil {
		bad("WarmUps: a Memory is needed, or a restart would begin the day anew; see File")
	}
	for _, field := range []struct {
		name  string
		value int64
	}{{"Expiry", int64(c.Expiry)}, {"MaxWait", int64(c.MaxWait)}, {"AmbiguousTries", int64(c.AmbiguousTries)}} {
		if field.value < 0 {
			bad("%s: must not be negative", field.name)
		}
	}
	if err := c.LogAddresses.validate(); err != nil {
		bad("LogAddresses: %w", err)
	}
	check := func(field string, l throttle.Limits) {
		if err := checkPaced(l); err != nil {
			bad("%s: %w", field, err)
		}
	}
	check("Process", c.Process)
	check("Relay", c.Relay)
	check("Destination", c.Destination)
	for _, name := range slices.Sorted(maps.Keys(c.Relays)) {
		check(fmt.Sprintf("Relays[%q]", name), c.Relays[name])
	}
	for _, name := range slices.Sorted(maps.Keys(c.Destinations)) {
		check(fmt.Sprintf("Destinations[%q]", name), c.Destinations[name])
	}
	return errors.Join(errs...)
}

// checkPaced reports limits that mean nothing where the connections are the caller's.
func checkPaced(l throttle.Limits) error {
	if l.MessagesPerConnection != 0 {
		return errors.New("MessagesPerConnection must be 0: a Pacer has no connections of its own")
	}
	return nil
}

// relayLimits returns the limits of a named relay: those that are set, else the
// ceilings of its service.
func (c PacerConfig) relayLimits(name string) throttle.Limits {
	l := c.Relays[name]
	if p := (receivers{c.Profiles, nil}).service(name); p != nil {
		ceilings := p.Limits()
		ceilings.MessagesPerConnection = 0
		l = profile.Merge(profile.Merge(l, c.Relay), ceilings)
	}
	return l
}

// scheduler returns the settings of the Scheduler of a normalized c.
func (c PacerConfig) scheduler() throttle.Config {
	own := func(l throttle.Limits) throttle.Limits {
		l.MessagesPerConnection = throttle.Unlimited
		return l
	}
	relays := make(map[string]throttle.Limits, len(c.Relays))
	for name := range c.Relays {
		relays[name] = c.relayLimits(name)
	}
	return throttle.Config{
		Process: own(c.Process), Endpoint: own(c.Relay), Endpoints: relays, Destination: own(c.Destination),
		Destinations: c.config().limits(), WarmUps: c.WarmUps,
	}
}
