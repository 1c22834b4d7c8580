package profile

import (
	"cmp"

	"github.com/smtpace/smtpace/throttle"
)

// Merge returns own with its zero fields taken from ceilings. This is how a
// profile applies to a destination: what the user has set there overrides it,
// field by field, also to say [throttle.Unlimited].
//
// A ceiling that would contradict what own sets (see [throttle.Limits.Validate])
// is left out, so that the result of two valid Limits is valid.
func Merge(own, ceilings throttle.Limits) throttle.Limits {
	merged := throttle.Limits{
		Connections:           cmp.Or(own.Connections, ceilings.Connections),
		ConnectionRate:        cmp.Or(own.ConnectionRate, ceilings.ConnectionRate),
		MessageRate:           cmp.Or(own.MessageRate, ceilings.MessageRate),
		RecipientRate:         cmp.Or(own.RecipientRate, ceilings.RecipientRate),
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
		if x.IsZero() || y.IsZero() {
			return throttle.Rate{}
		}
		return y
	}
	common := throttle.Limits{
		Connections:           both(a.Connections, b.Connections),
		ConnectionRate:        rates(a.ConnectionRate, b.ConnectionRate),
		MessageRate:           rates(a.MessageRate, b.MessageRate),
		RecipientRate:         rates(a.RecipientRate, b.RecipientRate),
		MessagesPerConnection: both(a.MessagesPerConnection, b.MessagesPerConnection),
		RecipientsPerMessage:  both(a.RecipientsPerMessage, b.RecipientsPerMessage),
	}
	if !a.Quota.IsZero() {
		common.Quota = b.Quota
	}
	return common.String()
}
