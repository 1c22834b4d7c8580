package throttle

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// mailOf pushes an item of a sender and tenant.
func (r *rig) mailOf(destination, value, from, tenant string) {
	_, domain, _ := strings.Cut(from, "@")
	r.job(Job[string]{Destination: destination, Value: value, Fresh: true, From: from, Sender: domain, Tenant: tenant})
}

// tenSenders has mail of ten senders in turn go to a receiver, until some are held back
// or so many were sent. Those that refuses names are refused at MAIL. It returns the
// changes.
func (r *rig) tenSenders(n int, from func(i int) string, refuses func(i int) bool, l classify.Limit) (changes []Change) {
	c := r.open("relay")
	for i := range n {
		r.mailOf("d", fmt.Sprint(i), from(i), "")
		g, again := askNext(c, r.now)
		for wait := 0; g == nil && !again.IsZero() && wait < 100; wait++ {
			r.now = again
			r.s.Tick(r.now, nobody{})
			g, again = askNext(c, r.now)
		}
		if g == nil {
			continue
		}
		var value int
		fmt.Sscan(g.Value(), &value)
		if refuses(value) {
			changes = append(changes, r.refused(g, classify.StageMail, l, 0)...)
		} else {
			r.accepted(g)
		}
		r.pass(20 * time.Millisecond)
	}
	return changes
}

// pairs returns the names of the pairs that have learned something.
func pairs(changes []Change) (names []string) {
	for _, c := range changes {
		if c.Scope == ScopePair.String() && !slices.Contains(names, c.Name) {
			names = append(names, c.Name)
		}
	}
	return names
}

func sender(i int) string { return fmt.Sprintf("news@sender%d.example", i%10) }

// TestALimitOfOneSenderHoldsThatOne and nobody else: all refusals are of one domain,
// which has a tenth of the mail.
func TestALimitOfOneSenderHoldsThatOne(t *testing.T) {
	r := newRig(t, wide())
	changes := r.tenSenders(200, sender, func(i int) bool { return i%10 == 3 }, classify.LimitMessageRate)
	if got := pairs(changes); len(got) != 1 || !strings.Contains(got[0], `sender domain "sender3.example"`) || !strings.Contains(got[0], `endpoint "relay"`) {
		t.Fatalf("lessons of %q, want those of sender3.example at the relay", got)
	}
	c := r.open("relay")
	r.mailOf("d", "its", sender(3), "")
	r.mailOf("d", "another's", sender(4), "")
	g, _ := askNext(c, r.now)
	for ; g != nil; g, _ = askNext(c, r.now) {
		if g.item.job.Sender == "sender3.example" {
			t.Errorf("mail of the sender that is limited goes during its outage")
		}
		r.accepted(g)
	}
	if b := r.s.Explain(r.now, "d").Bind; b.Scope != ScopePair.String() || !b.Learned {
		t.Errorf("what is left waits for %+v, want the limit that was learned of the pair", b)
	}
}

// TestWhichHolderExplains by the kinds of holders that explain it.
func TestWhichHolderExplains(t *testing.T) {
	for _, test := range []struct {
		name    string
		from    func(i int) string
		refuses func(i int) bool
		want    string // part of the name of the pair; "" is none
	}{
		{"one address of a domain", func(i int) string { return fmt.Sprintf("list%d@sender.example", i%10) }, func(i int) bool { return i%10 == 3 }, `sender "list3@sender.example"`},
		{"a domain with many addresses", func(i int) string { return fmt.Sprintf("bounce%d@sender%d.example", i, i%10) }, func(i int) bool { return i%10 == 3 }, `sender domain "sender3.example"`},
		{"all", sender, func(i int) bool { return i%7 == 3 }, ""},
		{"of the only one with much mail", func(i int) string { return sender(min(i%20, 1)) }, func(i int) bool { return i%20 != 0 && i%3 == 0 }, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t, wide())
			got := pairs(r.tenSenders(300, test.from, test.refuses, classify.LimitMessageRate))
			if test.want == "" && len(got) > 0 || test.want != "" && (len(got) != 1 || !strings.Contains(got[0], test.want)) {
				t.Errorf("lessons of %q, want those of %q", got, test.want)
			}
		})
	}
}

// TestATenantsLimit holds the two sender domains of the tenant.
func TestATenantsLimit(t *testing.T) {
	var h holders
	of := func(i int) origin {
		return origin{address: sender(i), domain: sender(i)[5:], tenant: fmt.Sprint("tenant", i%10/2)}
	}
	for i := range 100 {
		o := of(i)
		if o.tenant != "tenant1" {
			h.accepts(noon, &o, 1)
			continue
		}
		h.refuses(&o, "d")
		if by, kind := h.explains(&o, false); by != nil {
			if kind != ScopeTenant {
				t.Errorf("it is taken for that of a %v, want the tenant's", kind)
			}
			return
		}
	}
	t.Error("nobody explains refusals of one of five tenants")
}

