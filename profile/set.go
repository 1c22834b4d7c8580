package profile

import (
	_ "embed"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"

	"github.com/smtpace/smtpace/classify"
)

// Set is an ordered list of profiles, with an index. It never changes and is
// safe for concurrent use. The zero Set is empty.
//
// Where several profiles fit a name, that of an earlier file goes before (see
// [Set.With]), and within one file the narrower pattern: "mail.example.net"
// before "*.example.net" before "*.net".
type Set struct {
	layers   []layer
	profiles []*Profile // those of one name merged
	byName   map[string]*Profile
	domains  map[string]entry
	mx       map[string]entry
	relays   map[string]entry
}

// entry is the profile of a pattern with its layer.
type entry struct {
	profile *Profile
	layer   int
}

// New makes a set of profiles in the given order. The error has all that is
// wrong with them, joined; names are compared in lower case and without a dot at
// the end. The profiles are copied.
func New(profiles ...Profile) (*Set, error) {
	l := layer{profiles: make([]Profile, len(profiles))}
	for i, p := range profiles {
		l.profiles[i] = p.clone()
	}
	var errs []error
	l.check(func(i int, m mistake) {
		what := m.field
		if m.n >= 0 {
			what = fmt.Sprintf("%s %d", m.field, m.n+1)
		}
		errs = append(errs, fmt.Errorf("profile: profile %q: %s: %w", profiles[i].Name, what, m.err))
	})
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return index(l), nil
}

// With returns a set in which the profiles and rules of own come before those
// of s. Profiles of the same name become one: the limits of own override those of
// s field by field, its patterns, rules and help come first, and its rules replace
// those of the same name.
func (s *Set) With(own *Set) *Set {
	return index(slices.Concat(own.layers, s.layers)...)
}

// index merges layers that have been checked.
func index(layers ...layer) *Set {
	s := &Set{
		layers: layers, byName: map[string]*Profile{},
		domains: map[string]entry{}, mx: map[string]entry{}, relays: map[string]entry{},
	}
	for i, l := range layers {
		for _, p := range l.profiles {
			merged := s.byName[p.Name]
			if merged == nil {
				merged = &Profile{Name: p.Name}
				s.byName[p.Name] = merged
				s.profiles = append(s.profiles, merged)
			}
			*merged = merged.over(&p)
			s.add(&p, entry{merged, i})
		}
	}
	return s
}

// add takes the patterns of one layer's p, which e stands for.
func (s *Set) add(p *Profile, e entry) {
	put := func(in map[string]entry, pattern string) {
		if _, taken := in[pattern]; !taken {
			in[pattern] = e
		}
	}
	for _, pattern := range p.Domains {
		put(s.domains, pattern)
	}
	for _, pattern := range p.MX {
		put(s.mx, pattern)
	}
	for _, pattern := range p.Relays {
		put(s.relays, pattern)
	}
}

// ByName returns the profile of that name, nil when there is none.
func (s *Set) ByName(name string) *Profile { return s.byName[name] }

// ByDomain returns the profile of a recipient's domain, nil when there is none.
// A domain that is hosted at a provider is found by its servers only, see
// [Set.ByMX].
func (s *Set) ByDomain(domain string) *Profile {
	if p := find(s.domains, patternsFor(normal(domain))); p != nil {
		return p
	}
	return s.domains[anyDomain].profile
}

// ByMX returns the profile of a server by its host name, nil when there is
// none.
func (s *Set) ByMX(host string) *Profile { return find(s.mx, patternsFor(normal(host))) }

// ByRelay returns the profile of a service that customers log in to, by the host name
// of its server, such as "email-smtp.eu-west-1.amazonaws.com"; nil when there is none.
// Its limits are those of an account as published. A note says so if they depend on
// the account.
func (s *Set) ByRelay(host string) *Profile { return find(s.relays, relayPatternsFor(normal(host))) }

// find costs a look-up for each pattern.
func find(in map[string]entry, patterns iter.Seq[string]) *Profile {
	var best entry
	for pattern := range patterns {
		if e, ok := in[pattern]; ok && (best.profile == nil || e.layer < best.layer) {
			best = e
		}
	}
	return best.profile
}

// Profiles returns all profiles in order.
func (s *Set) Profiles() iter.Seq[*Profile] { return slices.Values(s.profiles) }

// Rules returns the rules of all profiles, each with its Provider, and those for
// any receiver, in the order in which [classify.New] wants them. Rules of the
// user's own, in Go, go before these.
func (s *Set) Rules() []classify.Rule {
	var rules []classify.Rule
	seen := map[string]bool{}
	add := func(from []classify.Rule) {
		for _, r := range from {
			if !seen[r.Name] {
				seen[r.Name] = true
				rules = append(rules, r)
			}
		}
	}
	for _, l := range s.layers {
		add(l.rules)
		for i := range l.profiles {
			add(l.profiles[i].Rules)
		}
	}
	return rules
}

//go:embed providers.toml
var providers string

// Default returns the profiles that come with the module, each figure with its source and
// date. The figures are published by receivers, or customary among senders. Where neither
// are known, a profile has no limits. The set is the same at every call, and read at the
// first one.
//
// Default panics if the built-in file is malformed, which the tests of this package
// rule out.
func Default() *Set { return readDefault() }

var readDefault = sync.OnceValue(func() *Set {
	s, err := Parse(strings.NewReader(providers), "providers.toml")
	if err != nil {
		panic(err)
	}
	return s
})
