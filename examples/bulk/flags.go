package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/smtpace/smtpace"
	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/throttle"
)

const usage = `Usage:
  bulk -relay HOST:PORT -from ADDR -to FILE -message FILE [flags]

Sends one message to each recipient of a list, as fast as the relay and the
receivers behind it allow.

`

// defaultConnections are the connections to the relay without -connections.
const defaultConnections = throttle.DefaultEndpointConnections

// options is the command line.
type options struct {
	relay        smtpace.Relay
	destinations map[string]throttle.Limits
	from         string
	to           string
	message      string
	report       string
	list         listOptions
	resume       bool
	overwrite    bool
	changed      bool // -resume goes on with another list or message
	resend       bool // -resume sends to those of whom nobody knows
	progress     string
	expire       time.Duration
	user         string
	passwordEnv  string
}

// tlsModes are the values of -tls. Not given, it is mandatory STARTTLS, or
// implicit TLS on port 465.
var tlsModes = map[string]pool.TLS{
	"none": pool.TLSNone, "opportunistic": pool.TLSOpportunistic,
	"mandatory": pool.TLSMandatory, "implicit": pool.TLSImplicit,
}

// parseOptions reads the command line. All mistakes that it finds are reported
// together, each with its flag; -h gives flag.ErrHelp, after printing help.
func parseOptions(args []string, help io.Writer) (options, error) {
	o := options{destinations: map[string]throttle.Limits{}}
	fs := o.flags()
	if err := fs.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			fs.SetOutput(help)
			io.WriteString(help, usage)
			fs.PrintDefaults()
		}
		return o, err
	}
	errs := []error{o.checkRequired(), o.checkReport(), o.checkLogin(), o.checkLimits()}
	if fs.NArg() > 0 {
		errs = append(errs, fmt.Errorf("%q is no flag: every argument needs one in front of it", fs.Arg(0)))
	}
	return o, errors.Join(errs...)
}

// flags declares the command line.
func (o *options) flags() *flag.FlagSet {
	fs := flag.NewFlagSet("bulk", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.Usage = func() {}
	fs.StringVar(&o.relay.Addr, "relay", "", "the server that takes the mail, `HOST:PORT`")
	fs.StringVar(&o.from, "from", "", "envelope sender, `ADDR`; with {{.column}} one for each recipient, such as bounce+{{.email}}@example.com")
	fs.StringVar(&o.to, "to", "", "recipients: `FILE` with one address a line, or CSV with a column email")
	fs.StringVar(&o.message, "message", "", "the message, an .eml `FILE`; {{.column}} is filled in")
	fs.Func("tls", "encryption: none, opportunistic, mandatory or implicit (`MODE`; default mandatory, implicit on port 465)", o.setTLS)
	fs.StringVar(&o.user, "user", "", "login `NAME`; needs -password-env")
	fs.StringVar(&o.passwordEnv, "password-env", "", "environment variable `VAR` that has the password")
	fs.Func("connections", "at most `N` connections to the relay (default 20)", o.setConnections)
	fs.Func("rate", "at most this message `RATE` to the relay, such as '50/s burst 10'", o.setRate)
	fs.Func("domain-limit", "limits of one domain, `DOMAIN=LIMITS`, such as 'gmail.com=connections:5,rate:10/s burst 5'; may be given again", o.addDomain)
	fs.Func("charset", "the list is in this `CHARSET`, such as windows-1252 (default: UTF-8, or what its byte order mark says)", o.setCharset)
	fs.StringVar(&o.list.column, "column", "", "the `NAME` of the column with the addresses (default email, or what programs usually call it)")
	fs.BoolVar(&o.resume, "resume", false, "go on where the run that wrote -report ended: who is delivered or refused there is left out")
	fs.Func("unknown", "with -resume, what becomes of those who may have the mail: skip or resend (`WHAT`; default skip)", o.setUnknown)
	fs.BoolVar(&o.changed, "changed", false, "with -resume, go on although the list or the message is not the same any more")
	fs.BoolVar(&o.overwrite, "overwrite", false, "begin -report anew although it has lines of an earlier run")
	fs.Func("expire", "give up on a message after this `DURATION` (default 24h)", o.setExpire)
	fs.StringVar(&o.report, "report", "", "write one JSON line for each recipient to `FILE`")
	o.progress = "auto"
	fs.Func("progress", "show progress on stderr: auto, on or off (`WHEN`; default auto: on a terminal)", o.setProgress)
	return fs
}

func (o *options) setTLS(s string) error {
	mode, ok := tlsModes[s]
	if !ok {
		return errors.New("must be none, opportunistic, mandatory or implicit")
	}
	o.relay.TLS = mode
	return nil
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
	if o.relay.Addr != "" {
		host, port, err := net.SplitHostPort(o.relay.Addr)
		n, portErr := strconv.ParseUint(port, 10, 16)
		if err != nil || host == "" || !isPrintable(host) || strings.Contains(host, " ") || portErr != nil || n == 0 {
			errs = append(errs, fmt.Errorf("-relay %q must be HOST:PORT, such as mail.example.com:587", o.relay.Addr))
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
	if err != nil || !info.Mode().IsRegular() || info.Size() == 0 || notRead(o.report, o.to, o.message) != nil {
		return nil // a new file, or one that openReport will refuse
	}
	text, err := os.ReadFile(o.report)
	if err != nil {
		return fmt.Errorf("-report: %w", err)
	}
	return fmt.Errorf("-report: %s has %d lines of an earlier run: -resume goes on with it, -overwrite begins it anew",
		o.report, bytes.Count(text, []byte("\n")))
}

// checkLogin resolves -user and -password-env.
func (o *options) checkLogin() error {
	switch {
	case o.user == "" && o.passwordEnv == "":
		return nil
	case o.user == "":
		return errors.New("-password-env needs -user")
	case o.passwordEnv == "":
		return errors.New("-user needs -password-env, the environment variable that has the password")
	case o.relay.TLS == pool.TLSNone && !isLoopback(o.relay.Addr):
		return errors.New("-user with -tls none: the password would go over the network in clear text")
	}
	user, secret := o.user, os.Getenv(o.passwordEnv)
	if secret == "" {
		return fmt.Errorf("-password-env: the environment variable %q is not set", o.passwordEnv)
	}
	o.relay.Credentials = func(context.Context) (string, string, error) { return user, secret, nil }
	return nil
}

func isLoopback(addr string) bool {
	host, _, _ := net.SplitHostPort(addr)
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
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
