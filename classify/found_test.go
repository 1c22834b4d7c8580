package classify

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// foundReply is a reply of testdata/found.tsv with its labels.
type foundReply struct {
	half    string
	stage   Stage
	classes []string // any of them is right
	limit   string   // "-" for none
	fate    string   // "l" for later, "r" for refused, "-" for either
	numbers string   // as of Stated: "100/1h0m0s"
	delay   time.Duration
	reply   *Reply
}

func foundReplies(t testing.TB) (list []foundReply) {
	t.Helper()
	data, err := os.ReadFile("testdata/found.tsv")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		field := strings.Split(strings.TrimRight(line, "\n"), "\t")
		if strings.HasPrefix(line, "#") {
			continue
		}
		if len(field) != 8 {
			t.Fatalf("%q has %d fields, want 8", line, len(field))
		}
		f := foundReply{half: field[0], stage: StageUnknown, classes: strings.Split(field[2], "/"), limit: field[3], fate: field[4], numbers: field[5]}
		if field[1] != "-" {
			if err := f.stage.UnmarshalText([]byte(field[1])); err != nil {
				t.Fatal(err)
			}
		}
		if field[6] != "-" {
			if f.delay, err = time.ParseDuration(field[6]); err != nil {
				t.Fatal(err)
			}
		}
		if f.reply, err = ParseReply(field[7]); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		list = append(list, f)
	}
	return list
}

// rates are the limits over time, of which a reply hardly tells one from the other.
var rates = []string{"connection-rate", "message-rate", "recipient-rate", "mailbox-rate", "quota"}

// foundScore counts what is right of one half.
type foundScore struct{ all, class, fours, class4, fated, fate, limited, limit, free, false int }

func (s *foundScore) add(f foundReply, v Verdict) (right bool) {
	s.all++
	right = slices.Contains(f.classes, v.Class.String())
	four := f.reply.Code < 500
	if four {
		s.fours++
	}
	if right {
		s.class++
		if four {
			s.class4++
		}
	}
	if f.fate != "-" {
		s.fated++
		if (f.fate == "r") == (v.Recipient == RecipientRefused) {
			s.fate++
		} else {
			right = false
		}
	}
	limit := v.Limit.String()
	switch {
	case f.limit != "-":
		s.limited++
		if limit == f.limit || slices.Contains(rates, f.limit) && slices.Contains(rates, limit) {
			s.limit++
		} else {
			right = false
		}
	case !slices.ContainsFunc(f.classes, func(class string) bool { return slices.Contains(freeOfLimit, class) || limitsOfLabel[class] != nil }):
		s.free++
		if v.Limit != LimitNone {
			s.false++
			right = false
		}
	}
	return right
}

// TestFoundReplies prints how the replies of testdata/found.tsv fare, with -v those of the half
// that rules were made from one by one. No 4yz is final, and no number or delay is read that
// is not there.
func TestFoundReplies(t *testing.T) {
	scores := map[string]*foundScore{"train": {}, "held": {}, "known": {}, "fresh": {}}
	for _, f := range foundReplies(t) {
		v := Of(f.stage, f.reply)
		right := scores[f.half].add(f, v)
		if !right {
			t.Logf("%v: got %v, limit %v, %v by %s, want %v, %s, %s: %s", f.stage, v.Class, v.Limit, v.Recipient, v.Rule, f.classes, f.limit, f.fate, f.reply.Text)
		}
		if v.Recipient == RecipientRefused && (f.reply.Code < 500 || v.Throttled()) {
			t.Errorf("%v is final by %s", f.reply, v.Rule)
		}
		numbers := "-"
		if v.Stated.Count != 0 {
			numbers = strconv.FormatInt(v.Stated.Count, 10)
			if v.Stated.Per > 0 {
				numbers += "/" + v.Stated.Per.String()
			}
		}
		if numbers != f.numbers {
			t.Errorf("%v: stated %s, want %s", f.reply, numbers, f.numbers)
		}
		if v.RetryAfter != f.delay {
			t.Errorf("%v: retry after %v, want %v", f.reply, v.RetryAfter, f.delay)
		}
	}
	for half, floor := range map[string][5]float64{"train": {97, 98, 99.9, 99.9, 0}, "held": {94, 94, 99, 90, 0}, "known": {99, 97, 99.9, 96, 0}, "fresh": {94, 93, 99, 90, 0}} {
		s := scores[half]
		got := [5]float64{percent(s.class, s.all), percent(s.class4, s.fours), percent(s.fate, s.fated), percent(s.limit, s.limited), percent(s.false, s.free)}
		t.Logf("%s: class %.1f %% of %d, of 4yz %.1f %% of %d; fate %.1f %% of %d; limit %.1f %% of %d, false %.2f %% of %d", half, got[0], s.all, got[1], s.fours, got[2], s.fated, got[3], s.limited, got[4], s.free)
		if got[0] < floor[0] || got[1] < floor[1] || got[2] < floor[2] || got[3] < floor[3] || got[4] > floor[4] {
			t.Errorf("%s: worse than %v", half, floor)
		}
	}
}
