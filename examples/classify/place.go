package main

import (
	"cmp"
	"strings"

	"golang.org/x/net/publicsuffix"

	"github.com/smtpace/smtpace/profile"
)

// place is whose answer it is: a receiver's, or a relay's.
type place struct {
	key     string           // of the destination in the report
	name    string           // its name there; "" for that of the only domain
	profile *profile.Profile // nil when there is none
	relay   bool
	tally   *tally // of the report, once it has an answer
}

// route is the way of a message as an answer has it.
type route struct {
	provider, domain, host string
	relay                  bool
}

const (
	// maxPlaces bounds the domains whose routes are remembered.
	maxPlaces = 20_000
	// maxRoutes bounds the routes of each.
	maxRoutes = 16
)

// placeOf returns the place that an answer belongs to. A service's server for its
// customers is a relay, and so is one that is not the recipient's: its limits are its
// own, whoever the recipients are. Where no profile has the server or the domain, this
// cannot be told at once. Those have one place for each organization of servers. The
// report names it after the domain as long as that is the only one.
func (j *judge) placeOf(r route) *place {
	name := cmp.Or(r.domain, r.provider, r.host)
	known := j.places[name]
	for i := range known {
		if known[i].route == r {
			return &known[i].place
		}
	}
	if len(j.places) >= maxPlaces {
		clear(j.places)
	}
	if len(known) >= maxRoutes {
		known = nil
	}
	r = route{strings.Clone(r.provider), strings.Clone(r.domain), strings.Clone(r.host), r.relay}
	known = append(known, placed{r, j.find(r)})
	j.places[strings.Clone(name)] = known
	return &known[len(known)-1].place
}

// placed is a route and the place that was found for it.
type placed struct {
	route
	place place
}

func (j *judge) find(r route) place {
	receiver := j.named(r.provider)
	if receiver == nil {
		receiver = j.ofName(r.domain)
	}
	var server *profile.Profile
	if r.host != "" {
		if service := j.profiles.ByRelay(r.host); service != nil {
			return relayPlace(r.host, service)
		}
		server = j.profiles.ByMX(r.host)
	}
	switch {
	case r.relay && r.host != "":
		return relayPlace(r.host, server)
	case server != nil && (receiver == nil || server == receiver):
		return place{key: server.Name, name: server.Name, profile: server}
	case receiver != nil && r.host != "" && len(receiver.MX) > 0 && !isOf(receiver, r.host) && !isAddress(r.host):
		return relayPlace(r.host, server)
	case receiver != nil:
		return place{key: receiver.Name, name: receiver.Name, profile: receiver}
	case r.provider != "":
		return place{key: r.provider, name: r.provider}
	case r.host == "", isAddress(r.host) && r.domain != "":
		return place{key: r.domain, name: r.domain}
	}
	organization := organizationOf(r.host)
	if r.domain != "" && organizationOf(r.domain) == organization {
		return place{key: r.domain, name: r.domain}
	}
	return place{key: organization}
}

// named returns the profile of a provider: by name, domain or server.
func (j *judge) named(provider string) *profile.Profile {
	if provider == "" {
		return nil
	}
	if p := j.profiles.ByName(provider); p != nil {
		return p
	}
	if p := j.ofName(provider); p != nil {
		return p
	}
	return j.profiles.ByMX(provider)
}

func (j *judge) ofName(domain string) *profile.Profile {
	if domain == "" {
		return nil
	}
	return j.profiles.ByDomain(domain)
}

func relayPlace(host string, p *profile.Profile) place {
	return place{key: "relay " + host, name: host + " (relay)", profile: p, relay: true}
}

// isOf reports whether a server is in one of the domains of a receiver, as some are
// that its profile does not name.
func isOf(p *profile.Profile, host string) bool {
	organization := organizationOf(host)
	for _, domains := range [][]string{p.Domains, p.MX} {
		for _, domain := range domains {
			if organizationOf(strings.TrimPrefix(domain, "*.")) == organization {
				return true
			}
		}
	}
	return false
}

// organizationOf returns the domain that somebody has registered.
func organizationOf(host string) string {
	if organization, err := publicsuffix.EffectiveTLDPlusOne(host); err == nil {
		return organization
	}
	return host
}

// isAddress reports whether a server is known by its IP address only.
func isAddress(host string) bool {
	return strings.Contains(host, ":") || strings.Trim(host, "0123456789.") == ""
}
