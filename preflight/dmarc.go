package preflight

import (
	"context"
	"fmt"
	"strings"
)

// dmarcFacts is the answer of DNS about the policy for the domain of From.
type dmarcFacts struct {
	domain  string // that has the record
	records int
	close   []string // records that are not DMARC, but look like it
	record  dmarcRecord
	err     error // failure of DNS; nil when it answered
	mistake error
}

// policy returns what receivers are asked to do with mail of a domain.
func (f dmarcFacts) policy(domain string) string {
	if f.domain != domain {
		return f.record.subdomain
	}
	return f.record.policy
}

// valid reports whether there is a record that receivers obey.
func (f dmarcFacts) valid() bool { return f.err == nil && f.records == 1 && f.mistake == nil }

// findDMARC asks for the record of the domain, and of its organizational domain (RFC
// 7489 6.6.3).
func (r *run) findDMARC(ctx context.Context) (f dmarcFacts) {
	for _, domain := range []string{r.domain, organizational(r.domain)} {
		if f.domain == domain {
			continue
		}
		f.domain = domain
		found, err := r.dns.txt(ctx, "_dmarc."+domain)
		if f.err = err; err != nil {
			return f
		}
		records, close := versioned(found, "DMARC1")
		f.close = append(f.close, close...)
		if f.records = len(records); f.records > 0 {
			f.record, f.mistake = parseDMARC(records[0])
			return f
		}
	}
	return f
}

// checkDMARC looks at the record and at where its reports go.
func checkDMARC(ctx context.Context, r *run) []Finding {
	f := r.dmarc()
	return []Finding{r.dmarcFinding(f), r.reportsFinding(ctx, f)}
}

// dmarcFinding looks at the record.
func (r *run) dmarcFinding(f dmarcFacts) Finding {
	org := organizational(r.domain)
	out := finding("dmarc.record", "_dmarc."+f.domain)
	first := "v=DMARC1; p=none; rua=mailto:dmarc@" + org
	begin := "Publish this, read the reports until they show all of your mail as aligned, and then ask for p=quarantine."
	switch {
	case f.err != nil:
		return out.is(Unknown, "DNS did not say: %s", cause(f.err))
	case f.records == 0 && len(f.close) > 0:
		return out.is(Fail, "the record %s is no DMARC record: it must begin with \"v=DMARC1;\"%s", quote(f.close[0]), pastedNote(f.close[0])).mend("%s", begin).publish("_dmarc."+org, first)
	case f.records == 0:
		return out.is(Fail, "there is no DMARC record").mend("%s", begin).publish("_dmarc."+org, first)
	case f.records > 1:
		return out.is(Fail, "there are %d DMARC records, which receivers take for none", f.records).mend("Leave one of them.")
	case f.mistake != nil:
		return out.is(Fail, "receivers cannot read it: %v", f.mistake).mend("%s", begin).publish("_dmarc."+f.domain, first)
	}
	var notes []string
	next := f.wanted(org)
	switch policy := f.policy(r.domain); {
	case !enforced(policy) && f.domain != r.domain && enforced(f.record.policy):
		notes = append(notes, "sp=none: receivers are asked to let through what others send in the name of subdomains such as this one")
	case !enforced(policy):
		notes = append(notes, "p=none: receivers are asked to let through what others send in your name")
	case f.domain == r.domain && !enforced(f.record.subdomain):
		notes = append(notes, "sp=none: receivers are asked to let through what others send in the name of subdomains")
	}
	if f.record.percent < 100 && len(notes) == 0 {
		notes = append(notes, fmt.Sprintf("pct=%d: receivers apply the policy to a part of the mail", f.record.percent))
	}
	if notes = append(notes, f.record.notes...); len(notes) > 0 {
		return out.is(Warn, "%s", strings.Join(notes, "; ")).mend("When the reports show all of your mail as aligned, publish this.").publish("_dmarc."+f.domain, next)
	}
	return out.is(OK, "p=%s", f.policy(r.domain))
}

// wanted returns the record with a policy that protects.
func (f dmarcFacts) wanted(org string) string {
	policy := f.record.policy
	if !enforced(policy) {
		policy = "quarantine"
	}
	text := "v=DMARC1; p=" + policy
	if f.record.strictKey {
		text += "; adkim=s"
	}
	if f.record.strictSPF {
		text += "; aspf=s"
	}
	reports := f.record.reports
	if len(reports) == 0 {
		reports = []string{"mailto:dmarc@" + org}
	}
	return text + "; rua=" + strings.Join(reports, ",")
}

