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

// refusals tells a sharedRefusals of refusals, a second apart.
type refusals struct {
	sharedRefusals
	now time.Time
}

// refuse tells it of a refusal of a try that began when it was refused.
func (s *refusals) refuse(destination string, l classify.Limit) (shared, gaveBack bool) {
	s.now = s.now.Add(time.Second)
	return s.refused(s.now, s.now, destination, l)
}

// endpoints returns what has seen enough to take a limit for the endpoint's.
func endpoints(t *testing.T, l classify.Limit) *refusals {
	t.Helper()
	s := &refusals{now: noon}
	for _, d := range []string{"a", "b", "c"} {
		s.refuse(d, l)
	}
	if !s.is(l) {
		t.Fatalf("%v is not the endpoint's", l)
	}
	return s
}

// TestHowManyRefusalsMakeAQuotaTheEndpoints: eight of tries that began after the first,
// for the quota, of destinations without quotas of their own, while at most half as
// many others were served.
func TestHowManyRefusalsMakeAQuotaTheEndpoints(t *testing.T) {
	const quota, rate = classify.LimitQuota, classify.LimitMessageRate
	name := func(i int) string { return fmt.Sprint("d", i) }
	for _, test := range []struct {
		name string
		tell func(s *refusals)
		last int // the refusal, from 0, with which it is the endpoint's; -1: none of twelve
	}{
		{"one after the other", func(*refusals) {}, quotaCount},
		{"all began at once", nil, -1},
		{"four others are served", func(s *refusals) { serve(s, 4) }, quotaCount},
		{"five others are served", func(s *refusals) { serve(s, 5) }, quotaCount + 2},
		{"one is served five times", func(s *refusals) {
			for range 5 {
				serve(s, 1)
			}
		}, quotaCount},
		{"others were served that began before", func(s *refusals) {
			for i := range 9 {
				s.accepted(noon, fmt.Sprint("e", i))
			}
		}, quotaCount},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := &refusals{now: noon}
			last := -1
			for i := range mostShared {
				s.now = s.now.Add(time.Second)
				begun := s.now
				if test.tell == nil {
					begun = noon
				} else if i == 1 {
					test.tell(s)
				}
				if shared, _ := s.refused(s.now, begun, name(i), quota); shared && last < 0 {
					last = i
				}
			}
			if last != test.last {
				t.Errorf("refusal %d makes it the endpoint's, want %d", last, test.last)
			}
		})
	}
	s := &refusals{now: noon}
	for i := range 2 * mostShared {
		l := quota
		if i%2 == 1 {
			l = classify.LimitConnections
		}
		if shared, _ := s.refuse(name(i/2%2), l); shared {
			t.Fatalf("refusal %d, of two destinations and for two limits, is the endpoint's", i)
		}
	}
	s = &refusals{now: noon}
	for i := range mostShared { // half of them for the rate, which is the endpoint's soon
		l := quota
		if i%2 == 1 {
			l = rate
		}
		if s.refuse(name(i/2), l); s.is(quota) {
			t.Fatalf("the quota is the endpoint's after %d refusals for it", i/2+1)
		}
	}
}

// serve has so many destinations accept a message that began now.
func serve(s *refusals, n int) {
	for i := range n {
		s.accepted(s.now.Add(time.Millisecond), fmt.Sprint("e", i))
	}
}

// TestRefusalsCountForAMinute, and who was served is forgotten with them.
func TestRefusalsCountForAMinute(t *testing.T) {
	const quota = classify.LimitQuota
	for gap, want := range map[time.Duration]bool{sharedWithin: false, sharedWithin + 1: true} {
		s := &refusals{now: noon}
		s.refuse("first", quota)
		for i := range mostShared {
			s.accepted(s.now.Add(1), fmt.Sprint("e", i))
		}
		s.now = s.now.Add(gap - time.Second)
		shared := false
		for i := range quotaCount + 1 {
			shared, _ = s.refuse(fmt.Sprint("d", i), quota)
		}
		if shared != want {
			t.Errorf("%v later the quota is the endpoint's: %v, want %v", gap, shared, want)
		}
	}
}

