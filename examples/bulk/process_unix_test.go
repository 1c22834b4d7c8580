//go:build unix

package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/smtpace/smtpace/smtptest"
)

// TestMain is the program itself when the environment asks for it.
func TestMain(m *testing.M) {
	if os.Getenv("BULK_TEST_MAIN") == "" {
		os.Exit(m.Run())
	}
	if limit, err := strconv.ParseUint(os.Getenv("BULK_TEST_FSIZE"), 10, 64); err == nil {
		syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: limit, Max: limit})
	}
	main()
}

// process is the program as a process of its own.
type process struct {
	*exec.Cmd
	stdout, stderr buffer
}

func start(t *testing.T, args []string, env ...string) *process {
	t.Helper()
	p := &process{Cmd: exec.Command(os.Args[0], args...)}
	p.Env = append(append(os.Environ(), "BULK_TEST_MAIN=1"), env...)
	p.Stdout, p.Stderr = &p.stdout, &p.stderr
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Process.Kill(); p.Wait() })
	return p
}

// slowServer takes so much time for a message that a run lasts a while.
func slowServer(t *testing.T) *smtptest.Server {
	srv := smtptest.NewServer(smtptest.Config{ServiceTime: 20 * time.Millisecond})
	t.Cleanup(srv.Close)
	return srv
}

// After a crash -resume sends to those who have no answer yet; at most what was
// on the wire is sent again, with the same Message-ID.
func TestResumeAfterKill(t *testing.T) {
	srv := slowServer(t)
	j := job{list: addresses(60, "example.com"), message: plainMessage, flags: []string{"-connections", "2"}}
	args := j.args(t, srv.Addr)
	p := start(t, args)
	if err := srv.Wait(t.Context(), 20); err != nil {
		t.Fatal(err)
	}
	p.Process.Kill()
	p.Wait()
	status, stdout, stderr := j.runOn(t, args, "-resume")
	if status != 0 || !strings.Contains(stderr, "the run before was cut off: ") || !strings.Contains(stderr, "up to 4 of them may have the mail") {
		t.Errorf("status %d: %s%s", status, stdout, stderr)
	}
	ids := map[string]string{}
	copies := 0
	for _, m := range srv.Messages() {
		header, _ := parse(t, string(m.Data))
		to, id := m.Recipients[0].Address, header.Get("Message-ID")
		if before, ok := ids[to]; ok {
			if copies++; before != id {
				t.Errorf("the second copy to %s has another Message-ID", to)
			}
		}
		ids[to] = id
	}
	if len(ids) != 60 || copies > 6 {
		t.Errorf("%d of 60 have it, %d of them twice: %s", len(ids), copies, stderr)
	}
}

// Two runs never write one report.
func TestReportInUse(t *testing.T) {
	srv := slowServer(t)
	j := job{list: addresses(500, "example.com"), message: plainMessage, flags: []string{"-connections", "1"}}
	args := j.args(t, srv.Addr)
	p := start(t, args)
	if err := srv.Wait(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	if status, _, stderr := j.runOn(t, args, "-resume"); status != 2 || !strings.Contains(stderr, "report.jsonl is in use by another run") {
		t.Errorf("status %d: %s", status, stderr)
	}
	p.Process.Kill()
}

// The end of the terminal is an interrupt, unless the user said nohup.
func TestHangup(t *testing.T) {
	srv := slowServer(t)
	j := job{list: addresses(500, "example.com"), message: plainMessage, flags: []string{"-connections", "2"}}
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP) // the tests may run under nohup, which programs inherit
	defer signal.Reset(syscall.SIGHUP)
	p := start(t, j.args(t, srv.Addr))
	if err := srv.Wait(t.Context(), 5); err != nil {
		t.Fatal(err)
	}
	p.Process.Signal(syscall.SIGHUP)
	p.Wait()
	got := j.outcome(t, p.ProcessState.ExitCode(), p.stdout.String(), p.stderr.String())
	if got.status != 1 || got.summary["messages"] != 500 || got.summary["delivered"] != float64(len(srv.Messages())) {
		t.Errorf("status %d: %s%s", got.status, got.stdout, got.stderr)
	}
}

