package smtpace

import (
	"cmp"
	"errors"
	"fmt"
	"io"
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
	defaultExpiry             = 24 * time.Hour
	defaultMaxHeld            = 10_000
	defaultMaxHeldBytes       = 64 << 20
	defaultMaxQueued          = 250_000
	defaultMaxQueuedBytes     = 1 << 30
	defaultBulkPatience       = 10 * time.Minute
	defaultDialAndSendTimeout = 2 * time.Minute
	defaultAmbiguousTries     = 3
)

// Config is the settings of a Sender. New copies it. Either Relays or Router is
// needed; every other zero field has the default that it names.
type Config struct {
	// Relays take the mail, the first before the others. While one cannot be
	// reached, the next serves.
	Relays []Relay

	// Router decides for each message and recipient domain whose limits apply and
	// which relays or hosts take the mail. nil means Relays, with the domain's
	// profile, or else the domain itself, as the destination.
	Router Router

	// Process are the limits of all sending together; 100 connections by
	// default.
	Process throttle.Limits
	// Destination are the limits of each destination that is not named in
	// Destinations; by default 10 connections at once, 100 messages a
	// connection and 100 recipients a message.
	Destination throttle.Limits
	// Destinations are the limits of named destinations; zero fields fall back
	// to Destination. A key is a domain, in any spelling, or the name of a
	// profile.
	Destinations map[string]throttle.Limits

	// Profiles describe receivers; nil means none, and profile.Default returns
	// those of the module. All domains of a profile are one destination of the
	// profile's name, unless Destinations or Router say otherwise. Its limits are ceilings where neither Destinations nor
	// Destination sets any, and its rules judge its replies. Those of a service that
	// customers log in to are ceilings of the relay, where Relay.Limits sets none.
	Profiles *profile.Set
	// Rules judge replies. The first rule that matches decides: one of these,
	// then one of Profiles, then a built-in one.
	Rules []classify.Rule

	// WarmUps are the daily ceilings of destinations that have had little mail
	// from this sender, by the same keys as Destinations. They need a Memory.
	WarmUps map[string]throttle.WarmUp
	// Memory keeps learned limits from one Sender to the next. New reads it; the
	// Sender writes it every 30 s while there is mail, and at its end. nil means
	// that they are lost.
	Memory Memory

	// Retry schedules further tries; nil means the schedules of package retry. Waits
	// of less than a second are kept only as far as throttle.Tries allows.
	Retry *retry.Policy
	// TryUTF8 has addresses whose local part is not ASCII sent to relays that do not
	// offer SMTPUTF8, as they are. RFC 6531 3.2 forbids that, and by default their
	// recipients are refused; some servers take them all the same. Where SMTPUTF8 is
	// offered it is always used.
	TryUTF8 bool
	// FailFast decides which messages end at once when none of their relays has
	// ever worked. The zero value is FailFastSend.
	FailFast FailFast
	// AmbiguousTries is the number of ambiguous tries after which a recipient ends as
	// Unknown. A try is ambiguous when its final dot was sent and the reply was lost;
	// each may have made a copy. 0 means 3: a second copy is preferred to none. Every
	// try sends the same bytes with the same Message-ID, as RFC 5321 4.5.3.2.6 and RFC
	// 1047 require. 1 means that no copy is preferred to a second one. The wait for the
	// reply begins at Timeouts.Dot and doubles with each further try, since the server
	// may need that time (RFC 1047).
	AmbiguousTries int
	// Expiry is the time that a message without an Expiry of its own may wait; 0
	// means 24 hours. Messages wait in memory.
	Expiry time.Duration

	// MaxHeld is the number of messages whose rendered bytes are in memory at
	// most; 0 means 10,000. An eighth of it, and of
	// MaxHeldBytes, is reserved for messages given singly.
	MaxHeld int
	// MaxHeldBytes is the number of bytes of rendered messages in memory at which no
	// further message is rendered; 0 means 64 MiB. Bytes of Message.Data sent as given do
	// not count, and neither do those of a Msg rendered while it was given (see Message):
	// MaxQueuedBytes bounds both.
	//
	// Each destination may take up a share of what is free: one alone can have two
	// thirds, and those that come later find room. The bytes of a message whose
	// next try is more than 5 s away are dropped after a try, and others when 5 s
	// have passed without a try. They are made again for the next try.
	MaxHeldBytes int64
	// MaxQueued and MaxQueuedBytes bound the waiting messages: above them Submit
	// waits, and SendAll takes no more from its sequence. Messages given singly
	// and those in bulk have these bounds each. 0 means 250,000,
	// and 1 GiB.
	//
	// A message counts max(1/MaxQueued, size/MaxQueuedBytes). Its size is the
	// length of Data or of the rendered Msg, which is estimated at first as the
	// mean of those rendered before. It counts for every destination that it waits
	// for. One destination alone can have two thirds, and those that come later
	// find room: behind a hundred that accept nothing while no message is larger than
	// MaxQueuedBytes/700, behind forty up to MaxQueuedBytes/256. A caller that waits for
	// one destination does not hold up callers for another.
	MaxQueued      int
	MaxQueuedBytes int64
	// BulkPatience is the time that SendAll waits for room at a destination that settles
	// no message, before it goes on with the next; 0 means 10 minutes.
	BulkPatience time.Duration

	// SpoolDir is a directory for the bytes of messages that wait long for their next
	// try. It is used for messages that cannot be rendered again to the same bytes: a
	// signed Msg, for example, or one rendered when it was given. "" means that their
	// bytes stay in memory. They also do when a file cannot be written. A file is removed
	// when its message is settled. A crash leaves files behind that nothing reads again:
	// remove smtpace-*.eml before New. Processes at the same time need a directory each.
	SpoolDir string

	// DialAndSendTimeout bounds DialAndSend and DialAndSendWithContext; 0
	// means 2 minutes.
	DialAndSendTimeout time.Duration

	// Resolver finds the addresses of relays; nil means net.DefaultResolver. It is
	// not asked for a relay with a DialContext.
	Resolver pool.Resolver
	// Timeouts bounds every step of a session; each zero field has the default
	// that it names.
	Timeouts pool.Timeouts
	// IdleTimeout is the time after which an idle connection is ended with QUIT; 0
	// means 8 s.
	IdleTimeout time.Duration
	// MaxAge is the age, counted from its dial, up to which a connection may begin a
	// transaction; 0 means 5 minutes.
	MaxAge time.Duration
	// NoFollowers has every envelope wait for the reply to the message in front of it.
	// By default an envelope goes out in the same write as the final dot of that
	// message (PIPELINING, RFC 2920). This saves a round trip for each message. Where
	// connections break, it can make a delivered message ambiguous; the Sender notices,
	// and stops it for a while.
	NoFollowers bool

	// Logger gets the records that the package page lists. Every try is logged at
	// Debug, every settled recipient and every lesson at Info. Trouble is logged at
	// Warn: an unreachable relay, for example, or a refused login. nil means
	// slog.Default at the time of New, for warnings alone;
	// slog.New(slog.DiscardHandler) silences them. A level that the handler does not
	// take costs nothing.
	Logger *slog.Logger
	// LogAddresses decides how the addresses of recipients and senders appear in the
	// records of Logger and in transcripts. The zero value is LogAddressesAsGiven.
	LogAddresses LogAddresses
	// Transcript returns the writer for the transcript of a connection that is about to
	// be opened, named by its Relay and ID. A nil writer means no transcript of this
	// connection. The connections of Verify are included. Each Write is one printable
	// line of at most about 1 KiB:
	//
	//	2026-11-27T12:00:00.000000Z #7 C: RCPT TO:<bob@x.example>
	//
	// This line was sent by the client, at that time, on connection 7. "S:" marks a
	// line of the server. "--" marks an event of the connection: a dial, TLS, or the
	// end and its reason. Messages, login challenges and the responses to them appear
	// by their lengths alone.
	//
	// A goroutine of the transcript calls Transcript, the writer, and at the end its
	// Close if it is an io.Closer. A writer of several connections must be safe for
	// concurrent use, and is closed for each. Neither mail nor the end of the Sender
	// waits for a writer: lines that it is too slow for, or fails for, are lost, and a
	// later line gives their number. Shutdown and Close give a writer that still takes
	// lines one second at most to finish. A nil Transcript means none, and costs
	// nothing.
	Transcript func(Connection) io.Writer
	// Observers are called for every message, try, reply, connection and
	// learned limit, in this order.
	Observers []Observer
}

