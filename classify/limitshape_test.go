package classify

import "testing"

// TestMistakesBehindAWordThatLimits has words at distances at the bounds: words may share
// the space between them, which is a distance of -1.
func TestMistakesBehindAWordThatLimits(t *testing.T) {
	for _, tt := range []struct {
		name  string
		wide  int
		words []mark
		want  bool
	}{
		{"a mistake alone", 0, []mark{{0, 5, senseMistake}}, false},
		{"right behind", 0, []mark{{0, 5, senseCap}, {5, 9, senseMistake}}, true},
		{"sharing a space", 0, []mark{{0, 5, senseCap}, {4, 9, senseMistake}}, true},
		{"overlapping", 0, []mark{{0, 5, senseCap}, {3, 9, senseMistake}}, false},
		{"18 apart", 0, []mark{{0, 5, senseCap}, {23, 30, senseMistake}}, true},
		{"19 apart", 0, []mark{{0, 5, senseCap}, {24, 30, senseMistake}}, false},
		{"36 apart, letters of two bytes", 1, []mark{{0, 5, senseCap}, {41, 50, senseMistake}}, true},
		{"37 apart, letters of two bytes", 1, []mark{{0, 5, senseCap}, {42, 50, senseMistake}}, false},
		{"something else", 0, []mark{{0, 5, senseCap}, {6, 9, senseOther}}, true},
		{"cap exceeded, sharing a space", 0, []mark{{0, 5, senseCap}, {4, 12, senseExceed}, {13, 20, senseMistake}}, false},
		{"cap exceeded, right behind", 0, []mark{{0, 5, senseCap}, {5, 12, senseExceed}, {13, 20, senseMistake}}, false},
		{"cap exceeded, 3 apart", 0, []mark{{0, 5, senseCap}, {8, 12, senseExceed}, {13, 20, senseMistake}}, false},
		{"cap exceeded, 4 apart", 0, []mark{{0, 5, senseCap}, {9, 12, senseExceed}, {13, 20, senseMistake}}, true},
		{"cap within what is exceeded", 0, []mark{{0, 5, senseCap}, {3, 12, senseExceed}, {13, 20, senseMistake}}, true},
		{"exceeded without a cap", 0, []mark{{0, 8, senseExceed}, {9, 20, senseMistake}}, true},
	} {
		s := scanOf(tt.words...)
		s.wide = tt.wide
		if got := s.limitsMistakes(); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}
