package pool

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smtpace/smtpace/classify"
)

func TestRiding(t *testing.T) {
	alone := func(r *riding) (n int) {
		for !r.allowed() {
			n++
		}
		return n
	}
	rides := func(r *riding, n int) {
		for range n {
			r.arrived()
			r.answered()
		}
	}
	r := new(riding)
	if n := alone(r); n != 0 {
		t.Errorf("%d dots alone at first, want none", n)
	}
	for _, want := range []int{256, 512, 1024} {
		r.brokeDot()
		r.brokeDot() // on another connection, at the same time
		if n := alone(r); n != want {
			t.Errorf("%d dots alone, want %d", n, want)
		}
		rides(r, 4*want-1)
	}
	rides(r, 2)
	r.brokeDot()
	if n := alone(r); n != firstAlone {
		t.Errorf("%d dots alone after riding went well, want %d", n, firstAlone)
	}
	for range 20 {
		r.brokeDot()
		if n := alone(r); n > maxAlone {
			t.Fatalf("%d dots alone, want at most %d", n, maxAlone)
		}
	}
	t.Run("the envelope is lost", func(t *testing.T) {
		r := new(riding)
		r.brokeEnvelope(false)
		r.brokeEnvelope(false)
		r.answered()
		r.brokeEnvelope(false)
		r.brokeEnvelope(false)
		if n := alone(r); n != 0 {
			t.Errorf("%d dots alone after two in a row, want none", n)
		}
		r.brokeEnvelope(false)
		if n := alone(r); n != firstAlone {
			t.Errorf("%d dots alone after three in a row, want %d", n, firstAlone)
		}
	})
	t.Run("the envelope is not answered", func(t *testing.T) {
		r := new(riding)
		r.brokeEnvelope(true)
		if n := alone(r); n != maxAlone {
			t.Errorf("%d dots alone, want %d", n, maxAlone)
		}
	})
}

// silentAfter has a connection fall silent after a time, in which others worked.
func (q *quirks) silentAfter(wait time.Duration) {
	time.Sleep(wait)
	q.pipelined()
	q.pipelineBroke(true)
}

func TestLockstepIsLearned(t *testing.T) {
	tests := []struct {
		name   string
		events func(q *quirks)
		holds  time.Duration // of the lock-step
	}{
		{"never broken", func(q *quirks) { q.pipelined() }, 0},
		{"broken at first", func(q *quirks) { q.pipelineBroke(false) }, quirkTime},
		{"shown to work meanwhile", func(q *quirks) { q.pipelineBroke(false); q.pipelined() }, 0},
		{"lock-step does not help", func(q *quirks) { q.pipelineBroke(false); q.lockstepBroke() }, 0},
		{"broken twice where it has worked", func(q *quirks) { q.pipelined(); q.pipelineBroke(false); q.pipelineBroke(false) }, 0},
		{"broken now and then", func(q *quirks) {
			for range 10 {
				q.pipelined()
				q.pipelineBroke(false)
				q.pipelineBroke(false)
			}
		}, 0},
		{"silent where it has worked", func(q *quirks) { q.pipelined(); q.pipelineBroke(true) }, lockstepTime},
		{"silent, and shown to work meanwhile", func(q *quirks) { q.pipelined(); q.pipelineBroke(true); q.pipelined() }, lockstepTime},
		{"silent twice", func(q *quirks) { q.pipelined(); q.silentAfter(0); q.silentAfter(lockstepTime) }, quirkTime},
		{"silent twice within two days", func(q *quirks) {
			q.pipelined()
			q.silentAfter(0)
			q.silentAfter(lockstepTime)
			q.silentAfter(2*quirkTime - time.Second)
		}, quirkTime},
		{"many silent at once where it has worked", func(q *quirks) {
			q.pipelined()
			for range 20 {
				q.pipelineBroke(true)
			}
		}, lockstepTime},
		{"silent and ended at once where it has worked", func(q *quirks) { q.pipelined(); q.pipelineBroke(true); q.pipelineBroke(false) }, lockstepTime},
		{"silent long ago", func(q *quirks) { q.pipelined(); q.silentAfter(0); q.silentAfter(30 * quirkTime) }, lockstepTime},
		{"silent, then ended", func(q *quirks) {
			q.pipelined()
			q.silentAfter(0)
			time.Sleep(lockstepTime)
			q.pipelineBroke(false)
		}, 0},
		{"silent in lock-step too", func(q *quirks) { q.pipelined(); q.pipelineBroke(true); q.lockstepBroke() }, 0},
		{"silent in lock-step too, then again", func(q *quirks) {
			q.pipelined()
			q.pipelineBroke(true)
			q.lockstepBroke()
			q.pipelined()
			q.pipelineBroke(true)
		}, lockstepTime},
		{"silent at first", func(q *quirks) { q.pipelineBroke(true); q.pipelined() }, 0},
		{"refused", func(q *quirks) { q.pipelineRefused() }, quirkTime},
		{"refused where it has worked", func(q *quirks) { q.pipelined(); q.pipelineRefused() }, quirkTime},
		{"refused, and shown to work meanwhile", func(q *quirks) { q.pipelined(); q.pipelineRefused(); q.pipelined() }, 0},
		{"broken for good", func(q *quirks) { q.pipelined(); q.pipelineBroke(false); q.pipelineBroke(false); q.pipelineBroke(false) }, lockstepTime},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := new(quirks)
				tt.events(q)
				if got := q.lockstep(); got != (tt.holds > 0) {
					t.Errorf("got lock-step %v", got)
				}
				time.Sleep(tt.holds - time.Nanosecond)
				if got := q.lockstep(); got != (tt.holds > 0) {
					t.Errorf("got lock-step %v just before its end", got)
				}
				time.Sleep(time.Nanosecond)
				if q.lockstep() {
					t.Error("lock-step does not end")
				}
			})
		})
	}
}

