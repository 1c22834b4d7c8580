package smtpace

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smtpace/smtpace/smtptest"
)

// sized returns n messages of so many bytes to one domain. Their line ends have
// to be corrected, so that a copy is held of each rendered one.
func sized(n, bytes int, domain string) iter.Seq[Message] {
	line := strings.Repeat("x", 76) + "\n"
	data := []byte("From: from@sender.example\nSubject: m\n\n" + strings.Repeat(line, max(bytes/len(line), 1)))
	return func(yield func(Message) bool) {
		for i := range n {
			m := Message{
				From: "from@sender.example", To: []string{fmt.Sprintf("u%d@%s", i, domain)}, ID: domain,
				Data: data,
			}
			if !yield(m) {
				return
			}
		}
	}
}

// refusing puts off all mail to domains that begin with "blocked".
func refusing() smtptest.Config {
	return smtptest.Config{Latency: 5 * time.Millisecond, StatsOnly: true, Fault: func(ev smtptest.Event) *smtptest.Fault {
		if ev.Stage == smtptest.StageRcpt && strings.Contains(ev.Recipient, "@blocked") {
			return &smtptest.Fault{Reply: "451 4.3.0 not now"}
		}
		return nil
	}}
}

// However many destinations accept nothing and fill what they can, mail to
// another goes as fast as without them.
func TestBlockedDestinationsHoldUpNobody(t *testing.T) {
	counts := []int{1, 2, 10, 100}
	if brief() {
		counts = []int{2, 100}
	}
	for _, bytes := range []int{1 << 10, 100 << 10} {
		for way, send := range map[string]func(*testing.T, *Sender, iter.Seq[Message], func(*Result)){"Submit": submitAll, "SendAll": sendAll} {
			t.Run(fmt.Sprintf("%s, %d KiB", way, bytes>>10), func(t *testing.T) {
				alone := timeOfGood(t, 0, bytes, send)
				for _, blocked := range counts {
					if behind := timeOfGood(t, blocked, bytes, send); behind > alone+alone/10 {
						t.Errorf("took %v with %d blocked destinations, %v without", behind, blocked, alone)
					}
				}
			})
		}
	}
}

// submitAll gives each message from a goroutine of its own, as many callers do.
func submitAll(t *testing.T, s *Sender, messages iter.Seq[Message], done func(*Result)) {
	for m := range messages {
		go func() {
			if _, err := s.Submit(t.Context(), m, done); err != nil && !errors.Is(err, ErrClosed) && t.Context().Err() == nil {
				t.Error(err)
			}
		}()
	}
}

func sendAll(t *testing.T, s *Sender, messages iter.Seq[Message], done func(*Result)) {
	go func() { _ = s.SendAll(t.Context(), messages, done) }()
}

