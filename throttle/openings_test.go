package throttle

import (
	"errors"
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/internal/chance"
)

var errReset = errors.New("connection reset")

// reaches opens a connection that a host lets in or not, as soon as the endpoint
// allows one.
func (r *rig) reaches(lets func() bool) {
	r.push("d", "x")
	if e := r.endpoint("relay"); e.holds(r.now) {
		r.now = e.restsUntil()
	}
	c, again := r.s.Open(r.now, "relay")
	for range 1000 {
		if c != nil {
			break
		}
		r.now = later(again, r.now.Add(time.Second))
		c, again = r.s.Open(r.now, "relay")
	}
	if c == nil {
		r.Fatal("no connection may be opened for long")
	}
	r.pass(10 * time.Millisecond)
	if !lets() {
		c.Closed(r.now, classify.StageConnect, classify.Of(classify.StageConnect, errReset), errReset)
		return
	}
	c.Established(r.now)
	r.exchange(c, "x")
	c.Leaves()
	c.Closed(r.now, classify.StageIdle, classify.Verdict{}, nil)
}

// TestAConnectionRateIsInferred from a host that lets six connections in a minute in,
// and resets the others.
func TestAConnectionRateIsInferred(t *testing.T) {
	for seed := range 50 {
		playsAConnectionRate(newSeededRig(t, wide(), chance.Seed(seed)))
	}
}

func playsAConnectionRate(r *rig) {
	w := newQuotaLog(Quota{Count: 6, Per: time.Minute})
	var let, reset int
	lets := func() bool {
		if w.at(r.now, 1).After(r.now) {
			reset++
			return false
		}
		w.take(r.now, 1)
		w.commit(r.now, 1)
		let++
		return true
	}
	begin := r.now
	for r.now.Sub(begin) < 10*time.Minute {
		r.reaches(lets)
	}
	let, reset, begin = 0, 0, r.now
	for r.now.Sub(begin) < time.Hour {
		r.reaches(lets)
	}
	if let < 320 || reset > let/10 {
		r.Errorf("in an hour %d connections are let in and %d reset, want 320 of 360 and a tenth of these at most", let, reset)
	}
}

// TestAHostThatIsDown now and then has no connection rate.
func TestAHostThatIsDown(t *testing.T) {
	r := newRig(t, wide())
	for i := range 20 {
		for range 3 + 7*i%11 {
			r.reaches(func() bool { return true })
			r.pass(time.Second)
		}
		for range 2 {
			r.reaches(func() bool { return false })
		}
	}
	if m := r.endpoint("relay").meter(inferredOpeningsKind); m != nil {
		t.Errorf("a limit %+v is inferred from trouble at random", m.(*statedLimit).log.quota)
	}
}

// TestSpellsEndBehindFourFailures: a spell of connections ends with one that is opened
// behind four failures that began before it.
func TestSpellsEndBehindFourFailures(t *testing.T) {
	for _, tt := range []struct {
		n, failed int
		begun     time.Duration // after the last failure
		ends      bool
		left      int // failures that still count
	}{
		{3, endsSpell - 1, 1, false, 0}, {3, endsSpell, 1, true, 0}, {3, endsSpell + 1, 1, true, 0}, {0, endsSpell, 1, false, 0}, {1, endsSpell, 1, true, 0},
		{3, endsSpell, 0, false, endsSpell}, {3, endsSpell, -1, false, endsSpell},
	} {
		o := openings{spells: spells{n: tt.n, failed: tt.failed, first: noon, shut: noon, missed: noon.Add(time.Minute)}}
		o.opened(noon.Add(time.Hour), o.missed.Add(tt.begun))
		want := tt.n + 1
		if tt.ends {
			want = 1
		}
		if o.n != want || (o.alike == 1) != tt.ends || o.failed != tt.left || o.kept != 1 {
			t.Errorf("%+v: %d opened, %d spells, %d failures, %d kept", tt, o.n, o.alike, o.failed, o.kept)
		}
	}
}

// A failure speaks against a limit when far fewer were opened within its period, a little
// longer than it is, and two of them disprove it.
func TestFailuresThatALimitDoesNotExplain(t *testing.T) {
	limit := Quota{Count: 10, Per: time.Minute}
	if got := lengthened(limit); got.Count != 10 || got.Per != time.Duration(longer*float64(time.Minute)) {
		t.Errorf("got %v", got)
	}
	if got := lengthened(Quota{Count: 10, Per: day}); got.Per != day {
		t.Errorf("the longest: got %v", got)
	}
	for opened, odd := range map[int]int{5: 1, 6: 0, 9: 0} {
		o := openings{lately: newQuotaLog(lengthened(limit))}
		for range opened {
			o.lately.enter(noon, 1)
		}
		if o.unexplained(noon.Add(time.Second), limit) || o.odd != odd {
			t.Errorf("one more than %d: got %d that are odd, want %d", opened, o.odd, odd)
		}
		if got := o.unexplained(noon.Add(2*time.Second), limit); got != (odd > 0) {
			t.Errorf("twice one more than %d: disproved is %v", opened, got)
		}
	}
}
