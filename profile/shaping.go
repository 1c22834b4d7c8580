package profile

import (
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/throttle"
)

// ParseShaping reads the part of a KumoMTA shaping.toml that has a meaning here. It
// returns a warning for each part that it leaves out. A misspelt key or a value of
// the wrong kind is an error, as in [Parse]; the warnings are returned with it.
//
// A provider becomes a profile with its MXSuffix, HostName and DomainSuffix
// matches, and a domain becomes a profile of that domain. A suffix matches at dots
// only: "example.net" matches "mx.example.net" but not "badexample.net". The
// section "default" becomes the profile "default", which fits every domain that no
// other profile does, and gives the defaults of the others. DNS is not used, so
// that a domain's section does not apply to other domains on the same servers.
//
// connection_limit and provider_connection_limit, of which the lower counts,
// max_message_rate and provider_max_message_rate likewise, max_connection_rate
// and max_deliveries_per_connection become figures. KumoMTA lets the whole of a
// rate go at once unless max_burst is set; here it is spaced evenly, so that no
// period exceeds the rate of the file.
//
// The regular expressions of an automation become a rule each, in front of the
// built-in ones. SetConfig of one of the limits above gives that limit. Suspend
// gives the class ip-reputation, SuspendTenant and SuspendCampaign the class
// domain-reputation; their duration is the delay before the next attempt, up to a
// day. Rules apply at the first reply: thresholds are left out, as one event
// changes the pace once anyway.
func ParseShaping(r io.Reader, name string) (*Set, []*FileError, error) {
	f, root := readFile(r, name)
	if root == nil {
		return nil, nil, f.err()
	}
	s := &shaping{file: f, source: name, taken: map[string]bool{}, ruleLines: map[string]int{}}
	s.read(root)
	s.layer.check(func(i int, m mistake) { s.tables[i].fail(m.err, m.field, -1) })
	if f.ok() {
		s.dropConflicts()
	}
	slices.SortStableFunc(s.warnings, func(a, b *FileError) int { return a.Line - b.Line })
	if !f.ok() {
		return nil, s.warnings, f.err()
	}
	return index(s.layer), s.warnings, nil
}

// shaping is a shaping.toml on its way to a layer.
type shaping struct {
	file      *file
	source    string
	layer     layer
	tables    []*table         // of the profiles
	taken     map[string]bool  // the patterns of profiles
	ruleLines map[string]int   // by name
	earlier   []*regexp.Regexp // of the rules of the section
	warnings  []*FileError
}

func (s *shaping) warn(line int, format string, args ...any) {
	s.warnings = append(s.warnings, &FileError{File: s.file.name, Line: line, Err: fmt.Errorf(format, args...)})
}

// read takes the sections in the order of the file, but "default" first, as it
// gives the defaults of the others.
func (s *shaping) read(root *table) {
	var base Figure
	if t := root.child("default"); t != nil {
		base = s.section(t, Profile{Name: "default", Domains: []string{anyDomain}}, Figure{})
		p := &s.layer.profiles[0]
		s.layer.rules, p.Rules = p.Rules, nil // for any receiver
	}
	domains := root.children("default", "provider")
	for _, t := range domains {
		s.taken[normal(t.key)] = true
	}
	var providers []*table
	if t := root.child("provider"); t != nil {
		providers = t.children()
	}
	for _, t := range providers {
		p := Profile{Name: s.nameOf(t.key)}
		s.matches(t, &p)
		s.section(t, p, base)
	}
	for _, t := range domains {
		s.section(t, Profile{Name: s.nameOf(t.key), Domains: []string{t.key}}, base)
	}
}

// nameOf makes the name of a profile of that of a section. A provider and a
// domain may be called the same.
func (s *shaping) nameOf(section string) string {
	name := strings.Map(func(c rune) rune {
		if strings.ContainsRune("abcdefghijklmnopqrstuvwxyz0123456789-.", c) {
			return c
		}
		return '-'
	}, strings.ToLower(section))
	if slices.ContainsFunc(s.layer.profiles, func(p Profile) bool { return p.Name == name }) {
		name += "-domain"
	}
	return name
}

// matches reads who a provider is.
func (s *shaping) matches(t *table, p *Profile) {
	for _, m := range t.tables("match") {
		for _, key := range slices.Sorted(maps.Keys(m.values)) {
			text, line := m.text(key), m.line(key, -1)
			switch {
			case text == "":
			case key == "HostName":
				p.MX = append(p.MX, s.claim("mx ", line, text)...)
			case key == "MXSuffix":
				p.MX = append(p.MX, s.claim("mx ", line, suffixes(text)...)...)
			case key == "DomainSuffix":
				p.Domains = append(p.Domains, s.claim("", line, suffixes(text)...)...)
			default:
				s.warn(line, "match by %s is left out: this package knows MXSuffix, HostName and DomainSuffix", key)
			}
		}
	}
	if len(p.MX)+len(p.Domains) == 0 {
		s.warn(t.line("", -1), "provider %q matches nobody: it is found by its name only", p.Name)
	}
}

