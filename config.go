package smtpace

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/profile"
	"github.com/smtpace/smtpace/retry"
	"github.com/smtpace/smtpace/throttle"
)

// Defaults of Config.
const (
	DefaultExpiry             = 24 * time.Hour
	DefaultMaxInFlight        = 10_000
	DefaultMaxHeldBytes       = 64 << 20
	DefaultMaxQueued          = 250_000
	DefaultMaxQueuedBytes     = 1 << 30
	DefaultBulkPatience       = 10 * time.Minute
	DefaultDialAndSendTimeout = 2 * time.Minute
)

// Config says where mail goes and how. It is copied by New. Either Relays or
// Router is needed; every other zero field has the default that it names.
type Config struct {
	// Relays take the mail, the first before the others: one that cannot be
	// reached rests, and the next serves meanwhile.
	Relays []Relay

	// Router says for each message and recipient domain whose limits apply and
	// which relays or hosts take the mail. nil means Relays, with the domain's
	// profile, or else the domain itself, as the destination.
	Router Router

	// Process are the limits of all sending together; 100 connections by
	// default (throttle.DefaultProcessConnections).
	Process throttle.Limits
	// Destination are the limits of each destination that is not named in
	// Destinations; by default 10 connections at once, 100 messages a
	// connection and 100 recipients a message (throttle.Default...).
	Destination throttle.Limits
	// Destinations are the limits of named destinations; zero fields fall back
	// to Destination. A key is a domain, in any spelling, or the name of a
	// profile.
	Destinations map[string]throttle.Limits

	// Profiles is what is known of receivers; nil means nothing, and
	// profile.Default is what comes with the module. All domains of a profile
	// are one destination, of the profile's name, unless Destinations or Router
	// say otherwise. Its limits are ceilings where neither Destinations nor
	// Destination sets any, and its rules judge its replies.
	Profiles *profile.Set
	// Rules are the user's own for judging replies. They go before those of
	// Profiles, and these before the built-in ones.
	Rules []classify.Rule

	// WarmUps are the daily ceilings of destinations that have had little mail
	// from this sender. Their keys are those of Destinations. They need a Memory.
	WarmUps map[string]throttle.WarmUp
	// Memory keeps what was learned from one Sender to the next: it is read by
	// New, and written from time to time and at the end. nil means that it is
	// lost.
	Memory Memory

	// Retry says when a try is repeated; nil means the schedules of package
	// retry.
	Retry *retry.Policy
	// OnAmbiguous says what to do when the reply to a final dot is lost.
	OnAmbiguous OnAmbiguous
	// Expiry is the time that a message may wait when it does not say so itself;
	// 0 means DefaultExpiry, 24 hours. Messages wait in memory.
	Expiry time.Duration

	// MaxInFlight is the number of messages that are held rendered at most; 0
	// means DefaultMaxInFlight, 10,000. An eighth of it, and of MaxHeldBytes, is reserved
	// for messages given singly.
	MaxInFlight int
	// MaxHeldBytes is the number of bytes of rendered messages that are held,
	// checked before a message is rendered; 0 means DefaultMaxHeldBytes, 64 MiB. Bytes of
	// Message.Data that are sent as they were given are the caller's and count
	// nothing.
	//
	// What a destination may hold is a share of what is free: one alone can have
	// two thirds, and those that come later find room. A message that is not on
	// the wire, and whose next try is more than 5 s away or has not come within
	// 5 s, is not held: its bytes are dropped, and made again for its next try.
	MaxHeldBytes int64
	// MaxQueued and MaxQueuedBytes bound the messages that are waiting, singly
	// and in bulk each, before Submit waits and before SendAll takes more from its
	// sequence. A message counts the larger of 1/MaxQueued and its part of
	// MaxQueuedBytes: the length of Data, or what Msg is rendered to, and until
	// that is known the mean of those rendered before. It counts for every
	// destination that it waits for. One destination alone can have two thirds,
	// and those that come later find room; who waits for one destination holds up
	// nobody who sends to another. 0 means DefaultMaxQueued,
	// 250,000, and DefaultMaxQueuedBytes, 1 GiB.
	MaxQueued      int
	MaxQueuedBytes int64
	// BulkPatience is how long SendAll waits for room at a destination that
	// settles no message in that time, before it goes on with the next message;
	// 0 means DefaultBulkPatience.
	BulkPatience time.Duration

	// SpoolDir is a directory for messages that wait long and do not render to
	// the same bytes again, once they were sent (a Msg that is signed, say). ""
	// means that such messages are kept in memory, as they are when a file cannot
	// be written. A file is removed when its message is settled.
	SpoolDir string

	// DialAndSendTimeout bounds DialAndSend and DialAndSendWithContext; 0
	// means DefaultDialAndSendTimeout, 2 minutes.
	DialAndSendTimeout time.Duration

	// Timeouts bounds every step of a session; each zero field has the default
	// that it names.
	Timeouts pool.Timeouts
	// IdleTimeout is the time that a connection may rest between two
	// transactions before it is ended with QUIT; 0 means 8 s.
	IdleTimeout time.Duration
	// MaxAge is the time after its dial in which a connection may begin a
	// transaction; 0 means 5 minutes.
	MaxAge time.Duration

	// Logger gets a warning for what an operator should look at: a relay that
	// cannot be reached, a refused login. nil means no log.
	Logger *slog.Logger
	// Observers are called for every message, try, reply, connection and
	// learned limit, in this order.
	Observers []Observer
}

