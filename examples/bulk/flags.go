package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/smtpace/smtpace"
	"github.com/smtpace/smtpace/preflight"
	"github.com/smtpace/smtpace/profile"
	"github.com/smtpace/smtpace/throttle"
)

// defaultConnections are the connections to the relay without -connections, the
// default of throttle.Limits.
const defaultConnections = 20

// options is the command line.
type options struct {
	relay        smtpace.Relay
	destinations map[string]throttle.Limits
	profiles     *profile.Set
	memory       string
	expire       time.Duration

	from    string
	to      string
	list    listOptions
	message string

	report    string
	resume    bool
	overwrite bool
	changed   bool // whether -resume goes on with another list or message
	resend    bool // whether -resume sends to those of whom nobody knows
	progress  string

	noPreflight bool
	resolver    preflight.Resolver // nil is that of the system; tests have their own

	user, passwordEnv                 string
	ca, cert, certKey                 string
	profilesFrom                      string
	dkimSelector, dkimKey, dkimDomain string

	errs []error // of the values of flags
}

// parseOptions reads the command line. All mistakes that it finds are reported
// together, each with its flag; -h gives flag.ErrHelp, after printing help.
func parseOptions(args []string, help io.Writer) (options, error) {
	o := options{destinations: map[string]throttle.Limits{}, progress: "auto"}
	flags := o.flags()
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			printUsage(help, flags)
		}
		return o, err
	}
	errs := append(o.errs, o.checkRequired(), o.checkRelay(), o.checkReport(), o.checkLogin(), o.checkLimits(),
		o.checkCertificates(), o.checkProfiles(), o.checkDKIM(), o.checkOverwritten())
	if flags.NArg() > 0 {
		errs = append(errs, fmt.Errorf("%q is no flag: every argument needs one in front of it", flags.Arg(0)))
	}
	return o, errors.Join(errs...)
}

// flags declares the command line.
func (o *options) flags() *flag.FlagSet {
	fs := flag.NewFlagSet("bulk", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.Usage = func() {}
	// set declares a flag whose mistakes are reported with all others.
	set := func(name, usage string, value func(string) error) {
		fs.Func(name, usage, func(s string) error {
			if err := value(s); err != nil {
				o.errs = append(o.errs, fmt.Errorf("invalid value %q for flag -%s: %w", s, name, err))
			}
			return nil
		})
	}
	fs.StringVar(&o.to, "to", "", "the recipients: a `FILE` with one address a line, or a table (CSV) as spreadsheets save it, with a column email")
	fs.StringVar(&o.list.column, "column", "", "the `NAME` of the column with the addresses (default email, or what programs usually call it)")
	set("charset", "the list is in this `CHARSET`, such as windows-1252 (default: UTF-8, or what its byte order mark says)", o.setCharset)
	fs.StringVar(&o.message, "message", "", "the mail, an .eml `FILE` as mail programs save it; {{.column}} is filled in for each recipient")
	fs.StringVar(&o.from, "from", "", "the `ADDRESS` to which undeliverable mail returns; with {{.column}} one for each recipient, such as bounce+{{.email}}@example.com")
	fs.StringVar(&o.dkimSelector, "dkim-selector", "", "sign each mail with DKIM; the `NAME` under which DNS has the public key")
	fs.StringVar(&o.dkimKey, "dkim-key", "", "the private key for it, a `FILE` in PEM, RSA or Ed25519")
	fs.StringVar(&o.dkimDomain, "dkim-domain", "", "the `DOMAIN` that signs (default: that of From)")
	set("preflight", "look in DNS whether receivers will take the mail, for 3 s at most, and warn: on or off (`WHEN`; default on)", o.setPreflight)

	fs.StringVar(&o.relay.Addr, "relay", "", "the server that takes the mail, `HOST:PORT`")
	fs.StringVar(&o.user, "user", "", "login `NAME`; needs -password-env")
	fs.StringVar(&o.passwordEnv, "password-env", "", "the environment `VARIABLE` that has the password")
	set("auth", "the `MECHANISM` of the login, such as PLAIN or LOGIN (default: the best that is offered); EXTERNAL is the certificate of -cert", o.setAuth)
	set("tls", "encryption: none, opportunistic, mandatory or implicit (`MODE`; default mandatory, implicit on port 465)", o.setTLS)
	fs.StringVar(&o.ca, "ca", "", "trust the authorities in this `FILE` (PEM) as well, for a relay with a certificate of your own")
	fs.StringVar(&o.cert, "cert", "", "show the relay this certificate, a `FILE` (PEM) that also has the key")
	fs.StringVar(&o.certKey, "cert-key", "", "the key of -cert, when it is in a `FILE` of its own")
	set("helo", "the `NAME` by which this host greets the relay (default: its own)", o.setHELO)

	set("connections", "at most `N` connections to the relay (default 20)", o.setConnections)
	set("rate", "at most this message `RATE` to the relay, such as '50/s burst 10'", o.setRate)
	set("domain-limit", "limits of one domain, `DOMAIN=LIMITS`, such as 'gmail.com=connections:5,rate:10/s burst 5'; may be given again", o.addDomain)
	fs.StringVar(&o.profilesFrom, "profiles", "", "keep to what large receivers allow: builtin, or a `FILE` of your own that goes before it")
	fs.StringVar(&o.memory, "memory", "", "keep what was learned of the receivers in this `FILE`, for the next run")
	set("expire", "give up on a message after this `DURATION` (default 24h)", o.setExpire)

	fs.StringVar(&o.report, "report", "", "write one line (JSON) for each recipient to `FILE`")
	fs.BoolVar(&o.resume, "resume", false, "go on where the run that wrote -report ended: who is delivered or refused there is left out")
	set("unknown", "with -resume, what becomes of those who may have the mail: skip or resend (`WHAT`; default skip)", o.setUnknown)
	fs.BoolVar(&o.changed, "changed", false, "with -resume, go on although the list or the message is not the same any more")
	fs.BoolVar(&o.overwrite, "overwrite", false, "begin -report anew although it has lines of an earlier run")
	set("progress", "show progress on stderr: auto, on or off (`WHEN`; default auto: on a terminal)", o.setProgress)
	return fs
}

func (o *options) setConnections(s string) error {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		return errors.New("must be a number from 1")
	}
	o.relay.Limits.Connections = n
	return nil
}