// withDefaults returns a copy of c with the defaults for zero fields.
func (c Config) withDefaults() Config {
	c.Relays = slices.Clone(c.Relays)
	c.Rules = slices.Clone(c.Rules)
	if c.Profiles == nil {
		c.Profiles = new(profile.Set)
	}
	setDefault(&c.Expiry, defaultExpiry)
	setDefault(&c.MaxHeld, defaultMaxHeld)
	setDefault(&c.MaxHeldBytes, defaultMaxHeldBytes)
	setDefault(&c.MaxQueued, defaultMaxQueued)
	setDefault(&c.MaxQueuedBytes, defaultMaxQueuedBytes)
	setDefault(&c.BulkPatience, defaultBulkPatience)
	setDefault(&c.DialAndSendTimeout, defaultDialAndSendTimeout)
	setDefault(&c.AmbiguousTries, defaultAmbiguousTries)
	return c
}

const (
	// defaultDotTimeout is the default of pool.Timeouts.Dot (RFC 5321 4.5.3.2.6).
	defaultDotTimeout = 10 * time.Minute
	// mostDotDoublings bounds how often it is doubled.
	mostDotDoublings = 3
)

// dotTimeout returns the time for the reply to the dot after so many ambiguous
// tries, doubled by each; zero means the pool's own.
func (c *Config) dotTimeout(ambiguous int) time.Duration {
	if ambiguous == 0 {
		return 0
	}
	return cmp.Or(c.Timeouts.Dot, defaultDotTimeout) << min(ambiguous, mostDotDoublings)
}