// OnAmbiguous says what becomes of a recipient whose final dot was sent and
// whose reply was lost: nobody knows whether it was delivered.
type OnAmbiguous uint8

// What can be done about a lost reply.
const (
	// RetryAmbiguous tries again with the same bytes and the same Message-ID,
	// as RFC 5321 4.5.3.2.6 and RFC 1047 have it: a second copy rather than none.
	RetryAmbiguous OnAmbiguous = iota
	// ReportAmbiguous settles the recipient as Unknown: none rather than a
	// second copy.
	ReportAmbiguous
)

func (c Config) withDefaults() Config {
	c.Relays = slices.Clone(c.Relays)
	c.Rules = slices.Clone(c.Rules)
	if c.Profiles == nil {
		c.Profiles = new(profile.Set)
	}
	setDefault(&c.Expiry, DefaultExpiry)
	setDefault(&c.MaxInFlight, DefaultMaxInFlight)
	setDefault(&c.MaxHeldBytes, DefaultMaxHeldBytes)
	setDefault(&c.MaxQueued, DefaultMaxQueued)
	setDefault(&c.MaxQueuedBytes, DefaultMaxQueuedBytes)
	setDefault(&c.BulkPatience, DefaultBulkPatience)
	setDefault(&c.DialAndSendTimeout, DefaultDialAndSendTimeout)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

func setDefault[V comparable](field *V, value V) {
	var zero V
	if *field == zero {
		*field = value
	}
}

// validate reports all mistakes together.
func (c Config) validate() error {
	var errs []error
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("smtpace: Config."+format, args...))
	}
	if len(c.Relays) == 0 && c.Router == nil {
		bad("Relays: at least one relay, or a Router, is needed")
	}
	if len(c.WarmUps) > 0 && c.Memory == nil {
		bad("WarmUps: a Memory is needed, or a restart would begin the day anew; see File")
	}
	names := map[string]bool{}
	for i, r := range c.Relays {
		if names[r.name()] {
			bad("Relays[%d]: the name %q is taken by an earlier relay", i, r.name())
		}
		names[r.name()] = true
		if err := r.validate(); err != nil {
			bad("Relays[%d]: %w", i, err)
		}
	}
	for field, v := range map[string]int64{
		"Expiry": int64(c.Expiry), "MaxInFlight": int64(c.MaxInFlight), "MaxHeldBytes": c.MaxHeldBytes,
		"MaxQueued": int64(c.MaxQueued), "MaxQueuedBytes": c.MaxQueuedBytes, "BulkPatience": int64(c.BulkPatience), "DialAndSendTimeout": int64(c.DialAndSendTimeout),
	} {
		if v < 0 {
			bad("%s: must not be negative", field)
		}
	}
	if c.SpoolDir != "" {
		if info, err := os.Stat(c.SpoolDir); err != nil || !info.IsDir() {
			bad("SpoolDir: %q is not a directory that exists", c.SpoolDir)
		}
	}
	if c.OnAmbiguous > ReportAmbiguous {
		bad("OnAmbiguous: %d is neither RetryAmbiguous nor ReportAmbiguous", c.OnAmbiguous)
	}
	return errors.Join(errs...)
}
