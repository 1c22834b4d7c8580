package classify

import (
	"strings"
	"testing"
)

func TestParseReply(t *testing.T) {
	tests := []struct{ name, line, want string }{
		{"plain", "550 5.1.1 User unknown", "550 5.1.1 User unknown"},
		{"a code alone", "550", "550"},
		{"a colon", "550: no", "550 no"},
		{"blanks around", " 421 too busy\r\n", "421 too busy"},
		{"lines", "550-5.1.1 one\n550 5.1.1 two", "550 5.1.1 one two"},
		{"lines of a log", "550-5.1.1 one 550-5.1.1 two 550 5.1.1 three", "550 5.1.1 one two three"},
		{"a number that is no code", "550 over 550 messages", "550 over 550 messages"},
		{"a first line alone", "550-5.7.1 listed", "550 5.7.1 listed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, err := ParseReply(tt.line)
			if err != nil {
				t.Fatal(err)
			}
			if got := r.Error(); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
	for _, line := range []string{"", "55", "5500 no", "no 550", "199 x", "600 x", "5x0 no", "٥٥٠ no"} {
		if r, err := ParseReply(line); err == nil || !strings.Contains(err.Error(), "200 to 599") {
			t.Errorf("%q: %v, %v, want an error that says what is right", line, r, err)
		}
	}
}

func FuzzParseReply(f *testing.F) {
	f.Add("550-5.1.1 one 550-5.1.1 two 550 5.1.1 three")
	f.Fuzz(func(t *testing.T, line string) {
		r, err := ParseReply(line)
		if (r == nil) == (err == nil) {
			t.Fatalf("%q: %v, %v", line, r, err)
		}
		if r != nil && (r.Code < 200 || r.Code > 599 || len(r.Text) > maxText) {
			t.Errorf("%q: %+v", line, r)
		}
	})
}