func (o *options) setRate(s string) error {
	return o.relay.Limits.MessageRate.UnmarshalText([]byte(s))
}

func (o *options) setExpire(s string) (err error) {
	if o.expire, err = time.ParseDuration(s); err != nil || o.expire <= 0 {
		return errors.New(`must be a positive duration such as "36h" or "90m"`)
	}
	return nil
}

func (o *options) setCharset(s string) error {
	name, ok := charsetName(s)
	if !ok || s == "" {
		return fmt.Errorf("must be one of %s", strings.Join(charsets(), ", "))
	}
	o.list.charset = name
	return nil
}

func (o *options) setUnknown(s string) error {
	if s != "skip" && s != "resend" {
		return errors.New("must be skip or resend")
	}
	o.resend = s == "resend"
	return nil
}

func (o *options) setProgress(s string) error {
	if !slices.Contains([]string{"auto", "on", "off"}, s) {
		return errors.New("must be auto, on or off")
	}
	o.progress = s
	return nil
}

func (o *options) addDomain(s string) error {
	domain, text, ok := strings.Cut(s, "=")
	if !ok {
		return errors.New("must be DOMAIN=LIMITS")
	}
	domain = strings.TrimSpace(domain)
	if why := badDomain(domain); why != "" {
		return fmt.Errorf("%s before the =", why)
	}
	if domain[0] != '[' {
		domain, _ = asciiDomain(domain) // just checked
	}
	if _, twice := o.destinations[domain]; twice {
		return fmt.Errorf("%s is given twice", domain)
	}
	limits, err := throttle.ParseLimits(text)
	if err != nil {
		return err
	}
	o.destinations[domain] = limits
	return limits.Validate()
}

// checkRequired looks at what every run needs.
func (o *options) checkRequired() error {
	var errs []error
	for _, f := range []struct{ name, value, what string }{
		{"relay", o.relay.Addr, "HOST:PORT of the server that takes the mail"},
		{"from", o.from, "the envelope sender"},
		{"to", o.to, "a file with the recipients"},
		{"message", o.message, "a file with the message"},
	} {
		if f.value == "" {
			errs = append(errs, fmt.Errorf("-%s is missing: %s", f.name, f.what))
		}
	}
	if o.from != "" && !twoBraces.MatchString(o.from) { // placeholders are checked with the list
		if err := checkAddress(o.from); err != nil {
			errs = append(errs, fmt.Errorf("-from: %w", err))
		}
	}
	return errors.Join(errs...)
}

// checkReport looks at what decides about the report of an earlier run.
func (o *options) checkReport() error {
	switch {
	case o.resume && o.report == "":
		return errors.New("-resume needs -report, the file that the run before has written")
	case o.resume && o.overwrite:
		return errors.New("-resume and -overwrite contradict each other")
	case !o.resume && (o.changed || o.resend):
		return errors.New("-changed and -unknown belong to -resume")
	}
	return nil
}

// checkUnused refuses a report that has lines of an earlier run.
func (o *options) checkUnused() error {
	if o.report == "" || o.overwrite {
		return nil
	}
	info, err := os.Stat(o.report)
	if err != nil || !info.Mode().IsRegular() || info.Size() == 0 {
		return nil
	}
	text, err := os.ReadFile(o.report)
	if err != nil {
		return fmt.Errorf("-report: %w", err)
	}
	return fmt.Errorf("-report: %s has %d lines of an earlier run: -resume goes on with it, -overwrite begins it anew",
		o.report, bytes.Count(text, []byte("\n")))
}

// checkLimits finds limits of a domain that those of the relay would never let
// it reach: one of the two is not what was meant.
func (o *options) checkLimits() error {
	var errs []error
	relay := o.relay.Limits
	for domain, l := range o.destinations {
		if relay.Connections > 0 && l.Connections > relay.Connections {
			errs = append(errs, fmt.Errorf("-domain-limit %s: %d connections contradict -connections %d", domain, l.Connections, relay.Connections))
		}
		if relay.MessageRate.Count > 0 && perSecond(l.MessageRate) > perSecond(relay.MessageRate) {
			errs = append(errs, fmt.Errorf("-domain-limit %s: the rate %v contradicts -rate %v", domain, l.MessageRate, relay.MessageRate))
		}
	}
	return errors.Join(errs...)
}

func perSecond(r throttle.Rate) float64 {
	if r.Count == 0 {
		return 0
	}
	return float64(r.Count) / r.Per.Seconds()
}
