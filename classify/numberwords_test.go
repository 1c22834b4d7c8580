package classify

import (
	"fmt"
	"testing"
)

// TestNumbersInWords, as replies have them, alone and with a multiplier.
func TestNumbersInWords(t *testing.T) {
	for text, want := range map[string]int64{
		"one": 1, "single": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
		"eleven": 11, "twelve": 12, "fifteen": 15, "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "ninety": 90,
		"hundred": 100, "thousand": 1000,
		"un": 1, "une": 1, "ein": 1, "eine": 1, "einen": 1, "uno": 1, "una": 1, "um": 1, "uma": 1,
		"twenty one": 21, "twenty five": 25, "ninety nine": 99, "two hundred": 200, "five thousand": 5000, "two hundred fifty": 250, "hundred one": 101, "hundred twenty five": 125, "three million": 3_000_000,
		"5 hundred": 500, "5 thousand": 5000, "5 tausend": 5000, "5 mille": 5000, "5 mil": 5000, "5 mila": 5000, "5 tys": 5000, "5 тыс": 5000, "5 million": 5_000_000,
		"3千": 3000, "2万": 20_000, "2萬": 20_000, "7": 7, "7 times": 7,
	} {
		got := numbersIn(make([]number, 0, 4), fold(nil, text))
		if len(got) != 1 || got[0].value != want {
			t.Errorf("%q: got %+v, want %d", text, got, want)
		}
	}
	// Two numbers, for the second word does not go on with the first.
	for text, want := range map[string]string{
		"ten five": "[10 5]", "one million five": "[1000000 5]", "thousand five": "[1005]", "twenty ninety": "[20 90]", "five twenty": "[5 20]", "twenty ten": "[20 10]", "two hundred thousand": "[200000]", "hundred sixty": "[160]", "hundred hundred": "[10000]",
	} {
		var got []int64
		for _, n := range numbersIn(make([]number, 0, 4), fold(nil, text)) {
			got = append(got, n.value)
		}
		if fmt.Sprint(got) != want {
			t.Errorf("%q: got %v, want %s", text, got, want)
		}
	}
	for _, text := range []string{"", "once", "oneness", "tenfold", "none", "seventh", "hundreds", "seventeenth"} {
		if got := numbersIn(make([]number, 0, 4), fold(nil, text)); len(got) != 0 {
			t.Errorf("%q: got %+v, want no number", text, got)
		}
	}
}

// TestManyTextsWithGaps: a reply may have the ends of more of them than are kept. The
// first rule whose fragments stand in order is found all the same.
func TestManyTextsWithGaps(t *testing.T) {
	for _, n := range []int{maxClosings - 1, maxClosings, maxClosings + 1, 2 * maxClosings} {
		var rules []Rule
		words := ""
		for i := range n {
			rules = append(rules, Rule{
				Name: fmt.Sprint("rule-", i), Contains: []string{fmt.Sprintf("zebra*word%dx", i)}, Class: ClassPolicy,
				Matches: []string{fmt.Sprintf("550 zebra word%dx", i)}, Rejects: []string{fmt.Sprintf("550 word%dx zebra", i)},
			})
			words += fmt.Sprintf(" word%dx", i)
		}
		c, err := New(rules...)
		if err != nil {
			t.Fatal(err)
		}
		for text, want := range map[string]string{
			"zebra" + words:                             "rule-0",
			words + " zebra":                            "",
			words + " zebra word7x":                     "rule-7",
			words + " zebra word20x":                    "rule-20",
			fmt.Sprintf("%s zebra word%dx", words, n-1): fmt.Sprint("rule-", n-1),
		} {
			got := c.Of(Input{Stage: StageRcpt}, NewReply(550, text)).Rule
			if want != "" && got != want || want == "" && len(got) > 4 && got[:5] == "rule-" {
				t.Errorf("%d texts: %.20q...: got %q, want %q", n, text, got, want)
			}
		}
	}
}
