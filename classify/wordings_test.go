package classify

import (
	"os"
	"strings"
	"testing"
)

// TestWordings has replies in the words of many servers, apart from the labelled
// corpus: they keep the rules from fitting that alone. To report a reply that is
// misread, add a line.
func TestWordings(t *testing.T) {
	wordings, err := os.ReadFile("testdata/wordings.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(wordings)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		field := strings.SplitN(strings.TrimSpace(line), " ", 3)
		if len(field) != 3 {
			t.Fatalf("%q is no line of a class, a limit and a reply", line)
		}
		reply, err := ParseReply(field[2])
		if err != nil {
			t.Fatal(err)
		}
		v := Of(StageUnknown, reply)
		if v.Class.String() != field[0] || v.Limit.String() != field[1] {
			t.Errorf("%s: got %s, limit %s by %s, want %s, %s", field[2], v.Class, v.Limit, v.Rule, field[0], field[1])
		}
	}
}

// TestUnseen has replies that were written down with their labels before the
// classifier had judged them, in the languages of its lexicon. Whatever a reply
// says, a 4yz and a limit refuse nobody.
func TestUnseen(t *testing.T) {
	lines, err := os.ReadFile("testdata/unseen.tsv")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(lines)) {
		field := strings.Split(strings.TrimSpace(line), "\t")
		if len(field) != 4 {
			continue
		}
		var stage Stage
		if err := stage.UnmarshalText([]byte(field[0])); err != nil {
			t.Fatal(err)
		}
		reply, err := ParseReply(field[3])
		if err != nil {
			t.Fatal(err)
		}
		v := Of(stage, reply)
		if v.Class.String() != field[1] || v.Limit.String() != field[2] {
			t.Errorf("%s at %v: got %s, limit %s by %s, want %s, %s", field[3], stage, v.Class, v.Limit, v.Rule, field[1], field[2])
		}
		if v.Recipient == RecipientRefused && (reply.Code < 500 || v.Throttled()) {
			t.Errorf("%s at %v: refused by %s", field[3], stage, v.Rule)
		}
	}
}
