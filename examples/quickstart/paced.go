package main

import (
	"context"

	"github.com/smtpace/smtpace"
	"github.com/smtpace/smtpace/smtptest"
	"github.com/wneessen/go-mail"
)

// sendPaced hands the list to smtpace, which is told where the receiver is,
// and nothing about what it allows.
func sendPaced(ctx context.Context, receiver *smtptest.Server, list []*mail.Msg) error {
	sender, err := newSender(receiver)
	if err != nil {
		return err
	}
	defer sender.Close()
	return sendAll(ctx, sender, list)
}

func newSender(receiver *smtptest.Server) (*smtpace.Sender, error) {
	return smtpace.New(smtpace.Config{Relays: []smtpace.Relay{{
		Addr:        receiver.Addr,
		TLSConfig:   receiver.ClientTLS(), // trusts the receiver's certificate
		DialContext: receiver.DialContext,
	}}})
}

// sendAll sends a list and returns when all of it is settled.
func sendAll(ctx context.Context, sender *smtpace.Sender, list []*mail.Msg) error {
	messages := func(yield func(smtpace.Message) bool) {
		for _, m := range list {
			if !yield(smtpace.Message{Msg: m}) {
				return
			}
		}
	}
	// A real program would look at the results; here the receiver is asked.
	return sender.SendAll(ctx, messages, func(*smtpace.Result) {})
}
