package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/smtpace/smtpace/throttle"
)

// execute runs the program on an input and returns what it prints.
func execute(t *testing.T, input string, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	var out, errs bytes.Buffer
	status = run(args, strings.NewReader(input), &out, &errs)
	return out.String(), errs.String(), status
}

// objectsOf runs the program with -json and returns its objects, by their keys.
func objectsOf(t *testing.T, input string, args ...string) []map[string]any {
	t.Helper()
	stdout, stderr, status := execute(t, input, append([]string{"-json"}, args...)...)
	if status != statusDone || stderr != "" {
		t.Fatalf("status %d, stderr %q", status, stderr)
	}
	var all []map[string]any
	for line := range strings.Lines(stdout) {
		var o map[string]any
		if err := json.Unmarshal([]byte(line), &o); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		all = append(all, o)
	}
	return all
}

func writeFile(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "input")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestJSONHasTheKeysThatArePromised(t *testing.T) {
	stdout, _, status := execute(t, "450 4.2.1 The user you are trying to contact is receiving email too quickly. Please wait 5 minutes.\tRCPT\tgoogle\n", "-json")
	const want = `{"reply":"450 4.2.1 The user you are trying to contact is receiving email too quickly. Please wait 5 minutes.",` +
		`"class":"recipient-rate-limited","limit":"mailbox-rate","scope":"recipient","recipient":"later","connection":"keep",` +
		`"retry_after_seconds":300,"rule":"google-mailbox-rate"}` + "\n"
	if status != statusDone || stdout != want {
		t.Errorf("status %d, stdout\n%swant\n%s", status, stdout, want)
	}
}

func TestJSONHasOneObjectForEachLine(t *testing.T) {
	long := "450 4.3.0 " + strings.Repeat("x", maxLine-10)
	lines := []struct {
		name, line   string
		class, reply string
		err          string // the beginning
	}{
		{"a reply", "550 5.1.1 no such user", "bad-mailbox", "550 5.1.1 no such user", ""},
		{"an empty line", "", "unknown", "", `line 2: classify: "": no reply code`},
		{"no reply", "hello", "unknown", "hello", `line 3: classify: "hello": no reply code`},
		{"a stage", "550 5.1.1 no such user\trcpt", "bad-mailbox", "550 5.1.1 no such user", ""},
		{"no such stage", "550 5.1.1 no such user\tmial\t", "bad-mailbox", "550 5.1.1 no such user", `line 5: classify: "mial" is no stage`},
		{"a success", "250 2.0.0 Ok: queued\tdot", "ok", "250 2.0.0 Ok: queued", ""},
		{"several lines of a reply", "550-5.1.1 no 550 5.1.1 such user", "bad-mailbox", "550-5.1.1 no 550 5.1.1 such user", ""},
		{"more fields", "550 5.1.1 no such user\tRCPT\tgmail.com\tmore\tand more", "bad-mailbox", "550 5.1.1 no such user", ""},
		{"CRLF", "550 5.1.1 no such user\r", "bad-mailbox", "550 5.1.1 no such user", ""},
		{"no UTF-8", "550 5.1.1 no such user \xff", "bad-mailbox", "550 5.1.1 no such user \ufffd", ""},
		{"the longest line", long, "server-busy", long, ""},
		{"a byte longer", long + "x", "unknown", "", fmt.Sprintf("line 12: longer than %d bytes", maxLine)},
		{"much longer", strings.Repeat(long, 5), "unknown", "", "line 13: longer than"},
		{"and on", "550 5.1.1 no such user", "bad-mailbox", "550 5.1.1 no such user", ""},
	}
	var input []string
	for _, l := range lines {
		input = append(input, l.line)
	}
	for _, end := range []string{"", "\n"} {
		got := objectsOf(t, strings.Join(input, "\n")+end)
		if len(got) != len(lines) {
			t.Fatalf("%d objects, want %d", len(got), len(lines))
		}
		for i, l := range lines {
			o := got[i]
			err, _ := o["error"].(string)
			if o["class"] != l.class || o["reply"] != l.reply || !strings.HasPrefix(err, l.err) || (err == "") != (l.err == "") {
				t.Errorf("%s: %.300v, want class %s and error %q", l.name, o, l.class, l.err)
			}
		}
	}
}

