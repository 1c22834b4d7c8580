package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// state is the file of the messages that were held when a service ended, a line of JSON
// for each. While they are settled, further lines say so. Thus a service that is killed
// forgets no message and repeats none that is noted as settled. Those lines are not
// forced to the disk one by one: a crash of the machine can repeat the last.
//
// A lock beside it keeps a second service from the same file.
type state struct {
	name   string
	lock   *os.File
	append appender // for lines of settled messages, each one write

	mu     sync.Mutex
	size   int64 // bytes of the file in whole lines
	failed error // of such lines
}

// appender is a file whose writes go to its end.
type appender interface {
	io.WriteCloser
	Truncate(size int64) error
}

// line is a line of the file: a message, or the id of one that is settled.
type line struct {
	Message *record `json:"message,omitempty"`
	Settled string  `json:"settled,omitempty"`
}

// openState locks the file, and makes it if it is not there.
func openState(name string) (*state, error) {
	lock, err := os.OpenFile(name+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := lockFile(lock); err != nil {
		_ = lock.Close()
		return nil, fmt.Errorf("%s: another service uses it: %w", name, err)
	}
	s := &state{name: name, lock: lock}
	if s.append, err = os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
		_ = lock.Close()
		return nil, err
	}
	return s, nil
}

// close gives up the lock.
func (s *state) close() {
	_ = s.append.Close() // what it could say was said by the writes
	_ = s.lock.Close()
}

// read returns the messages that are not settled. A last line that was cut short says
// nothing. Any other line that cannot be read is an error, so that no mail is lost
// unseen.
func (s *state) read() (left []*record, err error) {
	text, err := os.ReadFile(s.name)
	if err != nil {
		return nil, err
	}
	whole := text[:bytes.LastIndexByte(text, '\n')+1]
	if len(whole) < len(text) { // or the next line would be added to it
		if err := os.Truncate(s.name, int64(len(whole))); err != nil {
			return nil, err
		}
	}
	s.size = int64(len(whole))
	settled := map[string]bool{}
	for i, raw := range slices.Collect(bytes.Lines(whole)) {
		var l line
		if err := json.Unmarshal(raw, &l); err != nil || l.Settled == "" && (l.Message == nil || l.Message.ID == "" || len(l.Message.To) == 0) {
			return nil, fmt.Errorf("%s: line %d is no message of this service (%v)", s.name, i+1, err)
		}
		if l.Settled != "" {
			settled[l.Settled] = true
			continue
		}
		left = append(left, l.Message)
	}
	return slices.DeleteFunc(left, func(r *record) bool { return settled[r.ID] }), nil
}

// settled adds a line for a message that is settled. write tells of errors. What a full
// disk has taken of a line is cut off, or the next would be added to it, and the file
// could not be read.
func (s *state) settled(id string) {
	text, err := json.Marshal(line{Settled: id})
	text = append(text, '\n')
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		_, err = s.append.Write(text)
	}
	if err != nil {
		s.failed = errors.Join(err, s.append.Truncate(s.size))
		return
	}
	s.size += int64(len(text))
}

// write replaces the file, in one step, by one that has these messages.
func (s *state) write(held []*record) error {
	s.mu.Lock()
	failed := s.failed
	s.mu.Unlock()
	slices.SortFunc(held, func(a, b *record) int { return strings.Compare(a.ID, b.ID) })
	return errors.Join(failed, replace(s.name, func(w io.Writer) error {
		out := json.NewEncoder(w)
		for _, r := range held {
			if err := out.Encode(line{Message: r}); err != nil {
				return err
			}
		}
		return nil
	}))
}

// replace writes a file and puts it in the place of another, so that a crash at any time
// leaves one of the two whole.
func replace(name string, write func(io.Writer) error) error {
	file, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*") // of mode 0600
	if err != nil {
		return err
	}
	out := bufio.NewWriter(file)
	err = errors.Join(write(out), out.Flush(), file.Sync(), file.Close())
	if err == nil {
		err = os.Rename(file.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	return syncFolder(filepath.Dir(name))
}
