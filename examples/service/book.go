package main

import (
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/smtpace/smtpace"
)

// record is a held message: its open recipients, and its bytes, which are the same on
// every try and after a restart.
type record struct {
	ID      string    `json:"id"`
	From    string    `json:"from"`
	To      []string  `json:"to"`
	Data    []byte    `json:"data"`
	Expires time.Time `json:"expires"`

	written bool // whether the file has it
}

// book is the mail that the service holds. It is safe for concurrent use.
type book struct {
	file *state
	log  *slog.Logger

	mu   sync.Mutex
	held map[string]*record // by id
}

// newBook returns a book of the messages that the file has.
func newBook(file *state, log *slog.Logger, left []*record) *book {
	b := &book{file: file, log: log, held: map[string]*record{}}
	for _, r := range left {
		r.written = true
		b.add(r)
	}
	return b
}

// add takes in a message that is about to be submitted.
func (b *book) add(r *record) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.held[r.ID] = r
}

// drop forgets a message that was not accepted.
func (b *book) drop(id string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.held, id)
}

// settled notes the outcome of a message. Recipients that the end of the Sender has cut
// off stay held; the others are reported.
func (b *book) settled(result *smtpace.Result) {
	id := result.ID.(string)
	var open []string
	for i := range result.Recipients {
		to := &result.Recipients[i]
		if to.SafeToResend() && errors.Is(to.Err, smtpace.ErrClosed) {
			open = append(open, to.Address)
			continue
		}
		b.log.Info("settled", "id", id, "to", to.Address, "status", to.Status.String(), "reason", reason(to.Err))
	}
	b.mu.Lock()
	r := b.held[id]
	if len(open) > 0 {
		r.To = open
	} else {
		delete(b.held, id)
	}
	b.mu.Unlock()
	if r.written && len(open) == 0 {
		b.file.settled(id)
	}
}

// reason returns the text of an error; "" for none.
func reason(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// write writes all that is held to the file and returns its number.
func (b *book) write() (n int, err error) {
	b.mu.Lock()
	held := slices.Collect(maps.Values(b.held))
	b.mu.Unlock()
	return len(held), b.file.write(held)
}
