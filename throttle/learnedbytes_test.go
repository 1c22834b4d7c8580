package throttle

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// byteReceiver accepts so many bytes a second, and so many at once.
type byteReceiver struct {
	rate, burst, tokens float64
	last                time.Time
}

func (b *byteReceiver) takes(now time.Time, size int) bool {
	b.tokens = min(b.burst, b.tokens+b.rate*now.Sub(b.last).Seconds())
	b.last = now
	if b.tokens < float64(size) {
		return false
	}
	b.tokens -= float64(size)
	return true
}

// TestBytesAreLearned where a reply says that octets are limited: large and small
// messages go as fast as the receiver takes bytes.
func TestBytesAreLearned(t *testing.T) {
	r := newRig(t, wide())
	c := r.open("relay")
	rng := rand.New(rand.NewPCG(1, 2))
	to := byteReceiver{rate: 100_000, burst: 1_000_000, tokens: 1_000_000, last: r.now}
	size := func() int { return int(1000 * math.Pow(1000, rng.Float64())) }
	refusal := throttled(classify.LimitMessageRate, 0)
	refusal.Octets = true
	var accepted, refused, tries float64
	r.job(Job[string]{Destination: "d", Value: "x", Bytes: size()})
	end := r.now.Add(2 * time.Hour)
	for r.now.Before(end) {
		g, again := askNext(c, r.now)
		if g == nil {
			r.now = later(again, r.now.Add(time.Millisecond))
			r.s.Tick(r.now, nobody{})
			continue
		}
		tries++
		n := g.size
		g.Wrote(r.now)
		g.Asked(r.now)
		if to.takes(r.now, n) {
			accepted += float64(n)
			g.Done(r.now, Outcome{Accepted: 1, Recipients: 1})
			n = size()
		} else {
			refused++
			g.Done(r.now, Outcome{Stage: classify.StageMail, Verdict: refusal, Err: errRefused})
		}
		r.job(Job[string]{Destination: "d", Value: "x", Bytes: n})
		r.pass(10 * time.Millisecond)
	}
	if part := accepted / (to.rate * 7200); part < 0.85 || refused/tries > 0.03 {
		t.Errorf("%.2f of the bytes that are allowed, and %.1f %% of the messages refused; want 0.85 and 3 %%", part, 100*refused/tries)
	}
	next := r.restarted(wide(), time.Minute)
	was, is := r.endpoint("relay").rate(learnedBytesKind), next.endpoint("relay").rate(learnedBytesKind)
	if is == nil || is.perSecond() != was.perSecond() || !is.strict {
		t.Errorf("after a restart the pace of bytes is %+v, want %.0f a second", is, was.perSecond())
	}
}

// TestAMessageOfUnknownSize is asked for its size while the pace of bytes is learned.
func TestAMessageOfUnknownSize(t *testing.T) {
	r := newRig(t, wide())
	c := r.open("relay")
	refusal := throttled(classify.LimitMessageRate, 0)
	refusal.Octets = true
	r.job(Job[string]{Destination: "d", Value: "x", Bytes: 1000})
	g := r.grant(c, "x")
	g.Wrote(r.now)
	g.Asked(r.now)
	g.Done(r.now, Outcome{Stage: classify.StageMail, Verdict: refusal, Err: errRefused})
	r.pass(time.Minute)
	r.job(Job[string]{Destination: "d", Value: "y"})
	g = r.grant(c, "y")
	if g.Sized(1000) {
		t.Error("a message of 1000 bytes goes with the tokens of one byte")
	}
	g.Return(r.now)
}

// TestGrantsThatAreTooSmall: a message that is larger than was said goes where bytes are
// not limited, and else only if it is no larger.
func TestGrantsThatAreTooSmall(t *testing.T) {
	for _, tt := range []struct {
		limit  Rate
		larger int
		want   bool
	}{
		{Rate{}, -1, true}, {Rate{}, 0, true}, {Rate{}, 1, true},
		{Rate{Count: 1 << 20, Per: time.Second}, -1, true}, {Rate{Count: 1 << 20, Per: time.Second}, 0, true}, {Rate{Count: 1 << 20, Per: time.Second}, 1, false},
	} {
		cfg := wide()
		cfg.Destination.ByteRate = tt.limit
		r := newRig(t, cfg)
		r.job(Job[string]{Destination: "d", Value: "x", Bytes: 1000})
		g := r.grant(r.open("relay"), "x")
		if got := g.Sized(1000 + tt.larger); got != tt.want {
			t.Errorf("limited by %v, %d bytes larger: it may go: %v", tt.limit, tt.larger, got)
		}
		g.Return(r.now)
	}
}
