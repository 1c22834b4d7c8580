package main

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"strings"
	"time"

	"github.com/smtpace/smtpace"
	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/smtptest"
	"github.com/smtpace/smtpace/throttle"
	"github.com/wneessen/go-mail"
)

// inFlight bounds the messages of go-mail in the hands of a Sender.
const inFlight = 512

// send sends o.n messages and prints the time waited on mutexes.
func (o options) send(ctx context.Context) error {
	next, give, err := o.source()
	if err != nil {
		return err
	}
	if o.addr == "" {
		srv := smtptest.NewServer(smtptest.Config{StatsOnly: true})
		defer srv.Close()
		o.addr = srv.Addr
	}
	s, err := o.sender()
	if err != nil {
		return err
	}
	defer s.Close()
	if err := sendAll(ctx, s, o.warm, next, give); err != nil {
		return err
	}
	if o.profile != "" {
		runtime.SetMutexProfileFraction(profileFraction)
		defer runtime.SetMutexProfileFraction(0)
	}
	reset()
	waited, start := mutexWait(), time.Now()
	if err := sendAll(ctx, s, o.n, next, give); err != nil {
		return err
	}
	took := time.Since(start)
	waited = mutexWait() - waited
	report(o.n)
	fmt.Printf("%d messages, %d connections, %.2f s, waited on mutexes: %.2f us a message\n",
		o.n, o.connections, took.Seconds(), float64(waited.Nanoseconds())/1e3/float64(o.n))
	if o.profile != "" {
		return writeMutexProfile(o.profile)
	}
	return nil
}

// sender returns a Sender for the relay at o.addr.
func (o options) sender() (*smtpace.Sender, error) {
	wide := throttle.Limits{Connections: o.connections, MessagesPerConnection: throttle.Unlimited}
	// All of one destination wait: one may take two thirds of the whole.
	return smtpace.New(smtpace.Config{
		Relays:  []smtpace.Relay{{Addr: o.addr, TLS: pool.TLSNone, Limits: wide}},
		Process: wide, Destination: wide,
		MaxQueued: max(2*o.n, 10_000), MaxHeld: max(o.n, 10_000),
		MaxQueuedBytes: max(int64(o.n)*4<<10, 1<<30),
	})
}

func sendAll(ctx context.Context, s *smtpace.Sender, n int, next func() smtpace.Message, give func(*smtpace.Result)) error {
	var failed error
	err := s.SendAll(ctx, func(yield func(smtpace.Message) bool) {
		for range n {
			if !yield(next()) {
				return
			}
		}
	}, func(r *smtpace.Result) {
		if err := r.Err(); err != nil {
			failed = err
		}
		give(r)
	})
	if err == nil {
		err = failed
	}
	return err
}

// source returns a function that gives the messages of the shape, and one that takes back
// the settled ones.
func (o options) source() (func() smtpace.Message, func(*smtpace.Result), error) {
	recipients, size := 1, 1<<10
	switch o.shape {
	case "1KiB":
	case "50KiB":
		size = 50 << 10
	case "50rcpt":
		recipients = 50
	case "msg":
		return spareMsgs(size, false)
	case "msgtwice":
		return spareMsgs(size, true)
	default:
		return nil, nil, fmt.Errorf("-shape %q: want 1KiB, 50KiB, 50rcpt, msg or msgtwice", o.shape)
	}
	m := rendered(recipients, size)
	return func() smtpace.Message { return m }, func(*smtpace.Result) {}, nil
}

// spareMsgs gives messages of go-mail, each again after its settlement. Where twice is
// set, each is written to nowhere before.
func spareMsgs(size int, twice bool) (func() smtpace.Message, func(*smtpace.Result), error) {
	spare := make(chan *mail.Msg, inFlight)
	for range inFlight {
		m, err := newMsg(size)
		if err != nil {
			return nil, nil, err
		}
		spare <- m
	}
	next := func() smtpace.Message {
		m := <-spare
		if twice {
			m.WriteTo(io.Discard) // an error shows when it is sent
		}
		return smtpace.Message{Msg: m, ID: m}
	}
	return next, func(r *smtpace.Result) { spare <- r.ID.(*mail.Msg) }, nil
}

func rendered(recipients, size int) smtpace.Message {
	m := smtpace.Message{From: "from@sender.example"}
	for i := range recipients {
		m.To = append(m.To, fmt.Sprintf("r%d@x.example", i))
	}
	m.Data = []byte("From: from@sender.example\r\nSubject: cost\r\n\r\n")
	m.Data = append(m.Data, body(size-len(m.Data))...)
	return m
}

// body returns lines of 64 bytes.
func body(size int) string { return strings.Repeat(strings.Repeat("x", 62)+"\r\n", size/64) }

func newMsg(size int) (*mail.Msg, error) {
	m := mail.NewMsg()
	if err := m.From("from@sender.example"); err != nil {
		return nil, err
	}
	if err := m.To("r0@x.example"); err != nil {
		return nil, err
	}
	m.Subject("cost")
	m.SetBodyString(mail.TypeTextPlain, body(size-300)) // 300: go-mail's header
	return m, nil
}
