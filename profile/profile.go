package profile

import (
	"fmt"
	"slices"
	"strings"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/throttle"
)

// Profile is what is known of one receiver. It is a plain value; those that a
// [Set] returns are shared and must not be changed.
type Profile struct {
	// Name is unique in a set: lower-case letters, digits, "-" and ".". It is
	// what [classify.Input.Provider] expects.
	Name string
	// Domains are the recipient domains that it takes mail for: "example.net",
	// or "*.example.net" for all domains below it. "*" is any domain that no
	// other profile names.
	Domains []string
	// MX are the host names of its servers, written as Domains are, without
	// "*".
	MX []string
	// Help is where to ask when mail is refused: pages of the postmaster, and
	// addresses.
	Help []string
	// Figures are the limits, each with its source. A limit stands in one of
	// them only.
	Figures []Figure
	// Rules are for replies that only this receiver gives. Their Provider is
	// Name; New fills it in.
	Rules []classify.Rule
}

// Limits returns the ceilings that the figures give together. Zero fields are
// those that no source tells; see [Merge].
func (p *Profile) Limits() throttle.Limits {
	var l throttle.Limits
	for _, f := range p.Figures {
		l = Merge(l, f.Limits)
	}
	return l
}

// clone copies p, so that its slices are nobody else's.
func (p Profile) clone() Profile {
	p.Domains, p.MX, p.Help = slices.Clone(p.Domains), slices.Clone(p.MX), slices.Clone(p.Help)
	p.Figures, p.Rules = slices.Clone(p.Figures), slices.Clone(p.Rules)
	return p
}

// over returns p with what base, a profile of the same name, has besides. What
// p says comes first, and its rules replace those of the same name.
func (p Profile) over(base *Profile) Profile {
	p = p.clone()
	p.Domains = union(p.Domains, base.Domains)
	p.MX = union(p.MX, base.MX)
	p.Help = union(p.Help, base.Help)
	p.Figures = append(p.Figures, base.Figures...)
	for _, r := range base.Rules {
		if !slices.ContainsFunc(p.Rules, func(own classify.Rule) bool { return own.Name == r.Name }) {
			p.Rules = append(p.Rules, r)
		}
	}
	return p
}

func union(a, b []string) []string {
	for _, s := range b {
		if !slices.Contains(a, s) {
			a = append(a, s)
		}
	}
	return a
}

// mistake is what is wrong with the n-th value of a field; n is -1 for the
// field itself.
type mistake struct {
	field string
	n     int
	err   error
}

// normalize brings names to the form they are compared in, and returns all that
// is wrong with the profile by itself.
func (p *Profile) normalize() []mistake {
	var wrong []mistake
	report := func(field string, n int, err error) {
		if err != nil {
			wrong = append(wrong, mistake{field, n, err})
		}
	}
	if !isName(p.Name) {
		report("name", -1, fmt.Errorf(`%q is no name: want lower-case letters, digits, "-" and ".", such as "example"`, p.Name))
	}
	for i, s := range p.Domains {
		p.Domains[i] = normal(s)
		report("domains", i, checkPattern(p.Domains[i], true))
	}
	for i, s := range p.MX {
		p.MX[i] = normal(s)
		report("mx", i, checkPattern(p.MX[i], false))
	}
	p.checkFigures(report)
	p.checkRules(report)
	return wrong
}

func (p *Profile) checkFigures(report func(string, int, error)) {
	var sum throttle.Limits
	for i, f := range p.Figures {
		for _, err := range f.mistakes() {
			report("figure", i, err)
		}
		if twice := overlap(sum, f.Limits); twice != "" {
			report("figure", i, fmt.Errorf("%s: an earlier figure has this limit, too: want it once", twice))
		}
		sum = Merge(sum, f.Limits)
	}
}

func (p *Profile) checkRules(report func(string, int, error)) {
	for i := range p.Rules {
		r := &p.Rules[i]
		if r.Provider != "" && r.Provider != p.Name {
			report("rule", i, fmt.Errorf("rule %q is for provider %q: want %q, or none", r.Name, r.Provider, p.Name))
		}
		r.Provider = p.Name
		report("rule", i, r.Validate())
	}
}

func isName(s string) bool {
	return s != "" && len(s) <= 64 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-.") == ""
}
