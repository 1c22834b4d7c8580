package smtpace

import (
	"maps"
	"net"

	"github.com/smtpace/smtpace/profile"
	"github.com/smtpace/smtpace/throttle"
)

// receivers is what is known of the receivers of mail, beside what they teach.
type receivers struct {
	profiles *profile.Set
	named    map[string]throttle.Limits // Config.Destinations
}

// destination is where the limits of a domain belong: its profile, unless the
// user has named the domain itself.
func (r receivers) destination(domain string) string {
	if _, ok := r.named[domain]; ok {
		return domain
	}
	if p := r.profiles.ByDomain(domain); p != nil {
		return p.Name
	}
	return domain
}

// provider is the name of the profile whose rules judge the replies for a
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

// host is the name of the profile that a server belongs to.
func (r receivers) host(addr string) string {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return ""
	}
	if p := r.profiles.ByMX(host); p != nil {
		return p.Name
	}
	return ""
}

// limits are Config.Destinations, and those of the profiles where the user has
// set none. What a receiver says of connections to it does not concern those
// to a relay.
func (c Config) limits() map[string]throttle.Limits {
	limits := maps.Clone(c.Destinations)
	if limits == nil {
		limits = make(map[string]throttle.Limits)
	}
	for p := range c.Profiles.Profiles() {
		ceilings := p.Limits()
		if c.Route == nil {
			ceilings.ConnectionRate, ceilings.MessagesPerConnection = throttle.Rate{}, 0
		}
		own := profile.Merge(c.Destinations[p.Name], c.Destination)
		limits[p.Name] = profile.Merge(own, ceilings)
	}
	return limits
}
