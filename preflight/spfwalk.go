package preflight

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Limits of RFC 7208 4.6.4.
const (
	maxSPFLookups = 10
	maxSPFVoids   = 2
	maxMXHosts    = 10
)

// maxSPFWalk is the number of look-ups after which a record is not followed further.
const maxSPFWalk = 40

// spfWalk follows all of an SPF record, also what receivers do not reach because an
// earlier mechanism matches.
type spfWalk struct {
	dns     *lookups
	terms   int      // that cost a look-up
	voids   int      // look-ups without a result
	anybody string   // the term by which everybody passes; "" for none
	broad   []string // terms by which a great part of all addresses passes
	remove  []string // the terms of the record itself that lead to those, or to permerror
	ptr     bool
	wrong   string // why receivers call it permerror; "" if they do not
	trouble error  // nobody knows about a part of it
	stack   []string
}

// follow walks through a record of a domain; pass is false in what cannot make anybody
// pass.
func (w *spfWalk) follow(ctx context.Context, domain string, rec spfRecord, pass bool) {
	w.stack = append(w.stack, domain)
	defer func() { w.stack = w.stack[:len(w.stack)-1] }()
	for _, t := range rec.terms {
		broad, wrong := len(w.broad), w.wrong
		w.term(ctx, domain, t, pass && t.qualifier == '+')
		if len(w.stack) == 1 && (len(w.broad) > broad || w.wrong != wrong) {
			w.remove = append(w.remove, t.text)
		}
		if w.terms > maxSPFWalk {
			return
		}
	}
	if rec.redirect != "" && !rec.hasAll {
		broad, wrong := len(w.broad), w.wrong
		w.terms++
		w.into(ctx, "redirect", rec.redirect, pass)
		if len(w.stack) == 1 && (len(w.broad) > broad || w.wrong != wrong) {
			w.remove = append(w.remove, "redirect="+rec.redirect)
		}
	}
}

// term walks through one mechanism.
func (w *spfWalk) term(ctx context.Context, domain string, t spfTerm, pass bool) {
	if spfMechanisms[t.name].looks {
		w.terms++
	}
	name := t.value
	if name == "" {
		name = domain
	}
	if pass {
		w.breadth(t)
	}
	switch t.name {
	case "ptr":
		w.ptr = true
	case "include":
		w.into(ctx, "include", t.value, pass)
	case "a", "exists":
		found := w.look(name, func() (int, error) { found, err := w.dns.addresses(ctx, name); return len(found), err })
		if found > 0 && t.name == "exists" && pass { // it is the same for every source
			w.anybody = "exists:" + name
			w.broad = append(w.broad, w.anybody)
		}
	case "mx":
		w.look(name, func() (int, error) {
			found, err := w.dns.mx(ctx, name)
			if len(found) > maxMXHosts {
				w.fault("mx:%s has %d hosts: more than 10 are permerror", name, len(found))
			}
			return len(found), err
		})
	}
}

// look makes a look-up, counts it if it is void, and returns how many records it found.
func (w *spfWalk) look(name string, ask func() (int, error)) int {
	if hasMacro(name) {
		return 0 // who knows
	}
	found, err := ask()
	switch {
	case err != nil && !errors.Is(err, errNoName):
		w.trouble = err
	case found == 0:
		w.voids++
	}
	return found
}

// into follows include and redirect.
func (w *spfWalk) into(ctx context.Context, how, domain string, pass bool) {
	if hasMacro(domain) {
		return
	}
	domain = strings.ToLower(strings.TrimSuffix(domain, "."))
	if !isAskable(domain) {
		w.fault("%s:%s names no domain", how, domain)
		return
	}
	if slices.Contains(w.stack, domain) {
		w.fault("%s:%s leads back to itself", how, domain)
		return
	}
	records, err := w.dns.txt(ctx, domain)
	if err != nil {
		w.trouble = err
		return
	}
	if len(records) == 0 {
		w.voids++
	}
	records = slices.DeleteFunc(slices.Clone(records), func(s string) bool { return !isSPF(s) })
	if len(records) != 1 {
		w.fault("%s:%s has %d SPF records: want one", how, domain, len(records))
		return
	}
	rec, err := parseSPF(records[0])
	if err != nil {
		w.fault("%s:%s: %v", how, domain, err)
		return
	}
	w.follow(ctx, domain, rec, pass)
}

// fault keeps the first reason for permerror.
func (w *spfWalk) fault(format string, args ...any) {
	if w.wrong == "" || len(w.stack) == 1 {
		w.wrong = fmt.Sprintf(format, args...)
	}
}

// breadth looks for terms by which strangers pass. A network of half of all addresses
// counts as everybody; one larger than any holder has, an eighth of the way down, is
// broad.
func (w *spfWalk) breadth(t spfTerm) {
	bits4, bits6 := t.bits4, t.bits6
	switch t.name {
	case "all":
		w.anybody = string(t.qualifier) + "all"
		w.broad = append(w.broad, w.anybody)
		return
	case "ip4":
		bits4 = t.prefix.Bits()
	case "ip6":
		bits6 = t.prefix.Bits()
	case "a", "mx":
	default:
		return
	}
	text := t.name + ":" + t.value
	if t.prefix.IsValid() {
		text = t.name + ":" + t.prefix.String()
	}
	switch {
	case bits4 <= 1 || bits6 <= 3: // 2000::/3 is all of the global IPv6 addresses
		w.anybody = text
		w.broad = append(w.broad, text)
	case bits4 < 8 || bits6 < 20:
		w.broad = append(w.broad, text)
	}
}