// claim returns the patterns that nobody else has: a domain goes before a provider, and
// else the first section that has it.
func (s *shaping) claim(kind string, line int, patterns ...string) []string {
	var free []string
	for _, pattern := range patterns {
		if s.taken[kind+normal(pattern)] {
			s.warn(line, "match of %q is left out: another section has it", pattern)
			continue
		}
		s.taken[kind+normal(pattern)] = true
		free = append(free, pattern)
	}
	return free
}

func suffixes(text string) []string {
	if suffix, below := strings.CutPrefix(text, "."); below {
		return []string{"*." + suffix}
	}
	return []string{text, "*." + text}
}

// section reads the limits and the automation of p, and adds it to the layer.
// Its missing limits are taken from base.
func (s *shaping) section(t *table, p Profile, base Figure) Figure {
	f := Figure{Customary: true, Source: s.source}
	for _, key := range slices.Sorted(maps.Keys(t.values)) {
		switch key {
		case "match", "automation":
		case "mx_rollup", "replace_base":
			if t.flag(key) {
				s.warn(t.line(key, -1), "%s is left out: no DNS is asked, and files are merged by Set.With only", key)
			}
		case "sources":
			s.warn(t.line(key, -1), "sources is left out: limits are those of all sending addresses")
		default:
			if !s.setLimit(t, key, &f.Limits) {
				s.warn(t.line(key, -1), "%s is left out: it has no meaning here", key)
			}
		}
	}
	f.Limits = Merge(f.Limits, base.Limits)
	if f.Limits != (throttle.Limits{}) {
		p.Figures = []Figure{f}
	}
	p.Rules = s.automation(t, p.Name)
	s.layer.profiles = append(s.layer.profiles, p)
	s.tables = append(s.tables, t)
	return f
}

// shapingLimits are the parameters for limits, each with the limit of a reply whose
// automation sets it.
var shapingLimits = map[string]classify.Limit{
	"connection_limit":              classify.LimitConnections,
	"provider_connection_limit":     classify.LimitConnections,
	"max_connection_rate":           classify.LimitConnectionRate,
	"max_message_rate":              classify.LimitMessageRate,
	"provider_max_message_rate":     classify.LimitMessageRate,
	"max_deliveries_per_connection": classify.LimitMessagesPerConnection,
}

// setLimit reads a parameter into l; false if it is no limit.
func (s *shaping) setLimit(t *table, key string, l *throttle.Limits) bool {
	lower := func(field *int) {
		if n := s.number(t, key); n > 0 && (*field == 0 || n < *field) {
			*field = n
		}
	}
	slower := func(field *throttle.Rate) {
		if r := s.rate(t, key); r.Count > 0 && (field.Count == 0 || perSecond(r) < perSecond(*field)) {
			*field = r
		}
	}
	switch shapingLimits[key] {
	case classify.LimitConnections:
		lower(&l.Connections)
	case classify.LimitMessagesPerConnection:
		lower(&l.MessagesPerConnection)
	case classify.LimitConnectionRate:
		slower(&l.ConnectionRate)
	case classify.LimitMessageRate:
		slower(&l.MessageRate)
	default:
		return false
	}
	return true
}

func perSecond(r throttle.Rate) float64 { return float64(r.Count) / r.Per.Seconds() }

// number reads a whole number; "local:5" is one as well.
func (s *shaping) number(t *table, key string) int {
	v := t.ask(key)
	if text, ok := v.(string); ok {
		n, err := strconv.ParseInt(digits(strings.TrimPrefix(text, "local:")), 10, 64)
		if v = n; err != nil {
			v = text
		}
	}
	n, ok := v.(int64)
	if !ok || n < 1 || n != int64(int(n)) {
		t.fail(fmt.Errorf("%s is %v: want a whole number from 1", key, v), key, -1)
		return 0
	}
	return int(n)
}

func (s *shaping) rate(t *table, key string) throttle.Rate {
	text := t.text(key)
	if _, ok := t.values[key].(string); !ok {
		return throttle.Rate{} // which is told
	}
	r, err := parseShapingRate(text)
	if err != nil {
		t.fail(fmt.Errorf(`%s is %q: %w; want a rate such as "100/min" or "1,000/hr"`, key, text, err), key, -1)
	}
	return r
}

func (s *shaping) interval(t *table, key string) time.Duration {
	text := t.text(key)
	if text == "" {
		return 0
	}
	d, err := parseInterval(text)
	if err != nil {
		t.fail(fmt.Errorf(`%s is %q: %w; want a duration such as "60s" or "2 hours"`, key, text, err), key, -1)
	}
	return d
}
