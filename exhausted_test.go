package smtpace

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smtpace/smtpace/internal/race"
	"github.com/smtpace/smtpace/smtptest"
)

// inTwoRelays runs a test with a Sender that prefers the first of two receivers.
func inTwoRelays(t *testing.T, first, second smtptest.Config, test func(t *testing.T, s *Sender, a, b *smtptest.Server)) {
	synctest.Test(t, func(t *testing.T) {
		for _, cfg := range []*smtptest.Config{&first, &second} {
			cfg.InMemory, cfg.Latency, cfg.ServiceTime = true, 5*time.Millisecond, 20*time.Millisecond
		}
		a, b := smtptest.NewServer(first), smtptest.NewServer(second)
		defer a.Close()
		defer b.Close()
		ra, rb := relayTo(a), relayTo(b)
		ra.Name, rb.Name = "first", "second"
		test(t, newSender(t, Config{Relays: []Relay{ra, rb}}), a, b)
	})
}

// TestAnExhaustedRelayIsRelieved: where a relay refuses everything for a limit, at
// whatever stage, the next one takes over after some minutes, and the first one has its
// mail back when it is well. It is asked seldom meanwhile.
func TestAnExhaustedRelayIsRelieved(t *testing.T) {
	const block = 2 * time.Hour
	for _, reply := range []string{"450 4.7.1 too much mail", "421 4.7.0 too many connections", "421 4.7.28 rate limited"} {
		for _, stage := range []smtptest.Stage{smtptest.StageConnect, smtptest.StageHelo, smtptest.StageMail, smtptest.StageRcpt, smtptest.StageData, smtptest.StageDot} {
			for _, domains := range []int{1, 30} {
				if brief() && (domains == 1) != (stage == smtptest.StageMail) {
					continue
				}
				t.Run(fmt.Sprintf("%s at %s, %d domains", reply, stage, domains), func(t *testing.T) {
					start := time.Now()
					fault := func(ev smtptest.Event) *smtptest.Fault {
						if ev.Stage != stage || time.Since(start) > block {
							return nil
						}
						f := &smtptest.Fault{Reply: reply}
						if reply[:3] == "421" {
							f.End = smtptest.Close
						}
						return f
					}
					inTwoRelays(t, smtptest.Config{Fault: fault}, smtptest.Config{}, func(t *testing.T, s *Sender, a, b *smtptest.Server) {
						start = time.Now()
						testRelieved(t, s, a, b, domains, start.Add(block))
					})
				})
			}
		}
	}
}

func testRelieved(t *testing.T, s *Sender, a, b *smtptest.Server, domains int, end time.Time) {
	var got results
	send := func(from, n int) {
		for i := range n {
			if _, err := s.Submit(t.Context(), rendered(fmt.Sprint(from+i), fmt.Sprintf("u%d@d%d.example", i, i%domains)), got.done); err != nil {
				t.Fatal(err)
			}
		}
	}
	send(0, 300)
	time.Sleep(10 * time.Minute)
	if n := got.count(Delivered); n != 300 {
		t.Errorf("%d of 300 are delivered after 10 minutes", n)
	}
	sent := 300
	for ; time.Until(end) > -30*time.Minute; sent++ { // a little mail, so that the relay is probed
		send(sent, 1)
		time.Sleep(30 * time.Second)
	}
	if n := got.count(Delivered); n < sent-10 {
		t.Errorf("%d of %d are delivered in the end", n, sent)
	}
	if n := a.Stats().Connections + a.Stats().Mails; n > 900 {
		t.Errorf("the relay that refused everything had %d connections and MAILs", n)
	}
	through := 100
	for range 3 { // the first mail is the probe, and the second relay is open already
		before := b.Stats().Messages
		send(sent, 100)
		sent += 100
		time.Sleep(10 * time.Minute)
		through = b.Stats().Messages - before
	}
	if through > 50 {
		t.Errorf("%d of 100 go through the second relay though the first one is well", through)
	}
}

// TestARelayWithinItsLimitIsNotExhausted: windows of a second or a minute are waited for,
// and the next relay has nothing to carry.
func TestARelayWithinItsLimitIsNotExhausted(t *testing.T) {
	for name, rate := range map[string]smtptest.Rate{
		"2/s":                   {Count: 2, Per: time.Second},
		"30 in each minute":     {Count: 30, Per: time.Minute, Sliding: true},
		"30 a fixed minute":     {Count: 30, Per: time.Minute, Window: true},
		"one every half minute": {Count: 2, Per: time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			inTwoRelays(t, smtptest.Config{Limits: smtptest.Limits{MessageRate: rate}}, smtptest.Config{}, func(t *testing.T, s *Sender, a, b *smtptest.Server) {
				var got results
				for m := range newsletter(200, "x.example") {
					if _, err := s.Submit(t.Context(), m, got.done); err != nil {
						t.Fatal(err)
					}
				}
				time.Sleep(3 * time.Hour)
				if n := got.count(Delivered); n != 200 || b.Stats().Messages > 0 {
					t.Errorf("%d of 200 are delivered, %d by the second relay", n, b.Stats().Messages)
				}
			})
		})
	}
}

// TestAToldQuotaMovesMail: a relay that says that the quota of a day or an hour is used up
// is asked seldom, and the next relay carries its mail meanwhile.
func TestAToldQuotaMovesMail(t *testing.T) {
	const block = 6 * time.Hour
	for _, reply := range []string{
		"454 4.7.0 Throttling failure: Daily message quota exceeded", "550 5.4.5 Daily user sending quota exceeded", "452 4.3.1 Hourly sending limit of your account exceeded, try again in 1 hour",
	} {
		for _, stage := range []smtptest.Stage{smtptest.StageMail, smtptest.StageRcpt, smtptest.StageDot} {
			for _, domains := range []int{1, 30} {
				if race.Enabled && (domains == 1) != (stage == smtptest.StageMail) {
					continue
				}
				if domains == 1 && !strings.Contains(reply, "user") && !strings.Contains(reply, "account") {
					continue // two relays of one destination may be its MX hosts, and the quota that of the destination
				}
				t.Run(fmt.Sprintf("%s at %s, %d domains", reply, stage, domains), func(t *testing.T) {
					start, taken := time.Now(), new(atomic.Int64)
					fault := func(ev smtptest.Event) *smtptest.Fault {
						if ev.Stage != stage || time.Since(start) > block {
							return nil
						}
						if taken.Add(1) <= 100 {
							return nil
						}
						return &smtptest.Fault{Reply: reply}
					}
					inTwoRelays(t, smtptest.Config{Fault: fault}, smtptest.Config{}, func(t *testing.T, s *Sender, a, b *smtptest.Server) {
						start = time.Now()
						testRelieved(t, s, a, b, domains, start.Add(block))
					})
				})
			}
		}
	}
}