// timeOfGood returns the virtual time of 500 messages to a healthy destination,
// when others have filled what they can. The bounds are small, for the sake of
// the test's own memory.
func timeOfGood(t *testing.T, blocked, bytes int, send func(*testing.T, *Sender, iter.Seq[Message], func(*Result))) (took time.Duration) {
	const places = 12_000
	inWorld(t, refusing(), func(t *testing.T, srv *smtptest.Server) {
		cfg := Config{
			Relays: []Relay{relayTo(srv)}, MaxQueued: places, MaxQueuedBytes: int64(places * bytes), BulkPatience: time.Second,
			MaxHeld: 1000, MaxHeldBytes: int64(1000 * bytes),
		}
		s := newSender(t, cfg)
		for i := range blocked {
			send(t, s, sized(places/blocked+100, bytes, fmt.Sprintf("blocked%d.example", i)), nil)
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		var left atomic.Int32
		left.Store(500)
		done := make(chan struct{})
		start := time.Now()
		send(t, s, sized(500, bytes, "good.example"), func(r *Result) {
			if r.Delivered() && left.Add(-1) == 0 {
				close(done)
			}
		})
		<-done
		took = time.Since(start)
		t.Logf("%d blocked, %d bytes: %v, %d waiting, %d held", blocked, bytes, took, s.sched.Stats(time.Now()).Queued, held(s))
	})
	return took
}

// The messages of blocked destinations come first in the sequence, more of them
// than may wait, and those of another behind them.
func TestSequenceGoesOnPastABlockedDestination(t *testing.T) {
	inWorld(t, refusing(), func(t *testing.T, srv *smtptest.Server) {
		s := newSender(t, Config{Relays: []Relay{relayTo(srv)}, MaxQueued: 200, BulkPatience: time.Minute, Expiry: 3 * time.Hour})
		by, noRoom := map[any]map[Status]int{}, map[any]int{}
		start, last := time.Now(), time.Time{}
		err := s.SendAll(t.Context(), chain(sized(300, 1, "blocked1.example"), sized(300, 1, "blocked2.example"), sized(300, 1, "good.example")), func(r *Result) {
			if by[r.ID] == nil {
				by[r.ID] = map[Status]int{}
			}
			by[r.ID][r.Recipients[0].Status]++
			switch err := r.Err(); {
			case errors.Is(err, ErrNoRoom):
				noRoom[r.ID]++
			case !r.Delivered() && !(errors.Is(err, ErrExpired) && strings.Contains(err.Error(), "451 4.3.0 not now")):
				t.Errorf("%v", err) // the one that was never tried names the answer to others
			}
			if r.Delivered() {
				last = time.Now()
			}
		})
		if err != nil || by["good.example"][Delivered] != 300 {
			t.Errorf("%v: %v", err, by)
		}
		if took := last.Sub(start); took > 3*time.Minute {
			t.Errorf("the last was delivered after %v", took)
		}
		if one := by["blocked1.example"]; noRoom["blocked1.example"] < 100 || one[NotTried]+one[GaveUp]-noRoom["blocked1.example"] < 100 {
			t.Errorf("%v, %v without room", by, noRoom)
		}
	})
}

// A destination that is slow, not blocked, makes SendAll wait.
func TestSequenceWaitsForASlowDestination(t *testing.T) {
	receiver := smtptest.Config{Limits: smtptest.Limits{MessageRate: smtptest.Rate{Count: 1, Burst: 1, Per: time.Second}}, StatsOnly: true}
	inWorld(t, receiver, func(t *testing.T, srv *smtptest.Server) {
		s := newSender(t, Config{Relays: []Relay{relayTo(srv)}, MaxQueued: 30})
		pulled, most := 0, 0
		var settled atomic.Int32
		counted := func(yield func(Message) bool) {
			for m := range sized(300, 1, "slow.example") {
				pulled++
				most = max(most, pulled-int(settled.Load()))
				if !yield(m) {
					return
				}
			}
		}
		delivered := 0
		if err := s.SendAll(t.Context(), counted, func(r *Result) {
			settled.Add(1)
			if r.Delivered() {
				delivered++
			}
		}); err != nil || delivered != 300 {
			t.Errorf("%v, %d delivered", err, delivered)
		}
		if most > 31 {
			t.Errorf("%d messages were taken from the sequence that were not settled", most)
		}
	})
}

// Every message has a second recipient at a domain that cannot be reached.
func TestDeadArchiveHoldsNothing(t *testing.T) {
	inWorld(t, smtptest.Config{Latency: time.Millisecond, StatsOnly: true}, func(t *testing.T, srv *smtptest.Server) {
		dead := relayTo(srv)
		dead.Name = "archive"
		dead.DialContext = func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("refused") }
		s := newSender(t, Config{Relays: []Relay{relayTo(srv)}, MaxHeldBytes: 4 << 20, Router: RouteTable{{"archive.example", PromptRouterFunc(func(RouteRequest) (Route, error) { return Via(dead), nil })}}})
		start := time.Now()
		for i := range 10 {
			for m := range sized(50, 100<<10, fmt.Sprintf("d%d.example", i)) {
				m.To = append(m.To, "all@archive.example")
				if _, err := s.Submit(t.Context(), m, nil); err != nil {
					t.Fatal(err)
				}
			}
		}
		for srv.Stats().Messages < 500 && time.Since(start) < time.Hour {
			time.Sleep(time.Second)
		}
		within(t, start, 20*time.Second)
		time.Sleep(10 * time.Second)
		if n := heldBytes(s); n != 0 || srv.Stats().Messages != 500 {
			t.Errorf("%d bytes are held, %d of 500 delivered", n, srv.Stats().Messages)
		}
	})
}

// SendAll takes no more bytes from its sequence than may wait.
func TestSequenceIsBoundedInBytes(t *testing.T) {
	inWorld(t, refusing(), func(t *testing.T, srv *smtptest.Server) {
		s := newSender(t, Config{Relays: []Relay{relayTo(srv)}, MaxQueuedBytes: 16 << 20})
		pulled := 0
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(5*time.Minute, cancel)
		_ = s.SendAll(ctx, func(yield func(Message) bool) {
			for m := range sized(1000, 1<<20, "blocked.example") {
				pulled++
				if !yield(m) {
					return
				}
			}
		}, nil)
		if pulled < 8 || pulled > 17 {
			t.Errorf("%d messages of 1 MiB were taken, with room for 16", pulled)
		}
	})
}
