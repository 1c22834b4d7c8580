package simulate

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/smtpace/smtpace/throttle"
)

// Scenario describes receivers, the mail for them, and the goals of a run. It
// is a plain value that no run changes.
type Scenario struct {
	Name         string
	Hosts        []Receiver
	Destinations []Destination

	// RoundTrip is the time to a host and back; zero is 10 ms. Each way
	// varies by up to a tenth, evenly. Opening a connection takes four of them
	// (TCP, greeting and EHLO, STARTTLS, the handshake), a message one.
	RoundTrip time.Duration
	// Length is the duration of a run, unless all messages are accepted sooner;
	// zero is 10 min.
	Length time.Duration
	// Waiting is the number of messages that wait or are in flight at any time,
	// shared evenly by the destinations without an end of messages; zero is
	// 5,000.
	Waiting int

	// Sizes are those of the messages; the zero Sizes is none.
	Sizes Sizes
	// Set are the limits that Paced is told of, for each destination.
	Set throttle.Limits
	// WordsOnly has Paced infer no limit that no reply names.
	WordsOnly bool

	// Oracle holds the limits for the control of that name.
	Oracle Limits
	// Allowed is the rate that the receivers let through, hot mailboxes not counted. When
	// it is nil, connections are the limit, and goodput is measured against that of
	// Oracle.
	Allowed []Stretch
	// Goals are the figures that Paced is to reach.
	Goals Goals
}

// Sizes are sizes of messages in bytes, as many in each octave from Least to Most.
type Sizes struct{ Least, Most int }

// of returns the size of a message by its number. The sizes of any messages in a
// row are spread evenly.
func (s Sizes) of(i int) int {
	if s.Most == 0 {
		return 0
	}
	_, part := math.Modf(float64(i) * math.Phi)
	return int(float64(s.Least) * math.Pow(float64(s.Most)/float64(s.Least), part))
}

// mean returns the mean size.
func (s Sizes) mean() float64 {
	return float64(s.Most-s.Least) / math.Log(float64(s.Most)/float64(s.Least))
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

// validate returns all mistakes, joined.
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
		if d.Messages < 0 || d.Hot < 0 || d.Recipients < 0 {
			bad("destination %d: Messages, Recipients and Hot must not be negative", i)
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

// Destination is a domain that mail goes to.
type Destination struct {
	Name string
	// Host is the index in Scenario.Hosts of the receiver that takes its mail.
	Host int
	// Messages is the number of messages for it; zero is without end.
	Messages int
	// Sender is the address of the envelope sender, and Tenant the one on whose behalf
	// it sends. Several Destinations of the same Name have the mail of several.
	Sender, Tenant string
	// Recipients is the number of recipients of each message; zero is 1.
	Recipients int
	// Hot, if positive, makes every message of that number one for the same
	// mailbox. All others are for a mailbox each.
	Hot int
	// Unwell marks a destination that must not slow the others down.
	Unwell bool
}

// Limits are the limits that Oracle keeps to, at each host by itself. A zero
// field is no limit, except for Connections.
type Limits struct {
	Connections   int       // at once; zero means 10
	Rate          []Stretch // messages, or recipients where Recipients is set, evenly spaced
	Recipients    int       // in one transaction at most
	PerConnection int       // messages
	HotRate       float64   // messages a second to each hot mailbox
	// Domains are messages a second to single destinations, or of single senders by
	// their addresses.
	Domains map[string]float64
}

// Stretch is a rate from a time on, until the next Stretch or the end.
type Stretch struct {
	From      time.Duration
	PerSecond float64
}

func steady(perSecond float64) []Stretch { return []Stretch{{PerSecond: perSecond}} }

// rateAt returns the rate at a time; 0 when there is none.
func rateAt(stretches []Stretch, now time.Duration) (perSecond float64) {
	for _, s := range stretches {
		if s.From <= now {
			perSecond = s.PerSecond
		}
	}
	return perSecond
}

// allowed returns the number of messages that the rates let through from one
// time to another.
func allowed(stretches []Stretch, from, to time.Duration) float64 {
	var n float64
	for i, s := range stretches {
		end := to
		if i+1 < len(stretches) {
			end = min(to, stretches[i+1].From)
		}
		if begin := max(from, s.From); end > begin {
			n += s.PerSecond * (end - begin).Seconds()
		}
	}
	return n
}

// Run plays the scenario once. The error names all mistakes of the scenario.
func (sc Scenario) Run(c Control, seed uint64) (*Result, error) {
	if err := sc.validate(); err != nil {
		return nil, err
	}
	sc = sc.settle()
	r := &Result{Scenario: sc.Name, Control: c, Seed: seed}
	n := newNetwork(sc, seed, r)
	r.Start = n.start
	s, err := newSender(c, n)
	if err != nil {
		return nil, err
	}
	n.sender = s
	n.run()
	r.Length = n.now
	r.second(max(n.now-time.Nanosecond, 0))
	for _, t := range n.targets {
		r.Destinations = append(r.Destinations, Delivered{t.Name, t.created, t.accepted, t.finished})
	}
	return r, nil
}
