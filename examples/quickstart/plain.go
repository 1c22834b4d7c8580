package main

import (
	"context"
	"net"
	"strconv"
	"sync"

	"github.com/smtpace/smtpace/smtptest"
	"github.com/wneessen/go-mail"
)

// sendPlain runs the loop that is written first: a few goroutines, one
// DialAndSend for each message. A message whose sending fails is lost, as it
// is wherever the error is only logged.
func sendPlain(ctx context.Context, receiver *smtptest.Server, list []*mail.Msg) error {
	client, err := newClient(receiver)
	if err != nil {
		return err
	}
	work := make(chan *mail.Msg)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			for m := range work {
				_ = client.DialAndSendWithContext(ctx, m) // "log and go on"
			}
		})
	}
	for _, m := range list {
		work <- m
	}
	close(work)
	wg.Wait()
	return nil
}

func newClient(receiver *smtptest.Server) (*mail.Client, error) {
	host, port, err := net.SplitHostPort(receiver.Addr)
	if err != nil {
		return nil, err
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		return nil, err
	}
	tlsConfig := receiver.ClientTLS() // trusts the receiver's certificate
	tlsConfig.ServerName = host
	return mail.NewClient(host, mail.WithPort(n), mail.WithTLSConfig(tlsConfig),
		mail.WithDialContextFunc(receiver.DialContext))
}
