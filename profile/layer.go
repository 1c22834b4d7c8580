package profile

import (
	"fmt"
	"slices"
	"sort"

	"github.com/smtpace/smtpace/classify"
)

// layer is the contents of one file.
type layer struct {
	profiles []Profile
	rules    []classify.Rule // for any receiver
}

// general is the index that check gives for the rules of no profile.
const general = -1

// check normalizes a layer and reports all that is wrong with its profiles and
// rules, each mistake with the index of the profile.
func (l *layer) check(report func(i int, m mistake)) {
	names, domains, mx, relays, rules := owners{}, owners{}, owners{}, owners{}, owners{}
	for n, r := range l.rules {
		if err := r.Validate(); err != nil {
			report(general, mistake{"rule", n, err})
		}
		rules.claim(r.Name, "the file", func(err error) { report(general, mistake{"rule", n, err}) })
	}
	for i := range l.profiles {
		p := &l.profiles[i]
		for _, m := range p.normalize() {
			report(i, m)
		}
		owner := fmt.Sprintf("profile %q", p.Name)
		claim := func(in owners, field string, n int, what string) {
			in.claim(what, owner, func(err error) { report(i, mistake{field, n, err}) })
		}
		claim(names, "name", -1, p.Name)
		for n, pattern := range p.Domains {
			claim(domains, "domains", n, pattern)
		}
		for n, pattern := range p.MX {
			claim(mx, "mx", n, pattern)
		}
		for n, pattern := range p.Relays {
			claim(relays, "relays", n, pattern)
		}
		for n, r := range p.Rules {
			claim(rules, "rule", n, r.Name)
		}
	}
}

// owners are the owners of names and patterns that may have one only.
type owners map[string]string

func (o owners) claim(what, who string, report func(error)) {
	if owner, taken := o[what]; taken {
		report(fmt.Errorf("%q is taken by %s: want it once", what, owner))
		return
	}
	o[what] = who
}

// maxConflicts is the maximum number of conflicts reported.
const maxConflicts = 20

// conflicts reports the rules that [classify.New] does not take behind those
// before them, mostly as one of these takes their examples, and returns the
// others. Single rules are valid.
func conflicts(rules []classify.Rule, report func(r classify.Rule, err error)) []classify.Rule {
	rules = slices.Clone(rules)
	for range maxConflicts {
		if _, err := classify.New(rules...); err == nil {
			return rules
		}
		var why error
		n := sort.Search(len(rules)-1, func(n int) bool {
			_, err := classify.New(rules[:n+1]...)
			return err != nil
		})
		_, why = classify.New(rules[:n+1]...)
		report(rules[n], why)
		rules = slices.Delete(rules, n, n+1)
	}
	return rules
}
