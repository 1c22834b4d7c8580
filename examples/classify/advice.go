package main

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/throttle"
)

// advice returns the value to set for a limit, and its source: from what the log
// shows, else from the profile, else as a beginning. The text of the limits is
// what throttle.ParseLimits reads; it is empty when there is nothing to set.
func (t *tally) advice(limit classify.Limit) (throttle.Limits, string) {
	if limit == classify.LimitMailboxRate {
		return throttle.Limits{}, "it holds for single mailboxes, and mail for those is held by itself"
	}
	if l := statedLimits(t.hits[limit].stated); l != (throttle.Limits{}) {
		return l, "the reply states it"
	}
	if l, how := t.measured(limit); l != (throttle.Limits{}) {
		return l, how
	}
	if l := t.known(limit); l != (throttle.Limits{}) {
		return l, "from the profile; the log shows no more"
	}
	if l := beginning(limit); l != (throttle.Limits{}) {
		return l, "half of the default, to begin with; the log shows no more"
	}
	return throttle.Limits{}, "the log does not show how much was accepted while it refused, and a sender finds it by itself"
}

// measured derives a limit from the log.
func (t *tally) measured(limit classify.Limit) (throttle.Limits, string) {
	var l throttle.Limits
	minutes := t.pace.minutes
	perMinute := func(sum int) throttle.Rate {
		if minutes == 0 || sum == 0 {
			return throttle.Rate{}
		}
		return throttle.Rate{Count: max(sum/minutes, 1), Per: time.Minute}
	}
	accepted := fmt.Sprintf("a minute's share of what was accepted in the %s with such refusals", plural(minutes, "minute"))
	switch limit {
	case classify.LimitConnections:
		var n int
		l.Connections, n = t.open.median()
		return l, fmt.Sprintf("so many deliveries were under way when it refused, the median of %s", plural(n, "refusal"))
	case classify.LimitConnectionRate:
		l.ConnectionRate = perMinute(t.pace.then.connections)
		return l, "by connections; " + accepted
	case classify.LimitMessageRate:
		l.MessageRate = perMinute(t.pace.then.messages)
		return l, accepted
	case classify.LimitRecipientRate:
		l.RecipientRate = perMinute(t.pace.then.recipients)
		return l, accepted
	case classify.LimitMessagesPerConnection:
		if n := t.hits[limit].ordinal; n > 1 {
			l.MessagesPerConnection = n - 1
		}
		return l, fmt.Sprintf("message %d of a connection was refused", l.MessagesPerConnection+1)
	case classify.LimitQuota:
		if n := t.pace.beforeQuota; n > 0 {
			l.Quota = throttle.Quota{Count: n, Per: 24 * time.Hour}
		}
		return l, "what was accepted in the 24 hours before the first such refusal"
	}
	return l, ""
}

// known returns the figure of the profile for a limit; zero without one.
func (t *tally) known(limit classify.Limit) throttle.Limits {
	if t.profile == nil {
		return throttle.Limits{}
	}
	return only(limit, t.profile.Limits())
}

// beginning returns half of a default of a destination, see throttle.Limits.
func beginning(limit classify.Limit) throttle.Limits {
	return only(limit, throttle.Limits{
		Connections:           10 / 2,
		MessagesPerConnection: 100 / 2,
		RecipientsPerMessage:  100 / 2,
	})
}

// only keeps the field that a limit is set by.
func only(limit classify.Limit, l throttle.Limits) throttle.Limits {
	switch limit {
	case classify.LimitConnections:
		return throttle.Limits{Connections: l.Connections}
	case classify.LimitConnectionRate:
		return throttle.Limits{ConnectionRate: l.ConnectionRate}
	case classify.LimitMessageRate:
		return throttle.Limits{MessageRate: l.MessageRate}
	case classify.LimitRecipientRate:
		return throttle.Limits{RecipientRate: l.RecipientRate}
	case classify.LimitMessagesPerConnection:
		return throttle.Limits{MessagesPerConnection: l.MessagesPerConnection}
	case classify.LimitRecipientsPerMessage:
		return throttle.Limits{RecipientsPerMessage: l.RecipientsPerMessage}
	case classify.LimitQuota:
		return throttle.Limits{Quota: l.Quota}
	}
	return throttle.Limits{}
}

