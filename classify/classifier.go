package classify

import (
	"errors"
	"fmt"
	"strings"
)

// Classifier judges answers by an ordered table of rules. It never changes, and
// is safe for concurrent use. The zero value has the built-in rules only, as
// [Of] has.
type Classifier struct {
	given *table // nil when no rules were given
}

// maxRules bounds a table.
const maxRules = 1 << 16

// New makes a classifier of the given rules and, after them, the built-in ones:
// texts, then enhanced codes, then codes. The first rule that fits decides, so
// the order of the given rules counts: the user's own go before those of the
// providers' profiles, as in
//
//	classify.New(append(own, profiles.Rules()...)...)
//
// A rule with a Provider costs nothing for the replies of others, so the rules
// of all profiles may be given at once.
//
// The error has all that is wrong with the rules, joined: what
// [Rule.Validate] finds, names that are taken, and rules that cannot decide one
// of their own examples, as a given rule with the same Provider takes it before.
func New(rules ...Rule) (*Classifier, error) {
	if len(rules) == 0 {
		return &Classifier{}, nil
	}
	if len(rules) > maxRules {
		return nil, fmt.Errorf("classify: %d rules are given; at most %d may be", len(rules), maxRules)
	}
	var mistakes []error
	names := map[string]bool{}
	all := make([]compiled, len(rules))
	for i, r := range rules {
		r = r.clone() // as the caller may change his afterwards
		var err error
		if all[i], err = r.compile(); err != nil {
			mistakes = append(mistakes, err)
		}
		if err := checkFree(names, r.Name); err != nil {
			mistakes = append(mistakes, err)
		}
	}
	if len(mistakes) > 0 {
		return nil, errors.Join(mistakes...)
	}
	c := &Classifier{given: newTable(all)}
	if mistakes = c.given.checkShadows(); len(mistakes) > 0 {
		return nil, errors.Join(mistakes...)
	}
	return c, nil
}

// reserved are the prefixes of the names of built-in rules: a new one must never
// break a user's table.
var reserved = []string{"text-", "enhanced-", "code-"}

func checkFree(names map[string]bool, name string) error {
	for _, prefix := range reserved {
		if strings.HasPrefix(name, prefix) {
			return fmt.Errorf("classify: rule %q: names that begin with %q are those of the built-in rules", name, prefix)
		}
	}
	if names[name] {
		return fmt.Errorf("classify: rule %q: the name is given twice; it must be unique", name)
	}
	names[name] = true
	return nil
}

// checkShadows tries the examples of each rule on all rules of the table. A rule
// that is meant for others, too, or for fewer, may go before it on purpose.
func (t *table) checkShadows() (mistakes []error) {
	for i := range t.rules {
		r := t.rules[i].Rule
		for _, example := range r.Matches {
			reply, err := parseRefusal(example)
			if err != nil {
				continue
			}
			taker, _ := t.decide(r.exampleInput(), reply, fold(nil, reply.Text)) // never nil, as the rule itself fits
			if taker != r && taker.Provider == r.Provider {
				mistakes = append(mistakes, fmt.Errorf("classify: rule %q: rule %q, which stands before it, takes its example %q", r.Name, taker.Name, example))
			}
		}
	}
	return mistakes
}
