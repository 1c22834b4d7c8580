package preflight

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"blitiri.com.ar/go/spf"
)

// spfFacts is the answer of DNS about the SPF record of the envelope sender's domain.
type spfFacts struct {
	records  []string
	close    []string // records that are not SPF, but look like it
	record   spfRecord
	err      error // failure of DNS; nil when it answered
	mistake  error // of the record
	walk     spfWalk
	verdicts []spfVerdict
}

// spfVerdict is the result of receivers for a source address.
type spfVerdict struct {
	source netip.Addr
	result spf.Result
	err    error
	hidden bool // whether receivers see another address
}

// findSPF asks for the record and evaluates it for all source addresses.
func (r *run) findSPF(ctx context.Context) (f spfFacts) {
	found, err := r.dns.txt(ctx, r.mailDomain)
	if f.err = err; err != nil {
		return f
	}
	f.records = slices.DeleteFunc(slices.Clone(found), func(s string) bool { return !isSPF(s) })
	f.close = slices.DeleteFunc(slices.Clone(found), func(s string) bool { return isSPF(s) || !looksLikeSPF(s) })
	if len(f.records) == 1 {
		if f.record, f.mistake = parseSPF(f.records[0]); f.mistake == nil {
			f.walk = spfWalk{dns: r.dns}
			f.walk.follow(ctx, r.mailDomain, f.record, true)
		}
	}
	for _, source := range r.sources().addrs {
		if r.hidden(source) {
			f.verdicts = append(f.verdicts, spfVerdict{source: source, hidden: true})
			continue
		}
		result, err := spf.CheckHostWithSender(source.AsSlice(), r.helo(), r.mailFromAddress(),
			spf.WithContext(ctx), spf.WithResolver(strict{r.dns}))
		f.verdicts = append(f.verdicts, spfVerdict{source: source, result: result, err: err})
	}
	return f
}

// mailFromAddress returns an address of the envelope sender's domain, in ASCII.
func (r *run) mailFromAddress() string {
	local := "postmaster" // as for the null sender (RFC 7208 2.4)
	if at := strings.LastIndexByte(r.mailFrom, '@'); at > 0 && isAskable(strings.ReplaceAll(r.mailFrom[:at], "@", "")) {
		local = r.mailFrom[:at]
	}
	return local + "@" + r.mailDomain
}

// helo returns the HELO name that receivers see, or one like it.
func (r *run) helo() string {
	if r.HELO != "" {
		return r.HELO
	}
	return r.mailDomain
}

// passes reports whether SPF passes for all sources; known is false if that is not
// known.
func (f spfFacts) passes() (pass, known bool) {
	for _, v := range f.verdicts {
		switch {
		case v.result == spf.Pass:
		case v.result == spf.TempError || v.hidden:
			return false, false
		default:
			return false, true
		}
	}
	return true, len(f.verdicts) > 0
}

// checkSPF looks at the record, its look-ups, and its result for each source.
func checkSPF(_ context.Context, r *run) []Finding {
	f := r.spf()
	found := []Finding{r.spfRecordFinding(f), r.spfLookupsFinding(f)}
	return append(found, r.spfSourceFindings(f)...)
}

// spfRecordFinding looks at the record itself.
func (r *run) spfRecordFinding(f spfFacts) Finding {
	out := finding("spf.record", r.mailDomain)
	switch {
	case f.err != nil:
		return out.is(Unknown, "DNS did not say: %s", cause(f.err))
	case len(f.records) == 0 && len(f.close) > 0:
		f.records = []string{tidySPF(f.close[0])}
		return out.is(Fail, "the record %s is no SPF record: it must begin with \"v=spf1 \"%s", quote(f.close[0]), pastedNote(f.close[0])).
			mend("Put this one in its place.").publish(r.mailDomain, r.spfWanted(f))
	case len(f.records) == 0:
		return out.is(Fail, "there is no SPF record").mend("Publish one that names all hosts which send for the domain, such as \"v=spf1 ip4:192.0.2.1 -all\".").
			publish(r.mailDomain, r.spfWanted(f))
	case len(f.records) > 1:
		return out.is(Fail, "there are %d SPF records, which receivers take for none (permerror)", len(f.records)).
			mend("Put this one in place of all of them.").publish(r.mailDomain, r.spfWanted(f))
	case f.mistake != nil:
		return out.is(Fail, "receivers cannot read it (permerror): %v", f.mistake).mend("Correct the record %s.", quote(f.records[0])).publish(r.mailDomain, r.spfWanted(f))
	case f.walk.wrong != "":
		return out.is(Fail, "receivers cannot read it (permerror): %s", f.walk.wrong).mend("Correct the record, or what it refers to; this is without it.").publish(r.mailDomain, r.spfWanted(f))
	case f.walk.anybody != "":
		return out.is(Fail, "%s lets everybody send in the name of the domain", f.walk.anybody).mend("Name your own hosts, and end in -all.").
			publish(r.mailDomain, r.spfWanted(f))
	}
	if notes := f.notes(); len(notes) > 0 {
		return out.is(Warn, "%s", strings.Join(notes, "; ")).mend("Publish it without that.").publish(r.mailDomain, r.spfWanted(f))
	}
	return out.is(OK, "%s", quote(f.records[0]))
}

// notes returns what is allowed in a record and does harm.
func (f spfFacts) notes() []string {
	notes := slices.Clone(f.record.notes)
	if f.walk.ptr {
		notes = append(notes, "ptr is slow and should not be used (RFC 7208 5.5)")
	}
	for _, term := range f.walk.broad {
		notes = append(notes, term+" lets a great part of all addresses pass")
	}
	switch {
	case f.record.all == '?':
		notes = append(notes, "?all says nothing about the mail of others: want ~all or -all")
	case !f.record.hasAll && f.record.redirect == "":
		notes = append(notes, "it does not end in all, and so says nothing about the mail of others: want ~all or -all")
	}
	return notes
}

