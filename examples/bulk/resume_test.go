package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/smtpace/smtpace"
	"github.com/smtpace/smtpace/smtptest"
)

// runOn runs the program once more with the files of a job.
func (j *job) runOn(t *testing.T, args []string, flags ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errors buffer
	status = run(t.Context(), append(slices.Clone(args), flags...), &out, &errors, nil)
	return status, out.String(), errors.String()
}

// line gives a line of a report.
func line(address string, status smtpace.Status, more string) string {
	text, _ := status.MarshalText()
	return fmt.Sprintf(`{"address":%q,"status":%q%s}`+"\n", address, text, more)
}

// delivered gives the addresses that a server has taken mail for, in order.
func delivered(srv *smtptest.Server) (to []string) {
	for _, m := range srv.Messages() {
		to = append(to, m.Recipients[0].Address)
	}
	slices.Sort(to)
	return to
}

// Who is delivered or refused is left out, who is unknown is told and left to a
// flag, all others get their mail.
func TestResume(t *testing.T) {
	const list = "ann@x.example\nbob@x.example\ncid@x.example\ndan@x.example\neve@x.example\nfay@x.example\ngil@x.example\n"
	report := line("ANN@x.example.", smtpace.Delivered, "") +
		line("bob@x.example", smtpace.Refused, `,"code":550,"tries":1`) +
		line("cid@x.example", smtpace.Unknown, `,"tries":1`) +
		line("dan@x.example", smtpace.GaveUp, `,"tries":1,"ambiguous":1`) +
		line("eve@x.example", smtpace.GaveUp, `,"tries":2`) +
		line("fay@x.example", smtpace.NotTried, "")
	for name, c := range map[string]struct {
		flags []string
		want  []string
		said  string
	}{
		"skip":   {nil, []string{"eve@x.example", "fay@x.example", "gil@x.example"}, "2 of them are unknown"},
		"resend": {[]string{"-unknown", "resend"}, []string{"cid@x.example", "dan@x.example", "eve@x.example", "fay@x.example", "gil@x.example"}, "2 recipients have their answer"},
	} {
		t.Run(name, func(t *testing.T) {
			srv := newServer(t, smtptest.Config{})
			j := job{list: list, message: plainMessage}
			args := j.args(t, srv.Addr)
			if err := os.WriteFile(j.report, []byte(report), 0o600); err != nil {
				t.Fatal(err)
			}
			status, stdout, stderr := j.runOn(t, args, append(c.flags, "-resume")...)
			if got := delivered(srv); status != 0 || !slices.Equal(got, c.want) || !strings.Contains(stderr, c.said) {
				t.Errorf("status %d, to %q, want %q; stderr %q", status, got, c.want, stderr)
			}
			if want := fmt.Sprintf(`"skipped":%d`, 7-len(c.want)); !strings.Contains(stdout, want) {
				t.Errorf("stdout %q, want %s", stdout, want)
			}
			text, err := os.ReadFile(j.report)
			if err != nil || !strings.HasPrefix(string(text), report) || bytes.Count(text, []byte("\n")) != 6+len(c.want) {
				t.Errorf("report %q, %v", text, err)
			}
			if !strings.Contains(stderr, "cut off: 1 recipients have no line in") || !strings.Contains(stderr, "and up to 1 of them may have the mail") {
				t.Errorf("stderr %q", stderr)
			}
			status, _, stderr = j.runOn(t, args, "-resume")
			if n := len(srv.Messages()); status != 0 || n != len(c.want) || strings.Contains(stderr, "cut off") {
				t.Errorf("the third run: status %d, %d messages in all: %s", status, n, stderr)
			}
		})
	}
}

// A report that ends within a line is mended, and what the line says is kept.
func TestResumeCutLine(t *testing.T) {
	whole := line("ann@x.example", smtpace.Delivered, "")
	for cut, want := range map[string][]string{
		`{"address":"bob@x.example","status":"delivered","code":2`: {"cid@x.example"},
		`{"address":"bob@x.example","status":"not_tri`:             {"cid@x.example"}, // nobody knows
		`{"address":"bob@x.example","status":"not_tried"`:          {"bob@x.example", "cid@x.example"},
		`{"address":"bob@x.ex`:                                     {"bob@x.example", "cid@x.example"},
	} {
		srv := smtptest.NewServer(smtptest.Config{})
		j := job{list: "ann@x.example\nbob@x.example\ncid@x.example\n", message: plainMessage, flags: []string{"-resume"}}
		args := j.args(t, srv.Addr)
		if err := os.WriteFile(j.report, []byte(whole+cut), 0o600); err != nil {
			t.Fatal(err)
		}
		status, _, stderr := j.runOn(t, args)
		if got := delivered(srv); status != 0 || !slices.Equal(got, want) {
			t.Errorf("%s: status %d, to %q, want %q; stderr %q", cut, status, got, want, stderr)
		}
		if _, err := readEarlier(j.report); err != nil {
			t.Errorf("%s: %v", cut, err)
		}
		srv.Close()
	}
}

