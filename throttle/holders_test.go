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
