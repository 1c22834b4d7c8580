package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/smtpace/smtpace"
	"github.com/smtpace/smtpace/monitor"
)

// long is a demo that lasts long enough to be looked at.
var long = demo{messages: 2400, connections: standard.connections, rate: standard.rate, burst: standard.burst, greylist: time.Minute}

// show sends the list through smtpace, and shows on a page what happens until ctx
// ends.
func show(ctx context.Context, w io.Writer, d demo, address string) error {
	receiver := d.receiver()
	defer receiver.Close()
	sender, err := newSender(receiver)
	if err != nil {
		return err
	}
	defer sender.Close()
	list, err := d.list()
	if err != nil {
		return err
	}
	stop, err := servePage(w, sender, address)
	if err != nil {
		return err
	}
	defer stop()
	stopProgress := showProgress(w, receiver, len(list))
	err = sendAll(ctx, sender, list)
	stopProgress()
	if err != nil && ctx.Err() == nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// servePage serves the page at an address, says where, and returns a function that
// ends it.
func servePage(w io.Writer, sender *smtpace.Sender, address string) (stop func(), err error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	page := monitor.Handler(sender, monitor.Options{})
	server := &http.Server{Handler: page, ReadHeaderTimeout: 5 * time.Second}
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			fmt.Fprintln(w, err)
		}
	})
	fmt.Fprintf(w, "Look at http://localhost:%d/; Ctrl-C ends it.\n", listener.Addr().(*net.TCPAddr).Port)
	return func() {
		page.Close()
		_ = server.Close() // what it could say concerns connections that end now
		wg.Wait()
	}, nil
}