// While files are read an interrupt ends the program at once, also where they are pipes
// to which nobody writes. Nothing is sent or left behind.
func TestInterruptWhileReading(t *testing.T) {
	srv := newServer(t, smtptest.Config{})
	temporary := t.TempDir()
	j := job{list: "a@x.example\n", message: plainMessage}
	args := j.args(t, srv.Addr)
	for _, flag := range []string{"-to", "-message"} {
		t.Run(flag, func(t *testing.T) {
			pipe := filepath.Join(t.TempDir(), "pipe")
			if err := syscall.Mkfifo(pipe, 0o600); err != nil {
				t.Skip("no named pipes here: ", err)
			}
			p := start(t, append(args[:len(args):len(args)], flag, pipe), "TMPDIR="+temporary)
			w, err := os.OpenFile(pipe, os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer w.Close()
			if _, err := io.WriteString(w, strings.Repeat(j.list, 20_000)); err != nil { // more than a pipe holds, so that some was read
				t.Fatal(err)
			}
			p.Process.Signal(os.Interrupt)
			p.Wait()
			if got := p.stderr.String(); p.ProcessState.ExitCode() != 2 || got != "bulk: interrupted: nothing was sent\n" {
				t.Errorf("status %d: %s", p.ProcessState.ExitCode(), got)
			}
		})
	}
	if left, err := os.ReadDir(temporary); err != nil || len(left) > 0 || len(srv.Messages()) > 0 {
		t.Errorf("left %v, %v", left, err)
	}
}

// Mail goes on when nobody reads what is printed.
func TestBrokenPipe(t *testing.T) {
	srv := slowServer(t)
	j := job{list: "nobody\n" + addresses(20, "example.com"), message: plainMessage}
	p := &process{Cmd: exec.Command(os.Args[0], j.args(t, srv.Addr)...)}
	p.Env, p.Stdout = append(os.Environ(), "BULK_TEST_MAIN=1"), &p.stdout
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p.Stderr = w
	r.Close() // before the first line
	err = p.Run()
	w.Close()
	got := j.outcome(t, p.ProcessState.ExitCode(), p.stdout.String(), "")
	got.want(t, "messages=21 delivered=20 refused=1")
	if len(srv.Messages()) != 20 {
		t.Errorf("%d messages, %v", len(srv.Messages()), err)
	}
}

// A report that cannot grow ends the run, and every message that was taken has a
// record, in the file or on stderr.
func TestReportCannotGrow(t *testing.T) {
	srv := slowServer(t)
	j := job{list: addresses(500, "example.com"), message: plainMessage, flags: []string{"-connections", "2"}}
	p := start(t, j.args(t, srv.Addr), "BULK_TEST_FSIZE=10000")
	p.Wait()
	if status := p.ProcessState.ExitCode(); status != 1 || !strings.Contains(p.stderr.String(), "-report: ") || !strings.Contains(p.stderr.String(), "the report cannot be written") {
		t.Errorf("status %d: %.500s", status, p.stderr.String())
	}
	file, err := os.Open(j.report)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.MultiReader(file, strings.NewReader(p.stderr.String())))
	if err != nil {
		t.Fatal(err)
	}
	var recorded []string
	for line := range bytes.Lines(text) {
		var r record
		if line[0] == '{' && json.Unmarshal(line, &r) == nil && r.ending() == endedDelivered {
			recorded = append(recorded, r.Address)
		}
	}
	slices.Sort(recorded)
	if got := delivered(srv); len(got) == 0 || len(got) > 200 || !slices.Equal(got, recorded) {
		t.Errorf("%d delivered, %d recorded: %.300s", len(got), len(recorded), p.stderr.String())
	}
}

// Where there is no room for the records of what would be on the wire, nothing is sent, and
// nothing is left beside the report.
func TestNoRoomForRecords(t *testing.T) {
	srv := newServer(t, smtptest.Config{})
	j := job{list: addresses(3, "example.com"), message: plainMessage, flags: []string{"-connections", "1"}}
	p := start(t, j.args(t, srv.Addr), "BULK_TEST_FSIZE=3000")
	p.Wait()
	if status := p.ProcessState.ExitCode(); status == 0 || !strings.Contains(p.stderr.String(), "-report: no room for the records of what would be on the wire, 4 KiB: ") {
		t.Errorf("status %d: %.500s", status, p.stderr.String())
	}
	if n := srv.Stats().Messages; n > 0 {
		t.Errorf("%d messages were sent", n)
	}
	if left, err := filepath.Glob(filepath.Join(filepath.Dir(j.report), ".bulk-*")); err != nil || len(left) > 0 {
		t.Errorf("left %v, %v", left, err)
	}
}
