package profile

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/throttle"
)

// Profile holds the known facts about one receiver. Profiles that a [Set] returns
// are shared and must not be changed.
type Profile struct {
	// Name is the unique name in a set, of lower-case letters, digits, "-" and
	// ".". Use it as [classify.Input.Provider].
	Name string
	// Domains are the recipient domains of the receiver: "example.net", or
	// "*.example.net" for all domains below it. "*" is any domain that no other
	// profile has.
	Domains []string
	// MX are the host names of its servers, written as Domains are, without
	// "*".
	MX []string
	// Relays are the host names of servers that its customers log in to, written as MX
	// are; a "*" may also stand for one label within, as in "smtp.*.example.net". A
	// profile with Relays has no Domains and no MX: what a service allows its customers
	// is not what its mailboxes take.
	Relays []string
	// Help are pages of the postmaster for senders.
	Help []string
	// Forms are pages with a form by which a sender asks, for instance for the end
	// of a block.
	Forms []string
	// Contacts are mail addresses of the postmaster, or of the abuse desk that
	// answers senders.
	Contacts []string
	// Figures are the limits, each with its source. No two give the same limit.
	Figures []Figure
	// Rules are the rules for replies of this receiver only. Their Provider is
	// Name; New fills it in.
	Rules []classify.Rule
}

// Limits returns the ceilings of all figures together; a zero field is unknown. See
// [Merge].
func (p *Profile) Limits() throttle.Limits {
	var l throttle.Limits
	for _, f := range p.Figures {
		l = Merge(l, f.Limits)
	}
	return l
}

// clone copies p, so that its slices are nobody else's.
func (p Profile) clone() Profile {
	p.Domains, p.MX, p.Relays = slices.Clone(p.Domains), slices.Clone(p.MX), slices.Clone(p.Relays)
	p.Help, p.Forms, p.Contacts = slices.Clone(p.Help), slices.Clone(p.Forms), slices.Clone(p.Contacts)
	p.Figures, p.Rules = slices.Clone(p.Figures), slices.Clone(p.Rules)
	return p
}

// over returns p merged with base, a profile of the same name. The values of p come
// first, and its rules replace those of the same name.
func (p Profile) over(base *Profile) Profile {
	p = p.clone()
	p.Domains = union(p.Domains, base.Domains)
	p.MX = union(p.MX, base.MX)
	p.Relays = union(p.Relays, base.Relays)
	p.Help = union(p.Help, base.Help)
	p.Forms = union(p.Forms, base.Forms)
	p.Contacts = union(p.Contacts, base.Contacts)
	p.Figures = append(p.Figures, base.Figures...)
	for _, r := range base.Rules {
		if !slices.ContainsFunc(p.Rules, func(own classify.Rule) bool { return own.Name == r.Name }) {
			p.Rules = append(p.Rules, r)
		}
	}
	return p
}

func union(a, b []string) []string {
	for _, s := range b {
		if !slices.Contains(a, s) {
			a = append(a, s)
		}
	}
	return a
}

// mistake is an error in the n-th value of a field; n is -1 for the field itself.
type mistake struct {
	field string
	n     int
	err   error
}

// normalize brings names to their normal form and returns the mistakes of the
// profile by itself.
func (p *Profile) normalize() []mistake {
	var wrong []mistake
	report := func(field string, n int, err error) {
		if err != nil {
			wrong = append(wrong, mistake{field, n, err})
		}
	}
	if !isName(p.Name) {
		report("name", -1, fmt.Errorf(`%q is no name: want lower-case letters, digits, "-" and ".", such as "example"`, p.Name))
	}
	for i, s := range p.Domains {
		p.Domains[i] = normal(s)
		report("domains", i, checkPattern(p.Domains[i], true))
	}
	for i, s := range p.MX {
		p.MX[i] = normal(s)
		report("mx", i, checkPattern(p.MX[i], false))
	}
	for i, s := range p.Relays {
		p.Relays[i] = normal(s)
		report("relays", i, checkRelay(p.Relays[i]))
	}
	if len(p.Relays) > 0 && len(p.Domains)+len(p.MX) > 0 {
		report("relays", -1, errors.New("this profile has domains or mx, too: want another profile for those who log in, as its limits are others"))
	}
	p.checkFigures(report)
	p.checkRules(report)
	return wrong
}

func (p *Profile) checkFigures(report func(string, int, error)) {
	var sum throttle.Limits
	for i, f := range p.Figures {
		for _, err := range f.mistakes() {
			report("figure", i, err)
		}
		if twice := overlap(sum, f.Limits); twice != "" {
			report("figure", i, fmt.Errorf("%s: an earlier figure has this limit, too: want it once", twice))
		}
		sum = Merge(sum, f.Limits)
	}
}

