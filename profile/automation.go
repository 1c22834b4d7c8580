package profile

import (
	"errors"
	"fmt"
	"hash/crc32"
	"maps"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// automation makes rules of the automation of a section. Their names contain the
// profile's name and a checksum of the pattern. A number would not be unique, as
// sets of several files may be merged.
func (s *shaping) automation(t *table, profile string) []classify.Rule {
	kebab := strings.Join(strings.FieldsFunc(profile, func(c rune) bool { return c == '-' || c == '.' }), "-")
	var rules []classify.Rule
	s.earlier = nil
	for _, a := range t.tables("automation") {
		rule, ok := s.meaning(a)
		delay := s.interval(a, "duration")
		switch {
		case ok && rule.Limit == classify.LimitNone:
			rule.RetryAfter = s.delay(a, delay)
		case ok && delay > 0:
			s.warn(a.line("duration", -1), "duration is left out: what a reply teaches ages by itself")
		}
		s.restOf(a)
		for n, pattern := range s.patterns(a) {
			if !ok {
				continue
			}
			rule.Name = fmt.Sprintf("shaping-%s-%08x", kebab, crc32.ChecksumIEEE([]byte(pattern)))
			rules = s.addRule(rules, rule, pattern, a.line("regex", n))
		}
	}
	return rules
}

// delay returns the delay of a suspension, cut to the maximum of a rule.
func (s *shaping) delay(a *table, d time.Duration) time.Duration {
	const longest = 24 * time.Hour
	if d <= longest {
		return d
	}
	s.warn(a.line("duration", -1), "duration is cut to %v", longest)
	return longest
}

// restOf warns of the other keys of an automation.
func (s *shaping) restOf(a *table) {
	for _, key := range slices.Sorted(maps.Keys(a.values)) {
		switch key {
		case "regex", "action", "duration":
		case "trigger":
			if a.values[key] != "Immediate" {
				s.warn(a.line(key, -1), "trigger is left out: the rule applies at the first reply")
			}
		default:
			s.warn(a.line(key, -1), "%s is left out: it has no meaning here", key)
		}
	}
}

// patterns returns the regular expressions of an automation.
func (s *shaping) patterns(a *table) []string {
	if _, alone := a.values["regex"].(string); alone {
		return []string{a.text("regex")}
	}
	if a.values["regex"] == nil {
		a.fail(errors.New("regex is missing: want the pattern of the replies that are meant"), "", -1)
	}
	return a.texts("regex")
}

// meaning returns a rule with the class and limit of the first action that has any,
// false if none does.
func (s *shaping) meaning(a *table) (rule classify.Rule, ok bool) {
	line := a.line("action", -1)
	actions := elements(a.ask("action"))
	if actions == nil {
		actions = []any{a.values["action"]}
	}
	for _, action := range actions {
		class, limit, what := meaningOf(action)
		switch {
		case class == classify.ClassUnknown:
			s.warn(line, "action %s is left out: it has no meaning here", what)
		case ok:
			s.warn(line, "action %s is left out: a reply has one meaning, and an earlier action gives it", what)
		default:
			rule.Class, rule.Limit, ok = class, limit, true
		}
	}
	return rule, ok
}

// limitClasses are the classes of replies that name a limit.
var limitClasses = map[classify.Limit]classify.Class{
	classify.LimitConnections:           classify.ClassTooManyConnections,
	classify.LimitConnectionRate:        classify.ClassRateLimited,
	classify.LimitMessageRate:           classify.ClassRateLimited,
	classify.LimitMessagesPerConnection: classify.ClassConnectionMessageLimit,
}

// meaningOf returns the class of a single action, Unknown if it has none, and
// the action's name.
func meaningOf(action any) (class classify.Class, limit classify.Limit, what string) {
	switch action := action.(type) {
	case string:
		switch action {
		case "Suspend":
			class = classify.ClassIPReputation
		case "SuspendTenant", "SuspendCampaign":
			class = classify.ClassDomainReputation
		}
		return class, classify.LimitNone, fmt.Sprintf("%q", action)
	case map[string]any:
		for _, key := range []string{"SetConfig", "SetDomainConfig"} {
			if config, ok := action[key].(map[string]any); ok {
				name, _ := config["name"].(string)
				limit = shapingLimits[name]
				return limitClasses[limit], limit, fmt.Sprintf("%s of %q", key, name)
			}
		}
	}
	return classify.ClassUnknown, classify.LimitNone, fmt.Sprint(action)
}

// addRule adds a rule with a pattern, unless there is something against it.
func (s *shaping) addRule(rules []classify.Rule, rule classify.Rule, pattern string, line int) []classify.Rule {
	rule.Pattern = pattern
	re, err := regexp.Compile("(?i)" + pattern)
	if err != nil {
		s.warn(line, "regex %q is left out: package regexp does not take it: %v", pattern, err)
		return rules
	}
	example, ok := exampleOf(re)
	if !ok {
		s.warn(line, "regex %q is left out: it fits no reply, or every one", pattern)
		return rules
	}
	if slices.ContainsFunc(s.earlier, func(e *regexp.Regexp) bool { return e.MatchString(example) }) {
		s.warn(line, "regex %q is left out: an earlier one takes its replies", pattern)
		return rules
	}
	s.earlier = append(s.earlier, re)
	rule.Matches, rule.Rejects = []string{example}, []string{rejected}
	s.ruleLines[rule.Name] = line
	return append(rules, rule)
}

// dropConflicts leaves out the rules that [classify.New] would not take.
func (s *shaping) dropConflicts() {
	bad := map[string]bool{}
	conflicts(index(s.layer).Rules(), func(r classify.Rule, err error) {
		s.warn(s.ruleLines[r.Name], "regex %q is left out: %v", r.Pattern, err)
		bad[r.Name] = true
	})
	isBad := func(r classify.Rule) bool { return bad[r.Name] }
	s.layer.rules = slices.DeleteFunc(s.layer.rules, isBad)
	for i := range s.layer.profiles {
		s.layer.profiles[i].Rules = slices.DeleteFunc(s.layer.profiles[i].Rules, isBad)
	}
}

// rejected is a reply that no useful pattern may fit.
const rejected = "450 4.0.0 -"

// exampleOf makes up a reply that the pattern fits, as every rule needs one.
// There is none for a pattern that fits every reply or none.
func exampleOf(re *regexp.Regexp) (reply string, ok bool) {
	tree, err := syntax.Parse(re.String(), syntax.Perl)
	if err != nil {
		return "", false
	}
	sample := strings.TrimSpace(sampleOf(tree.Simplify()))
	for _, code := range []string{"", "421 ", "421 4.7.0 ", "550 5.7.1 "} {
		r, err := classify.ParseReply(code + sample)
		if err == nil && r.Code >= 400 && fits(re, r) {
			bad, _ := classify.ParseReply(rejected)
			return code + sample, !fits(re, bad)
		}
	}
	return "", false
}

func fits(re *regexp.Regexp, r *classify.Reply) bool { return re.MatchString(r.Error()) }

// sampleOf returns a short text that the expression usually matches. It ignores
// positions such as "^" and "\b".
func sampleOf(e *syntax.Regexp) string {
	switch e.Op {
	case syntax.OpLiteral:
		return string(e.Rune)
	case syntax.OpCharClass:
		return string(pick(e.Rune))
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return "x"
	case syntax.OpConcat:
		var b strings.Builder
		for _, sub := range e.Sub {
			b.WriteString(sampleOf(sub))
		}
		return b.String()
	case syntax.OpCapture, syntax.OpPlus, syntax.OpAlternate:
		return sampleOf(e.Sub[0])
	case syntax.OpRepeat:
		return strings.Repeat(sampleOf(e.Sub[0]), e.Min)
	}
	return "" // optional parts, and positions
}

// pick returns a printable character of a class, given as pairs of bounds.
func pick(class []rune) rune {
	for _, c := range "0ax -.:/[(" {
		for i := 0; i+1 < len(class); i += 2 {
			if class[i] <= c && c <= class[i+1] {
				return c
			}
		}
	}
	if len(class) == 0 {
		return 'x'
	}
	return class[0]
}
