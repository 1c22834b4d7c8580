package main

import (
	"testing"
	"time"
)

// Every way delivers every message, and as many replies are read as come.
func TestWaysDeliver(t *testing.T) {
	for _, w := range ways {
		t.Run(w.name, func(t *testing.T) {
			for _, l := range letters {
				r, err := newReceiver(policy{})
				if err != nil {
					t.Fatal(err)
				}
				defer r.close()
				s, err := dial(r.addr(), l.letter, false)
				if err != nil {
					t.Fatal(err)
				}
				defer s.conn.Close()
				left := 21
				if err := s.run(w, func() bool { left--; return left >= 0 }); err != nil {
					t.Fatal(err)
				}
				if s.out != 21 || s.stored != 21 || s.refused != 0 || r.stored.Load() != 21 {
					t.Errorf("%s: %d written, %d confirmed, %d refused, %d stored; want 21, 21, 0, 21",
						l.name, s.out, s.stored, s.refused, r.stored.Load())
				}
				if err := s.close(); err != nil {
					t.Errorf("%s: a reply is left, or missing: %v", l.name, err)
				}
			}
		})
	}
}

// One message on a resting connection takes as many round trips as the program
// says.
func TestRoundTrips(t *testing.T) {
	const trip = 40 * time.Millisecond
	r, err := newReceiver(policy{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()
	p, err := newProxy(r.addr(), trip/2, false)
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	s, err := dial(p.addr(), letters[0].letter, false)
	if err != nil {
		t.Fatal(err)
	}
	defer s.conn.Close()
	for i, want := range []time.Duration{2 * trip, trip} {
		start := time.Now()
		if err := s.run(ways[i], once()); err != nil {
			t.Fatal(err)
		}
		// A machine that is busy takes longer; none takes less.
		if took := time.Since(start); took < want {
			t.Errorf("%s: %v, want %v or more", ways[i].name, took, want)
		}
	}
}

// A refusal ends a run, and only the messages under way are sent in vain.
func TestRefuse(t *testing.T) {
	l := newLetter(1<<10, 1)
	for _, verb := range []string{"MAIL", "RCPT"} {
		for _, w := range ways {
			refused, bytes, err := refuse(w, verb, l)
			if err != nil {
				t.Fatalf("%s, %s: %v", verb, w.name, err)
			}
			wantRefused, wantBytes := w.unanswered, w.unanswered*len(l.reset)
			switch w.unanswered {
			case 0:
				wantRefused, wantBytes = 1, len(l.envelope)
			case 1:
				wantBytes = len(l.chunk)
			}
			if refused != wantRefused || bytes != wantBytes {
				t.Errorf("%s, %s: %d refused, %d bytes in vain; want %d, %d", verb, w.name, refused, bytes, wantRefused, wantBytes)
			}
		}
	}
}
