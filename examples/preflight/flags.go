package main

import (
	"crypto"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strings"

	"github.com/smtpace/smtpace"
	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/preflight"
	"github.com/smtpace/smtpace/profile"
	"github.com/smtpace/smtpace/throttle"
)

// options is the command line.
type options struct {
	sender preflight.Sender
	check  preflight.Options
	json   bool
	strict bool

	limits       []string
	profiles     *profile.Set
	memory       string
	destinations map[string]throttle.Limits
	relayLimits  throttle.Limits

	relay                    string
	user, passwordEnv        string
	tls, ca                  string
	message, dkimKey         string
	rules, dnsbl, limitsOf   string
	sources, receivers       string
	profilesFrom, relayLimit string
	policy                   bool
	signer                   crypto.Signer
	errs                     []error
}

// checks reports whether a sender is to be checked.
func (o *options) checks() bool {
	return o.sender.From != "" || o.sender.Domain != "" || o.message != ""
}

// config returns the settings of package smtpace that -limits needs.
func (o *options) config() smtpace.Config {
	c := smtpace.Config{Profiles: o.profiles, Destinations: o.destinations}
	if o.relay != "" {
		relay := smtpace.Relay{Addr: o.relay, Limits: o.relayLimits}
		c.Relays = []smtpace.Relay{relay}
	}
	if o.memory != "" {
		c.Memory = smtpace.File(o.memory)
	}
	return c
}

// parseOptions reads the command line and the files that it names. All mistakes are
// reported together.
func parseOptions(args []string) (*options, error) {
	o := &options{destinations: map[string]throttle.Limits{}, profiles: profile.Default()}
	flags := o.flags()
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		o.fail("", fmt.Errorf("%q is no flag: every argument needs one in front of it", flags.Arg(0)))
	}
	if !o.checks() && o.limitsOf == "" {
		o.fail("", errors.New("-from is missing: the address of the mail's From; or -limits, with recipient domains"))
	}
	o.readRelay()
	o.readMessage()
	o.readLists()
	o.readProfiles()
	return o, errors.Join(o.errs...)
}

// fail keeps a mistake of a flag.
func (o *options) fail(name string, err error) {
	if err == nil {
		return
	}
	if name != "" {
		err = fmt.Errorf("-%s: %w", name, err)
	}
	o.errs = append(o.errs, err)
}

