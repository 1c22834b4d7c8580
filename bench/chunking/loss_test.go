package main

import "testing"

// What is ambiguous when a connection is lost: with DATA no more than the
// message whose dot was written, with BDAT no more than was unanswered.
func TestLose(t *testing.T) {
	const runs = 8
	for _, sc := range scenarios {
		for _, w := range ways {
			if !sc.busy && w.unanswered > 1 {
				continue
			}
			c, err := sc.lose(w, runs)
			if err != nil {
				t.Fatalf("%s, %s: %v", sc.name, w.name, err)
			}
			if most := runs * max(w.unanswered, 1); c.ambiguous > most {
				t.Errorf("%s, %s: %d messages ambiguous, want at most %d", sc.name, w.name, c.ambiguous, most)
			}
			if w.unanswered == 0 && sc.policy.refuses != "" && c.ambiguous != 0 {
				t.Errorf("%s: %d messages ambiguous whose dot was never written", sc.name, c.ambiguous)
			}
		}
	}
}

func TestCount(t *testing.T) {
	for _, test := range []struct {
		name   string
		s      sender
		stored int
		want   lossCount
		fails  bool
	}{
		{"all confirmed", sender{out: 3, stored: 3}, 3, lossCount{}, false},
		{"one arrived, its reply did not", sender{out: 3, stored: 2}, 3, lossCount{1, 1}, false},
		{"one did not arrive", sender{out: 3, stored: 2}, 2, lossCount{1, 0}, false},
		{"the refusal was heard", sender{out: 3, stored: 2, refused: 1}, 2, lossCount{}, false},
		{"a refusal before anything was out", sender{refused: 1}, 0, lossCount{}, false},
		{"stored but never written", sender{out: 2, stored: 2}, 3, lossCount{}, true},
		{"confirmed but not stored", sender{out: 2, stored: 2}, 1, lossCount{}, true},
	} {
		got, err := count(&test.s, test.stored)
		if (err != nil) != test.fails || err == nil && got != test.want {
			t.Errorf("%s: %+v, %v; want %+v, an error: %t", test.name, got, err, test.want, test.fails)
		}
	}
}
