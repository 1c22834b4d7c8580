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
