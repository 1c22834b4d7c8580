package classify

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// maxFragment is the maximum length of a fragment, in bytes.
const maxFragment = 200

// Validate returns the mistakes of the rule, joined, each with what would be
// right. The examples are tried if all else is right. [New] calls it.
func (r Rule) Validate() error {
	_, err := r.compile()
	return err
}

// compile compiles the rule, which must not change afterwards, and returns the
// error of Validate.
func (r *Rule) compile() (compiled, error) {
	c, err := compile(r)
	mistakes := slices.Concat(r.checkName(), r.checkConditions(), c.checkTexts(err), r.checkVerdict())
	if len(mistakes) == 0 {
		mistakes = c.checkExamples()
	}
	for i, mistake := range mistakes {
		mistakes[i] = fmt.Errorf("classify: rule %q: %w", r.Name, mistake)
	}
	return c, errors.Join(mistakes...)
}

func (r *Rule) checkName() (mistakes []error) {
	if !isKebab(r.Name) {
		mistakes = append(mistakes, errors.New(`the name must be in kebab-case, as in "acme-too-fast"`))
	}
	if strings.TrimSpace(r.Provider) != r.Provider {
		mistakes = append(mistakes, fmt.Errorf("the provider %q must have no blanks around it", r.Provider))
	}
	return mistakes
}

func isKebab(s string) bool {
	for word := range strings.SplitSeq(s, "-") {
		if word == "" || strings.Trim(word, "abcdefghijklmnopqrstuvwxyz0123456789") != "" {
			return false
		}
	}
	return true
}

func (r *Rule) checkConditions() (mistakes []error) {
	for _, stage := range r.Stages {
		if stage > StageUnknown {
			mistakes = append(mistakes, fmt.Errorf("the stages must be constants of type Stage, not %d; none means all", stage))
		}
	}
	for _, code := range r.Codes {
		if code != 4 && code != 5 && (code < minCode || code > maxCode) {
			mistakes = append(mistakes, fmt.Errorf("the codes must be from 400 to 599, or 4 or 5 for all that begin so, not %d", code))
		}
	}
	for _, code := range r.Enhanced {
		if e, ok := parseEnhanced(code); !ok || e[0] == 2 {
			mistakes = append(mistakes, fmt.Errorf(`the enhanced codes must be like "4.7.1", with an x for any number, not %q`, code))
		}
	}
	return mistakes
}

// checkTexts returns the mistakes of the texts. The argument is the error of the
// pattern, nil for none.
func (c *compiled) checkTexts(pattern error) (mistakes []error) {
	for i, text := range c.Contains {
		for _, fragment := range c.texts[i] {
			if len(fragment) > maxFragment {
				mistakes = append(mistakes, fmt.Errorf("a fragment of %.20q... has %d bytes; at most %d may be", text, len(fragment), maxFragment))
			}
			if !slices.ContainsFunc([]rune(string(fragment)), func(c rune) bool { return unicode.IsLetter(c) || unicode.IsDigit(c) }) {
				mistakes = append(mistakes, fmt.Errorf("each fragment of %q must have a letter or digit", text))
			}
		}
	}
	if pattern != nil {
		mistakes = append(mistakes, fmt.Errorf("the pattern must be in the syntax of package regexp: %w", pattern))
	}
	if c.Pattern != "" && len(c.Contains) > 0 {
		mistakes = append(mistakes, errors.New("either Contains or Pattern, not both; two rules do"))
	}
	return mistakes
}

func (r *Rule) checkVerdict() (mistakes []error) {
	if r.Class == ClassUnknown || r.Class == ClassOK || int(r.Class) >= Classes {
		mistakes = append(mistakes, fmt.Errorf("the class must be that of a refusal, not %q", r.Class))
	}
	if r.Limit > LimitQuota {
		mistakes = append(mistakes, errors.New("the limit is none of the constants"))
	}
	if r.Scope > ScopeDestination {
		mistakes = append(mistakes, errors.New("the scope is none of the constants"))
	}
	if r.RetryAfter != 0 && (r.RetryAfter < minDelay || r.RetryAfter > maxDelay) {
		mistakes = append(mistakes, fmt.Errorf("the RetryAfter must be from %v to %v, or 0 for none, not %v", minDelay, maxDelay, r.RetryAfter))
	}
	if len(r.Matches) == 0 || len(r.Rejects) == 0 {
		mistakes = append(mistakes, errors.New("the Matches and Rejects must have an example each, a reply that the rule is for and one that it is not for"))
	}
	return mistakes
}

// checkExamples returns the examples that the rule alone gets wrong.
func (c *compiled) checkExamples() (mistakes []error) {
	check := func(examples []string, want bool, format string) {
		for _, example := range examples {
			reply, err := parseRefusal(example)
			if err != nil {
				mistakes = append(mistakes, err)
			} else if c.fits(c.exampleInput(), reply) != want {
				mistakes = append(mistakes, fmt.Errorf(format, example))
			}
		}
	}
	check(c.Matches, true, "the rule does not fit %q, one of its Matches")
	check(c.Rejects, false, "the rule fits %q, one of its Rejects")
	return mistakes
}

// exampleInput returns the circumstances of the rule's examples.
func (r *Rule) exampleInput() Input {
	in := Input{Stage: StageUnknown, Provider: r.Provider}
	if len(r.Stages) > 0 {
		in.Stage = r.Stages[0]
	}
	return in
}

// parseRefusal reads an example.
func parseRefusal(example string) (*Reply, error) {
	reply, err := ParseReply(example)
	if err == nil && (reply.Code < minCode || reply.Code > maxCode) {
		err = fmt.Errorf("the example %q must be a refusal, from 400 to 599", example)
	}
	return reply, err
}
