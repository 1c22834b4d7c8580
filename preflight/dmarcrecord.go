package preflight

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// dmarcRecord is a parsed DMARC record (RFC 7489 6.3).
type dmarcRecord struct {
	policy    string // none, quarantine or reject
	subdomain string // the same, for subdomains
	strictSPF bool
	strictKey bool
	percent   int
	reports   []string // rua, as it is written
	notes     []string // what is wrong and ignored by receivers
}

// enforced reports whether the record asks receivers to do something.
func enforced(policy string) bool { return policy == "quarantine" || policy == "reject" }

// parseDMARC reads a record that begins with v=DMARC1. Its error is a mistake that
// makes the record worthless.
func parseDMARC(record string) (d dmarcRecord, err error) {
	t, err := parseTags(record)
	if err != nil {
		return d, err
	}
	d.percent = 100
	if rua := t.value("rua"); rua != "" {
		for uri := range strings.SplitSeq(rua, ",") {
			d.reports = append(d.reports, strings.TrimSpace(uri))
		}
	}
	if d.policy, err = parsePolicy(t, "p"); err != nil {
		if len(d.reports) == 0 || len(badReports(d.reports)) == len(d.reports) {
			return d, err
		}
		d.policy = "none" // RFC 7489 6.6.3
		d.notes = append(d.notes, err.Error()+"; receivers take it for p=none")
	}
	if d.subdomain, err = parsePolicy(t, "sp"); err != nil {
		d.subdomain = d.policy
		if _, there := t.find("sp"); there {
			d.notes = append(d.notes, err.Error())
		}
	}
	if _, there := t.find("np"); there { // RFC 9091: of subdomains that do not exist
		switch missing, err := parsePolicy(t, "np"); {
		case err != nil:
			d.notes = append(d.notes, err.Error())
		case !enforced(missing) && enforced(d.subdomain):
			d.notes = append(d.notes, "np=none: receivers are asked to let through what others send in the name of subdomains that do not exist")
		}
	}
	d.strictSPF = d.mode(t, "aspf")
	d.strictKey = d.mode(t, "adkim")
	if pct, ok := t.find("pct"); ok {
		if n, err := strconv.Atoi(pct); err != nil || n < 0 || n > 100 {
			d.notes = append(d.notes, fmt.Sprintf("pct=%s: want a number from 0 to 100", pct))
		} else {
			d.percent = n
		}
	}
	if strings.EqualFold(t.value("t"), "y") {
		d.notes = append(d.notes, "t=y: the policy is being tested, and receivers are milder than it says")
	}
	return d, nil
}

// parsePolicy reads p or sp.
func parsePolicy(t tags, name string) (string, error) {
	value, there := t.find(name)
	value = strings.ToLower(value)
	switch {
	case !there:
		return "", errors.New("the tag " + name + " is missing")
	case value == "none" || enforced(value):
		return value, nil
	}
	return "", fmt.Errorf("%s=%s: want none, quarantine or reject", name, value)
}

// mode reads aspf or adkim, and reports whether it is strict.
func (d *dmarcRecord) mode(t tags, name string) bool {
	value, there := t.find(name)
	value = strings.ToLower(value)
	if there && value != "r" && value != "s" {
		d.notes = append(d.notes, fmt.Sprintf("%s=%s: want r or s", name, value))
	}
	return value == "s"
}

// badReports returns the addresses for reports to which none is sent.
func badReports(uris []string) (bad []string) {
	for _, uri := range uris {
		if _, ok := reportDomain(uri); !ok {
			bad = append(bad, uri)
		}
	}
	return bad
}

// reportDomain returns the domain of a mailto URI, behind which a size may stand
// ("!10m", RFC 7489 6.2).
func reportDomain(uri string) (string, bool) {
	uri, _, _ = strings.Cut(uri, "!")
	u, err := url.Parse(uri)
	if err != nil || !strings.EqualFold(u.Scheme, "mailto") {
		return "", false
	}
	address, err := url.PathUnescape(u.Opaque)
	at := strings.LastIndexByte(address, '@')
	if err != nil || at < 1 {
		return "", false
	}
	domain, err := asciiDomain(address[at+1:])
	return domain, err == nil
}
