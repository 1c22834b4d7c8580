package series

import (
	"fmt"
	"testing"

	"github.com/smtpace/smtpace"
	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/throttle"
)

// answers returns a try for a tenant with such fates of its recipients.
func answers(tenant string, fates ...classify.Recipient) smtpace.Try {
	t := smtpace.Try{Tenant: tenant}
	for _, f := range fates {
		t.Recipients = append(t.Recipients, smtpace.TryRecipient{Answer: pool.Answer{Verdict: classify.Verdict{Recipient: f}}})
	}
	return t
}

func TestOutcomeIsTheWorst(t *testing.T) {
	const yes, no, later, lost = classify.RecipientDelivered, classify.RecipientRefused, classify.RecipientLater, classify.RecipientAmbiguous
	for _, tt := range []struct {
		fates []classify.Recipient
		want  string
	}{
		{[]classify.Recipient{yes, yes}, "delivered"}, {[]classify.Recipient{yes, no}, "refused"},
		{[]classify.Recipient{later, no}, "deferred"}, {[]classify.Recipient{lost, later, yes}, "ambiguous"},
	} {
		if got := Outcome(answers("", tt.fates...)); got != tt.want {
			t.Errorf("%v is %s, want %s", tt.fates, got, tt.want)
		}
	}
}

// Tenants that come without end are counted in bounded memory.
func TestTenantsAreBounded(t *testing.T) {
	b := New(0, func(*Metric, float64, ...string) {})
	b.Watch(new(stats))
	const more = 50
	for i := range maxTenants + more {
		b.tried(answers(fmt.Sprint("t", i), classify.RecipientDelivered))
	}
	sum, names := 0.0, 0
	b.Collect(func(m *Metric, value float64, labels ...string) {
		if m == tenantTries || m == tenantDelivered {
			sum += value
			names++
		}
	})
	if len(b.byTenant) > maxTenants+1 || names != 2*(DefaultTop+1) || sum != 2*(maxTenants+more) {
		t.Errorf("%d tenants kept, %d series, %v counted", len(b.byTenant), names, sum)
	}
}

// stats is a source that explains nothing.
type stats smtpace.Stats

func (s *stats) Stats() smtpace.Stats { return smtpace.Stats(*s) }

// explained is a source that does.
type explained struct {
	stats
	limits map[string]string
}

func (e *explained) Explain(name string) throttle.Explanation {
	return throttle.Explanation{Bind: throttle.Binding{Limit: e.limits[name]}}
}

// What waits is counted by its reason, once.
func TestHeldByReason(t *testing.T) {
	state := stats{}
	for i, queued := range []int{100, 90, 80, 7, 5} {
		d := smtpace.DestinationStats{}
		d.Name, d.Queued = fmt.Sprint("d", i), queued
		state.Destinations = append(state.Destinations, d)
	}
	state.Destinations[3].Breaker = "554 no"
	for _, tt := range []struct {
		source Source
		want   map[string]float64
	}{
		{&explained{state, map[string]string{"d0": "message-rate", "d1": "pause"}}, map[string]float64{"message-rate": 100, "pause": 90, "none": 80, "breaker": 7, Other: 5}},
		{&state, map[string]float64{"breaker": 7, Other: 275}},
	} {
		b := New(3, nil)
		b.Watch(tt.source)
		got := map[string]float64{}
		b.Collect(func(m *Metric, value float64, labels ...string) {
			if m == held {
				got[labels[0]] += value
			}
		})
		if fmt.Sprint(got) != fmt.Sprint(tt.want) {
			t.Errorf("got %v, want %v", got, tt.want)
		}
	}
}