// setDefault sets a field that is zero.
func setDefault[V comparable](field *V, value V) {
	var zero V
	if *field == zero {
		*field = value
	}
}

// validate reports all mistakes of c together.
func (c Config) validate() error {
	var errs []error
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("smtpace: Config."+format, args...))
	}
	if len(c.Relays) == 0 && c.Router == nil {
		bad("Relays: at least one relay, or a Router, is needed")
	}
	if table, ok := c.Router.(RouteTable); ok {
		table.validate("Router", bad)
	}
	if len(c.WarmUps) > 0 && c.Memory == nil {
		bad("WarmUps: a Memory is needed, or a restart would begin the day anew; see File")
	}
	c.validateRelays(bad)
	c.validateSigns(bad)
	if c.SpoolDir != "" {
		if info, err := os.Stat(c.SpoolDir); err != nil || !info.IsDir() {
			bad("SpoolDir: %q is not a directory that exists", c.SpoolDir)
		}
	}
	if c.FailFast > FailFastAlways {
		bad("FailFast: %d is none of FailFastSend, FailFastNever and FailFastAlways", c.FailFast)
	}
	if err := c.LogAddresses.validate(); err != nil {
		bad("LogAddresses: %w", err)
	}
	return errors.Join(errs...)
}

// validateRelays reports the mistakes of Relays to bad.
func (c Config) validateRelays(bad func(format string, args ...any)) {
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
}

// validateSigns reports the fields that are negative to bad.
func (c Config) validateSigns(bad func(format string, args ...any)) {
	for _, field := range []struct {
		name  string
		value int64
	}{
		{"Expiry", int64(c.Expiry)}, {"MaxHeld", int64(c.MaxHeld)}, {"MaxHeldBytes", c.MaxHeldBytes},
		{"MaxQueued", int64(c.MaxQueued)}, {"MaxQueuedBytes", c.MaxQueuedBytes},
		{"BulkPatience", int64(c.BulkPatience)}, {"DialAndSendTimeout", int64(c.DialAndSendTimeout)},
		{"AmbiguousTries", int64(c.AmbiguousTries)},
	} {
		if field.value < 0 {
			bad("%s: must not be negative", field.name)
		}
	}
}
