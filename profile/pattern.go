package profile

import (
	"errors"
	"fmt"
	"iter"
	"strings"
)

// anyDomain is the pattern of all domains that no other pattern fits.
const anyDomain = "*"

// normal returns the name of a domain or host in the form for comparisons.
func normal(name string) string {
	return strings.ToLower(strings.TrimSuffix(strings.TrimSpace(name), "."))
}

// checkPattern takes a pattern in its normal form.
func checkPattern(pattern string, anyAllowed bool) error {
	name := strings.TrimPrefix(pattern, "*.")
	switch {
	case pattern == anyDomain && anyAllowed:
		return nil
	case strings.HasPrefix(pattern, "."):
		return fmt.Errorf("%q: want %q for all names below it", pattern, "*"+pattern)
	case strings.Contains(name, "*"):
		return fmt.Errorf(`%q: want a "*" only in front, as in "*.example.net"`, pattern)
	case strings.Contains(name, "@"):
		return fmt.Errorf("%q is an address: want what is behind the @", pattern)
	}
	if err := checkHost(name); err != nil {
		return fmt.Errorf("%q: %w", pattern, err)
	}
	return nil
}

// checkRelay takes a pattern of relays in its normal form: one of hosts, in which
// one label may be "*".
func checkRelay(pattern string) error {
	labels := strings.Split(pattern, ".")
	for i, label := range labels {
		if i > 0 && i < len(labels)-1 && label == "*" {
			labels[i] = "any"
			break
		}
	}
	name := strings.TrimPrefix(strings.Join(labels, "."), "*.")
	if strings.Contains(name, "*") {
		return fmt.Errorf(`pattern %q: want a "*" for the first labels, or for one label within, as in "smtp.*.example.net"`, pattern)
	}
	if err := checkHost(name); err != nil {
		return fmt.Errorf("pattern %q: %w", pattern, err)
	}
	return nil
}

// checkHost takes a name of letters, digits and hyphens (RFC 1123 2.1); an
// underscore does no harm.
func checkHost(name string) error {
	if len(name) > 253 {
		return errors.New("longer than 253 characters, as no name is")
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 {
			return errors.New(`no name of a domain or host: want one such as "example.net"`)
		}
		for _, c := range []byte(label) {
			switch {
			case c >= 0x80:
				return errors.New(`not in ASCII: want its A-label form, "xn--..."`)
			case c == '-' || c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z':
			default:
				return fmt.Errorf(`%q does not belong there: want a name such as "example.net"`, c)
			}
		}
	}
	return nil
}

// relayPatternsFor yields the patterns of relays that fit a host in its normal form,
// the narrowest first.
func relayPatternsFor(host string) iter.Seq[string] {
	return func(yield func(string) bool) {
		if !yield(host) {
			return
		}
		labels := strings.Split(host, ".")
		for i := 1; i < len(labels)-1; i++ {
			label := labels[i]
			labels[i] = "*"
			if !yield(strings.Join(labels, ".")) {
				return
			}
			labels[i] = label
		}
		for pattern := range patternsFor(host) {
			if pattern != host && !yield(pattern) {
				return
			}
		}
	}
}

// patternsFor yields the patterns that fit a name in its normal form, the
// narrowest first: the name itself, then "*." with each part of its end.
func patternsFor(name string) iter.Seq[string] {
	return func(yield func(string) bool) {
		if !yield(name) {
			return
		}
		for {
			_, rest, found := strings.Cut(name, ".")
			if !found || !yield("*."+rest) {
				return
			}
			name = rest
		}
	}
}
