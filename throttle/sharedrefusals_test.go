package throttle

import (
	"fmt"
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
)

func TestAlike(t *testing.T) {
	const rate, quota = classify.LimitMessageRate, classify.LimitQuota
	type event struct {
		at          time.Duration
		destination string
		limit       classify.Limit
		endpoint    bool
	}
	for _, test := range []struct {
		name   string
		events []event
	}{
		{"one destination", []event{{0, "a", rate, false}, {1, "a", rate, false}, {2, "a", rate, false}, {3, "a", rate, false}}},
		{"two destinations", []event{{0, "a", rate, false}, {1, "b", rate, false}, {2, "a", rate, false}, {3, "b", rate, false}}},
		{"three destinations", []event{{0, "a", rate, false}, {1, "b", rate, false}, {2, "c", rate, true}, {3, "a", rate, true}}},
		{"for different limits", []event{{0, "a", rate, false}, {1, "b", quota, false}, {2, "c", rate, false}}},
		{"more than a minute apart", []event{{0, "a", rate, false}, {time.Minute, "b", rate, false}, {time.Minute + 1, "c", rate, false}}},
		{"then one alone", []event{
			{0, "a", rate, false}, {1, "b", rate, false}, {2, "c", rate, true},
			{time.Hour, "a", rate, true}, {2 * time.Hour, "a", rate, true}, {3 * time.Hour, "a", rate, false},
		}},
		{"unknown limit", []event{{0, "a", 99, false}, {0, "b", 99, false}, {0, "c", 99, false}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var a sharedRefusals
			for i, e := range test.events {
				if got, _ := a.refused(noon.Add(e.at), noon.Add(e.at), e.destination, e.limit); got != e.endpoint {
					t.Errorf("refusal %d is of the endpoint: %v, want %v", i, got, e.endpoint)
				}
			}
		})
	}
}

// TestARelaysRateIsLearnedOnce although it shows itself at RCPT: the third
// domain refused makes it the relay's, and the first two are let off.
func TestARelaysRateIsLearnedOnce(t *testing.T) {
	r := newRig(t, wide())
	for i := range 5 {
		for range 3 {
			r.push(fmt.Sprintf("d%d", i), "x")
		}
	}
	c := r.open("relay")
	var scopes []string
	for range 5 {
		g, _ := c.Next(r.now)
		for _, change := range r.refused(g, classify.StageRcpt, classify.LimitMessageRate, 0) {
			scopes = append(scopes, change.Scope)
		}
		r.pass(time.Microsecond)
		if r.endpoint("relay").learned() != nil {
			break
		}
	}
	if got, want := fmt.Sprint(scopes), "[destination destination endpoint]"; got != want {
		t.Errorf("lessons of %s, want %s", got, want)
	}
	r.s.dests.each(func(d *destination[string]) bool {
		if d.learned() != nil {
			t.Errorf("%s has a lesson left", d.name)
		}
		return true
	})
	r.none(c, blindWait-time.Microsecond)
}

// TestRateOfAnMXIsThatOfItsDestination, which another host of it shares; a
// relay's is its own.
func TestRateOfAnMXIsThatOfItsDestination(t *testing.T) {
	for _, test := range []struct {
		name string
		path []string
		more bool // another destination goes there
		want string
	}{
		{"one of two hosts", []string{"mx1", "mx2"}, false, "destination"},
		{"the only host", []string{"mx1"}, false, "endpoint"},
		{"shared hosts", []string{"mx1", "mx2"}, true, "endpoint"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t, wide())
			r.job(Job[string]{Destination: "d", Path: Through(test.path...), Value: "x"})
			if test.more {
				r.job(Job[string]{Destination: "e", Path: Through(test.path...), Value: "y"})
			}
			changes := r.refused(r.grant(r.open("mx1"), "x"), classify.StageMail, classify.LimitMessageRate, 0)
			if len(changes) != 1 || changes[0].Scope != test.want {
				t.Errorf("the lessons are %+v, want one of the %s", changes, test.want)
			}
		})
	}
}

// TestSomeLimitedDestinationsAreNotTheEndpoint: three of twenty that are refused again
// and again, while all are served, have limits of their own. All twenty in turn share
// one.
func TestSomeLimitedDestinationsAreNotTheEndpoint(t *testing.T) {
	for _, limited := range []int{3, 20} {
		var s sharedRefusals
		now, gaveBack := noon, false
		for i := range 400 {
			now = now.Add(100 * time.Millisecond)
			if i%10 == 9 {
				_, back := s.refused(now, now, fmt.Sprint("d", i/10%limited), classify.LimitMessageRate)
				gaveBack = gaveBack || back
			}
			s.accepted(now, fmt.Sprint("d", i%20))
		}
		if got, want := s.is(classify.LimitMessageRate), limited == 20; got != want || gaveBack == want {
			t.Errorf("with %d of 20 limited it is the endpoint's: %v, given back: %v", limited, got, gaveBack)
		}
	}
}

// TestAQuotaIsTheEndpointsOnlyWhereNobodyIsServed, for to suspend it costs an hour of
// all mail.
func TestAQuotaIsTheEndpointsOnlyWhereNobodyIsServed(t *testing.T) {
	for _, served := range []bool{true, false} {
		var s sharedRefusals
		now, shared := noon, false
		for i := range 2 * quotaCount {
			now = now.Add(100 * time.Millisecond)
			shared, _ = s.refused(now, now, fmt.Sprint("d", i), classify.LimitQuota)
			if served {
				s.accepted(now, fmt.Sprint("e", i))
			}
		}
		if shared == served {
			t.Errorf("others are served: %v, the quota is the endpoint's: %v", served, shared)
		}
	}
}
