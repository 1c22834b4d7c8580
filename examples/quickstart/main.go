// Quickstart sends one list of mail twice to a receiver that has limits: first
// as a plain loop with 20 goroutines does, then through smtpace. It needs no
// flags and no network, and takes about a quarter of a minute.
//
// The receiver runs in this program, on a loopback port. It allows 3
// connections at once and 20 messages a second, and greylists one domain.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Stdout, standard); err != nil {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		stop()
		os.Exit(1)
	}
}
