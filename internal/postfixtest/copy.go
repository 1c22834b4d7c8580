package postfixtest

import (
	"errors"
	"fmt"
	"io/fs"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Copy is one file in the mailbox: one message as one recipient got it.
type Copy struct {
	Recipient string // from Delivered-To, in the spelling of RCPT
	MessageID string // without angle brackets
}

// Copies waits until the mailbox holds at least n copies and the queue is
// empty, so that no further copy can come of what was accepted, and returns
// them all. It fails the test when that takes longer than timeout.
func (s *Server) Copies(t testing.TB, n int, timeout time.Duration) []Copy {
	t.Helper()
	deadline := time.Now().Add(timeout)
	for {
		files, queued := s.delivered(t), s.queued(t)
		if len(files) >= n && queued == 0 {
			return parseAll(t, files)
		}
		if time.Now().After(deadline) {
			t.Fatalf("after %v: %d of %d copies in the mailbox, %d messages in the queue", timeout, len(files), n, queued)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// delivered lists the files of the mailbox; virtual(8) moves a file there once
// it is complete.
func (s *Server) delivered(t testing.TB) []string {
	t.Helper()
	dir := s.place.mail() + "/all/new"
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // made with the first delivery
		t.Fatal(err)
	}
	files := make([]string, len(entries))
	for i, e := range entries {
		files[i] = filepath.Join(dir, e.Name())
	}
	return files
}

// queued counts the messages that were accepted and are still in the queue.
func (s *Server) queued(t testing.TB) int {
	t.Helper()
	queued := map[string]bool{}
	for line := range strings.Lines(s.maillog(t)) {
		switch service, id, event := parseLine(line); {
		case service == "cleanup" && strings.HasPrefix(event, "message-id="):
			queued[id] = true
		case service == "qmgr" && event == "removed":
			delete(queued, id)
		}
	}
	return len(queued)
}

func parseAll(t testing.TB, files []string) []Copy {
	t.Helper()
	copies := make([]Copy, len(files))
	for i, file := range files {
		var err error
		if copies[i], err = parse(file); err != nil {
			t.Fatal(err)
		}
	}
	return copies
}

func parse(file string) (Copy, error) {
	f, err := os.Open(file)
	if err != nil {
		return Copy{}, err
	}
	defer f.Close()
	m, err := mail.ReadMessage(f)
	if err != nil {
		return Copy{}, fmt.Errorf("%s: %w", file, err)
	}
	id := strings.Trim(m.Header.Get("Message-Id"), "<>")
	to := m.Header.Get("Delivered-To")
	if id == "" || to == "" {
		return Copy{}, fmt.Errorf("%s: Message-ID %q and Delivered-To %q: both are needed", file, id, to)
	}
	return Copy{Recipient: to, MessageID: id}, nil
}