// TestALimitIsGivenBackToWhoIsRefusedAlone three times in a row while nobody else is
// accepted.
func TestALimitIsGivenBackToWhoIsRefusedAlone(t *testing.T) {
	const rate = classify.LimitMessageRate
	for _, test := range []struct {
		name    string
		between func(s *refusals)
		want    bool
	}{
		{"alone", func(*refusals) {}, true},
		{"it is accepted itself", func(s *refusals) { s.accepted(s.now, "a") }, true},
		{"another is accepted", func(s *refusals) { s.accepted(s.now, "b") }, false},
		{"another is refused", func(s *refusals) { s.refuse("b", rate) }, false},
		{"it is refused for what was under way", func(s *refusals) {
			s.refused(s.now, s.now.Add(-time.Minute), "a", rate)
		}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := endpoints(t, rate)
			for i := range sharedCount {
				shared, gaveBack := s.refuse("a", rate)
				if got := i == sharedCount-1 && test.want; gaveBack != got || shared == got || s.is(rate) == got {
					t.Fatalf("refusal %d: of the endpoint %v, given back %v, want %v", i, shared, gaveBack, got)
				}
				test.between(s)
			}
		})
	}
}

// TestWhoHasALimitOfItsOwnDoesNotCount for an hour.
func TestWhoHasALimitOfItsOwnDoesNotCount(t *testing.T) {
	const rate = classify.LimitMessageRate
	for after, want := range map[time.Duration]bool{ownLife: false, ownLife + 1: true} {
		s := endpoints(t, rate)
		for range sharedCount {
			s.refuse("a", rate)
		}
		if s.is(rate) {
			t.Fatal("it is not given back")
		}
		s.now = s.now.Add(after - 3*time.Second)
		shared := false
		for _, d := range []string{"a", "b", "c"} {
			shared, _ = s.refuse(d, rate)
		}
		if shared != want {
			t.Errorf("%v later it is the endpoint's: %v, want %v", after, shared, want)
		}
	}
	s := endpoints(t, rate)
	for range sharedCount {
		s.refuse("a", rate)
	}
	for i, d := range []string{"d", "e", "f"} {
		if shared, _ := s.refuse(d, rate); shared != (i == 2) {
			t.Errorf("refusal %d, of %s, is of the endpoint: %v", i, d, shared)
		}
	}
}

// TestAPartThatIsRefusedTooOften: refusals of always the same destinations give the limit
// back once the part of the mail that is theirs makes that unlikely, and not before
// enough was accepted to know that part.
func TestAPartThatIsRefusedTooOften(t *testing.T) {
	const rate = classify.LimitMessageRate
	for _, test := range []struct {
		accepted, theirs int // messages accepted before the first refusal of the run
		want             int // refusals of the run with which it is given back; 0: none of 8
	}{
		{leastAccepted - 1, 0, 0}, {leastAccepted, 0, 2}, {99, 9, 3}, {99, 49, 8}, {99, 99, 0},
	} {
		s := endpoints(t, rate)
		for i := range test.accepted {
			d := "other"
			if i < test.theirs {
				d = "c"
			}
			s.accepted(s.now, d)
		}
		given := 0
		for i := range 8 {
			if _, back := s.refuse([]string{"a", "b"}[i%2], rate); back && given == 0 {
				given = i + 1
			}
		}
		if given != test.want {
			t.Errorf("%d of %d messages were theirs: given back after %d, want %d", test.theirs, test.accepted, given, test.want)
		}
	}
	s := endpoints(t, rate)
	for range leastAccepted {
		s.accepted(s.now, "other")
	}
	s.refuse("a", rate)
	s.refuse("new", rate) // the part is another now, and what was counted is void
	for i := range 6 {
		if _, back := s.refuse([]string{"a", "b"}[i%2], rate); back {
			t.Errorf("given back by what was accepted before the last destination was refused first")
		}
	}
	s = endpoints(t, rate)
	s.refuse("a", rate)
	s.refuse("new", rate)
	for i := range 99 { // a tenth is theirs
		s.accepted(s.now, map[bool]string{true: "c", false: "other"}[i < 9])
	}
	for i := range 3 { // as of any that were refused before
		if _, back := s.refuse([]string{"a", "b", "c"}[i], rate); back != (i == 2) {
			t.Errorf("refusal %d gives it back: %v", i, back)
		}
	}
}

