package preflight

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Bounds of RFC 8461 3.2 and 3.3.
const (
	maxPolicy      = 64 << 10
	maxPolicyAge   = 31557600 // seconds, about a year
	shortPolicyAge = 86400    // RFC 8461 10.2: policies shorter than a day protect hardly
	fetchTimeout   = 20 * time.Second
)

// stsPolicy is a parsed MTA-STS policy (RFC 8461 3.2).
type stsPolicy struct {
	mode   string // enforce, testing or none
	mx     []string
	maxAge int // seconds
}

// parseSTSRecord reads the record that begins with v=STSv1. Its error is a mistake.
func parseSTSRecord(record string) error {
	t, err := parseTags(record)
	if err != nil {
		return err
	}
	id := t.value("id")
	if id == "" || len(id) > 32 || strings.Trim(strings.ToLower(id), "abcdefghijklmnopqrstuvwxyz0123456789") != "" {
		return fmt.Errorf("id=%s: want 1 to 32 letters and digits", id)
	}
	return nil
}

// parseSTSPolicy reads a policy.
func parseSTSPolicy(text string) (p stsPolicy, err error) {
	seen := map[string]string{}
	for line := range strings.SplitSeq(strings.ReplaceAll(text, "\r\n", "\n"), "\n") {
		if strings.TrimSpace(line) == "" {
			continue
		}
		key, value, ok := strings.Cut(line, ":")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		_, twice := seen[key]
		switch {
		case !ok:
			return p, fmt.Errorf("the line %s has no colon", quote(line))
		case key == "mx":
			p.mx = append(p.mx, strings.ToLower(strings.TrimSuffix(value, ".")))
		case !twice: // the first one counts
			seen[key] = value
		}
	}
	p.mode = seen["mode"]
	p.maxAge, err = strconv.Atoi(seen["max_age"])
	switch {
	case seen["version"] != "STSv1":
		return p, errors.New("version is not STSv1")
	case !slices.Contains([]string{"enforce", "testing", "none"}, p.mode):
		return p, fmt.Errorf("mode is %s: want enforce, testing or none", quote(p.mode))
	case err != nil || p.maxAge < 0 || p.maxAge > maxPolicyAge:
		return p, fmt.Errorf("max_age is %s: want seconds, up to %d", quote(seen["max_age"]), maxPolicyAge)
	case p.mode != "none" && len(p.mx) == 0:
		return p, errors.New("it names no mx")
	}
	return p, nil
}

// allows reports whether a policy lists a host (RFC 8461 4.1).
func (p stsPolicy) allows(host string) bool {
	for _, pattern := range p.mx {
		_, parent, _ := strings.Cut(host, ".")
		if rest, wild := strings.CutPrefix(pattern, "*."); pattern == host || wild && rest == parent {
			return true
		}
	}
	return false
}

// checkMTASTS looks at the record, and at the policy if it may be fetched.
func checkMTASTS(ctx context.Context, r *run) []Finding {
	out := finding("mta-sts.record", "_mta-sts."+r.mailDomain)
	found, err := r.dns.txt(ctx, "_mta-sts."+r.mailDomain)
	records, close := versioned(found, "STSv1")
	fresh := "v=STSv1; id=" + r.now.UTC().Format("20060102150405")
	switch {
	case err != nil:
		return []Finding{out.is(Unknown, "DNS did not say: %s", cause(err))}
	case len(records) == 0 && len(close) > 0:
		return []Finding{out.is(Fail, "the record %s must begin with v=STSv1", quote(close[0])).mend("Publish this.").publish("_mta-sts."+r.mailDomain, fresh)}
	case len(records) == 0:
		return []Finding{out.is(OK, "none, which is allowed: it would protect the mail that you get")}
	case len(records) > 1:
		return []Finding{out.is(Fail, "there are %d records, which senders take for none", len(records)).mend("Leave one of them.")}
	}
	if err := parseSTSRecord(records[0]); err != nil {
		return []Finding{out.is(Fail, "senders cannot read it: %v", err).mend("Publish this.").publish("_mta-sts."+r.mailDomain, fresh)}
	}
	return []Finding{out.is(OK, "%s", quote(records[0])), r.policyFinding(ctx)}
}

// policyFinding fetches the policy and compares it with the MX hosts.
func (r *run) policyFinding(ctx context.Context) Finding {
	url := "https://mta-sts." + r.mailDomain + "/.well-known/mta-sts.txt"
	out := finding("mta-sts.policy", url)
	if r.options.HTTP == nil {
		return out.is(Unknown, "it was not fetched, as nobody asked for that")
	}
	text, err := fetchPolicy(ctx, r.options.HTTP, url)
	wrong, isWrong := errors.AsType[*policyError](err)
	switch {
	case isWrong:
		return out.is(Fail, "%v", wrong).mend("Serve the policy there, as text/plain.")
	case err != nil:
		return out.is(Unknown, "it could not be fetched: %s", cause(err))
	}
	p, err := parseSTSPolicy(text)
	if err != nil {
		return out.is(Fail, "senders cannot read it: %v", err).mend("Correct the policy, and change the id of the record.")
	}
	mx := r.findMX(ctx, r.mailDomain)
	if mx.err != nil {
		return out.is(Unknown, "DNS did not name the MX hosts: %s", cause(mx.err))
	}
	missing := slices.DeleteFunc(mx.hosts, p.allows)
	switch {
	case p.mode == "enforce" && len(missing) > 0:
		return out.is(Fail, "it does not name %s: senders do not deliver your mail there", list(missing)).mend("Add mx: %s to the policy, and change the id of the record.", missing[0])
	case p.mode == "testing" && len(missing) > 0:
		return out.is(Warn, "it does not name %s: with mode: enforce, senders would not deliver your mail there", list(missing)).mend("Add mx: %s to the policy, and change the id of the record.", missing[0])
	case p.mode != "enforce":
		return out.is(Warn, "mode: %s protects nothing", p.mode).mend("When TLS reports show no failures, set mode: enforce, and change the id of the record.")
	case p.maxAge < shortPolicyAge:
		return out.is(Warn, "max_age: %d is less than a day: senders forget it between two mails", p.maxAge).mend("Set max_age: 604800, and change the id of the record.")
	}
	return out.is(OK, "mode: enforce, for %s", list(p.mx))
}

// policyError is an answer of the web server that is no policy.
type policyError struct{ text string }

func (e *policyError) Error() string { return e.text }

// fetchPolicy fetches a policy over HTTPS.
func fetchPolicy(ctx context.Context, client *http.Client, url string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	direct := *client
	direct.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	response, err := direct.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	if response.StatusCode >= 500 {
		return "", fmt.Errorf("the web server says %d", response.StatusCode)
	}
	if response.StatusCode != http.StatusOK {
		return "", &policyError{fmt.Sprintf("the web server says %d: redirects are not followed, and nothing but 200 counts (RFC 8461 3.3)", response.StatusCode)}
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, maxPolicy+1))
	if len(text) > maxPolicy {
		return "", &policyError{"the policy is larger than 64 KiB"}
	}
	return string(text), err
}
