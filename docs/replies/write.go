package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/internal/culprit"
	"github.com/smtpace/smtpace/profile"
	"github.com/smtpace/smtpace/retry"
	"github.com/smtpace/smtpace/throttle"
)

const head = `# Replies of mail servers

What a reply means, what smtpace does about it, and what you can set or do. Search for the words of your reply; names, addresses and numbers differ. A reply
that is not here has a verdict all the same: ` + "`go run ./examples/classify`" + ` reads replies and whole logs, and ` + "`classify.Of`" + ` judges them in Go.

smtpace finds limits by itself: "set" only saves the few refusals that finding out costs. Set names the text of a limit for ` + "`throttle.ParseLimits`" + `,
for ` + "`Config.Destinations`" + `, ` + "`Relay.Limits`" + ` and the flag ` + "`-domain-limit`" + ` of ` + "`examples/bulk`" + `.

This page is made by ` + "`go run ./docs/replies`" + `.
`

// write writes the page: replies of any server by class, then those of providers.
func write(w io.Writer, entries []entry) {
	fmt.Fprint(w, head)
	for class := classify.ClassTooManyConnections; int(class) < classify.Classes; class++ {
		writeClass(w, class, entries)
	}
	fmt.Fprint(w, "\n## Of one provider\n\nReplies that mean something else, or more, where this provider gives them. They are understood with `Config.Profiles: profile.Default()`.\n")
	for p := range profile.Default().Profiles() {
		writeProvider(w, p, entries)
	}
}

func writeClass(w io.Writer, class classify.Class, entries []entry) {
	own := slices.DeleteFunc(slices.Clone(entries), func(e entry) bool { return e.provider != "" || e.verdict.Class != class })
	if len(own) == 0 {
		return
	}
	about := classes[class]
	fmt.Fprintf(w, "\n## %s\n\n%s\n\n", about.title, about.means)
	if about.do != "" {
		fmt.Fprintf(w, "**To do:** %s\n\n", about.do)
	}
	writeGroups(w, own, func(entry) string { return "" })
}

// writeGroups writes the replies, grouped by what is done about them and in order of
// their first reply. note returns the text behind a reply.
func writeGroups(w io.Writer, entries []entry, note func(entry) string) {
	var order []string
	groups := map[string][]entry{}
	for _, e := range entries {
		does := action(e.verdict)
		if groups[does] == nil {
			order = append(order, does)
		}
		groups[does] = append(groups[does], e)
	}
	for i, does := range order {
		if i > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "**smtpace** %s.", does)
		if example := limits[groups[does][0].verdict.Limit].example; example != "" {
			fmt.Fprintf(w, " **Set**, for instance, %s.", code(example))
		}
		fmt.Fprint(w, "\n\n")
		for _, e := range groups[does] {
			fmt.Fprintf(w, "- %s%s%s\n", code(e.reply.Error()), note(e), setting(e.verdict))
		}
	}
}

func writeProvider(w io.Writer, p *profile.Profile, entries []entry) {
	own := slices.DeleteFunc(slices.Clone(entries), func(e entry) bool { return e.provider != p.Name })
	if len(own) == 0 {
		return
	}
	fmt.Fprintf(w, "\n### %s\n\n", p.Name)
	if len(p.Help) > 0 {
		fmt.Fprintf(w, "Where to ask: %s.\n\n", strings.Join(p.Help, ", "))
	}
	writeGroups(w, own, func(e entry) string { return " means: " + strings.ToLower(classes[e.verdict.Class].title) })
}

// code returns text as code.
func code(text string) string {
	if strings.Contains(text, "`") {
		return "`` " + text + " ``"
	}
	return "`" + text + "`"
}

// action returns what the Sender does.
func action(v classify.Verdict) string {
	if v.Recipient == classify.RecipientRefused {
		if culprit.IsSender(classify.StageRcpt, v) {
			return "ends the recipient as refused if the relay accepts other mail of that sender at present, else tries again later"
		}
		if v.Scope == classify.ScopeMessage {
			return "ends all recipients of the message as refused"
		}
		return "ends the recipient as refused, and never tries again"
	}
	if does := limits[v.Limit].does; does != "" {
		return does
	}
	return waits(v)
}

// waits returns the schedule of package retry for a verdict that names no limit.
func waits(v classify.Verdict) string {
	if v.RetryAfter > 0 {
		return fmt.Sprintf("tries again after %v, as the reply or its meaning demands", short(v.RetryAfter))
	}
	from, _ := schedules.Bounds(v.Class, 1)
	to, _ := schedules.Bounds(v.Class, 100)
	if from == to {
		return fmt.Sprintf("tries again every %v", short(from))
	}
	return fmt.Sprintf("tries again after %v, then ever later, up to %v", short(from), short(to))
}

var schedules = func() *retry.Policy {
	p, err := retry.New(retry.Config{})
	if err != nil {
		panic(err) // the defaults are valid
	}
	return p
}()

// short returns a duration without its parts that are zero: "5m" for "5m0s".
func short(d time.Duration) string {
	s := d.Round(time.Second).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// setting returns, as the end of a line, the limit to set where a reply states it in
// numbers; "" where it does not.
func setting(v classify.Verdict) string {
	s, key := v.Stated, limits[v.Limit].key
	switch {
	case v.Recipient == classify.RecipientRefused || key == "" || s.Limit != v.Limit || s.Count == 0 || s.Bytes:
		return ""
	case s.Per == 0:
		return fmt.Sprintf("; set `%s:%d`", key, s.Count)
	}
	return fmt.Sprintf("; set `%s:%s`", key, throttle.Rate{Count: int(s.Count), Per: s.Per})
}