// TestAQuotaOfOneSender suspends that one; if the others are refused too, it is the
// endpoint's.
func TestAQuotaOfOneSender(t *testing.T) {
	r := newRig(t, wide())
	changes := r.tenSenders(40, sender, func(i int) bool { return i%10 == 3 }, classify.LimitQuota)
	if got := pairs(changes); len(got) != 1 || !r.endpoint("relay").pausedUntil(r.now).IsZero() {
		t.Errorf("quotas of %q, and the relay until %v; want that of the sender alone", got, r.endpoint("relay").pausedUntil(r.now))
	}
	r = newRig(t, wide())
	for i := range 10 {
		r.mailOf("d", fmt.Sprint(i), sender(i), "")
	}
	c := r.open("relay")
	for range 10 {
		if g, _ := askNext(c, r.now); g != nil {
			r.refused(g, classify.StageMail, classify.LimitQuota, 0)
			r.pass(time.Second)
		}
	}
	if r.endpoint("relay").pausedUntil(r.now).IsZero() {
		t.Error("the quota was refused to nine senders in a row, and the relay goes on with the others")
	}
}

// TestHeldLessonsAreKept over a restart, and forgotten with the other lessons.
func TestHeldLessonsAreKept(t *testing.T) {
	r := newRig(t, wide())
	r.tenSenders(400, sender, func(i int) bool { return i%10 == 3 && i > 100 && i%50 == 3 }, classify.LimitQuota)
	next := r.restarted(wide(), time.Minute)
	next.mailOf("d", "its", sender(3), "")
	next.mailOf("d", "another's", sender(4), "")
	c := next.open("relay")
	next.exchange(c, "another's")
	if g, _ := askNext(c, next.now); g != nil {
		t.Errorf("%q goes although its quota was refused a minute ago", g.Value())
	}
	late := r.restarted(wide(), lessonLife+time.Hour)
	late.mailOf("d", "its", sender(3), "")
	late.exchange(late.open("relay"), "its")
	late.pass(time.Minute)
	late.s.Sweep(late.now)
	late.s.Sweep(late.now.Add(time.Minute))
	if n := len(late.s.held); n > 0 {
		t.Errorf("%d lessons of senders are kept that are too old", n)
	}
}

// TestOldQuotasAreNoEvidence: those of three destinations that were refused an hour
// before do not make eight refusals.
func TestOldQuotasAreNoEvidence(t *testing.T) {
	var s sharedRefusals
	for hour := range 6 {
		for i, name := range []string{"a", "b", "c"} {
			at := noon.Add(time.Duration(hour)*time.Hour + time.Duration(i)*time.Second)
			if shared, _ := s.refused(at, at, name, classify.LimitQuota); shared {
				t.Fatalf("after %d hours the quotas of three destinations count as the endpoint's", hour)
			}
		}
	}
}

// A job has a holder of each kind that it names; of those that a list names, the last of
// a kind is no other.
func TestNamesOfHolders(t *testing.T) {
	o := origin{address: "ann@a.example", domain: "a.example", tenant: "", named: &ScopeList{scopes: []listedScope{{Scope: Scope{ScopeSource, "192.0.2.1"}}}}}
	for kind, want := range map[ScopeKind]struct {
		name  string
		known bool
	}{
		ScopeSender: {"ann@a.example", true}, ScopeSenderDomain: {"a.example", true}, ScopeTenant: {"", true}, ScopeSource: {"192.0.2.1", true}, ScopeDestination: {"", false},
	} {
		if name, known := o.name(kind); name != want.name || known != want.known {
			t.Errorf("%v: got %q, %v, want %q, %v", kind, name, known, want.name, want.known)
		}
	}
	for _, kind := range []ScopeKind{ScopeSender, ScopeSenderDomain, ScopeSource} {
		if name, known := (&origin{}).name(kind); known {
			t.Errorf("%v: got %q of a job that names none", kind, name)
		}
	}
}

// A rate or a quota may be one of a holder; a number at once is none.
func TestLimitsOfHolders(t *testing.T) {
	for l, want := range map[classify.Limit]bool{
		classify.LimitMessageRate: true, classify.LimitRecipientRate: true, classify.LimitQuota: true,
		classify.LimitNone: false, classify.LimitConnections: false, classify.LimitConnectionRate: false, classify.LimitRecipientsPerMessage: false, classify.LimitMessagesPerConnection: false,
		classify.LimitMailboxRate: false,
	} {
		if got := ofHolder(l); got != want {
			t.Errorf("%v: got %v, want %v", l, got, want)
		}
	}
}

// What was seen of holders is forgotten when nothing was refused for long, but for their
// lessons and quotas.
func TestWhatWasSeenOfHoldersAges(t *testing.T) {
	for _, tt := range []struct {
		age   time.Duration
		stays bool
	}{{ownLife, true}, {ownLife + 1, false}} {
		var s scope
		h := s.holding(noon)
		h.refused, h.lessons = 7, 2
		got := s.holding(noon.Add(tt.age))
		if (got == h) != tt.stays || (got.refused == 7) != tt.stays || got.lessons != 2 || !got.last.Equal(noon.Add(tt.age)) || s.holders() != got {
			t.Errorf("after %v: got %+v, want it to stay: %v", tt.age, got, tt.stays)
		}
	}
}

