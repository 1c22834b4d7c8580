package smtpace

import (
	"iter"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"fmt"

	"github.com/smtpace/smtpace/smtptest"
)

// chain gives the messages of one sequence after those of another.
func chain(seqs ...iter.Seq[Message]) iter.Seq[Message] {
	return func(yield func(Message) bool) {
		for _, seq := range seqs {
			for m := range seq {
				if !yield(m) {
					return
				}
			}
		}
	}
}

// One destination accepts nothing and has 100,000 messages, ten others have
// 1,000 each behind them: the ten are done as fast as without the first.
func TestBlockedDestinationHoldsUpNobody(t *testing.T) {
	blocked := 100_000
	if brief() {
		blocked = 20_000 // still twice what may be in flight
	}
	alone := timeOfTen(t, 0)
	behind := timeOfTen(t, blocked)
	t.Logf("ten destinations of 1,000 messages: %v alone, %v behind %d blocked ones", alone, behind, blocked)
	if behind > alone+alone/10 {
		t.Errorf("took %v behind a blocked destination, %v without it", behind, alone)
	}
}

// timeOfTen returns the virtual time until ten destinations have their mail.
func timeOfTen(t *testing.T, blocked int) (took time.Duration) {
	refuse := smtptest.Rules(smtptest.Rule{Stage: smtptest.StageRcpt, Recipient: "@blocked.example", Fault: smtptest.Fault{Reply: "450 4.7.1 too much mail, rate limited"}})
	receiver := smtptest.Config{Fault: refuse, Latency: 5 * time.Millisecond, StatsOnly: true}
	inWorld(t, receiver, func(t *testing.T, srv *smtptest.Server) {
		s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
		seqs := []iter.Seq[Message]{newsletter(blocked, "blocked.example")}
		for i := range 10 {
			seqs = append(seqs, newsletter(1000, fmt.Sprintf("d%d.example", i)))
		}
		done := make(chan struct{})
		left, heldMost := 10_000, 0
		go func() {
			_ = s.SendAll(t.Context(), chain(seqs...), func(r *Result) {
				if r.Delivered() {
					if left--; left == 0 {
						close(done)
					}
				}
			})
		}()
		start := time.Now()
		<-done
		took = time.Since(start)
		heldMost = s.sched.Stats(time.Now()).Held
		var mem runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&mem)
		t.Logf("%d blocked: %v, heap %d MiB, %d held rendered", blocked, took, mem.HeapAlloc>>20, heldMost)
		if heldMost > defaultMaxHeld {
			t.Errorf("%d messages are held rendered", heldMost)
		}
	})
	return took
}

// A message given singly does not wait behind a newsletter to the same
// destination.
func TestSingleGoesBeforeBulk(t *testing.T) {
	waiting := 100_000
	if brief() {
		waiting = 20_000
	}
	receiver := smtptest.Config{Limits: smtptest.Limits{MessageRate: smtptest.Rate{Count: 10, Burst: 5}}, StatsOnly: true}
	inWorld(t, receiver, func(t *testing.T, srv *smtptest.Server) {
		s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
		var sent int
		go func() {
			_ = s.SendAll(t.Context(), newsletter(waiting, "x.example"), func(r *Result) {
				if r.Delivered() {
					sent++
				}
			})
		}()
		time.Sleep(time.Minute)
		synctest.Wait()
		before := srv.Stats().Messages
		if _, err := s.SendMail(t.Context(), newMsg(t, "reset@x.example")); err != nil {
			t.Fatal(err)
		}
		if turns := srv.Stats().Messages - before; turns > 5 {
			t.Errorf("the single message went after %d others", turns-1)
		}
	})
}
