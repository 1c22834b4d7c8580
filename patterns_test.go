package smtpace

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/smtpace/smtpace/internal/race"
	"github.com/smtpace/smtpace/smtptest"
)

// pattern is a fault that a receiver has from the second second on, until an hour has
// passed.
type pattern struct {
	atOnce bool // it has the fault from the first second on

	fault func(ev smtptest.Event, dots int) *smtptest.Fault // dots: so many came, this one included
	n     int                                               // messages

	from    func(i int) string               // the sender of message i; nil leaves it to rendered
	settled func(i int, since time.Duration) // told of each message, with the time since the beginning; may be nil
}

// run sends through 10 connections, and returns what has become of it and what the
// receiver saw.
func (p pattern) run(t *testing.T) (got *results, saw smtptest.Stats, took time.Duration) {
	got = &results{}
	var mu sync.Mutex
	var start time.Time
	dots := 0
	inWorld(t, smtptest.Config{
		Latency: 5 * time.Millisecond, ServiceTime: 20 * time.Millisecond, StatsOnly: true,
		Fault: func(ev smtptest.Event) *smtptest.Fault {
			mu.Lock()
			defer mu.Unlock()
			if since := time.Since(start); since < time.Second && !p.atOnce || since > time.Hour {
				return nil
			}
			if ev.Stage == smtptest.StageDot {
				dots++
			}
			return p.fault(ev, dots)
		},
	}, func(t *testing.T, srv *smtptest.Server) {
		mu.Lock()
		start = time.Now()
		mu.Unlock()
		relay := relayTo(srv)
		relay.Limits.Connections = 10
		s := newSender(t, Config{Relays: []Relay{relay}})
		if err := s.SendAll(t.Context(), func(yield func(Message) bool) {
			for i := range p.n {
				m := rendered(fmt.Sprint(i), fmt.Sprintf("u%d@d%d.example", i, i%5))
				if m.ID = i; p.from != nil {
					m.From = p.from(i)
				}
				if !yield(m) {
					return
				}
			}
		}, func(r *Result) {
			got.done(r)
			if p.settled != nil {
				p.settled(r.ID.(int), time.Since(start))
			}
		}); err != nil {
			t.Error(err)
		}
		saw, took = srv.Stats(), time.Since(start)
	})
	return got, saw, took
}

// ambiguous returns the number of ambiguous tries.
func (r *results) ambiguous() (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, result := range r.by {
		for _, recipient := range result.Recipients {
			n += recipient.Ambiguous
		}
	}
	return n
}

// TestServersThatTakeOneMessageAConnection end the connection at the second message, at
// whatever command. That is found out, so that everything is delivered soon, and few
// dots go unanswered.
func TestServersThatTakeOneMessageAConnection(t *testing.T) {
	for _, stage := range []smtptest.Stage{smtptest.StageMail, smtptest.StageRcpt, smtptest.StageData, smtptest.StageDot} {
		for _, end := range []smtptest.End{smtptest.Close, smtptest.Reset} {
			if race.Enabled && end != smtptest.Close {
				continue
			}
			t.Run(fmt.Sprint(stage, " ", end), func(t *testing.T) {
				p := pattern{n: 1500, fault: func(ev smtptest.Event, _ int) *smtptest.Fault {
					if ev.Stage == stage && ev.Message > 1 {
						return &smtptest.Fault{Silent: true, End: end}
					}
					return nil
				}}
				got, _, took := p.run(t)
				if n := got.count(Delivered); n+got.count(Unknown) != p.n || n < p.n-40 || took > 30*time.Minute {
					t.Errorf("%d of %d were delivered in %v", n, p.n, took)
				}
				if n := got.ambiguous(); n > p.n/3 {
					t.Errorf("%d tries were ambiguous", n)
				}
			})
		}
	}
}

// TestABlockThatLetsOneInTenDotsPass: refusals for good end few recipients, and where
// the dots go unanswered few copies are made and few recipients end unknown.
func TestABlockThatLetsOneInTenDotsPass(t *testing.T) {
	for _, fault := range []smtptest.Fault{
		{Silent: true, End: smtptest.Close}, {Silent: true, Stored: true, End: smtptest.Kill},
		{Reply: "554 5.7.1 Spam"}, {Reply: "554 5.7.1 Bad reputation of your domain"}, {Reply: "554 Transaction failed"},
	} {
		t.Run(fmt.Sprintf("%s %.12s", fault.End, fault.Reply), func(t *testing.T) {
			p := pattern{n: 2000, fault: func(ev smtptest.Event, dots int) *smtptest.Fault {
				if ev.Stage != smtptest.StageDot || dots%10 == 0 {
					return nil
				}
				return &fault
			}}
			got, saw, _ := p.run(t)
			if n := got.count(Refused); n > 10 {
				t.Errorf("%d were refused", n)
			}
			if n := got.count(Refused) + got.count(Unknown); got.count(Delivered)+n != p.n || n > 40 {
				t.Errorf("%d delivered, %d refused or unknown of %d", got.count(Delivered), n, p.n)
			}
			if n := got.ambiguous(); n > 200 || fault.Silent && saw.Connections > 300 {
				t.Errorf("%d tries were ambiguous, on %d connections", n, saw.Connections)
			}
		})
	}
}
