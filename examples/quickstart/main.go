// Quickstart sends one list of mail twice to a receiver that has limits: first
// as a plain loop with 20 goroutines does, then through smtpace. It needs no
// flags and no network, and takes about a quarter of a minute.
//
// With -http :8080 it sends a list of two minutes through smtpace alone, and shows at
// http://localhost:8080/ what is held back and why, until it is interrupted.
//
// The receiver runs in this program, on a loopback port. It allows 3
// connections at once and 20 messages a second, and greylists one domain.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
)

func main() {
	address := flag.String("http", "", "`address` of a page to look at, such as :8080; a longer list is sent through smtpace alone then")
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "quickstart: %q is no flag; -h explains the only one\n", flag.Arg(0))
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	do := func() error { return run(ctx, os.Stdout, standard) }
	if *address != "" {
		do = func() error { return show(ctx, os.Stdout, long, *address) }
	}
	if err := do(); err != nil {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		stop()
		os.Exit(1)
	}
}
