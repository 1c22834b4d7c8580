package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"time"

	"github.com/smtpace/smtpace"
	"github.com/wneessen/go-mail"
)

const (
	// mostBytes bounds the body of a request.
	mostBytes = 1 << 20
	// mostRecipients bounds the recipients of a message.
	mostRecipients = 100
	// atOnce is the number of messages that may be accepted at the same time.
	atOnce = 64
	// patience is the time that a request waits where too much mail waits already.
	patience = 2 * time.Second
	// expiry is the time that a message may wait for its receivers.
	expiry = 24 * time.Hour
)

// request is a message as callers give it. Text, HTML or both are needed.
type request struct {
	From    string   `json:"from"`
	To      []string `json:"to"`
	Subject string   `json:"subject"`
	Text    string   `json:"text"`
	HTML    string   `json:"html"`
}

// accept takes a message and answers 202 with its id.
func (s *service) accept(w http.ResponseWriter, r *http.Request) {
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind != "application/json" {
		http.Error(w, "want application/json", http.StatusUnsupportedMediaType)
		return
	}
	select {
	case s.places <- struct{}{}:
		defer func() { <-s.places }()
	default:
		busy(w)
		return
	}
	var asked request
	in := json.NewDecoder(http.MaxBytesReader(w, r.Body, mostBytes))
	in.DisallowUnknownFields()
	if err := in.Decode(&asked); err != nil {
		status := http.StatusBadRequest
		if _, large := errors.AsType[*http.MaxBytesError](err); large {
			status = http.StatusRequestEntityTooLarge
		}
		http.Error(w, "the message cannot be read: "+err.Error(), status)
		return
	}
	held, err := asked.record(time.Now())
	if err == nil {
		s.book.add(held)
		if err = s.submit(r.Context(), held, patience); err != nil {
			s.book.drop(held.ID)
		}
	}
	switch {
	case err == nil:
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusAccepted)
		_ = json.NewEncoder(w).Encode(map[string]string{"id": held.ID}) // an error is one of the connection
	case errors.Is(err, smtpace.ErrInvalid):
		http.Error(w, err.Error(), http.StatusBadRequest)
	default:
		busy(w)
	}
}

// busy answers that the caller should come back.
func busy(w http.ResponseWriter) {
	w.Header().Set("Retry-After", "5")
	http.Error(w, "too much mail waits: come back later", http.StatusServiceUnavailable)
}

// record returns the message as it will be sent, on every try and after a restart. The
// error wraps smtpace.ErrInvalid.
func (q *request) record(now time.Time) (*record, error) {
	invalid := func(err error) error { return fmt.Errorf("%w: %w", smtpace.ErrInvalid, err) }
	if len(q.To) == 0 || len(q.To) > mostRecipients {
		return nil, invalid(fmt.Errorf("to has %d addresses, want 1 to %d", len(q.To), mostRecipients))
	}
	if q.Text == "" && q.HTML == "" {
		return nil, invalid(errors.New("text and html are empty"))
	}
	m := mail.NewMsg()
	if err := errors.Join(m.From(q.From), m.To(q.To...)); err != nil {
		return nil, invalid(err)
	}
	m.Subject(q.Subject)
	m.SetMessageID()
	m.SetDate()
	if q.Text != "" {
		m.SetBodyString(mail.TypeTextPlain, q.Text)
	}
	if q.HTML != "" {
		m.AddAlternativeString(mail.TypeTextHTML, q.HTML)
	}
	var data bytes.Buffer
	if _, err := m.WriteTo(&data); err != nil {
		return nil, invalid(err)
	}
	r := &record{ID: rand.Text(), From: m.GetFrom()[0].Address, Data: data.Bytes(), Expires: now.Add(expiry)}
	for _, to := range m.GetTo() {
		r.To = append(r.To, to.Address)
	}
	return r, nil
}

// submit has a message that is in the book sent. It waits where too much mail waits.
func (s *service) submit(ctx context.Context, r *record, wait time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	_, err := s.sender.Submit(ctx, smtpace.Message{From: r.From, To: r.To, Data: r.Data, ID: r.ID, Expiry: time.Until(r.Expires)}, s.book.settled)
	return err
}

// takeUp submits what the service before has left, which is in the book. What has
// expired meanwhile is reported. What it has not submitted when it fails stays in the
// book.
func (s *service) takeUp(ctx context.Context, left []*record) error {
	for _, r := range left {
		if !r.Expires.After(time.Now()) {
			s.log.Warn("expired while the service was down", "id", r.ID, "to", r.To)
			s.book.drop(r.ID)
			s.book.file.settled(r.ID)
			continue
		}
		if err := s.submit(ctx, r, time.Hour); err != nil && ctx.Err() == nil {
			return fmt.Errorf("message %s of %s: %w", r.ID, s.book.file.name, err)
		}
	}
	s.log.Info("taken up", "messages", len(left))
	return nil
}
