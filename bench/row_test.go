package main

import (
	"fmt"
	"testing"
	"time"
)

// Every row sends what it is told to, with no more connections than allowed,
// at both distances.
func TestRows(t *testing.T) {
	trips := []time.Duration{0, 2 * time.Millisecond}
	receiver, err := startProcess(trips)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := receiver.close(); err != nil {
			t.Errorf("the receiver ended with: %v", err)
		}
	}()
	p := plan{rounds: 2, messages: 5 * connections, near: time.Millisecond, far: time.Millisecond}
	for _, r := range rows() {
		for _, c := range cells([]int{1 << 10}, []int{1, 10}, trips) {
			t.Run(fmt.Sprintf("%s, %v", r.name, c), func(t *testing.T) {
				l, err := newLetter(c.size, c.recipients)
				if err != nil {
					t.Fatal(err)
				}
				f := &figure{}
				for round := range p.rounds {
					if err := p.measure(receiver, r, c, l, round, f); err != nil {
						t.Fatal(err)
					}
				}
				if f.messages != p.messages || len(f.rates) != p.rounds || median(f.rates) <= 0 {
					t.Errorf("%+v, want a rate of %d messages for each of %d rounds", f, p.messages, p.rounds)
				}
				if c.trip > 0 && median(f.rates) > float64(connections)/c.trip.Seconds() {
					t.Errorf("%.0f messages a second: more than one for each round trip of %v", median(f.rates), c.trip)
				}
			})
		}
	}
}

func TestSpread(t *testing.T) {
	const n = 103
	sent := [connections]int{}
	if err := spread(n, func(i int) error { sent[i]++; return nil }); err != nil {
		t.Fatal(err)
	}
	if got := sent[0] + sent[1] + sent[2] + sent[3]; got != n {
		t.Errorf("sent %d, want %d", got, n)
	}
}