// statedLimits returns the limits in the numbers of a reply; zero for those that no
// setting expresses.
func statedLimits(s classify.Stated) (l throttle.Limits) {
	if s.Count <= 0 || s.Count > math.MaxInt32 {
		return l
	}
	n := int(s.Count)
	rate := throttle.Rate{Count: n, Per: s.Per}
	switch {
	case s.Bytes:
		if s.Per > 0 {
			l.ByteRate = rate
		}
	case s.Limit == classify.LimitConnections:
		l.Connections = n
	case s.Limit == classify.LimitMessagesPerConnection:
		l.MessagesPerConnection = n
	case s.Limit == classify.LimitRecipientsPerMessage:
		l.RecipientsPerMessage = n
	case s.Per <= 0:
	case s.Limit == classify.LimitConnectionRate:
		l.ConnectionRate = rate
	case s.Limit == classify.LimitMessageRate:
		l.MessageRate = rate
	case s.Limit == classify.LimitRecipientRate:
		l.RecipientRate = rate
	case s.Limit == classify.LimitQuota:
		l.Quota = throttle.Quota{Count: n, Per: s.Per}
	}
	if l.Validate() != nil {
		return throttle.Limits{}
	}
	return l
}

// setting returns the place of limits in a smtpace.Config. Servers of several domains are set
// as a relay is, as the domains share the limit.
func (t *tally) setting(l throttle.Limits) string {
	switch {
	case t.relay:
		return fmt.Sprintf("Relay{Addr: %q, Limits: %s}", strings.TrimPrefix(t.key, "relay ")+":25", literal(l))
	case len(t.domains) > 1:
		return fmt.Sprintf("Relay{Addr: %q, Limits: %s}", printable(t.host)+":25", literal(l))
	}
	return fmt.Sprintf("Destinations: map[string]throttle.Limits{%q: %s}", t.destination(), literal(l))
}

// destination returns the key in Config.Destinations.
func (t *tally) destination() string {
	if t.profile != nil {
		return t.profile.Name
	}
	return printable(t.mailDomain())
}

// literal writes limits as Go does.
func literal(l throttle.Limits) string {
	var fields []string
	whole := func(name string, n int) {
		if n != 0 {
			fields = append(fields, fmt.Sprintf("%s: %d", name, n))
		}
	}
	over := func(name, kind string, count int, per time.Duration) {
		if count != 0 {
			fields = append(fields, fmt.Sprintf("%s: throttle.%s{Count: %d, Per: %s}", name, kind, count, durationLiteral(per)))
		}
	}
	whole("Connections", l.Connections)
	over("ConnectionRate", "Rate", l.ConnectionRate.Count, l.ConnectionRate.Per)
	over("MessageRate", "Rate", l.MessageRate.Count, l.MessageRate.Per)
	over("RecipientRate", "Rate", l.RecipientRate.Count, l.RecipientRate.Per)
	over("ByteRate", "Rate", l.ByteRate.Count, l.ByteRate.Per)
	whole("MessagesPerConnection", l.MessagesPerConnection)
	whole("RecipientsPerMessage", l.RecipientsPerMessage)
	over("Quota", "Quota", l.Quota.Count, l.Quota.Per)
	return "{" + strings.Join(fields, ", ") + "}"
}

// durationLiteral writes a duration in the largest unit that divides it.
func durationLiteral(d time.Duration) string {
	for _, unit := range []struct {
		size time.Duration
		name string
	}{{time.Hour, "Hour"}, {time.Minute, "Minute"}, {time.Second, "Second"}} {
		if d%unit.size == 0 {
			if d == unit.size {
				return "time." + unit.name
			}
			return fmt.Sprintf("%d * time.%s", d/unit.size, unit.name)
		}
	}
	return fmt.Sprintf("%d", int64(d))
}
