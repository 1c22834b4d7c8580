package classify

import "testing"

// TestMistakesBehindAWordThatLimits has words at distances at the bounds: words may share
// the space between them, which is a distance of -1.
func TestMistakesBehindAWordThatLimits(t *testing.T) {
	type word struct {
		sense    sense
		from, to uint16
	}
	for _, tt := range []struct {
		name  string
		wide  int
		words []word
		want  bool
	}{
		{"a mistake alone", 0, []word{{senseMistake, 0, 5}}, false},
		{"right behind", 0, []word{{senseCap, 0, 5}, {senseMistake, 5, 9}}, true},
		{"sharing a space", 0, []word{{senseCap, 0, 5}, {senseMistake, 4, 9}}, true},
		{"overlapping", 0, []word{{senseCap, 0, 5}, {senseMistake, 3, 9}}, false},
		{"18 apart", 0, []word{{senseCap, 0, 5}, {senseMistake, 23, 30}}, true},
		{"19 apart", 0, []word{{senseCap, 0, 5}, {senseMistake, 24, 30}}, false},
		{"36 apart, letters of two bytes", 1, []word{{senseCap, 0, 5}, {senseMistake, 41, 50}}, true},
		{"37 apart, letters of two bytes", 1, []word{{senseCap, 0, 5}, {senseMistake, 42, 50}}, false},
		{"something else", 0, []word{{senseCap, 0, 5}, {senseOther, 6, 9}}, true},
		{"cap exceeded, sharing a space", 0, []word{{senseCap, 0, 5}, {senseExceed, 4, 12}, {senseMistake, 13, 20}}, false},
		{"cap exceeded, right behind", 0, []word{{senseCap, 0, 5}, {senseExceed, 5, 12}, {senseMistake, 13, 20}}, false},
		{"cap exceeded, 3 apart", 0, []word{{senseCap, 0, 5}, {senseExceed, 8, 12}, {senseMistake, 13, 20}}, false},
		{"cap exceeded, 4 apart", 0, []word{{senseCap, 0, 5}, {senseExceed, 9, 12}, {senseMistake, 13, 20}}, true},
		{"cap within what is exceeded", 0, []word{{senseCap, 0, 5}, {senseExceed, 3, 12}, {senseMistake, 13, 20}}, true},
		{"exceeded without a cap", 0, []word{{senseExceed, 0, 8}, {senseMistake, 9, 20}}, true},
	} {
		s := &scan{wide: tt.wide, marked: len(tt.words)}
		for i, w := range tt.words {
			s.marks[i] = mark{from: w.from, to: w.to, sense: w.sense}
		}
		if got := s.limitsMistakes(); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}
