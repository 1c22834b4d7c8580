package main

import (
	"cmp"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"

	"github.com/smtpace/smtpace/classify"
)

// letters collects what a receiver must be told to be asked: the address that the mail
// came from, when it was refused, and the replies.
type letters struct {
	samples []sample
	sources []source // addresses of ours that replies name
}

type source struct {
	address netip.Addr
	count   int
}

// sample is a reply of a receiver.
type sample struct {
	class       classify.Class
	first, last moment
	count       int
	host, reply string // of the last one
}

const (
	// maxSamples is the number of kinds of replies in a letter.
	maxSamples = 4
	// maxSearched is the number of replies of a kind that are searched for our
	// address.
	maxSearched = 20
	// maxSources bounds the addresses that are counted.
	maxSources = 16
)

// asksFor are the classes of refusals that only the receiver can explain or end.
var asksFor = [classify.Classes]bool{
	classify.ClassTooManyConnections: true, classify.ClassConnectionMessageLimit: true, classify.ClassRateLimited: true,
	classify.ClassTooManyRecipients: true, classify.ClassIPReputation: true, classify.ClassDomainReputation: true,
	classify.ClassPolicy: true, classify.ClassSpamContent: true, classify.ClassServerBusy: true, classify.ClassRelayDenied: true,
	classify.ClassUnknown: true,
}

// add takes a refusal, and its text as a copy that may be kept.
func (l *letters) add(a *answer, text string, class classify.Class, now moment) {
	if !asksFor[class] {
		return
	}
	i := slices.IndexFunc(l.samples, func(s sample) bool { return s.class == class })
	if i < 0 {
		if len(l.samples) == maxSamples {
			return
		}
		l.samples = append(l.samples, sample{class: class, first: now})
		i = len(l.samples) - 1
	}
	s := &l.samples[i]
	s.count++
	s.last, s.host = now, keep(s.host, a.host)
	if s.reply == text || s.count > maxSearched {
		s.reply = text
		return
	}
	s.reply = text
	l.note(a.source)
	l.note(sourceIn(text))
}

// note counts an address of ours.
func (l *letters) note(text string) {
	address, err := netip.ParseAddr(text)
	if err != nil || address.IsLoopback() || address.IsUnspecified() {
		return
	}
	address = address.WithZone("")
	i := slices.IndexFunc(l.sources, func(s source) bool { return s.address == address })
	switch {
	case i >= 0:
		l.sources[i].count++
	case len(l.sources) < maxSources:
		l.sources = append(l.sources, source{address, 1})
	}
}

// sourceIn finds the address that a reply calls the client's: "from 198.51.100.7",
// "[198.51.100.7]", "IP=198.51.100.7".
func sourceIn(text string) string {
	for rest := text; ; {
		i := strings.IndexAny(rest, "0123456789")
		if i < 0 {
			return ""
		}
		end := i
		for end < len(rest) && strings.IndexByte("0123456789abcdefABCDEF.:", rest[end]) >= 0 {
			end++
		}
		word := strings.TrimRight(rest[i:end], ".:")
		if strings.Count(word, ".") == 3 || strings.Count(word, ":") > 2 {
			if address, err := netip.ParseAddr(word); err == nil && !strings.HasSuffix(rest[:i], "-") {
				return address.String()
			}
		}
		rest = rest[max(end, i+1):]
	}
}

// source returns the address that is named most, "" for none.
func (l *letters) source() string {
	if len(l.sources) == 0 {
		return ""
	}
	return slices.MinFunc(l.sources, func(a, b source) int {
		return cmp.Or(b.count-a.count, a.address.Compare(b.address))
	}).address.String()
}

// printLetter writes where to ask and what to send there.
func (t *tally) printLetter(w io.Writer, source string) {
	if len(t.letters.samples) == 0 {
		return
	}
	source = cmp.Or(t.letters.source(), source)
	subject, server := "mail from "+source+" is refused", "Our server "+source
	if source == "" {
		subject, server = "our mail is refused", "Our server (ADDRESS: the log does not tell it)"
	}
	samples := slices.Clone(t.letters.samples)
	slices.SortStableFunc(samples, func(a, b sample) int { return b.count - a.count })
	for _, where := range t.contacts() {
		fmt.Fprintf(w, "  ask       %s\n", where)
	}
	fmt.Fprintf(w, "  send      Subject: %s\n", subject)
	line := func(format string, args ...any) { fmt.Fprintf(w, "            "+format+"\n", args...) }
	line("%s sends mail %s.", server, t.addressees())
	line("Of %s %d accepted the mail and %d refused it:", plural(t.answers, "answer"), t.answers-t.refused, t.refused)
	for _, s := range samples {
		at := ""
		if s.host != "" {
			at = " by " + printable(s.host)
		}
		line("%s%s, %s, the last time with", plural(s.count, "time"), at, span(s.first, s.last))
		line("    %s", verbatim(s.reply))
	}
	line("Please tell us the reason, or the limits that we should keep to.")
}

// addressees says to whom the mail goes.
func (t *tally) addressees() string {
	switch {
	case t.relay:
		return "through " + printable(strings.TrimPrefix(t.key, "relay "))
	case t.profile != nil && len(t.profile.Domains) > 0:
		return "to you, as to " + strings.TrimPrefix(t.profile.Domains[0], "*.")
	}
	return "to recipients at " + printable(t.title())
}

// span writes the time between two moments.
func span(first, last moment) string {
	if first.String() == last.String() {
		return first.String()
	}
	return fmt.Sprintf("from %v to %v", first, last)
}

// contacts returns the places to ask a receiver: pages that its replies name, what its
// profile has, else the addresses that every domain must have (RFC 5321 4.5.1,
// RFC 2142).
func (t *tally) contacts() []string {
	var all []string
	add := func(contact string) {
		if contact = printable(contact); !slices.Contains(all, contact) {
			all = append(all, contact)
		}
	}
	for _, s := range t.letters.samples {
		if page := pageIn(s.reply); page != "" {
			add(page)
		}
	}
	if p := t.profile; p != nil {
		for _, list := range [][]string{p.Forms, p.Help, p.Contacts} {
			for _, contact := range list {
				add(contact)
			}
		}
	}
	if domain := t.mailDomain(); len(all) == 0 && domain != "" {
		add("postmaster@" + domain)
		add("abuse@" + domain)
	}
	return all
}

// pageIn finds a page that a reply names.
func pageIn(reply string) string {
	for _, scheme := range []string{"https://", "http://"} {
		if i := strings.Index(reply, scheme); i >= 0 {
			page, _, _ := strings.Cut(printable(reply[i:]), " ")
			return strings.TrimRight(page, ".,;:)>]\"'")
		}
	}
	return ""
}
