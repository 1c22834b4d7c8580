package preflight

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/smtpace/smtpace"
	"github.com/smtpace/smtpace/internal/printable"
	"github.com/smtpace/smtpace/profile"
	"github.com/smtpace/smtpace/throttle"
)

// The values of Bound.Origin.
const (
	fromDefault = "default"
	fromConfig  = "config"
	fromProfile = "profile"
	fromLessons = "learned"
)

// Bound is one limit of mail to a domain.
type Bound struct {
	Scope string `json:"scope"` // "destination", "relay" or "process"
	Name  string `json:"name,omitempty"`
	// Key and Value are as in the text of throttle.Limits: "rate" and "50/s burst 10".
	Key   string `json:"key"`
	Value string `json:"value"`
	// Origin is "config", "profile", "learned" (from refusals, kept in Config.Memory) or
	// "default" (of package smtpace).
	Origin string `json:"origin"`
	// Binds says that the limit applies. One that does not is overridden by that of
	// another origin.
	Binds bool `json:"binds"`
	// Source is the page or file of a profile's figure with its date, the field of
	// Config, or the reply that has taught a lesson.
	Source string `json:"source"`
	// Note holds further facts of a profile, such as whose limit it is.
	Note string `json:"note,omitempty"`
	// Customary marks a rule of thumb in a profile: it is not the receiver's word.
	Customary bool `json:"customary,omitempty"`
}

// DomainLimits are the limits of mail to a recipient domain.
type DomainLimits struct {
	Domain      string `json:"domain"`
	Destination string `json:"destination"` // what the limits are kept for
	Profile     string `json:"profile,omitempty"`
	// Bounds are those of the destination, then of each relay, then of the process.
	Bounds []Bound `json:"bounds"`
	// Help are the pages and addresses of the receiver's postmaster.
	Help []string `json:"help,omitempty"`
}

// defaultLimits are those of package smtpace, by scope.
var defaultLimits = map[string]throttle.Limits{
	"destination": {Connections: 10, MessagesPerConnection: 100, RecipientsPerMessage: 100},
	"relay":       {Connections: 20},
	"process":     {Connections: 100},
}

// keys are the keys of throttle.Limits in text, in their order.
var keys = []string{"connections", "connection-rate", "rate", "recipient-rate", "byte-rate", "per-connection", "per-message", "quota"}

// Limits returns the limits that would hold for mail to each of the domains under cfg,
// and the source of each figure. It opens no connection, asks neither DNS nor a Router
// that waits, and leaves Config.Memory as it is.
//
// Its error says what is wrong with cfg or a domain.
func Limits(cfg smtpace.Config, domains ...string) ([]DomainLimits, error) {
	now := time.Now()
	learned, err := lessons(now, cfg.Memory)
	if err != nil {
		return nil, err
	}
	plain := cfg
	plain.Memory, plain.WarmUps = nil, nil
	plain.Logger = slog.New(slog.DiscardHandler)
	if len(plain.Relays) == 0 && plain.Router == nil {
		plain.Router = noRoute{} // limits of receivers can be shown without a relay
	}
	sender, err := smtpace.New(plain)
	if err != nil {
		return nil, err
	}
	defer sender.Close()
	var found []DomainLimits
	var errs []error
	for _, domain := range domains {
		ascii, err := asciiDomain(strings.TrimSpace(domain))
		if err != nil {
			errs = append(errs, fmt.Errorf("preflight: %w", err))
			continue
		}
		found = append(found, limitsOf(cfg, learned, ascii, sender.Explain(ascii).Destination))
	}
	return found, errors.Join(errs...)
}

// noRoute is the Router of a Config that has none.
type noRoute struct{}

func (noRoute) Route(context.Context, smtpace.RouteRequest) (smtpace.Route, error) {
	return smtpace.Route{}, errors.New("preflight: there is no relay")
}

// lessons returns what a Memory keeps.
func lessons(now time.Time, memory smtpace.Memory) ([]throttle.LearnedLimit, error) {
	if memory == nil {
		return nil, nil
	}
	text, err := memory.Load()
	if err != nil || len(text) == 0 {
		return nil, err
	}
	return throttle.LearnedLimits(now, text)
}

