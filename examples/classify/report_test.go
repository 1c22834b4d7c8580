package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/smtpace/smtpace/classify"
)

func TestReportAdvises(t *testing.T) {
	const postfix = "Nov 23 10:%02d:%02d mail postfix/smtp[1]: 4F: to=<ann@example.net>, relay=mx.example.net[192.0.2.1]:25,%s delay=1, delays=0/0/0/1, dsn=4.0.0, status=%s\n"
	said := func(reply string) string {
		return "deferred (host mx.example.net[192.0.2.1] said: " + reply + " (in reply to MAIL FROM command))"
	}
	for _, tt := range []struct {
		name  string
		input string
		log   string
		want  string
	}{
		{"connections, without a log", "421 4.7.0 too many connections\tbanner\texample.net\n", "",
			"set       connections:5\n  because   half of the default"},
		{"connections, from a profile", "421 4.7.0 too many connections\tbanner\tgmx.de\n", "",
			"set       connections:4\n  because   from the profile"},
		{"messages on a connection", fmt.Sprintf(postfix, 0, 1, " conn_use=21,", said("421 too many messages in this connection")) + fmt.Sprintf(postfix, 0, 2, " conn_use=31,", said("421 too many messages in this connection")), "postfix",
			"set       per-connection:20\n  because   message 21 of a connection was refused"},
		{"recipients of a message", "452 4.5.3 Error: too many recipients\tRCPT\texample.net\n", "",
			"set       per-message:50\n  because   half of the default"},
		{"a mailbox", "450 4.2.1 The user you are trying to contact is receiving mail too quickly.\tRCPT\texample.net\n", "",
			"set       nothing: it holds for single mailboxes"},
		{"a rate, without times", "451 4.7.1 message rate limit exceeded\tMAIL\texample.net\n", "",
			"set       nothing: the log does not show"},
		{"a quota", strings.Repeat(fmt.Sprintf(postfix, 0, 1, "", "sent (250 2.0.0 Ok)"), 7) + fmt.Sprintf(postfix, 5, 2, "", said("450 4.7.1 daily message quota exceeded")) + strings.Repeat(fmt.Sprintf(postfix, 6, 1, "", "sent (250 2.0.0 Ok)"), 2), "postfix",
			"set       quota:7/d\n  because   what was accepted in the 24 hours before"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var args []string
			if tt.log != "" {
				args = []string{"-log", tt.log}
			}
			stdout, _, status := execute(t, tt.input, args...)
			if status != statusDone || !strings.Contains(stdout, tt.want) {
				t.Errorf("status %d, stdout\n%s\nwant %s", status, stdout, tt.want)
			}
			settings(t, stdout)
		})
	}
}

func TestReportIsSortedAndNamesMistakes(t *testing.T) {
	input := "250 ok\t\tquiet.example\n550 5.1.1 no such user\t\tone.example\n550 5.1.1 no such user\t\ttwo.example\n550 5.1.1 no such user\t\ttwo.example\n550 no\n" + strings.Repeat("hm\n", 9)
	stdout, _, _ := execute(t, input)
	last := -1
	for _, want := range []string{"two.example: 2 answers, 2 refused\n", "(unknown): 1 answer, 1 refused\n", "one.example: 1 answer, 1 refused\n", "quiet.example: 1 answer, 0 refused\n", "9 lines with mistakes:\n  line 6: "} {
		at := strings.Index(stdout, want)
		if at <= last {
			t.Errorf("%q is at %d, want it after %d, in\n%s", want, at, last, stdout)
		}
		last = at
	}
	if strings.Count(stdout, "\n  line ") != maxFaults {
		t.Errorf("%d mistakes are named, want %d", strings.Count(stdout, "\n  line "), maxFaults)
	}
	if stdout, _, _ := execute(t, ""); stdout != "no answers\n" {
		t.Errorf("of nothing it reports %q", stdout)
	}
}

func TestReportOfManyDestinationsIsBounded(t *testing.T) {
	r := newReport(failingWriter{})
	for n := range maxDestinations + 5 {
		a, where := answer{err: classify.NewReply(550, "no")}, &place{key: fmt.Sprintf("d%d.example", n)}
		if err := r.add(&a, where, classify.Verdict{Class: classify.ClassPolicy}, moment{}); err != nil {
			t.Fatal(err)
		}
	}
	if len(r.by) != maxDestinations+1 || r.by[others].answers != 5 {
		t.Errorf("%d destinations, want %d", len(r.by), maxDestinations+1)
	}
}

// A terminal shows nothing but text.
func TestReportIsPrintable(t *testing.T) {
	stdout, _, _ := execute(t, "421 too many connections \x1b[2J\x07\u009b1m "+strings.Repeat("é", 300)+"\t\tqq.com\n")
	for _, c := range stdout {
		if c < ' ' && c != '\n' || c >= 0x7f && c < 0xa0 || c == 0xfffd {
			t.Errorf("%q has %U", stdout, c)
		}
	}
}
