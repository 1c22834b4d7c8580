package profile

import (
	"io"
	"slices"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/throttle"
)

// maxFile is the maximum size of a file, in bytes.
const maxFile = 1 << 20

// Parse reads a file of profiles and rules, of up to 1 MiB, in the format that the
// package comment describes. The name of the file is used in errors only. The error
// joins a [*FileError] for each mistake; malformed TOML has one.
func Parse(r io.Reader, name string) (*Set, error) {
	f, root := readFile(r, name)
	if root == nil {
		return nil, f.err()
	}
	var l layer
	tables := root.tables("profile")
	for _, t := range tables {
		l.profiles = append(l.profiles, readProfile(t))
	}
	generals := root.tables("rule")
	for _, t := range generals {
		l.rules = append(l.rules, readRule(t))
	}
	root.noOthers()
	report := func(i int, m mistake) {
		if i == general {
			generals[m.n].fail(m.err, "", -1)
			return
		}
		tables[i].fail(m.err, m.field, m.n)
	}
	l.check(report)
	if f.ok() {
		l.checkTogether(report)
	}
	if !f.ok() {
		return nil, f.err()
	}
	return index(l), nil
}

func readProfile(t *table) Profile {
	p := Profile{
		Name:     t.text("name"),
		Domains:  t.texts("domains"),
		MX:       t.texts("mx"),
		Relays:   t.texts("relays"),
		Help:     t.texts("help"),
		Forms:    t.texts("forms"),
		Contacts: t.texts("contacts"),
	}
	for _, child := range t.tables("figure") {
		p.Figures = append(p.Figures, readFigure(child))
	}
	for _, child := range t.tables("rule") {
		p.Rules = append(p.Rules, readRule(child))
	}
	t.noOthers()
	return p
}

func readFigure(t *table) Figure {
	f := Figure{
		Note:      t.text("note"),
		Customary: t.flag("customary"),
		Source:    t.text("source"),
		Date:      t.text("date"),
	}
	if text := t.text("limits"); text != "" {
		limits, err := throttle.ParseLimits(text)
		if err != nil {
			t.fail(err, "limits", -1)
			f.Note = text // the mistake is told; the figure is not empty, too
		}
		f.Limits = limits
	}
	t.noOthers()
	return f
}

func readRule(t *table) classify.Rule {
	r := classify.Rule{
		Name:       t.text("name"),
		Codes:      t.numbers("codes"),
		Enhanced:   t.texts("enhanced"),
		Contains:   t.texts("contains"),
		Pattern:    t.text("pattern"),
		Later:      t.flag("later"),
		RetryAfter: t.duration("retry_after"),
		Matches:    t.texts("matches"),
		Rejects:    t.texts("rejects"),
	}
	for i, name := range t.texts("stages") {
		var s classify.Stage
		t.fail(s.UnmarshalText([]byte(name)), "stages", i)
		r.Stages = append(r.Stages, s)
	}
	t.unmarshal("class", &r.Class)
	t.unmarshal("limit", &r.Limit)
	t.unmarshal("scope", &r.Scope)
	t.noOthers()
	return r
}

// checkTogether reports the conflicts between rules.
func (l *layer) checkTogether(report func(i int, m mistake)) {
	conflicts(index(*l).Rules(), func(bad classify.Rule, err error) {
		is := func(r classify.Rule) bool { return r.Name == bad.Name }
		if n := slices.IndexFunc(l.rules, is); n >= 0 {
			report(general, mistake{"rule", n, err})
		}
		for i, p := range l.profiles {
			if n := slices.IndexFunc(p.Rules, is); n >= 0 {
				report(i, mistake{"rule", n, err})
			}
		}
	})
}