// reportsFinding looks at where reports go. Without a record there is nothing to say.
func (r *run) reportsFinding(ctx context.Context, f dmarcFacts) Finding {
	out := finding("dmarc.reports", "_dmarc."+f.domain)
	org := organizational(f.domain)
	switch bad := badReports(f.record.reports); {
	case f.err != nil:
		return out.is(Unknown, "DNS did not say: %s", cause(f.err))
	case !f.valid():
		return out.is(Unknown, "there is no record that could ask for reports")
	case len(f.record.reports) == 0:
		return out.is(Warn, "no rua: nobody tells you which mail fails").mend("Ask for reports.").publish("_dmarc."+f.domain, f.wanted(org))
	case len(bad) == len(f.record.reports):
		return out.is(Fail, "rua has no address to which reports are sent: %s", quote(list(bad))).mend("Write mailto: and an address, with commas between several: rua=mailto:dmarc@%s", org)
	case len(bad) > 0:
		return out.is(Warn, "rua has what is no address for reports: %s", quote(list(bad))).mend("Write mailto: and an address, with commas between several.")
	}
	for _, uri := range f.record.reports {
		domain, _ := reportDomain(uri)
		if organizational(domain) == org {
			continue
		}
		if refused, done := r.mayReport(ctx, out, f.domain, domain); done {
			return refused
		}
	}
	return out.is(OK, "%s", list(f.record.reports))
}

// mayReport looks whether a foreign domain takes the reports (RFC 7489 7.1). done is
// true if it does not, or if that is not known.
func (r *run) mayReport(ctx context.Context, out Finding, about, to string) (_ Finding, done bool) {
	name := about + "._report._dmarc." + to
	found, err := r.dns.txt(ctx, name)
	if err != nil {
		return out.is(Unknown, "whether %s takes reports about %s: %s", to, about, cause(err)), true
	}
	if records, _ := versioned(found, "DMARC1"); len(records) > 0 {
		return out, false
	}
	return out.is(Warn, "%s does not say that it takes reports about %s: none is sent there", to, about).
		mend("Whoever runs %s must publish this.", to).publish(name, "v=DMARC1"), true
}

// aligned reports whether an authenticated domain counts for the domain of From.
func aligned(authenticated, from string, strict bool) bool {
	if strict {
		return authenticated == from
	}
	return organizational(authenticated) == organizational(from)
}

// answerOf is the knowledge about a question.
type answerOf int

const (
	notKnown answerOf = iota
	yes
	no
)

// checkAlignment looks whether SPF or DKIM passes for the domain of From.
func checkAlignment(_ context.Context, r *run) []Finding {
	f := r.dmarc()
	out := finding("dmarc.alignment", r.domain)
	if f.err != nil {
		return []Finding{out.is(Unknown, "DNS did not say: %s", cause(f.err))}
	}
	byKey, why := r.alignedKey(f)
	bySPF := r.alignedSPF(f)
	sign := fmt.Sprintf("Sign with DKIM for the domain of From (d=%s).", r.domain)
	switch {
	case byKey == yes && bySPF == yes:
		out = out.is(OK, "SPF and DKIM pass for %s", r.domain)
	case byKey == yes:
		out = out.is(OK, "DKIM passes for %s", r.domain)
	case byKey == no && bySPF == yes:
		out = out.is(Warn, "SPF alone passes for %s, which forwarding breaks: %s", r.domain, why).mend("%s", sign)
	case byKey == no && bySPF == no:
		out = out.is(Fail, "neither SPF nor DKIM passes for %s: %s", r.domain, why).mend("%s Let the envelope sender be of that domain too.", sign)
	default:
		out = out.is(Unknown, "it is not known whether DKIM or SPF passes for %s: %s", r.domain, why).mend("Check a message as a receiver got it, and name the sources.")
	}
	return []Finding{out}
}

// alignedKey says whether DKIM passes for the domain of From, and why not.
func (r *run) alignedKey(f dmarcFacts) (answerOf, string) {
	facts := r.signature()
	for _, v := range facts.valid {
		if aligned(v.domain, r.domain, f.record.strictKey) {
			return yes, ""
		}
	}
	switch {
	case len(facts.trouble) > 0:
		return notKnown, "DNS did not say"
	case facts.count > 0:
		return no, "no valid signature is of that domain"
	case r.sample != nil && r.Relay == nil:
		return no, "the sample has no signature"
	case r.DKIMSelector == "":
		return notKnown, "there is no sample with a signature, and no selector"
	case !aligned(r.dkimDomain, r.domain, f.record.strictKey):
		return no, "signatures are of " + r.dkimDomain
	}
	switch ok, known := r.keys()[0].usable(); {
	case !known:
		return notKnown, "DNS did not say"
	case !ok:
		return no, "the key cannot be used"
	}
	return yes, ""
}

// alignedSPF says whether SPF passes for the domain of From, from all sources.
func (r *run) alignedSPF(f dmarcFacts) answerOf {
	if !aligned(r.mailDomain, r.domain, f.record.strictSPF) {
		return no
	}
	facts := r.spf()
	pass, known := facts.passes()
	switch {
	case pass && known:
		return yes
	case facts.err != nil, !known && len(facts.verdicts) > 0:
		return notKnown
	case len(facts.records) != 1 || facts.mistake != nil || known && !r.sources().assumed:
		return no
	}
	return notKnown
}
