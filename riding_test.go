package smtpace

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/smtpace/smtpace/smtptest"
)

// mortal is a receiver whose process dies at a part of the commands, the dot included,
// with the replies that it has not sent.
type mortal struct {
	mu     sync.Mutex
	random *rand.Rand
	part   float64
	stages map[smtptest.Stage]bool
	deaths int
	dots   int // deaths at a dot
}

func (m *mortal) fault(ev smtptest.Event) *smtptest.Fault {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.stages[ev.Stage] || m.random.Float64() >= m.part {
		return nil
	}
	m.deaths++
	if ev.Stage == smtptest.StageDot {
		m.dots++
	}
	return &smtptest.Fault{Silent: true, Stored: true, End: smtptest.Kill}
}

// TestFollowersDoNotMultiplyCopies sends 600 messages over 4 connections to a receiver
// whose connections break. Only those whose dot it was need be ambiguous; with an
// envelope behind every dot almost every lost connection makes one so.
func TestFollowersDoNotMultiplyCopies(t *testing.T) {
	all := map[smtptest.Stage]bool{smtptest.StageMail: true, smtptest.StageRcpt: true, smtptest.StageData: true, smtptest.StageDot: true}
	for _, tt := range []struct {
		name   string
		stages map[smtptest.Stage]bool
		config Config
		most   float64 // further ambiguous tries for each lost connection
	}{
		{"at any command", all, Config{}, 0.08},
		{"at MAIL", map[smtptest.Stage]bool{smtptest.StageMail: true}, Config{}, 0.2}, // 13 are lost, 2 or 3 of them with an envelope
		{"without followers", all, Config{NoFollowers: true}, 0},
	} {
		ambiguous, deaths, dots := 0, 0, 0
		for seed := range uint64(5) {
			t.Run(fmt.Sprint(tt.name, "/", seed), func(t *testing.T) {
				m := &mortal{random: rand.New(rand.NewPCG(seed, 0)), part: 0.02, stages: tt.stages}
				inWorld(t, smtptest.Config{ServiceTime: time.Millisecond, Latency: time.Millisecond, Fault: m.fault}, func(t *testing.T, srv *smtptest.Server) {
					ambiguous += sendToMortal(t, srv, tt.config)
				})
				deaths, dots = deaths+m.deaths, dots+m.dots
			})
		}
		further := float64(ambiguous-dots) / float64(deaths)
		t.Logf("%s: %d lost connections, %d at a dot, %d ambiguous tries: %.3f further for each", tt.name, deaths, dots, ambiguous, further)
		if deaths < 40 || further > tt.most {
			t.Errorf("%s: %.3f further ambiguous tries for each of %d lost connections, want at most %v", tt.name, further, deaths, tt.most)
		}
	}
}

// sendToMortal sends 600 messages and returns the number of ambiguous tries.
func sendToMortal(t *testing.T, srv *smtptest.Server, config Config) (ambiguous int) {
	relay := relayTo(srv)
	relay.Limits.Connections = 4
	config.Relays = []Relay{relay}
	s := newSender(t, config)
	var got results
	for i := range 600 {
		if _, err := s.Submit(t.Context(), rendered(fmt.Sprint(i), fmt.Sprintf("u%d@receiver.test", i)), got.done); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(24 * time.Hour)
	got.mu.Lock()
	for _, r := range got.by {
		ambiguous += r.Recipients[0].Ambiguous
	}
	got.mu.Unlock()
	if got.count(Delivered)+got.count(Unknown) != 600 {
		t.Errorf("%d delivered, %d unknown of 600", got.count(Delivered), got.count(Unknown))
	}
	return ambiguous
}

// unready is a receiver that takes no command which was sent before its reply to the
// dot, as servers do that fear a message smuggled in. The reply to MAIL is its answer to
// what came too soon.
type unready struct {
	reply   string
	mu      sync.Mutex
	dots    map[int]time.Time // the times of the last dots, by connection
	refused int
}

func (u *unready) fault(ev smtptest.Event) *smtptest.Fault {
	u.mu.Lock()
	defer u.mu.Unlock()
	switch ev.Stage {
	case smtptest.StageDot:
		u.dots[ev.Conn] = ev.Time
	case smtptest.StageMail: // one that waited for the reply comes a round trip later
		if dot, ok := u.dots[ev.Conn]; ok && ev.Time.Sub(dot) < 2*unreadyLatency {
			u.refused++
			return &smtptest.Fault{Reply: u.reply}
		}
	}
	return nil
}

const unreadyLatency = 5 * time.Millisecond

// TestServersThatTakeNothingBehindADot refuse the envelope there, and that costs no
// message anything: it goes again at once, nothing rides any more, and no limit is
// inferred from it.
func TestServersThatTakeNothingBehindADot(t *testing.T) {
	for _, reply := range []string{
		"503 Bad sequence of commands - pipelined after end of DATA",
		"503 5.5.0 Error: improper command pipelining",
		"554 SMTP synchronization error",
		"500 5.5.1 Command unrecognized",
	} {
		t.Run(reply, func(t *testing.T) {
			u := &unready{reply: reply, dots: map[int]time.Time{}}
			inWorld(t, smtptest.Config{Latency: unreadyLatency, Fault: u.fault}, func(t *testing.T, srv *smtptest.Server) {
				relay := relayTo(srv)
				relay.Limits.Connections = 4
				s := newSender(t, Config{Relays: []Relay{relay}})
				var got results
				begin := time.Now()
				for i := range 1000 {
					if _, err := s.Submit(t.Context(), rendered(fmt.Sprint(i), fmt.Sprintf("u%d@receiver.test", i)), got.done); err != nil {
						t.Fatal(err)
					}
				}
				for got.count(Delivered) < 1000 && time.Since(begin) < time.Hour {
					time.Sleep(100 * time.Millisecond)
				}
				took := time.Since(begin)
				if n := got.count(Delivered); n != 1000 || took > 20*time.Second {
					t.Errorf("%d of 1000 messages were delivered in %v, want all in 20 s at most", n, took)
				}
				for id, r := range got.by {
					if n := r.Recipients[0].Attempts; n > 1 {
						t.Errorf("message %v took %d attempts", id, n)
					}
				}
				if u.refused > 16 {
					t.Errorf("%d envelopes were refused behind a dot, want a few", u.refused)
				}
				if p := s.Stats().Relays[0]; p.Opened > 20 || p.Inferred != "" || p.MessageRate != "" {
					t.Errorf("%d connections, inferred %q, rate %q", p.Opened, p.Inferred, p.MessageRate)
				}
			})
		})
	}
}
