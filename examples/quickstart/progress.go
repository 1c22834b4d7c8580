package main

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/smtpace/smtpace/smtptest"
)

// showProgress prints a line each second, and a last one when the function it
// returns is called; after that it prints no more.
func showProgress(w io.Writer, receiver *smtptest.Server, messages int) (stop func()) {
	start := time.Now()
	line := func() {
		s := receiver.Stats()
		fmt.Fprintf(w, "  %4.1f s  %3d of %d delivered, %3d refused, open connections: %d\n",
			time.Since(start).Seconds(), s.Messages, messages, s.Throttled, s.Open)
	}
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		ticker := time.NewTicker(time.Second)
		defer ticker.Stop()
		for {
			select {
			case <-done:
				line()
				return
			case <-ticker.C:
				line()
			}
		}
	})
	return func() {
		close(done)
		wg.Wait()
	}
}
