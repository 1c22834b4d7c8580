package preflight

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// parseTLSRPT reads a record that begins with v=TLSRPTv1, and returns where reports go
// (RFC 8460 3).
func parseTLSRPT(record string) (reports []string, err error) {
	t, err := parseTags(record)
	if err != nil {
		return nil, err
	}
	for uri := range strings.SplitSeq(t.value("rua"), ",") {
		uri = strings.TrimSpace(uri)
		if uri == "" {
			continue
		}
		u, err := url.Parse(uri)
		_, mails := reportDomain(uri)
		if posts := err == nil && strings.EqualFold(u.Scheme, "https") && u.Host != ""; !mails && !posts {
			return reports, fmt.Errorf("rua has %s: want mailto: and an address, or an https URL", quote(uri))
		}
		reports = append(reports, uri)
	}
	if len(reports) == 0 {
		return nil, errors.New("it has no rua, and so no address for reports")
	}
	return reports, nil
}

// checkTLSRPT looks at the record.
func checkTLSRPT(ctx context.Context, r *run) []Finding {
	name := "_smtp._tls." + r.mailDomain
	out := finding("tls-rpt.record", name)
	found, err := r.dns.txt(ctx, name)
	sts, stsErr := r.dns.txt(ctx, "_mta-sts."+r.mailDomain)
	policies, _ := versioned(sts, "STSv1")
	records, close := versioned(found, "TLSRPTv1")
	wanted := "v=TLSRPTv1; rua=mailto:tls-reports@" + r.mailDomain
	switch {
	case err != nil || stsErr != nil:
		return []Finding{out.is(Unknown, "DNS did not say: %s", cause(cmp.Or(err, stsErr)))}
	case len(records) == 0 && len(close) > 0:
		return []Finding{out.is(Fail, "the record %s must begin with v=TLSRPTv1", quote(close[0])).mend("Publish this.").publish(name, wanted)}
	case len(records) == 0 && len(policies) > 0:
		return []Finding{out.is(Warn, "none: nobody tells you of mail that your MTA-STS policy keeps away").mend("Ask for reports.").publish(name, wanted)}
	case len(records) == 0:
		return []Finding{out.is(OK, "none, which is allowed: it would tell you of failures of TLS")}
	case len(records) > 1:
		return []Finding{out.is(Fail, "there are %d records, which senders take for none", len(records)).mend("Leave one of them.")}
	}
	reports, err := parseTLSRPT(records[0])
	if err != nil {
		return []Finding{out.is(Fail, "senders cannot read it: %v", err).mend("Publish this.").publish(name, wanted)}
	}
	return []Finding{out.is(OK, "%s", list(reports))}
}

// parseBIMI reads a record that begins with v=BIMI1. declined is true for a record that
// says there is no logo.
func parseBIMI(record string) (declined bool, err error) {
	t, err := parseTags(record)
	if err != nil {
		return false, err
	}
	logo, there := t.find("l")
	if !there {
		return false, errors.New("the tag l, for the logo, is missing")
	}
	for _, tag := range []string{"l", "a"} {
		value := t.value(tag)
		if u, err := url.Parse(value); value != "" && (err != nil || u.Scheme != "https" || u.Host == "") {
			return false, fmt.Errorf("%s=%s: want an https URL", tag, value)
		}
	}
	return logo == "" && t.value("a") == "", nil
}

// checkBIMI looks at the logo's record, which no receiver needs.
func checkBIMI(ctx context.Context, r *run) []Finding {
	f := r.dmarc()
	name := "default._bimi." + r.domain
	found, err := r.dns.txt(ctx, name)
	if org := organizational(r.domain); err == nil && len(found) == 0 && org != r.domain {
		name = "default._bimi." + org
		found, err = r.dns.txt(ctx, name)
	}
	out := finding("bimi.record", name)
	records, close := versioned(found, "BIMI1")
	fix := "Correct the record, or remove it."
	switch {
	case err != nil:
		return []Finding{out.is(Unknown, "DNS did not say: %s", cause(err))}
	case len(records) == 0 && len(close) == 0:
		return []Finding{out.is(OK, "none, which is allowed: some receivers would show a logo")}
	case len(records) != 1:
		return []Finding{out.is(Warn, "there are %d records that begin with v=BIMI1: want one", len(records)).mend("%s", fix)}
	}
	declined, err := parseBIMI(records[0])
	strong := f.valid() && enforced(f.policy(r.domain)) && f.record.percent == 100
	switch {
	case err != nil:
		return []Finding{out.is(Warn, "receivers cannot read it: %v", err).mend("%s", fix)}
	case declined:
		return []Finding{out.is(OK, "it says that there is no logo")}
	case f.err == nil && !strong:
		return []Finding{out.is(Warn, "no receiver shows the logo, as DMARC does not ask for quarantine or reject of all mail").mend("Mend DMARC first.")}
	}
	return []Finding{out.is(OK, "%s", quote(records[0]))}
}
