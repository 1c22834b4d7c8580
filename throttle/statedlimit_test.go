package throttle

import (
	"fmt"
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// paced sends for so long, as fast as the Scheduler lets it, to a receiver that
// takes everything, and returns the times.
func (r *rig) paced(c *Conn[string], length time.Duration) (times []time.Time) {
	for end := r.now.Add(length); r.now.Before(end) && len(times) < 300; {
		g, again := askNext(c, r.now)
		if g == nil {
			if again.IsZero() {
				r.Fatal("nothing may go, and no time is told")
			}
			r.now = again
			continue
		}
		times = append(times, r.now)
		r.accepted(g)
		r.push("d", "x")
		r.pass(time.Millisecond)
	}
	return times
}

func mostIn(times []time.Time, per time.Duration) (most int) {
	for i, first := range times {
		n := 0
		for _, t := range times[i:] {
			if t.Sub(first) < per {
				n++
			}
		}
		most = max(most, n)
	}
	return most
}

// A rate or a quota that a refusal states is a ceiling for what follows, unless
// what was accepted before contradicts it.
func TestStatedLimitIsACeiling(t *testing.T) {
	for _, tt := range []struct {
		before int // accepted within the period
		stated classify.Stated
		most   int // in any period afterwards; 0 is more than stated
	}{
		{2, classify.Stated{Limit: classify.LimitMessageRate, Count: 3, Per: time.Minute}, 3},
		{3, classify.Stated{Limit: classify.LimitMessageRate, Count: 3, Per: 5 * time.Minute}, 3},
		{5, classify.Stated{Limit: classify.LimitQuota, Count: 20, Per: time.Hour}, 20},
		{5, classify.Stated{Limit: classify.LimitRecipientRate, Count: 6, Per: time.Minute}, 6},
		{12, classify.Stated{Limit: classify.LimitMessageRate, Count: 3, Per: time.Minute}, 0},
		{2, classify.Stated{Limit: classify.LimitMessageRate, Count: 3, Bytes: true, Per: time.Minute}, 0},
		{2, classify.Stated{Limit: classify.LimitMessageRate, Count: 3}, 0},
		{2, classify.Stated{}, 0},
	} {
		t.Run(fmt.Sprintf("%v after %d", tt.stated, tt.before), func(t *testing.T) {
			r := newRig(t, wide())
			r.push("d", "x")
			c := r.open("relay")
			for range tt.before {
				r.exchange(c, "x")
				r.push("d", "x")
				r.pass(100 * time.Millisecond)
			}
			g := r.grant(c, "x")
			g.Wrote(r.now)
			g.Asked(r.now)
			limit := tt.stated.Limit
			if limit == classify.LimitNone {
				limit = classify.LimitMessageRate
			}
			v := throttled(limit, 0)
			v.Stated = tt.stated
			g.Done(r.now, Outcome{Stage: classify.StageMail, Verdict: v, Err: errRefused})
			r.push("d", "x")
			per := max(tt.stated.Per, time.Minute)
			most := mostIn(r.paced(c, 6*per), per)
			if tt.most > 0 && (most > tt.most || 2*most < tt.most) || tt.most == 0 && most <= 3 {
				t.Errorf("%d in a period of %v, want %d at most (0: not held back)", most, per, tt.most)
			}
		})
	}
}

// Connections that a refusal states are the most that are opened, unless more
// were open.
func TestStatedConnectionsAreACeiling(t *testing.T) {
	s := newScope(ScopeEndpoint, "relay", &Limits{Connections: 10})
	refuse := func(stated, open int) {
		v := throttled(classify.LimitConnections, 0)
		v.Stated = classify.Stated{Limit: classify.LimitConnections, Count: int64(stated)}
		s.concurrency = int32(open)
		s.refused(noon, Outcome{Stage: classify.StageMail, Verdict: v, Err: errRefused}, refusal{news: true, atOnce: open})
	}
	grown := func() int32 {
		for i := range 100 {
			s.inUse = s.concurrency
			s.grow(noon.Add(time.Duration(i)*time.Hour), 0)
		}
		return s.concurrency
	}
	if refuse(2, 3); grown() != 2 {
		t.Errorf("%d connections after 2 were stated, want 2", s.concurrency)
	}
	s.forget()
	if refuse(2, 6); grown() <= 2 {
		t.Errorf("%d connections after 2 were stated while 5 were open, want more", s.concurrency)
	}
}

// A quota of the account is the endpoint's, whose login it is, also when it is
// refused to RCPT. A quota without a named owner is the destination's.
func TestQuotaOfTheAccountIsTheEndpoints(t *testing.T) {
	for scope, wait := range map[classify.Scope]time.Duration{classify.ScopeAccount: suspension, classify.ScopeSource: 0} {
		r := newRig(t, wide())
		r.push("d1", "x")
		c := r.open("relay")
		g := r.grant(c, "x")
		g.Wrote(r.now)
		g.Asked(r.now)
		v := throttled(classify.LimitQuota, 0)
		v.Scope = scope
		g.Done(r.now, Outcome{Stage: classify.StageRcpt, Verdict: v, Err: errRefused})
		r.push("d2", "y")
		if wait > 0 {
			r.none(c, wait)
		} else {
			r.exchange(c, "y")
		}
	}
}