// limitsOf returns the limits of one domain.
func limitsOf(cfg smtpace.Config, learned []throttle.LearnedLimit, domain, destination string) DomainLimits {
	d := DomainLimits{Domain: domain, Destination: destination}
	profiles := cmp.Or(cfg.Profiles, &profile.Set{})
	p := profiles.ByName(destination)
	if p == nil {
		p = profiles.ByDomain(domain)
	}
	if destination == "" {
		d.Destination = domain
		if p != nil {
			d.Destination = p.Name
		}
	}
	if p != nil {
		d.Profile, d.Help = p.Name, p.Help
	}
	d.Bounds = destinationBounds(cfg, d.Destination, p)
	d.Bounds = append(d.Bounds, learnedBounds(learned, "destination", throttle.ScopeDestination, d.Destination)...)
	for _, relay := range cfg.Relays {
		name := cmp.Or(relay.Name, relay.Addr)
		d.Bounds = append(d.Bounds, layered("relay", name, layer{relay.Limits, fromConfig, "Relay.Limits", "", false})...)
		d.Bounds = append(d.Bounds, learnedBounds(learned, "relay", throttle.ScopeEndpoint, name)...)
	}
	d.Bounds = append(d.Bounds, layered("process", "", layer{cfg.Process, fromConfig, "Config.Process", "", false})...)
	return d
}

// layer is one source of limits.
type layer struct {
	limits    throttle.Limits
	origin    string
	source    string
	note      string
	customary bool
}

// destinationBounds returns what is set and known of a destination. As in package
// smtpace, Config goes before the profile, field by field, and limits of the profile on
// connections themselves concern hosts, not a relay in front of them.
func destinationBounds(cfg smtpace.Config, destination string, p *profile.Profile) []Bound {
	layers := []layer{
		{namedLimits(cfg, destination), fromConfig, "Config.Destinations", "", false},
		{cfg.Destination, fromConfig, "Config.Destination", "", false},
	}
	if p != nil && p.Name == destination {
		for _, f := range p.Figures {
			if cfg.Router == nil {
				f.Limits.ConnectionRate, f.Limits.MessagesPerConnection = throttle.Rate{}, 0
			}
			source := strings.TrimSpace(f.Source + " " + f.Date)
			layers = append(layers, layer{f.Limits, fromProfile, source, f.Note, f.Customary})
		}
	}
	return layered("destination", destination, layers...)
}

// namedLimits returns the limits that Config.Destinations has for a destination, in any
// spelling of its name.
func namedLimits(cfg smtpace.Config, destination string) throttle.Limits {
	for name, l := range cfg.Destinations {
		ascii, err := asciiDomain(name)
		if name == destination || err == nil && ascii == destination {
			return l
		}
	}
	return throttle.Limits{}
}

// layered returns the limits of a scope. For each key the first layer that has it
// binds, and the default if none has.
func layered(scope, name string, layers ...layer) (found []Bound) {
	layers = append(layers, layer{defaultLimits[scope], fromDefault, "package smtpace", "", false})
	bound := map[string]bool{}
	for _, l := range layers {
		values := valuesOf(l.limits)
		for _, key := range keys {
			value, there := values[key]
			if !there || l.origin == fromDefault && bound[key] {
				continue
			}
			found = append(found, Bound{
				Scope: scope, Name: name, Key: key, Value: value, Origin: l.origin, Binds: !bound[key],
				Source: printable.Text(l.source, maxText), Note: printable.Text(l.note, maxText), Customary: l.customary,
			})
			bound[key] = true
		}
	}
	slices.SortStableFunc(found, func(a, b Bound) int { return slices.Index(keys, a.Key) - slices.Index(keys, b.Key) })
	return found
}

// valuesOf returns the fields that are set, by key.
func valuesOf(l throttle.Limits) map[string]string {
	values := map[string]string{}
	for pair := range strings.SplitSeq(l.String(), ",") {
		if key, value, ok := strings.Cut(pair, ":"); ok {
			values[key] = value
		}
	}
	return values
}

// learnedBounds returns what was learned of a scope. It always binds: what is set is a
// ceiling above it.
func learnedBounds(learned []throttle.LearnedLimit, scope string, kind throttle.ScopeKind, name string) (found []Bound) {
	for _, l := range learned {
		if l.Scope != (throttle.Scope{Kind: kind, Name: name}) {
			continue
		}
		source := printable.Text(l.Evidence, maxText)
		if source == "" {
			source = "refusals that named no limit"
		}
		if !l.At.IsZero() {
			source += ", " + l.At.UTC().Format("2006-01-02 15:04 UTC")
		}
		found = append(found, Bound{Scope: scope, Name: name, Key: l.Key, Value: l.Value, Origin: fromLessons, Binds: true, Source: source})
	}
	return found
}
