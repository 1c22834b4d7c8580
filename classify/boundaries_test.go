package classify

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wneessen/go-mail"
)

// Numbers at the bounds of what they may look like.
func TestNumbersAtTheirBounds(t *testing.T) {
	q := func(n int) string { return strings.Repeat("q", n) }
	for text, want := range map[string]string{
		" 1.5":                      "[1]", // at the end of a text
		" 1.999 ":                   "[1999]",
		" 1.1000 mb ":               "[]", // no thousandths, but a version
		" 1.1001 mb ":               "[]",
		" 1.5 mb ":                  "[1572864]",
		" 100 000 000 ":             "[100000000]",
		" 100 000 000 000 ":         "[100000000]",
		" 1 000 ":                   "[1000]",
		" 1 400 ":                   "[1 400]",
		" 1 300 ":                   "[1300]",
		" 002 ":                     "[]",
		" 0 ":                       "[0]",
		" 999999999 ":               "[999999999]",
		" 1000000000 ":              "[0]",
		" 301/1 ":                   "[1]",
		" 301/0 ":                   "[301]",
		" 300/300 100 ":             "[300]",
		" 300/300 999 ":             "[300]",
		" 300/300 1000 ":            "[300 1000]",
		" 300/300 q 100 ":           "[300 100]",
		" 10 per 5m ":               "[10/5m0s]",
		" 10 per 1000s ":            "[10/16m40s]",
		" 10 per 1001s ":            "[10/16m40s]",
		" 10 each 1h ":              "[10/1h0m0s]",
		" 10 every 2h ":             "[10/2h0m0s]",
		" 10 in 2h ":                "[10]",
		" 60/60s ":                  "[60/1m0s]",
		" 60/1001s ":                "[60/16m40s]",
		" x10 ":                     "[]",
		" a.10 20 ":                 "[20]",
		" ten ":                     "[10]",
		" twenty ":                  "[20]",
		" hundred ":                 "[100]",
		" hundreds ":                "[]",
		" one two three four ":      "[1 2 3 4]",
		" five six fifty un ":       "[5 6 51]",
		" ten":                      "[10]",
		" 12.5.3 7 ":                "[7]",
		" 12345.6789 ":              "[]",
		" 51 of 50 ":                "[50]",
		" 10 per 5m":                "[10/5m0s]",
		" 1.":                       "[]",
		" 1.x":                      "[]",
		" 51 of 50":                 "[50]",
		" 5 kb of 4 ":               "[5120 4]",
		" 100.000.000 ":             "[100000000]",
		" 1.000.000.000 ":           "[]",
		" 1.000.000 ":               "[1000000]",
		" 1.1000x5 7 ":              "[7]",
		" 1.2.3.4 7 ":               "[7]",
		" 5 kb 5 mb 5 gb ":          "[5120 5242880 5368709120]",
		" 5 bytes 5 x ":             "[5 5]",
		" 1234.567 kb ":             "[1264196]",
		" 5 x00 ":                   "[5]",
		" 1.5 thousand ":            "[1500]",
		" 2 thousand kb ":           "[2048000]",
		" 5 kbz 5 bytez ":           "[5 5]", // of no unit
		" 10" + q(1) + " ":          "[]",
		" 10 " + q(29) + " per 1h ": "[10/1h0m0s]",
		" 10 " + q(30) + " per 1h ": "[10/1h0m0s]",
		" 10 " + q(31) + " per 1h ": "[10]",
	} {
		var room [16]number
		got := []string{}
		for _, n := range numbersIn(room[:0], []byte(text)) {
			s := fmt.Sprint(n.value)
			if n.per > 0 {
				s += "/" + n.per.String()
			}
			got = append(got, s)
		}
		if s := fmt.Sprint(got); s != want {
			t.Errorf("%q: got %s, want %s", text, s, want)
		}
	}
}

// A delay is asked for by a number right behind the word that asks.
func TestDelaysStandBehindTheWordThatAsks(t *testing.T) {
	for text, want := range map[string]time.Duration{
		" wait 5 0 for 3 minutes ": 0, " wait 5 minutes ": 5 * time.Minute, " wait for 3 minutes ": 3 * time.Minute, " wait a minute ": time.Minute,
		" wait 86399 seconds ": 86399 * time.Second, " wait 86400 seconds ": 24 * time.Hour, " wait 90000 seconds ": 24 * time.Hour, " wait 999999999 days ": 24 * time.Hour,
		" wait 1234567890 seconds ": 0, " 5 minutes ": 0, " wait 23 hours ": 23 * time.Hour, " wait 1 day ": 24 * time.Hour, " wait in 00:05:00 ": 5 * time.Minute,
		" wait for 01:00:01 ": time.Hour + time.Second, " wait at 00:05:00 ": 0, " wait in 00:05 ": 0, " wait in 0x:05:00 ": 0, " wait 0 seconds ": 0,
		" wait now 5 minutes ": 0, " wait 5 m": 5 * time.Minute,
	} {
		if got := delayHint([]byte(text)); got != want {
			t.Errorf("%q: got %v, want %v", text, got, want)
		}
	}
}

