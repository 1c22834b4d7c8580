package main

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/throttle"
)

func entriesOf(t *testing.T) []entry {
	t.Helper()
	entries, err := collect(os.DirFS("../.."))
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

func TestThePageIsUpToDate(t *testing.T) {
	have, err := os.ReadFile("../../" + page)
	if err != nil {
		t.Fatal(err)
	}
	var want bytes.Buffer
	write(&want, entriesOf(t))
	if !bytes.Equal(have, want.Bytes()) {
		t.Errorf("%s is not what the classifier and the profiles say now: run `go run ./docs/replies`", page)
	}
}

// The page begins with the reply that most people come with.
func TestTheFirstReply(t *testing.T) {
	var b bytes.Buffer
	write(&b, entriesOf(t))
	_, rest, _ := strings.Cut(b.String(), "\n- ")
	if !strings.HasPrefix(rest, "`"+first+"`\n") || !strings.Contains(b.String(), "\n**smtpace** opens no more connections than were accepted") {
		t.Errorf("the first reply is %.120s", rest)
	}
}

// Every class and limit has its words, and every setting is one that ParseLimits reads.
func TestEveryVerdictHasWords(t *testing.T) {
	for c := classify.ClassTooManyConnections; int(c) < classify.Classes; c++ {
		if about := classes[c]; about.title == "" || about.means == "" {
			t.Errorf("class %v has no title or no meaning", c)
		}
	}
	for l := classify.LimitConnections; int(l) < classify.Limits; l++ {
		if limits[l].does == "" {
			t.Errorf("limit %v: nothing says what is done", l)
		}
		if _, err := throttle.ParseLimits(limits[l].example); err != nil {
			t.Errorf("limit %v: %v", l, err)
		}
	}
	for _, e := range entriesOf(t) {
		set := strings.Trim(strings.TrimPrefix(setting(e.verdict), "; set "), "`")
		if _, err := throttle.ParseLimits(set); err != nil {
			t.Errorf("%v: set %q: %v", e.reply, set, err)
		}
		if e.verdict.Recipient == classify.RecipientRefused && e.reply.Code < 500 {
			t.Errorf("%v is refused for good", e.reply)
		}
	}
}
