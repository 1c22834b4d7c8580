package monitor

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/smtpace/smtpace/throttle"
)

// phrase is a sentence about a destination: texts, and times in Unix milliseconds as
// int64, which the page writes in the reader's time zone.
type phrase []any

// words says an Explanation in sentences, the most important first.
func words(x *throttle.Explanation, s state) []phrase {
	out := []phrase{summary(x, s)}
	out = append(out, pace(x.Pace, x.Rate, "")...)
	if x.Via != nil {
		out = append(out, via(x)...)
	}
	if x.Parked > 0 {
		out = append(out, phrase{count(x.Parked) + " of the waiting are held for their mailbox, tenant or sender alone"})
	}
	return out
}

// summary returns the sentence about the queue: what holds it, when the next goes,
// and when all will have gone.
func summary(x *throttle.Explanation, s state) phrase {
	p := phrase{stateText(x, s)}
	say := func(parts ...any) { p = append(append(p, "; "), parts...) }
	if wait := waitFor(x.Next, x.Time); wait != "" {
		say("next message " + wait)
	}
	if x.InFlight > 0 {
		say(count(x.InFlight) + " on the wire")
	}
	if x.Queued > 0 {
		say(count(x.Queued) + " waiting")
	}
	if x.ETA != nil {
		p = append(p, ", done about ", x.ETA.UnixMilli())
	}
	return p
}

// stateText returns the state and its cause.
func stateText(x *throttle.Explanation, s state) string {
	switch s {
	case paused:
		return "Paused by the operator"
	case outage:
		return "Nothing is accepted at present: " + binding(x.Bind)
	case paced:
		return "Paced by " + binding(x.Bind)
	case waiting:
		if x.Bind.Limit == "" {
			return "Waits for the next try"
		}
		return "Waits for " + binding(x.Bind)
	case sending:
		return "Sending; no limit binds"
	}
	return "Nothing waits"
}

// pace returns the sentences about a learned pace. of names whose it is.
func pace(p throttle.Pace, set float64, of string) (out []phrase) {
	var parts phrase
	switch {
	case p.MessageRate != "":
		parts = phrase{p.MessageRate + " learned"}
	case p.RefusedAt != nil:
		parts = phrase{count(p.Concurrency) + " at once learned"}
	case set > 0:
		return append(out, phrase{of + rateText(set) + " is the limit; " + count(p.Concurrency) + " at once"})
	default:
		return append(out, phrase{of + "No limit was learned; up to " + count(p.Concurrency) + " at once"})
	}
	parts[0] = of + parts[0].(string)
	if p.RefusedAt != nil {
		parts = append(parts, " at ", p.RefusedAt.UnixMilli())
	}
	if p.LastRefusal != "" {
		parts = append(parts, " from "+p.LastRefusal)
	}
	out = append(out, parts)
	if p.MessageRate != "" {
		out = append(out, phrase{of + "Up to " + count(p.Concurrency) + " at once"})
	}
	if p.Inferred != "" {
		out = append(out, phrase{of + "Inferred from " + p.Inferred})
	}
	if p.PausedUntil != nil {
		out = append(out, phrase{of + "Nothing goes before ", p.PausedUntil.UnixMilli()})
	}
	if p.Breaker != "" {
		out = append(out, phrase{of + "All is refused: " + p.Breaker})
	}
	return out
}

// via returns the sentences about the endpoint that serves the destination.
func via(x *throttle.Explanation) (out []phrase) {
	line := "Goes through " + x.Endpoint
	if x.Proved != "" && x.Proved != "none" {
		line += " (TLS proves " + x.Proved + ")"
	}
	out = append(out, phrase{line})
	if x.Via.RefusedAt != nil || x.Via.MessageRate != "" {
		out = append(out, pace(*x.Via, 0, x.Endpoint+": ")...)
	}
	return out
}

// bindings are the names of limits in words, with their owners as %s; a name without
// words is said as it is.
var bindings = map[string]string{
	"message-rate": "the rate%s", "recipient-rate": "the recipient rate%s", "byte-rate": "the byte rate%s",
	"connection-rate": "the connection rate%s", "connections": "the number at once%s", "quota": "the quota%s",
	"mailbox-rate": "the rate of its mailboxes%s", "messages-per-connection": "the messages a connection%s",
	"hint": "the time that the receiver asked for%s", "pause": "by the operator", "outage": "an outage%s",
	"unreachable": "no connection%s", "breaker": "all is refused%s", "warm-up": "the warm-up%s",
	"opening": "a connection, after some failed%s", "held": "room among the rendered messages%s",
}

// binding returns a limit in words: "the learned rate of smtp.example.com:587".
func binding(b throttle.Binding) string {
	if b.Limit == "" {
		return ""
	}
	text, ok := bindings[b.Limit]
	if !ok {
		text = b.Limit + "%s"
	}
	if rest, is := strings.CutPrefix(text, "the "); is && b.Learned {
		text = "the learned " + rest
	}
	whose := " of " + b.Scope + " " + b.Name
	switch b.Scope {
	case "destination", "":
		whose = ""
	case "endpoint":
		whose = " of " + b.Name
		if b.Limit == "unreachable" || b.Limit == "breaker" {
			whose = map[string]string{"unreachable": " to ", "breaker": " at "}[b.Limit] + b.Name
		}
	case "process":
		whose = " of this process"
	}
	return strings.Replace(text, "%s", whose, 1)
}

// text says what a lesson has taught: "rate 80/s -> 50/s, at once 10 -> 3".
func (l *lesson) text() string {
	var out []string
	say := func(what, from, to string) {
		switch {
		case from == to && l.From.RefusedAt != nil, to == "":
		case from == "" || from == "0" || from == to:
			out = append(out, what+" "+to)
		default:
			out = append(out, what+" "+from+" → "+to)
		}
	}
	say("rate", l.From.MessageRate, l.To.MessageRate)
	say("at once", strconv.Itoa(l.From.Concurrency), strconv.Itoa(l.To.Concurrency))
	if until := l.To.PausedUntil; until != nil {
		out = append(out, "waits "+spanText(until.Sub(l.At)))
	}
	return strings.Join(out, ", ")
}

// waitFor returns how long it is until a time: "in 0.4 s"; "" when it is past or nil.
func waitFor(at *time.Time, now time.Time) string {
	if at == nil || !at.After(now) {
		return ""
	}
	return "in " + spanText(at.Sub(now))
}

// spanText returns a duration in the unit that suits: "0.4 s", "12 s", "5 min", "3.2 h".
func spanText(d time.Duration) string {
	switch {
	case d < 50*time.Millisecond:
		return fmt.Sprintf("%.0f ms", max(d.Seconds()*1000, 1))
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < 2*time.Minute:
		return fmt.Sprintf("%.0f s", d.Seconds())
	case d < 2*time.Hour:
		return fmt.Sprintf("%.0f min", d.Minutes())
	}
	return fmt.Sprintf("%.1f h", d.Hours())
}

// rateText returns a rate as text: "50/s", or "30/min" where it is below one a second.
func rateText(perSecond float64) string {
	if perSecond < 1 {
		return strconv.FormatFloat(perSecond*60, 'g', 3, 64) + "/min"
	}
	return strconv.FormatFloat(perSecond, 'g', 3, 64) + "/s"
}

// count returns a number with commas between thousands: "12,031".
func count(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
