package mtatest

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net/mail"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// Copy is one file in the mailbox: one message as one recipient got it.
type Copy struct {
	Recipient string // as the server notes it, in the spelling of RCPT
	MessageID string // without angle brackets
	// Transaction is the server's name of the transaction that brought it. Two
	// copies of one transaction are the server's doing, as a crash between a
	// delivery and the note of it is; two of two transactions are the client's.
	Transaction string
	// Text is the message without the fields that the server put before it,
	// with the line ends of the wire.
	Text []byte
}

// Copies waits until the queue is empty, so that no further copy can come, and
// returns all copies in the mailbox. It fails the test when that takes longer
// than timeout.
func (s *Server) Copies(t testing.TB, timeout time.Duration) []Copy {
	t.Helper()
	deadline := time.Now().Add(timeout)
	for calm := 0; ; {
		queued, err := s.queued()
		if len(queued) > 0 || err != nil {
			calm = 0 // what goes while it is looked at is an error, and passes
		} else if calm++; calm == 2 { // a message may change place while it is looked for
			return parseAll(t, s.delivered(t))
		}
		if time.Now().After(deadline) {
			t.Fatalf("after %v: %d messages still in the queue: %.1000s; %v", timeout, len(queued), queued, err)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// delivered lists the files of the mailbox; a file is moved there once it is
// complete.
func (s *Server) delivered(t testing.TB) []string {
	t.Helper()
	dir := s.place.maildir() + "/new"
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

// queued lists the messages that were accepted and are still in the queue.
func (s *Server) queued() ([]string, error) {
	dirs, tests := s.mta.queued(s.place)
	if dirs == nil {
		return nil, nil
	}
	out, err := runAsRoot(slices.Concat([]string{"find"}, dirs, tests)...)
	return strings.Fields(string(out)), err
}

func parseAll(t testing.TB, files []string) []Copy {
	t.Helper()
	copies := make([]Copy, len(files))
	for i, file := range files {
		text, err := os.ReadFile(file)
		if err == nil {
			copies[i], err = parse(text)
		}
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
	}
	return copies
}

// added is a field that a server puts before a message, with its continuation
// lines. A message that begins with one of these itself would lose it.
var added = regexp.MustCompile(`\A(?i:(return-path|delivered-to|x-original-to|envelope-to|delivery-date|received):)[^\n]*\n(?:[ \t][^\n]*\n)*`)

// transaction is the server's name of it, in a Received field (RFC 5321 4.4).
var transaction = regexp.MustCompile(`(?s)\sid\s+([^\s;]+)`)

// parse takes apart a file of a Maildir, where lines end with LF.
func parse(file []byte) (Copy, error) {
	var c Copy
	rest := file
	for {
		match := added.FindSubmatch(rest)
		if match == nil {
			break
		}
		switch field, value := strings.ToLower(string(match[1])), string(match[0]); field {
		case "delivered-to", "envelope-to":
			_, value, _ = strings.Cut(value, ":")
			c.Recipient = strings.Trim(value, " \r\n<>")
		case "received":
			if id := transaction.FindStringSubmatch(value); id != nil && c.Transaction == "" {
				c.Transaction = id[1]
			}
		}
		rest = rest[len(match[0]):]
	}
	m, err := mail.ReadMessage(bytes.NewReader(rest))
	if err != nil {
		return Copy{}, err
	}
	c.MessageID = strings.Trim(m.Header.Get("Message-Id"), "<>")
	if c.MessageID == "" || c.Recipient == "" || c.Transaction == "" {
		return Copy{}, fmt.Errorf("Message-ID %q, recipient %q, transaction %q: all are needed", c.MessageID, c.Recipient, c.Transaction)
	}
	c.Text = bytes.ReplaceAll(rest, []byte("\n"), []byte("\r\n"))
	return c, nil
}