// Another list or message is noticed, and needs a word.
func TestResumeChanged(t *testing.T) {
	srv := newServer(t, smtptest.Config{Fault: smtptest.Rules(
		smtptest.Rule{Stage: smtptest.StageRcpt, Recipient: "bob@x.example", Fault: smtptest.Fault{Reply: "550 5.1.1 no such user"}},
	)})
	j := job{list: "ann@x.example\nbob@x.example\nnobody\n", message: plainMessage}
	args := j.args(t, srv.Addr)
	if status, _, stderr := j.runOn(t, args); status != 1 {
		t.Fatalf("status %d: %s", status, stderr)
	}
	first, id := delivered(srv), srv.Messages()[0].Data
	change := func(flag, text string) {
		t.Helper()
		if err := os.WriteFile(args[slices.Index(args, flag)+1], []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if status, stdout, stderr := j.runOn(t, args, "-resume"); status != 0 || !strings.Contains(stdout, `"messages":0`) || !strings.Contains(stdout, `"skipped":2`) {
		t.Errorf("nothing was left to do: status %d, %s%s", status, stdout, stderr)
	}
	change("-to", "ann@x.example\nbob@x.example\nnobody@x.example\n")
	if status, _, stderr := j.runOn(t, args, "-resume"); status != 2 || !strings.Contains(stderr, "-resume: the list changed since ") {
		t.Errorf("another list: status %d: %s", status, stderr)
	}
	change("-message", "Subject: other\n\nother\n")
	if status, _, stderr := j.runOn(t, args, "-resume"); status != 2 || !strings.Contains(stderr, "the list and the message changed") {
		t.Errorf("another message: status %d: %s", status, stderr)
	}
	if status, _, stderr := j.runOn(t, args, "-resume", "-changed"); status != 0 || !strings.Contains(stderr, "changed since") {
		t.Errorf("-changed: status %d: %s", status, stderr)
	}
	if got := delivered(srv); len(first) != 1 || !slices.Equal(got, []string{"ann@x.example", "nobody@x.example"}) {
		t.Errorf("to %q, then %q", first, got)
	}
	header, _ := parse(t, string(id))
	e, err := readEarlier(j.report)
	if want := "<" + e.campaign.messageID(keyOf("ann@x.example")) + "@sender.example>"; err != nil || header.Get("Message-ID") != want {
		t.Errorf("Message-ID %q, want %q, the same in every run; %v", header.Get("Message-ID"), want, err)
	}
}

// The same address twice is sent to once, and said.
func TestRepeatedAddress(t *testing.T) {
	srv := newServer(t, smtptest.Config{})
	j := job{list: "ann@example.com\nbob@example.com\nAnn@Example.COM\n\"ann\"@EXAMPLE.com.\nu@bücher.example\nu@xn--bcher-kva.example\n" +
		strings.Repeat("bob@example.com\n", 30), message: plainMessage}
	got := j.run(t, srv.Addr)
	got.want(t, "messages=3 delivered=3")
	for _, want := range []string{"list:3: Ann@Example.COM is in line 1 already", "list:4: ", "list:6: ", "33 entries with an address that is in the list before"} {
		if strings.Count(got.stderr, want) != 1 {
			t.Errorf("want %q once in stderr %q", want, got.stderr)
		}
	}
	if n := strings.Count(got.stderr, "\n"); n != maxNotes+1 {
		t.Errorf("%d lines on stderr", n)
	}
}

// disk is a file on a disk with little room.
type disk struct {
	bytes.Buffer
	room int
}

func (d *disk) Write(p []byte) (int, error) {
	n := min(len(p), d.room-d.Len())
	d.Buffer.Write(p[:n])
	if n < len(p) {
		return n, errors.New("no space left on device")
	}
	return n, nil
}

func (d *disk) Truncate(size int64) error { d.Buffer.Truncate(int(size)); return nil }
func (d *disk) Close() error              { return nil }

// When a disk is full no line is cut, and the records of mail that may have
// arrived go to stderr.
func TestReportFullDisk(t *testing.T) {
	var lost bytes.Buffer
	file := &disk{room: 1000}
	r := &report{file: file, lost: &lost}
	var failures int
	for i, status := range []smtpace.Status{smtpace.Delivered, smtpace.Delivered, smtpace.Refused, smtpace.NotTried, smtpace.Unknown, smtpace.Delivered, smtpace.GaveUp, smtpace.Refused} {
		if err := r.add(record{Address: fmt.Sprintf("u%d@x.example", i), Status: status, Text: strings.Repeat("x", 100), Tries: 1}); err != nil {
			failures++
		}
	}
	if failures != 1 {
		t.Errorf("%d failures, want one", failures)
	}
	for i := range 8 {
		address := fmt.Sprintf(`"u%d@x.example"`, i)
		kept, said := strings.Count(file.String(), address), strings.Count(lost.String(), address)
		want := 1
		if i == 3 || i == 6 { // no mail: without a line it is sent again
			want = 0
		}
		if kept+said != want {
			t.Errorf("%s: %d times in the file, %d times on stderr", address, kept, said)
		}
	}
	for text := range strings.Lines(file.String() + lost.String()) {
		if !strings.HasPrefix(text, `{"address"`) || !strings.HasSuffix(text, "}\n") {
			t.Errorf("line %q", text)
		}
	}
}

// The room that is kept is given back when the disk is full, and the records of
// what is on the wire go to the report.
func TestReserve(t *testing.T) {
	folder := t.TempDir()
	r, err := newReserve(folder, 1<<16)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := r.file.Stat(); err != nil || info.Size() != 1<<16 {
		t.Errorf("%v, %v", info, err)
	}
	r.close()
	if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
		t.Errorf("left over: %v, %v", left, err)
	}
	if _, err := newReserve(filepath.Join(folder, "none"), 1); err == nil {
		t.Error("a folder that is not there: no error")
	}
}