// flags declares the command line.
func (o *options) flags() *flag.FlagSet {
	fs := flag.NewFlagSet("preflight", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.Usage = func() {}
	fs.StringVar(&o.sender.From, "from", "", "the `ADDRESS` of From, such as news@example.com (default: that of -message)")
	fs.StringVar(&o.sender.Domain, "domain", "", "the `DOMAIN` of From, when no address is known")
	fs.StringVar(&o.sender.MailFrom, "mail-from", "", "the `ADDRESS` to which undeliverable mail returns (default: that of -from)")
	fs.StringVar(&o.sources, "source", "", "the addresses from which receivers see the mail come, `IP,IP`")
	fs.StringVar(&o.sender.HELO, "helo", "", "the `NAME` with which receivers are greeted")
	fs.StringVar(&o.message, "message", "", "a mail as it goes out, an .eml `FILE`; best one that a receiver got")
	fs.StringVar(&o.sender.DKIMSelector, "dkim-selector", "", "the `NAME` under which DNS has the key that signs (default: that of the signature of -message)")
	fs.StringVar(&o.sender.DKIMDomain, "dkim-domain", "", "the `DOMAIN` that signs (default: that of From)")
	fs.StringVar(&o.dkimKey, "dkim-key", "", "the private key that signs, a `FILE` in PEM: it is compared with DNS, and signs -message if that has no signature")
	fs.StringVar(&o.rules, "rules", "bulk-senders", "rules for the message: bulk-senders, or any for mail that is no newsletter (`NAME`)")

	fs.StringVar(&o.relay, "relay", "", "the server that takes the mail, `HOST:PORT` (default: mail goes straight to the receivers)")
	fs.StringVar(&o.user, "user", "", "login `NAME`; needs -password-env")
	fs.StringVar(&o.passwordEnv, "password-env", "", "the environment `VARIABLE` that has the password")
	fs.StringVar(&o.tls, "tls", "", "encryption: none, opportunistic, mandatory or implicit (`MODE`; default mandatory, implicit on port 465)")
	fs.StringVar(&o.ca, "ca", "", "trust the authorities in this `FILE` (PEM) as well")

	fs.BoolVar(&o.check.Quick, "quick", false, "ask nobody but DNS, about names of the sender's own")
	fs.BoolVar(&o.policy, "policy", false, "fetch the MTA-STS policy of the domain, over HTTPS")
	fs.StringVar(&o.dnsbl, "dnsbl", "", "ask these block lists of addresses, `ZONE,ZONE`, or none (default: a few that receivers use)")
	fs.StringVar(&o.receivers, "receivers", "", "without -relay, see whether port 25 of these domains can be reached, `DOMAIN,DOMAIN` (default gmail.com,outlook.com,yahoo.com)")
	fs.DurationVar(&o.check.Timeout, "timeout", 0, "give up after this `DURATION` (default 1m)")

	fs.StringVar(&o.limitsOf, "limits", "", "show the limits of mail to these domains, `DOMAIN,DOMAIN`, and where each figure comes from")
	fs.StringVar(&o.profilesFrom, "profiles", "", "for -limits: builtin, none, or a `FILE` of your own that goes before it (default builtin)")
	fs.StringVar(&o.memory, "memory", "", "for -limits: the `FILE` of what was learned, as of bulk -memory")
	fs.StringVar(&o.relayLimit, "relay-limit", "", "for -limits: `LIMITS` of the relay, such as 'connections:5,rate:50/s'")
	fs.Func("domain-limit", "for -limits: limits of one domain, `DOMAIN=LIMITS`, such as 'gmail.com=connections:5'; may be given again", o.addDomain)

	fs.BoolVar(&o.json, "json", false, "print JSON")
	fs.BoolVar(&o.strict, "strict", false, "warnings give the exit status 1")
	return fs
}

// addDomain reads a -domain-limit.
func (o *options) addDomain(s string) error {
	domain, text, ok := strings.Cut(s, "=")
	limits, err := throttle.ParseLimits(text)
	if !ok {
		err = errors.New("must be DOMAIN=LIMITS")
	}
	o.destinations[strings.TrimSpace(domain)] = limits
	return err
}

// tlsModes are the values of -tls.
var tlsModes = map[string]pool.TLS{
	"none": pool.TLSNone, "opportunistic": pool.TLSOpportunistic, "mandatory": pool.TLSMandatory, "implicit": pool.TLSImplicit,
}

// readLists reads the flags that have commas in them.
func (o *options) readLists() {
	for _, l := range []struct{ flag, list string }{{"source", o.sources}, {"receivers", o.receivers}, {"dnsbl", o.dnsbl}, {"limits", o.limitsOf}} {
		if l.list != "" && len(split(l.list)) == 0 {
			o.fail(l.flag, fmt.Errorf("%q names nothing", l.list))
		}
	}
	for _, part := range split(o.sources) {
		a, err := netip.ParseAddr(part)
		o.fail("source", err)
		o.sender.Sources = append(o.sender.Sources, a)
	}
	if o.receivers != "" {
		o.check.Receivers = split(o.receivers)
	}
	if o.dnsbl != "" {
		o.check.DNSBLs = []preflight.DNSBL{}
	}
	for _, zone := range split(o.dnsbl) {
		if zone == "none" {
			break
		}
		known := slices.IndexFunc(preflight.DefaultDNSBLs(), func(l preflight.DNSBL) bool { return l.Zone == zone })
		l := preflight.DNSBL{Zone: zone}
		if known >= 0 {
			l = preflight.DefaultDNSBLs()[known]
		}
		o.check.DNSBLs = append(o.check.DNSBLs, l)
	}
	switch o.rules {
	case "bulk-senders":
		o.check.BulkSender = true
	case "any":
	default:
		o.fail("rules", errors.New("must be bulk-senders or any"))
	}
	if o.policy {
		o.check.HTTP = &http.Client{}
	}
	if o.check.Timeout < 0 {
		o.fail("timeout", errors.New("must be a positive duration such as 30s"))
	}
	o.limits = split(o.limitsOf)
}

// split returns the parts of a list with commas.
func split(s string) (parts []string) {
	for part := range strings.SplitSeq(s, ",") {
		if part = strings.TrimSpace(part); part != "" {
			parts = append(parts, part)
		}
	}
	return parts
}

// readProfiles reads what -limits needs.
func (o *options) readProfiles() {
	limits, err := throttle.ParseLimits(o.relayLimit)
	o.fail("relay-limit", err)
	o.relayLimits = limits
	switch o.profilesFrom {
	case "", "builtin":
		return
	case "none":
		o.profiles = nil
		return
	}
	file, err := os.Open(o.profilesFrom)
	if err != nil {
		o.fail("profiles", err)
		return
	}
	defer file.Close()
	own, err := profile.Parse(file, o.profilesFrom)
	if err != nil {
		o.fail("profiles", err)
		return
	}
	o.profiles = profile.Default().With(own)
}
