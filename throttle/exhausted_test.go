package throttle

import (
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// TestExhaustion takes five refusals, of three messages, over two minutes in which
// nothing was accepted that had begun since.
func TestExhaustion(t *testing.T) {
	type try struct {
		at       time.Duration
		message  uint64
		accepted bool
		began    time.Duration
	}
	five := []try{{0, 1, false, 0}, {time.Second, 2, false, time.Second}, {time.Second, 3, false, time.Second}, {time.Minute, 1, false, time.Minute}, {2 * time.Minute, 1, false, 2 * time.Minute}}
	for name, tt := range map[string]struct {
		tries []try
		now   time.Duration
		want  bool
	}{
		"enough":                      {five, exhaustedAfter, true},
		"a moment before":             {five, exhaustedAfter - 1, false},
		"four":                        {five[:4], time.Hour, false},
		"nothing":                     {nil, time.Hour, false},
		"of two messages":             {append([]try{{0, 1, false, 0}, {0, 2, false, 0}}, five[3], five[3], five[4]), time.Hour, false},
		"of messages without numbers": {[]try{{}, {}, {}, {}, {}}, time.Hour, true},
		"one accepted meanwhile":      {append(five[:4:4], try{time.Minute, 9, true, time.Second}, five[4]), time.Hour, false},
		"one that had begun before":   {append(five[:4:4], try{time.Minute, 9, true, -time.Second}, five[4]), time.Hour, true},
	} {
		var x exhaustion
		s := newRig(t, wide()).s
		for _, y := range tt.tries {
			if y.accepted {
				x.accepted(noon.Add(y.began))
			} else {
				x.refused(noon.Add(y.began), s.numberOf(y.message))
			}
		}
		if got := x.lasts(noon.Add(tt.now)); got != tt.want {
			t.Errorf("%s: got %v, want %v", name, got, tt.want)
		}
	}
}

// A quota is used up for all mail of an endpoint when it is that of the login, or that of
// our address where the endpoint does not serve one destination beside others.
func TestQuotasOfAnEndpoint(t *testing.T) {
	quota := func(s classify.Scope) classify.Verdict {
		return classify.Verdict{Class: classify.ClassRateLimited, Limit: classify.LimitQuota, Scope: s}
	}
	for name, tt := range map[string]struct {
		v       classify.Verdict
		several bool
		want    bool
	}{
		"of our address":               {quota(classify.ScopeSource), false, true},
		"of our address, one of two":   {quota(classify.ScopeSource), true, false},
		"of the recipient":             {quota(classify.ScopeRecipient), false, false},
		"a rate of our address":        {classify.Verdict{Limit: classify.LimitMessageRate, Scope: classify.ScopeSource}, false, false},
		"of the login":                 {quota(classify.ScopeAccount), false, true},
		"of the login, one of several": {quota(classify.ScopeAccount), true, true},
	} {
		r := newRig(t, wide())
		path := Through("relay")
		if tt.several {
			path = Through("relay", "other")
		}
		r.job(Job[string]{Destination: "a", Value: "1", Path: path, Fresh: true})
		if got := r.endpoint("relay").quotaIsUsedUp(tt.v); got != tt.want {
			t.Errorf("%s: got %v, want %v", name, got, tt.want)
		}
	}
}

// An endpoint that has refused everything for minutes rests where another can carry its
// mail, for as long as it asks for, and what was learned from its refusals is forgotten.
func TestAnExhaustedEndpointRests(t *testing.T) {
	for name, tt := range map[string]struct {
		path  *Path
		hint  time.Duration
		rests bool
	}{
		"with another":           {Through("relay", "other"), 0, true},
		"with another, for long": {Through("relay", "other"), 20 * time.Minute, true},
		"alone":                  {Through("relay"), 0, false},
	} {
		r := newRig(t, wide())
		for range 10 {
			r.job(Job[string]{Destination: "a", Value: "x", Path: tt.path, Fresh: true})
		}
		e := r.endpoint("relay")
		widen(20, &e.scope, &r.destination("a").scope)
		c := r.open("relay")
		var changes []Change
		var last time.Duration
		for i := range exhaustedTries {
			if i > 0 {
				r.pass(exhaustedAfter / (exhaustedTries - 1))
			}
			g := r.grant(c, "x")
			g.Wrote(r.now)
			g.Asked(r.now)
			if i == exhaustedTries-1 {
				last = tt.hint
			}
			if e.rests() || e.breaker.open() {
				t.Fatalf("%s: it rests after %d refusals", name, i)
			}
			changes, _ = g.Done(r.now, Outcome{Message: uint64(1 + i%3), Stage: classify.StageMail, Verdict: throttled(classify.LimitMessageRate, last), Err: errRefused})
		}
		var until time.Time
		for _, change := range changes {
			until = later(until, change.Until)
		}
		if !tt.rests {
			if e.breaker.open() || e.rate(learnedMessagesKind) == nil {
				t.Errorf("%s: it rests, or its rate was forgotten", name)
			}
			continue
		}
		b := &e.breaker
		if !e.rests() || !b.limits || b.partial || b.run == 0 || b.reason == "" || !b.since.Equal(noon) || !b.first.Equal(noon) {
			t.Errorf("%s: got the breaker %+v, want it open for limits since the first refusal", name, b)
		}
		if !until.Equal(b.until) || b.until.Sub(r.now) < max(tt.hint, time.Second) {
			t.Errorf("%s: the next probe is in %v, and %v was told", name, b.until.Sub(r.now), until.Sub(r.now))
		}
		if e.concurrency != 1 || e.rate(learnedMessagesKind) != nil || r.destination("a").rate(learnedMessagesKind) != nil {
			t.Errorf("%s: %d may be open at first, and a rate is known yet", name, e.concurrency)
		}
	}
}
