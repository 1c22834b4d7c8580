package classify

import (
	"errors"
	"fmt"
	"strings"
)

// Classifier judges answers by an ordered table of rules. It is immutable and
// safe for concurrent use. The zero value has the built-in rules only, like [Of].
type Classifier struct {
	given *table // nil when no rules were given
	base  *table // the rules behind those; nil for the built-in ones

	weights []byte // of the fallback; nil for the built-in ones
}

// maxRules is the maximum number of given rules.
const maxRules = 1 << 16

// New makes a classifier with the given rules in front of the built-in ones. The
// first rule that fits decides, so that the order of the given rules counts. The
// user's own go before those of the providers' profiles:
//
//	classify.New(append(own, profiles.Rules()...)...)
//
// The rules of all profiles may be given at once: a rule with a Provider costs
// nothing for the replies of others. All classifiers share the built-in rules, so
// that a classifier costs no more than the rules given.
//
// The error joins all mistakes: those found by [Rule.Validate], names given twice, and
// rules with an example that an earlier rule of the same Provider decides.
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
	for i, r := range rules { // whose slices stay the caller's: nothing reads them after New
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

// reserved are the name prefixes of built-in rules. A new built-in rule must never
// break a user's table.
var reserved = []string{"text-", "says-", "enhanced-", "code-", "guess-"}

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
// with another Provider may be put before it on purpose.
func (t *table) checkShadows() (mistakes []error) {
	for i := range t.rules {
		r := t.rules[i].Rule
		for _, example := range r.Matches {
			reply, err := parseRefusal(example)
			if err != nil {
				continue
			}
			var s scan
			taker := t.decide(r.exampleInput(), reply, fold(nil, reply.Text), &s) // never nil, as the rule itself fits
			if taker != r && taker.Provider == r.Provider {
				mistakes = append(mistakes, fmt.Errorf("classify: rule %q: rule %q, which stands before it, takes its example %q", r.Name, taker.Name, example))
			}
		}
	}
	return mistakes
}