// TestOthersAreThoseOfTheLatestRefusals, each once, without the one that is asked for.
func TestOthersAreThoseOfTheLatestRefusals(t *testing.T) {
	s := &refusals{now: noon}
	s.refuse("old", classify.LimitConnections)
	for i := range mostShared {
		s.refuse(fmt.Sprint("d", i%3), classify.LimitConnections)
	}
	if got, want := fmt.Sprint(s.others("d2")), "[d1 d0]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestDestinationsWithLimitsOfTheirOwnAreBounded: when so many are known, they are begun anew.
func TestDestinationsWithLimitsOfTheirOwnAreBounded(t *testing.T) {
	for known, want := range map[int]int{0: 1, mostOwn - 1: mostOwn, mostOwn: 1} {
		s := sharedRefusals{by: map[classify.Limit]*allAlike{classify.LimitMessageRate: {theirs: []string{"new"}}}}
		for i := range known {
			if s.own == nil {
				s.own = map[string]time.Time{}
			}
			s.own[fmt.Sprint(i)] = noon
		}
		s.giveBack(noon, classify.LimitMessageRate)
		if len(s.own) != want || s.own["new"] != noon || s.is(classify.LimitMessageRate) {
			t.Errorf("of %d that were known %d are now, want %d", known, len(s.own), want)
		}
	}
}

// TestLessonsOfAMinuteAreTakenBack when the limit turns out to be the endpoint's, and those
// that are older stay.
func TestLessonsOfAMinuteAreTakenBack(t *testing.T) {
	for gap, want := range map[time.Duration]bool{sharedWithin: false, sharedWithin + 1: true} {
		r := newRig(t, wide())
		c := r.open("relay")
		for i, to := range []string{"a", "b", "c", "d"} {
			if i == 1 {
				r.pass(gap)
			}
			if r.endpoint("relay").learned() == nil {
				r.push(to, to)
				r.refused(r.grant(c, to), classify.StageRcpt, classify.LimitMessageRate, 0)
			}
		}
		if r.endpoint("relay").learned() == nil {
			t.Fatal("the limit is not the endpoint's")
		}
		if got := r.destination("a").learned() != nil; got != want {
			t.Errorf("a lesson of %v ago is kept: %v, want %v", gap, got, want)
		}
	}
}

// A limit that is taken for the endpoint's is no more so after three refusals in a row of
// one destination while no other had mail accepted, nor after refusals of always the same
// that are no coincidence; with so many destinations refused alike it stays the endpoint's.
func TestWhatSpeaksAgainstALimitOfTheEndpoint(t *testing.T) {
	many := make([]string, mostAlike)
	for i := range many {
		many[i] = fmt.Sprint("d", i)
	}
	for name, tt := range map[string]struct {
		a        allAlike
		refused  []string
		unlikely bool
		doubted  bool
		theirs   int // afterwards
	}{
		"one in a row":           {allAlike{theirs: many[:3], alone: "d0", lonely: 1}, []string{"d0", "d0"}, true, false, 3},
		"not yet three":          {allAlike{theirs: many[:3], alone: "d0", lonely: 1}, []string{"d0"}, false, false, 3},
		"another in between":     {allAlike{theirs: many[:3], alone: "d0", lonely: 2}, []string{"d1", "d0", "d1"}, false, false, 3},
		"a further destination":  {allAlike{theirs: many[:3], run: 9, accepted: 99, part: 1, doubted: true}, []string{"x"}, false, false, 4},
		"no coincidence":         {allAlike{theirs: many[:3], accepted: 99, part: 4}, []string{"d0", "d1"}, true, true, 3},
		"hardly a coincidence":   {allAlike{theirs: many[:3], accepted: 99, part: 9}, []string{"d0", "d1"}, false, true, 3},
		"perhaps a coincidence":  {allAlike{theirs: many[:3], accepted: 99, part: 19}, []string{"d0", "d1"}, false, false, 3},
		"too little accepted":    {allAlike{theirs: many[:3], accepted: leastAccepted - 1}, []string{"d0", "d1"}, false, false, 3},
		"enough accepted":        {allAlike{theirs: many[:3], accepted: leastAccepted}, []string{"d0", "d1"}, true, true, 3},
		"nearly many":            {allAlike{theirs: many[:mostAlike-1], accepted: 999}, []string{"d0", "d1"}, true, true, mostAlike - 1},
		"many refused alike":     {allAlike{theirs: many, accepted: 999}, []string{"d0", "d1", "x"}, false, false, mostAlike},
		"many, but one in a row": {allAlike{theirs: many, accepted: 999}, []string{"d0", "d0", "d0"}, true, false, mostAlike},
	} {
		a := tt.a
		var unlikely bool
		for i, to := range tt.refused {
			if unlikely = a.refusedBy(noon, to); unlikely && i < len(tt.refused)-1 {
				break
			}
		}
		if unlikely != tt.unlikely || a.doubted != tt.doubted || len(a.theirs) != tt.theirs || !a.last.Equal(noon) {
			t.Errorf("%s: unlikely %v, doubted %v, %d destinations", name, unlikely, a.doubted, len(a.theirs))
		}
	}
}