// What is said before there is a recipient refuses none.
func TestStageCounts(t *testing.T) {
	got := objectsOf(t, "554 5.7.1 no service for you\tbanner\n554 5.7.1 no service for you\tRCPT\n554 5.7.1 no service for you\n")
	for i, want := range []string{"later", "refused", "refused"} {
		if got[i]["recipient"] != want {
			t.Errorf("recipient %d is %v, want %s", i+1, got[i]["recipient"], want)
		}
	}
}

func TestJSONOfNothingIsNothing(t *testing.T) {
	if got := objectsOf(t, ""); len(got) != 0 {
		t.Errorf("objects %v, want none", got)
	}
}

// The provider may be told by its name, a domain or a server.
func TestProviderIsFound(t *testing.T) {
	for _, provider := range []string{"qq", "QQ", "foxmail.com", "mx3.qq.com", " qq "} {
		got := objectsOf(t, "550 Ip frequency limited\tdot\t"+provider)
		if got[0]["rule"] != "qq-message-rate" || got[0]["recipient"] != "later" {
			t.Errorf("%q: %v, want the rule of qq", provider, got[0])
		}
	}
}

// Whoever is on the other end of a pipe must not wait for what has been judged.
func TestJSONIsWrittenAsTheInputComes(t *testing.T) {
	var out bytes.Buffer
	seen := 0
	in := readerFunc(func(p []byte) (int, error) {
		if got := strings.Count(out.String(), "\n"); got != seen {
			t.Errorf("%d objects after %d lines", got, seen)
		}
		if seen == 3 {
			return 0, errors.New("gone")
		}
		seen++
		return copy(p, "550 5.1.1 no such user\n"), nil
	})
	var errs bytes.Buffer
	if status := run([]string{"-json"}, in, &out, &errs); status != statusIO || errs.String() != "classify: reading: gone\n" {
		t.Errorf("status %d, stderr %q, want 1 and that the input is gone", status, errs.String())
	}
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestStatus(t *testing.T) {
	good := writeFile(t, "550 5.1.1 no such user\n")
	profiles := writeFile(t, "[[profile]]\nname = \"mine\"\nnmae = 1\n")
	shaping := writeFile(t, "[\"a.example\"]\nconnection_limit = 0\n")
	for _, tt := range []struct {
		name   string
		args   []string
		status int
		stderr string // a part of it
	}{
		{"a file", []string{good}, statusDone, ""},
		{"help", []string{"-h"}, statusDone, ""},
		{"no such flag", []string{"-moon"}, statusUsage, "flag provided but not defined: -moon"},
		{"no such log", []string{"-log", "moon"}, statusUsage, "must be one of auto, postfix, exim, sendmail, "},
		{"no name of a file", []string{"-profiles", ""}, statusUsage, "must be the name of a file"},
		{"no such input", []string{good, good + "x"}, statusIO, "no such file"},
		{"no such profiles", []string{"-profiles", good + "x"}, statusIO, "no such file"},
		{"no such shaping", []string{"-shaping", good + "x"}, statusIO, "no such file"},
		{"mistakes in profiles", []string{"-profiles", profiles}, statusUsage, profiles + `:3: unknown key "nmae"`},
		{"mistakes in shaping", []string{"-shaping", shaping}, statusUsage, shaping + ":2: connection_limit is 0"},
		{"a directory", []string{t.TempDir()}, statusIO, "reading:"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			stdout, stderr, status := execute(t, "", tt.args...)
			if status != tt.status || !strings.Contains(stderr, tt.stderr) || (stderr == "") != (tt.stderr == "") {
				t.Errorf("status %d, stderr %q, want %d and %q", status, stderr, tt.status, tt.stderr)
			}
			shown := strings.Contains(stderr, "Usage:") || strings.Contains(stdout, "Usage:")
			isFlag := len(tt.args) > 0 && (tt.args[0] == "-h" || tt.status == statusUsage && !strings.Contains(stderr, ":2:") && !strings.Contains(stderr, ":3:"))
			if shown != isFlag {
				t.Errorf("usage shown: %v, want %v", shown, isFlag)
			}
		})
	}
}

