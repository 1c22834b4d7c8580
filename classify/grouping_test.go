package classify

import "testing"

// Commas within a number group its digits or stand for a decimal point; those of lists
// stay blanks, and a slash before a unit of time is "per".
func TestFoldedNumbers(t *testing.T) {
	for text, want := range map[string]string{
		"12,345 x":                  " 12345 x ",
		"1,000,000":                 " 1000000 ",
		"1,5 MB":                    " 1.5 mb ",
		"(0,25)":                    " 0.25 ",
		"1,2,3":                     " 1 2 3 ",
		"1234,567":                  " 1234 567 ",
		"192.0.2.10,192.0.2.11":     " 192.0.2.10 192.0.2.11 ",
		"4.7.0,100":                 " 4.7.0 100 ",
		"a1,000":                    " a1 000 ",
		"10, 20":                    " 10 20 ",
		"msgs/day":                  " msgs per day ",
		"mails/30s.":                " mails per 30s ",
		"mails/daily":               " mails/daily ",
		"ip/domain":                 " ip/domain ",
		"x/day":                     " x/day ",
		"example.com/day":           " example.com/day ",
		"https://example.com/a/day": " https example.com/a/day ",
		"msgs/day/ip":               " msgs/day/ip ",
		"msgs/day.html":             " msgs/day.html ",
	} {
		if got := string(fold(nil, text)); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}
