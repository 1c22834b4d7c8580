package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/smtpace/smtpace/smtptest"
	"github.com/wneessen/go-mail"
)

// demo is the size of the list and what its receiver allows.
type demo struct {
	messages    int           // one recipient each
	connections int           // at once
	rate        int           // messages a second
	burst       int           // messages
	greylist    time.Duration // how long new senders to one domain wait
	patience    time.Duration // longest time of each way
	inMemory    bool          // no socket, so that a test can bend time
}

var standard = demo{
	messages: 120, connections: 3, rate: 20, burst: 10, greylist: 3 * time.Second, patience: 20 * time.Second,
}

// The domains of the list; the receiver greylists the first.
var domains = []string{"greylisting.example", "red.example", "green.example", "blue.example", "white.example"}

// send is one way to send a list through a receiver.
type send func(ctx context.Context, receiver *smtptest.Server, list []*mail.Msg) error

// run sends the list in both ways, each to a receiver that is new, and prints
// how they compare.
func run(ctx context.Context, w io.Writer, d demo) error {
	fmt.Fprintf(w, "The receiver allows %d connections and %d messages a second, and greylists %s for %v.\n",
		d.connections, d.rate, domains[0], d.greylist)
	var outcomes []outcome
	for _, way := range []struct {
		name string
		send send
	}{
		{"go-mail in a loop, 20 goroutines", sendPlain},
		{"smtpace, nothing configured", sendPaced},
	} {
		fmt.Fprintf(w, "\n%s, %d messages:\n", way.name, d.messages)
		o, err := d.try(ctx, w, way.send)
		if err != nil {
			return fmt.Errorf("%s: %w", way.name, err)
		}
		o.name = way.name
		outcomes = append(outcomes, o)
	}
	return printTable(w, outcomes)
}

// try sends a fresh list to a fresh receiver and tells what arrived.
func (d demo) try(ctx context.Context, w io.Writer, send send) (outcome, error) {
	list, err := d.list()
	if err != nil {
		return outcome{}, err
	}
	receiver := d.receiver()
	defer receiver.Close()
	patient, cancel := context.WithTimeout(ctx, d.patience)
	defer cancel()

	start := time.Now()
	stopProgress := showProgress(w, receiver, len(list))
	err = send(patient, receiver, list)
	took := time.Since(start)
	stopProgress()
	switch {
	case ctx.Err() != nil:
		return outcome{}, context.Cause(ctx)
	case err != nil && patient.Err() == nil: // whoever takes too long has lost the rest
		return outcome{}, err
	}
	return judge(receiver, len(list), took), nil
}

// list makes one message for each recipient.
func (d demo) list() ([]*mail.Msg, error) {
	list := make([]*mail.Msg, d.messages)
	for i := range list {
		m := mail.NewMsg()
		if err := m.From("news@sender.example"); err != nil {
			return nil, err
		}
		if err := m.To(fmt.Sprintf("reader%d@%s", i, domains[i%len(domains)])); err != nil {
			return nil, err
		}
		m.Subject("News")
		m.SetMessageID()
		m.SetBodyString(mail.TypeTextPlain, fmt.Sprintf("Hello, reader %d.\n", i))
		list[i] = m
	}
	return list, nil
}
