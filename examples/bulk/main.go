// Bulk sends one message to each recipient of a list through a relay, at the
// pace that the relay and the receivers behind it allow.
//
//	bulk -relay mail.example.com:587 -user news -password-env SMTP_PASSWORD \
//	     -from news@example.com -to list.csv -message news.eml -report report.jsonl
//
// The list has one address a line, or is CSV with a header that has a column
// email; the values of a row fill the placeholders {{.column}} of the message.
// What is wrong with the list or the message is said before anything is sent.
// "bulk -h" explains the flags.
//
// The last line of the standard output sums the run up, as JSON. The exit status is 0
// when all were delivered, 1 when some were not, 2 when nothing was sent
// because of a mistake in the flags, the files or the relay's settings, or of an
// interrupt while they were read. Later an interrupt, or the end of the terminal,
// finishes what is on the wire and reports the rest as not tried; a second one
// stops at once. With -resume a run goes on where the one before has ended.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// The exit statuses.
const (
	statusDelivered = 0 // all of them
	statusMissed    = 1 // some were not delivered
	statusUsage     = 2 // nothing was sent
)

func main() {
	interrupts := make(chan os.Signal, 2)
	for _, s := range []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP} {
		if !signal.Ignored(s) { // as under nohup
			signal.Notify(interrupts, s)
		}
	}
	signal.Ignore(syscall.SIGPIPE) // whoever reads stderr may go, and the mail still counts
	os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr, interrupts))
}

// run runs the program and returns its exit status. The end of ctx and every interrupt ask it to stop, the
// second of them at once.
func run(ctx context.Context, args []string, stdout, stderr io.Writer, interrupts <-chan os.Signal) int {
	options, err := parseOptions(args, stdout)
	if errors.Is(err, flag.ErrHelp) {
		return statusDelivered
	}
	if err != nil {
		fmt.Fprintf(stderr, "bulk: %v\nbulk: -h explains the flags\n", err)
		return statusUsage
	}
	out := newConsole(stderr)
	c, err := prepare(options, out, interrupts)
	if err != nil {
		out.print("%v", err)
		return statusUsage
	}
	return c.run(ctx, interrupts, stdout)
}
