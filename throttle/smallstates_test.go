package throttle

import (
	"fmt"
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// An address is hot after three refusals within a minute, with three messages to others
// accepted since the first.
func TestWhenAMailboxIsHot(t *testing.T) {
	const minute = time.Minute
	for name, test := range map[string]struct {
		refusals   []time.Duration // of ann
		others     int             // accepted after the first refusal
		own        int             // accepted for ann herself
		again, hot bool            // at the last refusal
	}{
		"one refusal":     {[]time.Duration{0}, 3, 0, false, false},
		"two":             {[]time.Duration{0, 1}, 3, 0, true, false},
		"three":           {[]time.Duration{0, 1, 2}, 3, 0, true, true},
		"few others":      {[]time.Duration{0, 1, 2}, 2, 0, false, false},
		"her own":         {[]time.Duration{0, 1, 2}, 2, 5, false, false},
		"within a minute": {[]time.Duration{0, 1, minute}, 3, 0, true, true},
		"later":           {[]time.Duration{0, 1, minute + 1}, 3, 0, false, false},
		"three, anew":     {[]time.Duration{0, minute + 1, minute + 2, minute + 3}, 3, 0, false, false},
	} {
		var m hotMailboxes
		var again, hot bool
		for i, at := range test.refusals {
			again, hot = m.refused(noon.Add(at), "ann")
			for range test.others {
				if i == 0 {
					m.accepted("bob")
				}
			}
			for range test.own {
				m.accepted("ann")
			}
		}
		if again != test.again || hot != test.hot {
			t.Errorf("%s: got %v, %v, want %v, %v", name, again, hot, test.again, test.hot)
		}
	}
	var m hotMailboxes
	for i := range mostHot + 1 {
		m.refused(noon, fmt.Sprint(i))
	}
	if len(m.list) != mostHot || m.list[0].name != "1" || m.list[mostHot-1].name != fmt.Sprint(mostHot) {
		t.Errorf("%+v are watched, want the last %d", m.list, mostHot)
	}
}

// A mailbox is forgotten when it was not refused for longer than its life and holds
// nothing.
func TestMailboxesHaveALife(t *testing.T) {
	for name, test := range map[string]struct {
		age     time.Duration
		hold    func(b *mailbox[string])
		forgets bool
	}{
		"young":     {mailboxLife - 1, nil, false},
		"as old":    {mailboxLife, nil, false},
		"old":       {mailboxLife + 1, nil, true},
		"in flight": {mailboxLife + 1, func(b *mailbox[string]) { b.inFlight = 1 }, false},
		"parked":    {mailboxLife + 1, func(b *mailbox[string]) { b.parked.n = 1 }, false},
		"unparked":  {mailboxLife + 1, func(b *mailbox[string]) { b.unparked = &Item[string]{} }, false},
	} {
		var m mailboxes[string]
		b := m.add(noon, "ann")
		if test.hold != nil {
			test.hold(b)
		}
		m.tidy(noon.Add(test.age))
		if m.has("ann") == test.forgets {
			t.Errorf("%s: forgotten is %v, want %v", name, !m.has("ann"), test.forgets)
		}
	}
	var none *mailboxes[string]
	if none.has("ann") {
		t.Error("nothing has a mailbox")
	}
}

// A plan is full when any of its lists is, or enough was looked at.
func TestPlansAreFull(t *testing.T) {
	for name, p := range map[string]plan[string]{
		"wakes": {wakes: driveBatch}, "opens": {opens: driveBatch}, "retires": {retires: driveBatch}, "looks": {looks: driveLooks},
	} {
		if !p.full() {
			t.Errorf("with all %s it is not full", name)
		}
	}
	if p := (plan[string]{wakes: driveBatch - 1, opens: driveBatch - 1, retires: driveBatch - 1, looks: driveLooks - 1}); p.full() {
		t.Error("with one place left of each it is full")
	}
}

// What an inference knows counts for the life of lessons after the latest refusal, and
// while it is deaf or quiet.
func TestInferencesRemember(t *testing.T) {
	after := func(d time.Duration) time.Time { return noon.Add(d) }
	for name, test := range map[string]struct {
		i    *inference
		want bool
	}{
		"none":              {nil, false},
		"nothing":           {&inference{suspicion: suspicion{latest: noon}}, false},
		"evidence":          {&inference{suspicion: suspicion{latest: noon, evidence: 0.1}}, true},
		"a spell":           {&inference{suspicion: suspicion{latest: noon}, spell: 1}, true},
		"a rate":            {&inference{suspicion: suspicion{latest: noon}, phase: proven}, true},
		"as old as may be":  {&inference{suspicion: suspicion{latest: after(-lessonLife)}, spell: 1}, true},
		"older":             {&inference{suspicion: suspicion{latest: after(-lessonLife - 1)}, spell: 1}, false},
		"older, but deaf":   {&inference{suspicion: suspicion{latest: after(-lessonLife - 1)}, deaf: after(1)}, true},
		"older, but quiet":  {&inference{suspicion: suspicion{latest: after(-lessonLife - 1)}, quiet: after(1)}, true},
		"deaf and quiet no": {&inference{deaf: noon, quiet: noon}, false},
	} {
		if got := test.i.remembers(noon); got != test.want {
			t.Errorf("%s: got %v, want %v", name, got, test.want)
		}
	}
}

// As much as in the last spell is a fifth of it more or less, and two; the number under
// way is narrowed within half of that, where a spell is worth it.
func TestSpellsThatComeAgain(t *testing.T) {
	for n, want := range map[float64]bool{77: false, 78: true, 100: true, 122: true, 123: false} {
		if got := (&inference{spell: 100}).again(n); got != want {
			t.Errorf("%v after 100: got %v, want %v", n, got, want)
		}
	}
	if (&inference{}).again(0) {
		t.Error("without a spell it came again")
	}
	for name, test := range map[string]struct {
		i    *inference
		want bool
	}{
		"none":           {nil, false},
		"no spell":       {&inference{}, false},
		"just now":       {&inference{spell: 100, taken: 100}, true},
		"nearly":         {&inference{spell: 100, taken: 88.5}, true},
		"before":         {&inference{spell: 100, taken: 88}, false},
		"hardly":         {&inference{spell: 100, taken: 111.5}, true},
		"after":          {&inference{spell: 100, taken: 112}, false},
		"a short spell":  {&inference{spell: leastSpell - 1, taken: leastSpell - 1}, false},
		"the shortest":   {&inference{spell: leastSpell, taken: leastSpell}, true},
		"the longest":    {&inference{spell: mostSpell, taken: mostSpell}, true},
		"a long spell":   {&inference{spell: mostSpell + 1, taken: mostSpell + 1}, false},
		"while it tries": {&inference{spell: 100, taken: 100, phase: probing}, false},
	} {
		if got := test.i.narrows(); got != test.want {
			t.Errorf("%s: got %v, want %v", name, got, test.want)
		}
	}
}

// A background that falls below its least share, or rises above what is tolerated, is
// none any more; what was found of the limit stays.
func TestBackgroundsComeAndGo(t *testing.T) {
	for name, test := range map[string]struct {
		share   float64
		refused bool
		stays   bool
	}{
		"usual, accepted": {0.05, false, true},
		"usual, refused":  {0.05, true, true},
		"nearly gone":     {forgottenShare * 1.01, false, true},
		"gone":            {forgottenShare, false, false},
		"the most":        {mostBackground, false, true},
		"too much":        {mostBackground, true, false},
	} {
		b := background{share: test.share, anchor: 7, needed: 4, odds: 1, strays: 3}
		b.average(test.refused)
		if (b.share > 0) != test.stays || b.anchor != 7 || b.needed != 4 {
			t.Errorf("%s: got %+v, want the background to stay: %v", name, b, test.stays)
		}
		if !test.stays && (b.odds != 0 || b.strays != 0) {
			t.Errorf("%s: got %+v, want the rest forgotten", name, b)
		}
	}
}

// A number of connections that was refused is tried again after a gap that grows
// fourfold up to a minute and twofold up to an hour while the same is refused, and
// halves when another is.
func TestGapsBetweenTestsOfACap(t *testing.T) {
	var c connectionCap
	var got []time.Duration
	for range 10 {
		c.refused(noon, 4)
		got = append(got, c.gap)
	}
	const s, m = time.Second, time.Minute
	want := []time.Duration{15 * s, m, 2 * m, 4 * m, 8 * m, 16 * m, 32 * m, 64 * m, 64 * m, 64 * m}
	for i := range want {
		want[i] = min(want[i], longestTest)
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if c.failed != 5 || !c.test.Equal(noon.Add(longestTest)) || !c.again() {
		t.Errorf("got %+v, want 5 refused, tried again in an hour", c)
	}
	c.refused(noon, 9)
	if c.failed != 10 || c.gap != longestTest/2 {
		t.Errorf("another number: got %d refused and a gap of %v, want 10 and half an hour", c.failed, c.gap)
	}
	for range 20 {
		c.refused(noon, 2)
		c.refused(noon, 7)
	}
	if c.gap != firstTest {
		t.Errorf("ever other numbers: got a gap of %v, want %v", c.gap, firstTest)
	}
	if concurrency := c.grown(noon, 6); concurrency != 7 {
		t.Errorf("below the number: got %d, want 7", concurrency)
	}
	if concurrency := c.grown(c.test.Add(-1), 7); concurrency != 7 || c.testing() {
		t.Errorf("before the test: got %d, want 7", concurrency)
	}
	if concurrency := c.grown(c.test, 7); concurrency != 8 || c.failed != 9 || !c.testing() {
		t.Errorf("the test: got %d with %d refused, want 8 and 9", concurrency, c.failed)
	}
}

// As many connections as were open lately are a stray when they are refused, until
// several in a row show that the cap is lower.
func TestStrayRefusalsOfConnections(t *testing.T) {
	opened := func() *connectionCap {
		c := &connectionCap{}
		c.refused(noon, 9)
		c.opened(noon.Add(1), noon.Add(1), 6)
		return c
	}
	for name, test := range map[string]struct {
		number int
		after  time.Duration
		want   bool
	}{
		"as many": {6, 2, true}, "fewer": {5, 2, true}, "more": {7, 2, false},
		"after ten minutes": {6, 1 + provenFor, true}, "later": {6, 2 + provenFor, false},
	} {
		if got := opened().strayed(noon.Add(test.after), test.number); got != test.want {
			t.Errorf("%s: got %v, want %v", name, got, test.want)
		}
	}
	c := opened()
	for i := range enoughStrays + 1 {
		if got := c.strayed(noon.Add(2), 6); got != (i < enoughStrays-1) {
			t.Errorf("stray %d: got %v", i+1, got)
		}
	}
	c.opened(noon.Add(3), noon.Add(3), 6)
	if !c.proof.lowered || c.strayed(noon.Add(4), 6) {
		t.Error("a lowered cap tolerates strays before it has held")
	}
	for range enoughHeld {
		c.opened(noon.Add(5), noon.Add(5), 9)
	}
	if c.proof.lowered || !c.strayed(noon.Add(6), 9) {
		t.Error("a cap that has held tolerates no strays")
	}
}

// TestRefusedRatesSpeakForOrAgainstALimit: four at about the same rate prove it, and some
// ever lower ones disprove it, after all. The first estimates say nothing.
func TestRefusedRatesSpeakForOrAgainstALimit(t *testing.T) {
	for name, tt := range map[string]struct {
		estimates int8
		rates     []float64
		proven    bool
		disproven bool
		top       float64
	}{
		"the first":            {wellKnown - 1, []float64{10, 1, 10, 10, 10}, false, false, 10},
		"three times":          {wellKnown, []float64{10, 10, 10}, false, false, 10},
		"four times":           {wellKnown, []float64{10, 10, 10, 10}, true, false, 10},
		"rising":               {wellKnown, []float64{10, 11, 12, 13}, true, false, 13},
		"down to a half":       {wellKnown, []float64{10, 5, 5, 5}, true, false, 10},
		"below a half":         {wellKnown, []float64{10, 4.9, 4.9, 4.9, 4.9}, false, false, 4.9},
		"ever lower, twice":    {wellKnown, []float64{0, 10, 4, 1}, false, false, 1},
		"ever lower, at last":  {wellKnown, []float64{0, 10, 4, 1, 0.4, 0.1}, false, true, 0.1},
		"lower after it held":  {wellKnown, []float64{10, 10, 10, 10, 4, 1}, true, false, 1},
		"as long as it may be": {wellKnown, append(make([]float64, 50), 0), true, false, 0},
	} {
		i := &inference{phase: onTrial, rate: &learnedRate{}}
		i.rate.estimates = tt.estimates
		for _, rate := range tt.rates {
			i.judge(rate)
		}
		if proves, disproves := i.phase == proven, i.score <= leastScore; proves != tt.proven || disproves != tt.disproven || i.top != tt.top || i.score > mostScore {
			t.Errorf("%s: proven %v, disproven %v, top %v, score %v", name, proves, disproves, i.top, i.score)
		}
	}
}

// TestGapsOfARateOnTrial are an eighth of the time since it was found, within bounds, and
// of no other rate are they bounded.
func TestGapsOfARateOnTrial(t *testing.T) {
	for _, tt := range []struct {
		phase inferencePhase
		words bool
		after time.Duration
		want  time.Duration
	}{
		{onTrial, false, 0, unproven}, {onTrial, false, gapPart * unproven, unproven}, {onTrial, false, 2 * gapPart * unproven, 2 * unproven},
		{onTrial, false, 1000 * time.Hour, longestGap}, {proven, false, time.Hour, 0}, {onTrial, true, time.Hour, 0}, {calm, false, time.Hour, 0},
	} {
		i := &inference{phase: tt.phase, words: tt.words, found: noon, rate: &learnedRate{}}
		i.rate.slowest = time.Second
		if i.bound(noon.Add(tt.after)); i.rate.slowest != tt.want {
			t.Errorf("%v after it was found, phase %v: got %v, want %v", tt.after, tt.phase, i.rate.slowest, tt.want)
		}
	}
}

// A rate that was inferred is taken back when the messages are the reason, when an outage
// is too long for it, when it is refused ever lower, or when an experiment says background.
func TestRatesThatAreOverturned(t *testing.T) {
	after := noon.Add(time.Hour)
	for name, tt := range map[string]struct {
		change     func(i *inference, r *learnedRate)
		overturned bool
	}{
		"nothing": {func(*inference, *learnedRate) {}, false},
		"in words": {func(i *inference, _ *learnedRate) {
			i.words, i.score = true, leastScore
		}, false},
		"a long outage": {func(_ *inference, r *learnedRate) {
			r.outage = outage{began: noon, last: noon.Add(longTrouble + 1)}
		}, true},
		"as long as may be": {func(_ *inference, r *learnedRate) {
			r.outage = outage{began: noon, last: noon.Add(longTrouble)}
		}, false},
		"a long outage of a window": {func(_ *inference, r *learnedRate) {
			r.outage, r.windowEnd = outage{began: noon, last: noon.Add(time.Hour)}, noon
		}, false},
		"a long outage, proven": {func(i *inference, r *learnedRate) {
			i.phase, r.outage = proven, outage{began: noon, last: noon.Add(time.Hour)}
		}, false},
		"ever lower":       {func(i *inference, _ *learnedRate) { i.score = leastScore }, true},
		"nearly so":        {func(i *inference, _ *learnedRate) { i.score = leastScore + 0.1 }, false},
		"lower but proven": {func(i *inference, _ *learnedRate) { i.phase, i.score = proven, leastScore }, true},
		"a background": {func(_ *inference, r *learnedRate) {
			r.background = &background{share: 0.1, tested: noon.Add(1)}
		}, true},
		"a background of before": {func(_ *inference, r *learnedRate) { r.background = &background{share: 0.1, tested: noon} }, false},
		"a background, proven": {func(i *inference, r *learnedRate) {
			i.phase, r.background = proven, &background{share: 0.1, tested: noon.Add(1)}
		}, false},
		"a background in a test": {func(_ *inference, r *learnedRate) {
			r.background = &background{share: 0.1, tested: noon.Add(1), began: noon}
		}, false},
		"no background": {func(_ *inference, r *learnedRate) { r.background = &background{tested: noon.Add(1)} }, false},
	} {
		r := newRig(t, wide())
		r.push("a", "1")
		s := &r.destination("a").scope
		s.learning(noon, r.s.newGeneration())
		i := &inference{phase: onTrial, found: noon, kind: learnedMessagesKind}
		i.rate = s.learnRate(noon, learnedMessagesKind, 10, noon, r.s.newGeneration())
		i.rate.level, i.rate.outage = 10, outage{}
		s.state.inferred = i
		tt.change(i, i.rate)
		if got := s.overturned(after); got != tt.overturned || (i.phase == calm) != tt.overturned || i.quiet.After(after) != tt.overturned {
			t.Errorf("%s: got %v, the phase %d", name, got, i.phase)
		}
	}
}

// A few messages in a row that go very slowly, where far more was accepted before, show
// that a rate on trial is no limit's.
func TestRatesThatCrawl(t *testing.T) {
	slow := 1/unproven.Seconds() - 0.001
	for name, tt := range map[string]struct {
		change func(i *inference)
		crawls bool
	}{
		"slow":               {func(*inference) {}, true},
		"fast":               {func(i *inference) { i.rate.level = 1 / unproven.Seconds() }, false},
		"hardly slower":      {func(i *inference) { i.pace = 4 * i.rate.rateEstimate.rate() }, false},
		"proven":             {func(i *inference) { i.phase = proven }, false},
		"in words":           {func(i *inference) { i.words = true }, false},
		"during an outage":   {func(i *inference) { i.rate.outage.began = noon }, false},
		"refused in between": {func(i *inference) { i.crawls(false); i.crawls(true) }, true},
	} {
		i := &inference{phase: onTrial, pace: 10, rate: &learnedRate{rateEstimate: rateEstimate{level: slow, reach: leastReach, sent: leastReach}}}
		tt.change(i)
		n := 1
		for ; n < 20 && !i.crawls(false); n++ {
		}
		if (n == crawlPasses) != tt.crawls || !tt.crawls && n < 20 {
			t.Errorf("%s: it crawls after %d messages", name, n)
		}
	}
}

// Too little is known of a receiver that has accepted few messages, or fewer than it has
// refused.
func TestReceiversOfWhichLittleIsKnown(t *testing.T) {
	for _, tt := range []struct {
		tries, refused float64
		want           bool
	}{
		{0, 0, true}, {fewAccepted - 1, 0, true}, {fewAccepted, 0, false}, {20, 10, false}, {20, 11, true}, {19, 10, true},
	} {
		i := &inference{before: tally{tt.tries, tt.refused}}
		if got := i.knowsLittle(); got != tt.want {
			t.Errorf("%+v: got %v", tt, got)
		}
	}
}

// A stated limit lets one message go at a time, as one that was set does: those of several
// connections would exceed it together.
func TestAStatedLimitSpacesMessages(t *testing.T) {
	var s scope
	s.learning(noon, 1)
	if s.spaced() {
		t.Fatal("it is spaced before anything is stated")
	}
	s.heed(noon, classify.Stated{Limit: classify.LimitMessageRate, Count: 3, Per: time.Minute}, 1, 1)
	if !s.spaced() {
		t.Error("several may go at once")
	}
}

// The first tries of a test do not count: the receiver refuses them for what came before.
func TestTheFirstTriesOfATrialDoNotCount(t *testing.T) {
	var test trialTest
	test.begin(noon, 0.5)
	for i := range warmTries + 1 {
		if test.odds != 0 {
			t.Fatalf("after %d tries the odds are %v, want 0", i, test.odds)
		}
		test.test(noon, true)
	}
	if test.odds == 0 {
		t.Errorf("after %d tries nothing counts yet", warmTries+1)
	}
}

// The gaps between probes are short once an outage lasts for longer than a receiver that
// counts by the minute makes it, while no rate and no window are known.
func TestALongOutageHurries(t *testing.T) {
	for name, tt := range map[string]struct {
		lasted time.Duration
		rate   func(*learnedRate)
		soon   bool
	}{
		"a minute":          {surelyMinute, func(*learnedRate) {}, false},
		"more":              {surelyMinute + 1, func(*learnedRate) {}, true},
		"a rate is known":   {surelyMinute + 1, func(r *learnedRate) { r.level = 1 }, false},
		"a window is known": {surelyMinute + 1, func(r *learnedRate) { r.windowEnd = noon }, false},
	} {
		var r learnedRate
		r.outage.begin(noon, time.Minute, 1)
		r.outage.last = noon.Add(tt.lasted)
		tt.rate(&r)
		if r.hurry(r.outage.last); (r.outage.gap < time.Minute) != tt.soon {
			t.Errorf("an outage of %s: the next gap is %v", name, r.outage.gap)
		}
	}
}
