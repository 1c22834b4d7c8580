package classify

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestFold(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"empty", "", " "},
		{"case", "Too MANY", " too many "},
		{"punctuation", "sorry, (no) -- mailbox!", " sorry no mailbox "},
		{"lines", "one\r\n two\n", " one two "},
		{"dashes", "rate-limit_exceeded", " rate limit exceeded "},
		{"apostrophes", "doesn't, doesn’t", " doesnt doesnt "},
		{"marks within words", "4.7.1 192.0.2.1 12:30 ip/domain.", " 4.7.1 192.0.2.1 12:30 ip/domain "},
		{"marks at their ends", "full. See: a/ b", " full see a b "},
		{"e-mail", "E-Mail and e-mails, re-made", " email and emails re made "},
		{"other letters", "Größe ÀÉ 容量", " grosse ae 容量 "},
		{"other marks", "one—two…", " one two "},
		{"invalid", "a\xffb", " a b "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := string(fold(nil, tt.text)); got != tt.want {
				t.Errorf("fold(%q) = %q, want %q", tt.text, got, tt.want)
			}
		})
	}
}

// TestCommasOfNumbers folds commas that group digits, that begin decimals, and others.
func TestCommasOfNumbers(t *testing.T) {
	for text, want := range map[string]string{
		// groups
		"1,234": " 1234 ", "12,345": " 12345 ", "123,456": " 123456 ", "1,234,567": " 1234567 ", "1,234.": " 1234 ", "1,234. No": " 1234 no ", "(1,234)": " 1234 ", "a 1,234 b": " a 1234 b ",
		// no groups
		"1234,567": " 1234 567 ", "1,2345": " 1 2345 ", ",234": " 234 ", "1,": " 1 ", "1,a": " 1 a ", "a,234": " a 234 ", "1,234.5": " 1 234.5 ", "1.1,234": " 1.1 234 ", "v1,234": " v1 234 ",
		// decimals
		"1,5": " 1.5 ", "1,50": " 1.50 ", "0,25 mb": " 0.25 mb ", "(1,5": " 1.5 ", "a 1,5)": " a 1.5 ",
		// no decimals
		",5": " 5 ", "1,5.": " 1 5 ", "1,5,": " 1 5 ", "-1,5": " 1 5 ", "x1,5": " x1 5 ", "1.1,5": " 1.1 5 ",
	} {
		if got := string(fold(nil, text)); got != want {
			t.Errorf("fold(%q) = %q, want %q", text, got, want)
		}
	}
}

// TestSlashesBeforeUnits folds slashes that mean "per", and others.
func TestSlashesBeforeUnits(t *testing.T) {
	for text, want := range map[string]string{
		"msg/day": " msg per day ", "mails/30s": " mails per 30s ", "a (msg/day)": " a msg per day ", "MSG/Hour": " msg per hour ", "msg/day.": " msg per day ", "msg/day. No": " msg per day no ",
		"msg/10000000s": " msg per 10000000s ", "msg/100000000s": " msg/100000000s ",
		"buzz/day": " buzz per day ", "ms/day": " ms/day ", "/day": " day ", "msg/30": " msg/30 ", "msg/": " msg ", "msg/cow": " msg/cow ",
		"x.msg/day": " x.msg/day ", ".msg/day": " msg/day ", "(msg/day": " msg per day ", " msg/day": " msg per day ", "msg/day/x": " msg/day/x ", "msg/day-x": " msg/day x ", "msg/day@x": " msg/day x ", "msg/day1": " msg/day1 ", "msg/day.x": " msg/day.x ",
	} {
		if got := string(fold(nil, text)); got != want {
			t.Errorf("fold(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestFoldFragment(t *testing.T) {
	for fragment, want := range map[string]string{
		"Too many": "too many", " spf": " spf", "rbl.": "rbl.", ".rbl": ".rbl", "spf ": "spf ", "(spf": " spf", "#4.4.5": " 4.4.5", "don't": "dont",
	} {
		if got := string(foldFragment(fragment)); got != want {
			t.Errorf("foldFragment(%q) = %q, want %q", fragment, got, want)
		}
	}
}

func TestContains(t *testing.T) {
	tests := []struct {
		contains, text string
		want           bool
	}{
		{"too many*connections", "Too many open CONNECTIONS", true},
		{"too many*connections", "connections: too many", false},
		{"too many*many connections", "too many connections", false}, // they may not overlap
		{"a1*1b", "a1b", false},
		{"a1*b2*c3", "a1 c3 b2 c3", true},
		{"a1*b2*c3", "a1 c3 b2", false},
		{" spf", "(SPF) failed", true},
		{" spf", "xspf", false},
		{"rbl ", "on an RBL.", true},
		{"rbl.", "rbl.example.org", true},
		{"rbl.", "on an RBL.", false},
		{"rate limit", "rate-\nlimit", true},
	}
	for _, tt := range tests {
		table := newTable(compileAll([]Rule{{Contains: []string{tt.contains}}}))
		if got := table.place(Input{}, NewReply(450, tt.text)) == 0; got != tt.want {
			t.Errorf("%q in %q = %v, want %v", tt.contains, tt.text, got, tt.want)
		}
	}
}

func TestFoldIsBounded(t *testing.T) {
	for _, text := range []string{strings.Repeat("a", 4*maxText), strings.Repeat("Ⱥ", 4*maxText), strings.Repeat("- ", 4*maxText)} {
		if got := fold(nil, text); len(got) > maxText+utf8.UTFMax+1 {
			t.Errorf("%.3q...: %d bytes", text, len(got))
		}
	}
}

// FuzzFold checks that folding twice is folding once, which fragments rely on.
func FuzzFold(f *testing.F) {
	f.Add("Rate-limit’s 4.7.1: e-mail/x.")
	f.Fuzz(func(t *testing.T, text string) {
		once := fold(nil, text)
		if len(once) > maxText/2 {
			return // it may have been cut
		}
		if twice := fold(nil, string(once)); !bytes.Equal(once, twice) {
			t.Errorf("%q: %q, then %q", text, once, twice)
		}
	})
}

// FuzzAutomaton compares the pass over a text with a search for each fragment.
func FuzzAutomaton(f *testing.F) {
	f.Add("he she his hers", "ushers he")
	f.Add("aa a aaa", "aaaaa")
	f.Fuzz(func(t *testing.T, fragments, text string) {
		b := newBuilder(len(fragments))
		words := strings.Fields(fragments)
		if len(words) > 64 || strings.ContainsFunc(fragments, func(c rune) bool { return c >= utf8.RuneSelf }) {
			return
		}
		for i, word := range words {
			b.add([]byte(word), hit{place: uint32(i)})
		}
		s := scan{words: 1}
		s.run(b.build(), []byte(text))
		proven, _ := s.found()
		for i, word := range words {
			if got, want := proven.has(i), strings.Contains(text, word); got != want {
				t.Errorf("%q in %q = %v, want %v", word, text, got, want)
			}
		}
	})
}
