package classify

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// maxFragment bounds a fragment; the text of a reply is searched up to maxText.
const maxFragment = 200

// Validate returns all that is wrong with the rule, joined: each mistake with
// what would be right. The examples are tried as well, once all else is right.
// [New] calls it.
func (r Rule) Validate() error {
	mistakes := slices.Concat(r.checkName(), r.checkConditions(), r.checkTexts(), r.checkVerdict())
	if len(mistakes) == 0 {
		mistakes = r.checkExamples()
	}
	for i, mistake := range mistakes {
		mistakes[i] = fmt.Errorf("classify: rule %q: %w", r.Name, mistake)
	}
	return errors.Join(mistakes...)
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

func (r *Rule) checkTexts() (mistakes []error) {
	for _, text := range r.Contains {
		for _, fragment := range foldFragments(text) {
			if len(fragment) > maxFragment {
				mistakes = append(mistakes, fmt.Errorf("a fragment of %.20q... has %d bytes; at most %d may be", text, len(fragment), maxFragment))
			}
			if !slices.ContainsFunc([]rune(string(fragment)), func(c rune) bool { return unicode.IsLetter(c) || unicode.IsDigit(c) }) {
				mistakes = append(mistakes, fmt.Errorf("each fragment of %q must have a letter or digit", text))
			}
		}
	}
	if _, err := compilePattern(r.Pattern); err != nil {
		mistakes = append(mistakes, fmt.Errorf("the pattern must be in the syntax of package regexp: %w", err))
	}
	if r.Pattern != "" && len(r.Contains) > 0 {
		mistakes = append(mistakes, errors.New("either Contains or Pattern, not both; two rules do"))
	}
	return mistakes
}

func (r *Rule) checkVerdict() (mistakes []error) {
	if r.Class == Unknown || r.Class == OK || int(r.Class) >= Classes {
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

// checkExamples tries the rule alone.
func (r *Rule) checkExamples() (mistakes []error) {
	alone := newTable([]Rule{*r})
	for _, example := range slices.Concat(r.Matches, r.Rejects) {
		if _, err := parseRefusal(example); err != nil {
			mistakes = append(mistakes, err)
		}
	}
	for _, example := range r.Matches {
		if reply, err := parseRefusal(example); err == nil && alone.place(r.exampleInput(), reply) < 0 {
			mistakes = append(mistakes, fmt.Errorf("the rule does not fit %q, one of its Matches", example))
		}
	}
	for _, example := range r.Rejects {
		if reply, err := parseRefusal(example); err == nil && alone.place(r.exampleInput(), reply) >= 0 {
			mistakes = append(mistakes, fmt.Errorf("the rule fits %q, one of its Rejects", example))
		}
	}
	return mistakes
}

// exampleInput is where the examples of a rule are met.
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
