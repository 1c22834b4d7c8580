package throttle

import (
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// TestAPartlyAcceptedMessageIsARefusal: the rate of recipients is learned from what was
// accepted, whatever the words; the probe has one recipient, and later messages go to no
// more at once than in a few seconds.
func TestAPartlyAcceptedMessageIsARefusal(t *testing.T) {
	for _, limit := range []classify.Limit{classify.LimitRecipientRate, classify.LimitMessageRate} {
		t.Run(limit.String(), func(t *testing.T) {
			r := newRig(t, Config{})
			c := r.open("relay")
			for range 5 {
				r.job(Job[string]{Destination: "d", Value: "a", Recipients: 100})
			}
			g := r.grant(c, "a")
			if g.Recipients() != 100 {
				t.Fatalf("the first goes to %d, want all", g.Recipients())
			}
			g.Wrote(r.now)
			g.Asked(r.now)
			r.pass(time.Second)
			g.Done(r.now, Outcome{Accepted: 30, Recipients: 30, Stage: classify.StageRcpt, Verdict: throttled(limit, 0), Err: errRefused})
			if d, _ := r.s.dests.get("d"); d.rate(learnedMessagesKind) != nil || !d.rate(learnedRecipientsKind).outage.lasts() {
				t.Fatal("the refusal of a part taught a rate of messages, or nothing")
			}
			r.pass(blindWait)
			probe := r.grant(c, "a")
			if probe.Recipients() != 1 {
				t.Fatalf("the probe goes to %d, want 1", probe.Recipients())
			}
			r.accepted(probe)
			d, _ := r.s.dests.get("d")
			rate := d.rate(learnedRecipientsKind)
			r.pass(time.Minute)
			if g := r.grant(c, "a"); g.Recipients() > max(int(secondsAtOnce*rate.level), 1) || g.Recipients() > 30 {
				t.Errorf("%d recipients at once, at %.1f a second after 30 were taken of 100", g.Recipients(), rate.level)
			}
		})
	}
}

// TestRefusedWholeTellsNothingOfRecipients where messages of one recipient are refused
// for a rate of messages.
func TestRefusedWholeTellsNothingOfRecipients(t *testing.T) {
	r := newRig(t, Config{})
	c := r.open("relay")
	r.push("d", "a")
	r.refused(r.grant(c, "a"), classify.StageRcpt, classify.LimitMessageRate, 0)
	if d, _ := r.s.dests.get("d"); d.rate(learnedMessagesKind) == nil || d.rate(learnedRecipientsKind) != nil {
		t.Error("a refusal of a message to one recipient did not teach a rate of messages")
	}
}

// TestTokensForAllRecipients: a message goes when the receiver has tokens for all of its
// recipients, not only for the first.
func TestTokensForAllRecipients(t *testing.T) {
	p := newRateEstimate(noon, 10, noon.Add(-time.Second))
	p.level, p.reach, p.next = 10, leastReach, noon
	one, ten := p.at(noon, 0, 1), p.at(noon, 0, 10)
	if want := spacing(9, p.rate()); ten.Sub(one) != want {
		t.Errorf("ten go %v after one, want %v", ten.Sub(one), want)
	}
	p.take(ten, 10)
	if got, want := p.at(ten, 0, 1).Sub(ten), spacing(1, p.rate()); (got - want).Abs() > want/10 {
		t.Errorf("the next goes %v after ten, want %v", got, want)
	}
}

// TestAtOnce: a number that was refused at a proven rate is left alone for longer each
// time; between the tests the number stays below it.
func TestAtOnce(t *testing.T) {
	var a atOnce
	if a.accepted(noon, 50); a.within(1000) != 3000 || a.within(0.1) != 1 {
		t.Errorf("%d and %d at once at 1,000 and 0.1 a second, want 3,000 and 1", a.within(1000), a.within(0.1))
	}
	was := 0.0
	for range 4 {
		a.refused(noon, 10, 4, true)
		n := 0.0
		for a.within(100) <= 4 {
			n += float64(a.within(100))
			a.accepted(noon, a.within(100))
		}
		if n < 1.9*was || n < 40*4 {
			t.Errorf("5 were tried again after %g recipients, the time before after %g", n, was)
		}
		was = n
	}
}

// TestANumberAtOnceIsNoNoise: a receiver that takes recipients behind one that it refuses
// does not count them. A known background explains a refusal of one here and there, or of
// all, but not that of the last ones alone.
func TestANumberAtOnceIsNoNoise(t *testing.T) {
	for _, tt := range []struct {
		name       string
		accepted   int
		behind     int
		background bool
		some, most int
		outage     bool
	}{
		{"the rest is refused", 4, 0, false, 4, 4, true},
		{"others behind are accepted", 18, 14, false, 18, 0, true},
		{"one of a background", 18, 14, true, 18, 0, false},
		{"all of a background", 0, 0, true, 0, 0, false},
		{"the last of a background", 19, 0, true, 19, 19, false},
		{"the last two beside a background", 18, 0, true, 18, 18, true},
		{"the last two, and one before, of a background", 17, 9, true, 17, 0, false},
		{"all are lost of a background", 0, 0, true, 12, 12, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var d scope
			d.recent.count(noon, 1000)
			now := noon.Add(10 * time.Second)
			d.learning(now, 1)
			rate := d.learnRate(now, learnedRecipientsKind, 1000, noon, 1)
			rate.level, rate.reach, rate.estimates = 100, leastReach, wellKnown
			if tt.background {
				rate.suspected().share = 0.02
			}
			d.refusedRecipients(now, Outcome{
				Accepted: tt.accepted, Recipients: tt.some, Behind: tt.behind,
				Stage: classify.StageRcpt, Verdict: throttled(classify.LimitRecipientRate, 0),
			}, refusal{begun: now, recipients: 20})
			if got := int(rate.atOnce.most); got != tt.most || rate.outage.lasts() != tt.outage {
				t.Errorf("%d recipients at once, an outage: %v; want %d, %v", got, rate.outage.lasts(), tt.most, tt.outage)
			}
		})
	}
}

// TestTooManyRecipientsAtTheFirst is for the rate of recipients, for no message has fewer.
// Behind some that were accepted it is a cap.
func TestTooManyRecipientsAtTheFirst(t *testing.T) {
	s := &scope{}
	o := Outcome{Stage: classify.StageRcpt, Verdict: throttled(classify.LimitRecipientsPerMessage, 0), Err: errRefused}
	r := refusal{begun: noon, news: true, recipients: 5, atOnce: 1, ordinal: 1}
	s.refused(noon, o, r)
	if s.rate(learnedRecipientsKind) == nil || s.rate(learnedMessagesKind) != nil || s.learned().perMessage.cap() != 0 {
		t.Error("a refusal of the first recipient does not teach the rate of recipients alone")
	}
	o.Recipients, o.Accepted = 3, 3
	if s.refused(noon.Add(time.Second), o, r); s.learned().perMessage.cap() != 3 {
		t.Errorf("after 3 of 5 were accepted the cap is %d, want 3", s.learned().perMessage.cap())
	}
}