func TestRefusedParamsAreLearned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := new(quirks)
		q.refuseParams(paramSize) // the delivery left it out for another endpoint
		if got := q.refusedParams(); got != 0 {
			t.Errorf("got %b without a refusal here", got)
		}
		q.suspect(paramSize | paramBody)
		if got := q.refusedParams(); got != 0 {
			t.Errorf("got %b, and the message itself may have been refused", got)
		}
		q.refuseParams(paramSize | paramBody)
		if got := q.refusedParams(); got != paramSize|paramBody {
			t.Errorf("got %b", got)
		}
		time.Sleep(quirkTime / 2)
		q.refuseParams(paramSize | paramBody) // still left out, which shows nothing
		time.Sleep(quirkTime/2 + 1)
		if got := q.refusedParams(); got != 0 {
			t.Errorf("got %b after a day", got)
		}
		q.refuseParams(paramSize) // left out for another endpoint again
		if got := q.refusedParams(); got != 0 {
			t.Errorf("got %b without a new refusal", got)
		}
		for _, p := range []Params{paramSize, paramDSN} {
			q.suspect(p)
			q.refuseParams(p)
		}
		if got := q.refusedParams(); got != paramSize|paramDSN {
			t.Errorf("got %b after two lessons", got)
		}
	})
}

// TestBlame: a refusal of what was accepted before is one of the message, which must
// not cost two commands for every message.
func TestBlame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := new(quirks)
		for range 3 {
			if !q.mayBlame(paramSize) {
				t.Error("a parameter that was never accepted is not blamed")
			}
		}
		q.acceptParams(paramSize)
		if q.mayBlame(paramSize) || !q.mayBlame(paramSize|paramBody) {
			t.Error("SIZE was accepted, BODY was not")
		}
		time.Sleep(bareTime)
		if !q.mayBlame(paramSize) || q.mayBlame(paramSize) {
			t.Error("what was accepted is blamed once a minute")
		}
	})
}

// TestBlameInVain: where envelopes are refused without parameters as well, as during a
// block, they are blamed rarely, and no more than once a minute where they work.
func TestBlameInVain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := new(quirks)
		blamed := func(d time.Duration, p Params) (n int) {
			for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(10 * time.Second) {
				if q.mayBlame(p) {
					q.suspect(p)
					q.bareRefused(p)
					n++
				}
			}
			return n
		}
		if n := blamed(24*time.Hour, paramSize); n < 24*60/16 || n > 24*60/16+6 {
			t.Errorf("blamed %d times in a day", n)
		}
		q.refuseParams(paramSize)
		q.bareRefused(paramSize)
		q.acceptParams(paramBody)
		time.Sleep(bareTime)
		if !q.mayBlame(paramBody) {
			t.Error("BODY is not blamed after SIZE was found not to work")
		}
		if n := blamed(time.Hour, paramBody); n < 4 || n > 7 {
			t.Errorf("blamed %d times in an hour", n)
		}
		time.Sleep(quirkTime)
		if n := blamed(4*time.Minute, paramBody); n != 2 {
			t.Errorf("blamed %d times in the first minutes of another day", n)
		}
	})
}

func TestQuirksAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, err := New(Config{})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		e := func(i int) Endpoint { return Endpoint{Addr: fmt.Sprintf("mx%d.test:25", i)} }
		kept := p.quirksOf(e(0))
		for i := 1; i <= 2*maxQuirks; i++ {
			p.forgo(p.quirksOf(e(i)))
			if n := len(p.quirks); i == maxQuirks-1 && n != maxQuirks || i == maxQuirks && n != maxQuirks*9/10 {
				t.Errorf("%d endpoints of %d are remembered", n, i+1)
			}
		}
		if n := len(p.quirks); n > maxQuirks {
			t.Errorf("%d endpoints are remembered, want at most %d", n, maxQuirks)
		}
		if p.quirksOf(e(0)) != kept {
			t.Error("an endpoint with a connection was forgotten")
		}
	})
}

// TestBlamedWords takes a parameter as named only where its word stands alone.
func TestBlamedWords(t *testing.T) {
	for _, c := range "@[/:-. " {
		if got := blamed(paramDSN|paramUTF8, &classify.Reply{Code: 555, Text: "no " + string(c) + "RET" + string(c)}); got != paramDSN {
			t.Errorf("between %q: got %b, want %b", c, got, paramDSN)
		}
	}
	for _, c := range "AZaz09" {
		if got := blamed(paramDSN|paramUTF8, &classify.Reply{Code: 555, Text: string(c) + "RET RET" + string(c) + " smtputf8"}); got != paramUTF8 {
			t.Errorf("beside %q: got %b, want %b", c, got, paramUTF8)
		}
	}
}

// TestWordsOfPipelining count in refusals only.
func TestWordsOfPipelining(t *testing.T) {
	for _, tt := range []struct {
		code int
		text string
		want bool
	}{
		{399, "synchronization error", false}, {400, "synchronization error", true}, {450, "SMTP Synchronisation error", true},
		{503, "improper use of Pipelining", true}, {554, "pipelined commands are not allowed", true}, {250, "PIPELINING", false},
		{354, "pipelining", false}, {503, "bad sequence of commands", false}, {554, "", false},
	} {
		if got := refusesPipelining(&classify.Reply{Code: tt.code, Text: tt.text}); got != tt.want {
			t.Errorf("%d %s: got %v, want %v", tt.code, tt.text, got, tt.want)
		}
	}
	if refusesPipelining(nil) {
		t.Error("no reply refuses pipelining")
	}
}
