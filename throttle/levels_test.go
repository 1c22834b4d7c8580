package throttle

import (
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// TestLevelOfAnEndpoint: endpoints share only with those of their own level.
func TestLevelOfAnEndpoint(t *testing.T) {
	named := func(names ...string) (hops []*hop[string]) {
		for _, name := range names {
			e := &endpoint[string]{}
			e.name = name
			hops = append(hops, &hop[string]{e: e})
		}
		return hops
	}
	p := &path[string]{levels: [][]*hop[string]{named("a"), named("b", "c"), named("d", "e", "f"), named("g")}}
	want := map[string]string{"a": "", "b": "bc", "c": "bc", "d": "def", "e": "def", "f": "def", "g": ""}
	for _, hops := range p.levels {
		for _, h := range hops {
			got := ""
			for _, other := range p.level(h.e) {
				got += other.e.name
			}
			if got != want[h.e.name] {
				t.Errorf("%s shares with %q, want %q", h.e.name, got, want[h.e.name])
			}
		}
	}
	if got := p.level(&endpoint[string]{}); got != nil {
		t.Errorf("an endpoint of no level shares with %d", len(got))
	}
}

// TestConnectionsAtFirst: where a number of connections was chosen, for all endpoints
// or for one, several are opened at once; without one it is found out.
func TestConnectionsAtFirst(t *testing.T) {
	for _, tt := range []struct {
		name string
		all  Limits
		own  Limits
		few  bool
	}{
		{"chosen for it", Limits{}, Limits{Connections: 20}, false},
		{"chosen for all", Limits{Connections: 20}, Limits{MessagesPerConnection: 7}, false},
		{"chosen for both", Limits{Connections: 20}, Limits{Connections: 30}, false},
		{"not chosen", Limits{}, Limits{MessagesPerConnection: 7}, true},
	} {
		r := newRig(t, Config{Endpoint: tt.all, Destination: unlimited})
		if err := r.s.SetEndpoint(r.now, "relay", tt.own); err != nil {
			t.Fatal(err)
		}
		for range 40 {
			r.push("d", "x")
		}
		n := 0
		for c, _ := r.s.Open(r.now, "relay"); c != nil && n < 40; c, _ = r.s.Open(r.now, "relay") {
			n++
		}
		if tt.few != (n < mostAtFirst) || !tt.few && n != mostAtFirst {
			t.Errorf("%s: %d are opened at once, want %d, or fewer when nothing was chosen", tt.name, n, mostAtFirst)
		}
	}
}

// TestASenderThatIsAcceptedAgainIsForgotten: an endpoint remembers only senders whose
// refusals still count.
func TestASenderThatIsAcceptedAgainIsForgotten(t *testing.T) {
	r := newRig(t, wide())
	c := r.open("relay")
	refused := func(n int) {
		for range n {
			r.job(Job[string]{Destination: "d", Value: "bad", Sender: "bad"})
			r.blame(r.grant(c, "bad"), classify.StageMail)
		}
	}
	for range 2 {
		r.job(Job[string]{Destination: "d", Value: "good", Sender: "good"})
		r.exchange(c, "good")
	}
	refused(1)
	if r.endpoint("relay").bySender["bad"] == nil {
		t.Fatal("a refusal of the sender is not remembered")
	}
	for range 200 {
		r.pass(time.Second)
		r.job(Job[string]{Destination: "d", Value: "bad", Sender: "bad"})
		r.exchange(c, "bad")
	}
	if r.endpoint("relay").bySender["bad"] != nil {
		t.Error("a sender that is accepted again and again is remembered")
	}
}
