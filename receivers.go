package smtpace

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"

	"github.com/smtpace/smtpace/profile"
	"github.com/smtpace/smtpace/throttle"
)

// receivers is the configured knowledge of the receivers of mail.
type receivers struct {
	profiles *profile.Set
	named    map[string]throttle.Limits // Config.Destinations
}

// destination returns the destination of a domain: its profile, unless
// Config.Destinations names the domain itself.
func (r receivers) destination(domain string) string {
	if _, ok := r.named[domain]; ok {
		return domain
	}
	if p := r.profiles.ByDomain(domain); p != nil {
		return p.Name
	}
	return domain
}

// provider returns the name of the profile whose rules judge the replies for a
// destination; "" when none is known.
func (r receivers) provider(destination, domain string) string {
	if p := r.profiles.ByName(destination); p != nil {
		return p.Name
	}
	if p := r.profiles.ByDomain(domain); p != nil {
		return p.Name
	}
	return ""
}

// host returns the name of the profile that a server belongs to; "" when none is
// known.
func (r receivers) host(addr string) string {
	if p := r.service(addr); p != nil {
		return p.Name
	}
	host, _, _ := net.SplitHostPort(addr)
	if p := r.profiles.ByMX(host); p != nil {
		return p.Name
	}
	return ""
}

// service returns the profile of a relay that customers log in to; nil when there is
// none.
func (r receivers) service(addr string) *profile.Profile {
	host, _, _ := net.SplitHostPort(addr)
	return r.profiles.ByRelay(host)
}

// limitsOf returns the limits of a relay, with the ceilings of its service where the user
// has set none.
func (r receivers) limitsOf(relay Relay) throttle.Limits {
	if p := r.service(relay.Addr); p != nil {
		return profile.Merge(relay.Limits, p.Limits())
	}
	return relay.Limits
}

// limits returns Config.Destinations, with the ceilings of the profiles where the
// user has set none. Without a Router all connections go to relays: the ceilings
// on connections do not apply to those.
func (c Config) limits() map[string]throttle.Limits {
	limits := maps.Clone(c.Destinations)
	if limits == nil {
		limits = make(map[string]throttle.Limits)
	}
	for p := range c.Profiles.Profiles() {
		ceilings := p.Limits()
		if c.Router == nil {
			ceilings.ConnectionRate, ceilings.MessagesPerConnection = throttle.Rate{}, 0
		}
		own := profile.Merge(c.Destinations[p.Name], c.Destination)
		limits[p.Name] = profile.Merge(own, ceilings)
	}
	return limits
}

// normalized returns c with the keys of Destinations and WarmUps in the form
// that destinations are compared in. Its error joins one for each key that can
// never be a destination.
func (c Config) normalized() (Config, error) {
	var errs [3]error
	c.Destinations, errs[0] = normalKeys("Destinations", c.Destinations, c.Profiles)
	c.WarmUps, errs[1] = normalKeys("WarmUps", c.WarmUps, c.Profiles)
	errs[2] = c.checkWarmUps()
	return c, errors.Join(errs[:]...)
}

// normalKeys returns settings with their keys in normal form. field names them
// in errors.
func normalKeys[V any](field string, settings map[string]V, profiles *profile.Set) (map[string]V, error) {
	var errs []error
	out := make(map[string]V, len(settings))
	from := make(map[string]string, len(settings))
	for _, key := range slices.Sorted(maps.Keys(settings)) {
		name, err := destinationName(key, profiles)
		if err != nil {
			errs = append(errs, fmt.Errorf("smtpace: Config.%s: key %q %w", field, key, err))
			continue
		}
		if other, taken := from[name]; taken {
			errs = append(errs, fmt.Errorf("smtpace: Config.%s: keys %q and %q are the same destination, %q: keep one of them", field, other, key, name))
			continue
		}
		from[name], out[name] = key, settings[key]
	}
	return out, errors.Join(errs...)
}

// destinationName returns the normal form of a destination's name: the name of a
// profile, or a domain. Its error continues a sentence whose
// subject is the name.
func destinationName(name string, profiles *profile.Set) (string, error) {
	if profiles.ByName(name) != nil {
		return name, nil
	}
	normal, err := normalDomain(name)
	if err == nil {
		return normal, nil
	}
	if domain, ok := strings.CutPrefix(name, "@"); ok {
		if normal, err := normalDomain(domain); err == nil {
			return "", fmt.Errorf("is not a domain: write %q", normal)
		}
	}
	if parsed, err := parseAddress(name); err == nil {
		return "", fmt.Errorf("is an address: write its domain, %q", parsed.domain)
	}
	if name == "" {
		return "", errors.New(`is empty: want a domain such as "example.com", or the name of a profile`)
	}
	return "", fmt.Errorf(`%w: want a domain such as "example.com", or the name of a profile`, err)
}

// checkWarmUps reports the warm-ups of domains that are part of a profile's
// destination: no mail has the domain as its destination. A Router may name any.
func (c Config) checkWarmUps() error {
	if c.Router != nil {
		return nil
	}
	var errs []error
	known := receivers{c.Profiles, c.Destinations}
	for _, name := range slices.Sorted(maps.Keys(c.WarmUps)) {
		if c.Profiles.ByName(name) != nil {
			continue
		}
		if of := known.destination(name); of != name {
			errs = append(errs, fmt.Errorf("smtpace: Config.WarmUps: mail to %q has the destination %q: write that, or name %q in Destinations too", name, of, name))
		}
	}
	return errors.Join(errs...)
}