func (p *Profile) checkRules(report func(string, int, error)) {
	for i := range p.Rules {
		r := &p.Rules[i]
		if r.Provider != "" && r.Provider != p.Name {
			report("rule", i, fmt.Errorf("rule %q is for provider %q: want %q, or none", r.Name, r.Provider, p.Name))
		}
		r.Provider = p.Name
		report("rule", i, r.Validate())
	}
}

func isName(s string) bool {
	return s != "" && len(s) <= 64 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-.") == ""
}

// Figure is the information of one source about the limits of a receiver.
type Figure struct {
	// Limits are the ceilings of the source; a zero field is unknown.
	Limits throttle.Limits
	// Note holds further facts: the subject of a limit, limits that throttle.Limits
	// cannot express, and history.
	Note string
	// Customary marks a rule of thumb; other figures are the receiver's own.
	Customary bool
	// Source is the page or file of the figure, and Date its day, month or
	// year, "2026-08-04" or a part of it; "" for none.
	Source, Date string
}

// mistakes returns all mistakes of f by itself.
func (f Figure) mistakes() []error {
	var errs []error
	if err := f.Limits.Validate(); err != nil {
		errs = append(errs, fmt.Errorf("limits: %w", err))
	}
	if f.Date != "" && !isDate(f.Date) {
		errs = append(errs, fmt.Errorf(`date is %q: want a day, month or year such as "2026-08-04"`, f.Date))
	}
	if f == (Figure{Customary: f.Customary, Source: f.Source, Date: f.Date}) {
		errs = append(errs, errors.New("it says nothing: want limits or a note"))
	}
	return errs
}

func isDate(s string) bool {
	for _, layout := range []string{time.DateOnly, "2006-01", "2006"} {
		if _, err := time.Parse(layout, s); err == nil {
			return true
		}
	}
	return false
}

// Merge returns own with its zero fields taken from ceilings. So a profile applies
// to a destination: the user's limits override it, field by field, also by
// [throttle.Unlimited].
//
// A ceiling that contradicts own (see [throttle.Limits.Validate]) is left out, so
// that two valid Limits have a valid result.
func Merge(own, ceilings throttle.Limits) throttle.Limits {
	merged := throttle.Limits{
		Connections:           cmp.Or(own.Connections, ceilings.Connections),
		ConnectionRate:        cmp.Or(own.ConnectionRate, ceilings.ConnectionRate),
		MessageRate:           cmp.Or(own.MessageRate, ceilings.MessageRate),
		RecipientRate:         cmp.Or(own.RecipientRate, ceilings.RecipientRate),
		ByteRate:              cmp.Or(own.ByteRate, ceilings.ByteRate),
		MessagesPerConnection: cmp.Or(own.MessagesPerConnection, ceilings.MessagesPerConnection),
		RecipientsPerMessage:  cmp.Or(own.RecipientsPerMessage, ceilings.RecipientsPerMessage),
		Quota:                 cmp.Or(own.Quota, ceilings.Quota),
	}
	recipients := throttle.Limits{RecipientRate: merged.RecipientRate, RecipientsPerMessage: merged.RecipientsPerMessage}
	if recipients.Validate() != nil {
		merged.RecipientRate, merged.RecipientsPerMessage = own.RecipientRate, own.RecipientsPerMessage
	}
	messages := throttle.Limits{MessageRate: merged.MessageRate, Quota: merged.Quota}
	if messages.Validate() != nil {
		merged.MessageRate, merged.Quota = own.MessageRate, own.Quota
	}
	return merged
}

// overlap returns the text of the fields that are set in both, "" for none.
func overlap(a, b throttle.Limits) string {
	both := func(x, y int) int {
		if x == 0 || y == 0 {
			return 0
		}
		return y
	}
	rates := func(x, y throttle.Rate) throttle.Rate {
		if x == (throttle.Rate{}) || y == (throttle.Rate{}) {
			return throttle.Rate{}
		}
		return y
	}
	common := throttle.Limits{
		Connections:           both(a.Connections, b.Connections),
		ConnectionRate:        rates(a.ConnectionRate, b.ConnectionRate),
		MessageRate:           rates(a.MessageRate, b.MessageRate),
		RecipientRate:         rates(a.RecipientRate, b.RecipientRate),
		ByteRate:              rates(a.ByteRate, b.ByteRate),
		MessagesPerConnection: both(a.MessagesPerConnection, b.MessagesPerConnection),
		RecipientsPerMessage:  both(a.RecipientsPerMessage, b.RecipientsPerMessage),
	}
	if a.Quota != (throttle.Quota{}) {
		common.Quota = b.Quota
	}
	return common.String()
}