func TestFailingOutput(t *testing.T) {
	for _, args := range [][]string{{"-json"}, {}} {
		var errs bytes.Buffer
		if status := run(args, strings.NewReader("550 no\n"), failingWriter{}, &errs); status != statusIO || !strings.Contains(errs.String(), "full") {
			t.Errorf("%v: status %d, stderr %q, want 1", args, status, errs.String())
		}
	}
	var out, errs bytes.Buffer
	if status := run(nil, iotest.ErrReader(errors.New("gone")), &out, &errs); status != statusIO || out.Len() > 0 {
		t.Errorf("status %d, stdout %q, want 1 and no report of a part", status, out.String())
	}
}

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, errors.New("full") }

func TestOwnProfilesAndShaping(t *testing.T) {
	profiles := writeFile(t, `
[[profile]]
name = "mine"
domains = ["example.net"]
help = ["https://example.net/postmaster"]
[[profile.figure]]
limits = "connections:3"
[[profile.rule]]
name = "mine-moon"
contains = ["moon"]
class = "too-many-connections"
matches = ["421 full moon"]
rejects = ["421 no"]
`)
	shaping := writeFile(t, `
["example.org"]
connection_limit = 7
enable_tls = "Required"
[["example.org".automation]]
regex = "wrong moon"
action = {SetConfig={name="max_message_rate", value="1/min"}}
`)
	stdout, stderr, status := execute(t, "421 full moon\t\texample.net\n421 wrong moon\t\texample.org\n", "-profiles", profiles, "-shaping", shaping)
	if status != statusDone || !strings.Contains(stderr, "warning: "+shaping+":4: enable_tls is left out") {
		t.Fatalf("status %d, stderr %q", status, stderr)
	}
	for _, want := range []string{
		"mine: 1 answer, 1 refused\n  classes   too-many-connections 1\n  limit     connections, 1 time since line 1, last line 1\n",
		"  set       connections:3\n  because   from the profile; the log shows no more\n  config    Destinations: map[string]throttle.Limits{\"mine\": {Connections: 3}}\n  ask       https://example.net/postmaster\n",
		"example.org: 1 answer, 1 refused\n  classes   rate-limited 1\n",
	} {
		if !strings.Contains(stdout, want) {
			t.Errorf("the report does not have\n%s\nit is\n%s", want, stdout)
		}
	}
}

// settings returns the settings that a report advises. All of them can be set.
func settings(t *testing.T, report string) []string {
	t.Helper()
	var all []string
	for line := range strings.Lines(report) {
		text, found := strings.CutPrefix(line, "  set       ")
		if !found || strings.HasPrefix(text, "nothing") {
			continue
		}
		text = strings.TrimSuffix(text, "\n")
		if _, err := throttle.ParseLimits(text); err != nil {
			t.Errorf("the report says to set %q: %v", text, err)
		}
		all = append(all, text)
	}
	return all
}

// answerOf returns the first answer of a line, the zero answer for none.
func answerOf(p parser, line string) answer {
	e, _ := new(envelope).open(line)
	if answers, _ := p.parse(&e, nil); len(answers) > 0 {
		return answers[0]
	}
	return answer{}
}

func testJudge(t testing.TB) *judge {
	t.Helper()
	j, err := newJudge(options{}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// mustHave reports the parts that a text does not have.
func mustHave(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("there is no\n%s\nin\n%s", part, text)
		}
	}
}
