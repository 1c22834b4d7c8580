package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The logs in testdata tell one story, each in its format: of 16 answers of example.net
// 4 name a limit of connections, of 12 of Gmail 3 name one of a mailbox, of 5 of
// example.org 3 know no such user, and twice there was no connection.
var stories = []struct {
	file, format string
	named        string // the value of -log that gives the same; "" for format
}{
	{"postfix.log", "postfix", ""},
	{"postfix-pri.log", "postfix", "syslog"},
	{"postfix-rfc3339.log", "postfix", ""},
	{"postfix-rfc5424.log", "postfix", ""},
	{"postfix.log.2.gz", "postfix", ""},
	{"journald-full.log", "postfix", ""},
	{"journald.json", "postfix", ""},
	{"docker.json", "postfix", ""},
	{"kubernetes.log", "postfix", ""},
	{"exim.log", "exim", ""},
	{"exim-syslog.log", "exim", "syslog"},
	{"sendmail.log", "sendmail", ""},
	{"opensmtpd.log", "opensmtpd", ""},
	{"qmail-tai.log", "qmail", ""},
	{"qmail-s6.log", "qmail", ""},
	{"haraka.log", "haraka", ""},
	{"exchange.log", "exchange", ""},
	{"mdaemon.log", "mdaemon", ""},
	{"bulk.jsonl", "jsonl", ""},
	{"sender.log", "sender", ""},
	{"sender.json", "sender", ""},
	{"courier.log", "courier", "syslog"},
	{"powermta.csv", "powermta", ""},
	{"kumomta.json", "events", ""},
	{"ses.json", "events", ""},
	{"sendgrid.json", "events", ""},
	{"mailgun.json", "events", ""},
	{"postmark.json", "events", ""},
}

const story = `example.net: 16 answers, 4 refused
  classes   ok 12, too-many-connections 4
example.org: 5 answers, 3 refused
  classes   bad-mailbox 3, ok 2
google: 12 answers, 3 refused
  classes   ok 9, recipient-rate-limited 3
the sending server itself: 2 decisions, none of them a receiver's reply
  network   2 times
`

// headlines returns the lines of a report that tell whose answers there were, and of what
// class.
func headlines(report string) string {
	var blocks []string
	for line := range strings.Lines(report) {
		switch {
		case strings.Contains(line, " refused\n") && !strings.HasPrefix(line, " "), strings.HasPrefix(line, "the sending server"):
			blocks = append(blocks, line)
		case strings.HasPrefix(line, "  classes"):
			blocks[len(blocks)-1] += line
		case strings.HasPrefix(line, "  network"):
			line, _, _ = strings.Cut(line, " since")
			blocks[len(blocks)-1] += line + "\n"
		}
	}
	if len(blocks) == 4 && strings.HasPrefix(blocks[1], "google") { // as many refusals, more answers
		blocks[1], blocks[2] = blocks[2], blocks[1]
	}
	return strings.Join(blocks, "")
}

func TestEveryFormatTellsTheStory(t *testing.T) {
	for _, tt := range stories {
		t.Run(tt.file, func(t *testing.T) {
			name := filepath.Join("testdata", tt.file)
			found, stderr, status := execute(t, "", name)
			if status != statusDone || stderr != "" {
				t.Fatalf("status %d, stderr %q", status, stderr)
			}
			if got := headlines(found); got != story {
				t.Errorf("the report says\n%s\nwant\n%s\nin\n%s", got, story, found)
			}
			mustHave(t, found, " of the format "+tt.format+"\n")
			if strings.Contains(found, kindForeign) || strings.Contains(found, "with mistakes") {
				t.Errorf("not every line is read:\n%s", found)
			}
			if tt.format != "jsonl" && tt.format != "haraka" {
				mustHave(t, found, "mail from 198.51.100.7 is refused")
			}
			settings(t, found)
			if tt.named == "" {
				tt.named = tt.format
			}
			if named, _, _ := execute(t, "", "-log", tt.named, name); headlines(named) != story {
				t.Errorf("with -log %s it says\n%s", tt.named, named)
			}
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if piped, _, _ := execute(t, string(data)); headlines(piped) != story {
				t.Errorf("from the standard input it says\n%s", piped)
			}
		})
	}
}

// A queue has what waits: neither what was delivered nor what was refused for good.
func TestPostqueueTellsWhatWaits(t *testing.T) {
	stdout, _, status := execute(t, "", filepath.Join("testdata", "postqueue.json"))
	const want = "example.net: 4 answers, 4 refused\n  classes   too-many-connections 4\ngoogle: 3 answers, 3 refused\n  classes   recipient-rate-limited 3\n" +
		"the sending server itself: 2 decisions, none of them a receiver's reply\n  network   2 times\n"
	if got := headlines(stdout); status != statusDone || got != want {
		t.Errorf("status %d, it says\n%s\nwant\n%s", status, got, want)
	}
}

// Each format names itself in the objects of -json as in the report.
func TestObjectsOfTheStory(t *testing.T) {
	for _, tt := range stories {
		counts := map[string]int{}
		stdout, stderr, status := execute(t, "", "-json", filepath.Join("testdata", tt.file))
		if status != statusDone {
			t.Fatalf("%s: status %d, stderr %q", tt.file, status, stderr)
		}
		for line := range strings.Lines(stdout) {
			for _, class := range []string{"too-many-connections", "recipient-rate-limited", "bad-mailbox", "network", "ok"} {
				if strings.Contains(line, `"class":"`+class+`"`) {
					counts[class]++
				}
			}
			if own := strings.Contains(line, `"whose":"own"`); own != strings.Contains(line, `"class":"network"`) {
				t.Errorf("%s: %s", tt.file, line)
			}
		}
		if tt.format == "exim" { // it tells of the server and of the recipient
			counts["too-many-connections"] /= 2
		}
		if counts["too-many-connections"] != 4 || counts["recipient-rate-limited"] != 3 || counts["bad-mailbox"] != 3 || counts["network"] != 2 || counts["ok"] != 23 {
			t.Errorf("%s: %v", tt.file, counts)
		}
	}
}
