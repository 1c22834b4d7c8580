package mtatest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Refusals counts what a Postfix refused because of Config's limits, as its own
// log has it.
type Refusals struct {
	Connections int // 421 instead of a greeting: too many connections
	Messages    int // 450 to MAIL: too much mail
}

// Refusals counts what was refused so far; always none for others than Postfix.
func (s *Server) Refusals(t testing.TB) Refusals {
	t.Helper()
	return Refusals{
		Connections: s.Logged(t, "warning: Connection concurrency limit exceeded: "),
		Messages:    s.Logged(t, "warning: Message delivery request rate limit exceeded: "),
	}
}

// Logged counts the lines of the server's logs that contain text.
func (s *Server) Logged(t testing.TB, text string) int {
	t.Helper()
	n := 0
	for _, log := range s.logs(t) {
		for line := range strings.Lines(log) {
			if strings.Contains(line, text) {
				n++
			}
		}
	}
	return n
}

// logs reads all logs, by file.
func (s *Server) logs(t testing.TB) map[string]string {
	t.Helper()
	files, err := filepath.Glob(s.place.log() + "/*")
	if err != nil {
		t.Fatal(err)
	}
	logs := map[string]string{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Error(err)
		}
		logs[filepath.Base(file)] = string(text)
	}
	return logs
}

// tellLogs shows the end of every log.
func (s *Server) tellLogs(t testing.TB) {
	t.Helper()
	for name, text := range s.logs(t) {
		t.Logf("%v on %s, end of its log %s:\n%s", s.Kind, s.Addr, name, tail(text, 30))
	}
}

// tail returns the last n lines.
func tail(text string, n int) string {
	lines := strings.SplitAfter(text, "\n")
	return strings.Join(lines[max(0, len(lines)-n-1):], "")
}