// What is accepted counts for the holders that were refused, half as much once much was.
func TestWhatIsAcceptedCountsForHolders(t *testing.T) {
	var none *holders
	none.accepts(noon, &origin{}, 1)
	kind := slices.Index(holderKinds[:], ScopeSenderDomain)
	h := &holders{refused: 8, accepted: mostSeen - 1}
	h.of[kind] = map[string]*holder{"a.example": {refused: 4, before: 6, accepted: 9}, "b.example": {refused: 0.1, accepted: 1}}
	h.accepts(noon, &origin{domain: "a.example"}, 3)
	if a := h.of[kind]["a.example"]; a.accepted != 10 || h.accepted != mostSeen || a.recent.messages != 1 || a.recent.recipients != 3 {
		t.Errorf("got %+v of %v accepted, want 10 of %v", a, h.accepted, mostSeen)
	}
	h.accepts(noon, &origin{domain: "c.example"}, 1)
	a, b := h.of[kind]["a.example"], h.of[kind]["b.example"]
	if h.accepted != float64(mostSeen+1)/2 || h.refused != 4 || a.accepted != 5 || a.before != 3 || a.refused != 2 || b != nil {
		t.Errorf("got %+v, %+v and %+v, want half of each, and none that was hardly refused", h, a, b)
	}
}

// The holder of an outage without words is let go when a message of it is accepted and the
// outage was longer than a receiver that counts by the minute makes it.
func TestHoldersThatWereBlocked(t *testing.T) {
	for name, change := range map[string]func(p *parent[string], r *learnedRate){
		"":                    func(*parent[string], *learnedRate) {},
		"in words":            func(p *parent[string], _ *learnedRate) { p.hushed = false },
		"the rate is known":   func(_ *parent[string], r *learnedRate) { r.level = 1 },
		"no outage":           func(_ *parent[string], r *learnedRate) { r.outage = outage{} },
		"as long as a minute": func(_ *parent[string], r *learnedRate) { r.outage.last = r.outage.began.Add(surelyMinute) },
		"begun when it began": func(_ *parent[string], r *learnedRate) {
			d := noon.Add(time.Hour).Sub(r.outage.began)
			r.outage.began, r.outage.last = r.outage.began.Add(d), r.outage.last.Add(d)
		},
	} {
		r := newRig(t, wide())
		r.push("a", "1")
		p := r.s.holderLocked(r.now, &r.destination("a").scope, ScopeSenderDomain, "x.example")
		p.learning(r.now, r.s.newGeneration())
		rate := p.learnRate(r.now, learnedMessagesKind, 10, r.now, r.s.newGeneration())
		rate.level, p.hushed = 0, true
		rate.outage = outage{began: noon, last: noon.Add(surelyMinute + 1)}
		change(p, rate)
		if got := p.outlastsLimits(noon.Add(time.Hour)); got != (name == "") {
			t.Errorf("%q: got %v", name, got)
		}
	}
}

// A holder has one parent at a receiver, which counts there once, and none when the names
// are too long.
func TestAHolderHasOneParent(t *testing.T) {
	r := newRig(t, wide())
	r.push("a", "1")
	at := &r.destination("a").scope
	p := r.s.holderLocked(r.now, at, ScopeSenderDomain, "x.example")
	if again := r.s.holderLocked(r.now, at, ScopeSenderDomain, "x.example"); p == nil || again != p || at.holders().lessons != 1 {
		t.Errorf("got another parent, or %d lessons", at.holders().lessons)
	}
	if long := r.s.holderLocked(r.now, at, ScopeSenderDomain, strings.Repeat("x", longestName)); long != nil {
		t.Error("a name that is too long has a parent")
	}
	r.s.letsHolderLocked(p)
	r.s.letsHolderLocked(&parent[string]{})
	if at.holders().lessons != 0 || len(r.s.held) != 0 {
		t.Errorf("%d lessons and %d parents are left", at.holders().lessons, len(r.s.held))
	}
}

// TestHoldersThatWereRefusedWithoutWords are known as such while all of their lessons come
// from such refusals.
func TestHoldersThatWereRefusedWithoutWords(t *testing.T) {
	for _, tt := range []struct{ inferred, hushed, learned, want bool }{
		{true, false, false, true}, {true, false, true, false}, {true, true, true, true},
		{false, true, true, false}, {false, false, false, false}, {false, true, false, false},
	} {
		r := newRig(t, wide())
		r.push("d", "x")
		g := r.grant(r.open("relay"), "x")
		p := r.s.holderLocked(r.now, &r.destination("d").scope, ScopeSenderDomain, "x.example")
		if p.hushed = tt.hushed; tt.learned {
			p.learning(r.now, r.s.newGeneration())
		}
		g.Wrote(r.now)
		r.s.mu.Lock()
		g.teachHolder(r.now, p, Outcome{Stage: classify.StageMail, Verdict: throttled(classify.LimitMessageRate, 0), Err: errRefused, inferred: tt.inferred})
		r.s.mu.Unlock()
		if p.hushed != tt.want {
			t.Errorf("%+v: got %v", tt, p.hushed)
		}
	}
}
