package postfixtest

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"
)

// Refusals counts what Postfix refused because of Config's limits, as its own
// log has it.
type Refusals struct {
	Connections int // 421 instead of a greeting: too many connections
	Messages    int // 450 to MAIL: too much mail
}

// Refusals counts what was refused so far.
func (s *Server) Refusals(t testing.TB) Refusals {
	t.Helper()
	var r Refusals
	for line := range strings.Lines(s.maillog(t)) {
		service, _, _ := parseLine(line)
		if service != "smtpd" {
			continue
		}
		switch {
		case strings.Contains(line, "warning: Connection concurrency limit exceeded: "):
			r.Connections++
		case strings.Contains(line, "warning: Message delivery request rate limit exceeded: "):
			r.Messages++
		}
	}
	return r
}

// Logged counts the lines of Postfix's log that contain text.
func (s *Server) Logged(t testing.TB, text string) int {
	t.Helper()
	n := 0
	for line := range strings.Lines(s.maillog(t)) {
		if strings.Contains(line, text) {
			n++
		}
	}
	return n
}

// maillog reads the log, which does not exist before its first line.
func (s *Server) maillog(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile(s.place.maillog())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	return string(text)
}

// parseLine splits "DATE HOST postfix/SERVICE[PID]: ID: EVENT"; what does not
// look so has an empty service. Lines without a queue ID have part of their
// text in its place.
func parseLine(line string) (service, id, event string) {
	_, rest, found := strings.Cut(line, " postfix/")
	if !found {
		return "", "", ""
	}
	service, rest, _ = strings.Cut(rest, "[")
	_, rest, _ = strings.Cut(rest, "]: ")
	id, event, _ = strings.Cut(strings.TrimSpace(rest), ": ")
	return service, id, event
}

// tail returns the last n lines.
func tail(text string, n int) string {
	lines := strings.SplitAfter(text, "\n")
	return strings.Join(lines[max(0, len(lines)-n-1):], "")
}