// Names of hosts, and of what is none.
func TestHostsAtTheirBounds(t *testing.T) {
	for name, want := range map[string]bool{
		"mx.example.com": true, "a.b.museum": true, "a.b.museums": false, "x.com": true, "x.museum": false, ".com": false, "com": false, ".x.com": true, ".x.museum": false,
		"mx.example.com/a": false, "mx.example:25": false, "a.b.c2": false, "a.b.": true, "refused.see": false, "a.zz": false, "..com": true,
	} {
		if got := isHost([]byte(name)); got != want {
			t.Errorf("isHost(%q) is %v, want %v", name, got, want)
		}
	}
	for _, part := range []string{"bl.", "rbl", "spamhaus", "sorbs", "spamcop", "barracuda", "surbl", "uribl", "abuseat", "senderbase", "senderscore"} {
		if name := "x." + part + "y.example"; !isList([]byte(name)) {
			t.Errorf("%s is no list", name)
		}
	}
	if isList([]byte("mx.example.com")) {
		t.Error("mx.example.com is a list")
	}
	for text, want := range map[string]string{"": "", " ": "", "  ": "", "a ": "a", "a  ": "a", " a": " a"} {
		if got := string(trimBlanks([]byte(text))); got != want {
			t.Errorf("trimBlanks(%q) is %q, want %q", text, got, want)
		}
	}
}

// Letters at the bounds of the range whose accents are known.
func TestAccentsAtTheirBounds(t *testing.T) {
	for text, want := range map[string]string{
		"À": "a", "ſ": "s", "ÿ": "y", "ß": "ss", "ž": "z", "Z": "z", "A": "a", "[": "", "@": "", "a'b": "ab", "a’b": "ab", "4.7.0": "4.7.0", "a.": "a", "\u0080": "", "\u007f": "", "ж": "ж", "Ж": "ж", "€": "",
	} {
		if got := strings.TrimSpace(string(fold(nil, text))); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
	for c, kind := range kinds {
		want := byte(0)
		switch {
		case c >= 0x80:
			want = beyond
		case c >= 'A' && c <= 'Z':
			want = byte(c) + 'a' - 'A'
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
			want = byte(c)
		case c == '\'':
			want = nothing
		case strings.ContainsRune(".:/", rune(c)):
			want = within
		}
		if kind != want {
			t.Errorf("the kind of %q is %d, want %d", byte(c), kind, want)
		}
	}
}

// A range of details has its last one.
func TestDetailsHaveTheirBounds(t *testing.T) {
	if got, want := detailsBetween("x.7.", 8, 11), []string{"x.7.8", "x.7.9", "x.7.10", "x.7.11"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	for code := 500; code < 600; code++ {
		r := &Reply{Code: code, Text: "unknown address"}
		if got := Of(StageRcpt, r).Rule; (got == "text-bad-mailbox-for-now") && code != 550 && code != 551 && code != 553 {
			t.Errorf("%d: %s", code, got)
		}
	}
}

// What the caller does to its rule after New changes nothing.
func TestRulesAreCopied(t *testing.T) {
	mine := []Rule{{
		Name: "mine", Class: ClassPolicy, Stages: []Stage{StageRcpt}, Codes: []int{550}, Enhanced: []string{"5.7.1"}, Contains: []string{"zebra"},
		Matches: []string{"550 5.7.1 zebra"}, Rejects: []string{"550 5.7.1 horse"},
	}}
	c, err := New(mine...)
	if err != nil {
		t.Fatal(err)
	}
	r := &mine[0]
	r.Name, r.Class, r.Stages[0], r.Codes[0], r.Enhanced[0], r.Contains[0] = "other", ClassTLS, StageMail, 551, "5.7.2", "lion"
	for _, reply := range []string{"550 5.7.1 zebra", "550 5.7.1 Zebra \u4e2d"} {
		parsed, err := ParseReply(reply)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.Of(Input{Stage: StageRcpt}, parsed); got.Rule != "mine" || got.Class != ClassPolicy {
			t.Errorf("%s: got %v by %s", reply, got.Class, got.Rule)
		}
	}
}

// Of several refused recipients the code of a SendError is that of the last.
func TestRepliesOfSendErrors(t *testing.T) {
	if got := ReplyIn((*mail.SendError)(nil)); got != nil {
		t.Errorf("a nil SendError has %v", got)
	}
	if got := ReplyIn(nil); got != nil {
		t.Errorf("nil has %v", got)
	}
	for stage, want := range map[Stage]int{StageConnect: 2, StageBanner: 2, StageMail: 2, StageRcpt: 2, StageData: 3, StageBody: 0, StageDot: 2, StageIdle: 0, StageQuit: 2} {
		if got := expected(stage); got != want {
			t.Errorf("at %v %dyz is expected, want %d", stage, got, want)
		}
	}
	for _, stage := range []Stage{StageBody, StageIdle} {
		if got := Of(stage, &Reply{Code: 200}); got.Class != ClassProtocol {
			t.Errorf("200 at %v: got %+v", stage, got)
		}
	}
}