// spfWanted returns a record with the terms of the present records and the sources,
// without harmful terms. It ends in -all only if the sources are known, and it is "" if
// it would allow nobody, or if a term cannot be read.
func (r *run) spfWanted(f spfFacts) string {
	sources := r.sources()
	terms, last := []string{"v=spf1"}, "-all"
	if sources.assumed || len(sources.addrs) == 0 {
		last = "~all"
	}
	for _, text := range f.records {
		for field := range strings.FieldsSeq(text) {
			field = corrected(field)
			bare := strings.ToLower(strings.TrimLeft(field, "+-~?"))
			name, _, modifies := strings.Cut(bare, "=")
			_, mistaken := spfMechanisms[name]
			switch {
			case bare == "all":
				if field == "~all" {
					last = field
				}
			case slices.Contains(f.walk.remove, field), modifies && mistaken:
			case modifies && name == "redirect": // which all would make void
				terms = append(terms, "include:"+field[len("redirect="):])
			case bare == "ptr", strings.HasPrefix(bare, "v="), strings.HasPrefix(bare, "ptr:"), slices.Contains(terms, field):
			default:
				terms = append(terms, field)
			}
		}
	}
	covered := func(a netip.Addr) bool {
		return slices.ContainsFunc(f.verdicts, func(v spfVerdict) bool { return v.source == a && v.result == spf.Pass })
	}
	for _, a := range sources.addrs {
		if term := ipTerm(a); !slices.Contains(terms, term) && (!covered(a) || len(f.walk.broad) > 0) && !sources.assumed && !r.hidden(a) {
			terms = append(terms, term)
		}
	}
	if sources.assumed && len(f.records) == 0 && isHostName(r.relayHost()) {
		terms = append(terms, "a:"+r.relayHost())
	}
	wanted := strings.Join(append(terms, last), " ")
	if _, err := parseSPF(wanted); err != nil || len(terms) == 1 {
		return ""
	}
	return wanted
}

// ipTerm returns the mechanism for an address.
func ipTerm(a netip.Addr) string {
	if a.Is4() {
		return "ip4:" + a.String()
	}
	return "ip6:" + a.String()
}

// spfLookupsFinding looks at what the record costs.
func (r *run) spfLookupsFinding(f spfFacts) Finding {
	out := finding("spf.lookups", r.mailDomain)
	if f.err != nil {
		return out.is(Unknown, "DNS did not say: %s", cause(f.err))
	}
	if len(f.records) != 1 || f.mistake != nil {
		return out.is(Unknown, "there is no record whose look-ups could be counted")
	}
	w := f.walk
	count := fmt.Sprintf("%d look-ups of 10, %d void ones of 2", w.terms, w.voids)
	if w.terms > maxSPFWalk {
		count = fmt.Sprintf("more than %d look-ups, and 10 are allowed", maxSPFWalk)
	}
	pass, known := f.passes()
	over := w.terms > maxSPFLookups || w.voids > maxSPFVoids
	fix := "Remove what does not send for you any more, take out names that do not exist, and give addresses (ip4, ip6) in place of a and mx."
	switch {
	case over && known && pass:
		return out.is(Warn, "%s: your sources pass before that, but other mail ends in permerror in place of a refusal", count).mend("%s", fix)
	case over:
		return out.is(Fail, "%s: receivers end in permerror", count).mend("%s", fix)
	case w.trouble != nil:
		return out.is(Unknown, "%s as far as DNS says: %s", count, cause(w.trouble))
	case w.terms >= maxSPFLookups-1:
		return out.is(Warn, "%s: whoever you include needs only to add one", count).mend("%s", fix)
	}
	return out.is(OK, "%s", count)
}

// spfSourceFindings has the result of each source.
func (r *run) spfSourceFindings(f spfFacts) (found []Finding) {
	sources := r.sources()
	if len(sources.addrs) == 0 {
		return []Finding{finding("spf.source", "").is(Unknown, "%s", sources.why).mend("%s", tellSources)}
	}
	for _, v := range f.verdicts {
		out := finding("spf.source", v.source.String())
		switch {
		case v.hidden:
			out = out.is(Unknown, "the address is private: receivers see another one").mend("%s", tellSources)
		case v.result == spf.Pass:
			out = out.is(OK, "pass: %s", cause(v.err))
		case v.result == spf.TempError:
			out = out.is(Unknown, "DNS did not say: %s", cause(v.err))
		case v.result == spf.Neutral:
			out = r.mendSource(out.is(Warn, "neutral: the record does not say whether the address may send"), f)
		case v.result == spf.PermError:
			out = out.is(Fail, "permerror: %s", cause(v.err)).mend("Correct the record.").publish(r.mailDomain, r.spfWanted(f))
		case v.result == spf.None:
			out = r.mendSource(out.is(Fail, "none: there is no SPF record"), f)
		default:
			out = r.mendSource(out.is(Fail, "%s: the record does not have the address", v.result), f)
		}
		found = append(found, sources.soften(out))
	}
	if f.err != nil && len(f.verdicts) == 0 {
		found = append(found, finding("spf.source", "").is(Unknown, "DNS did not say: %s", cause(f.err)))
	}
	return found
}

// mendSource adds the record with the sources.
func (r *run) mendSource(out Finding, f spfFacts) Finding {
	if r.sources().assumed {
		return out.mend("Take into the record what the operator of the relay names, often include: and a name.")
	}
	return out.mend("Add the address to the record.").publish(r.mailDomain, r.spfWanted(f))
}
