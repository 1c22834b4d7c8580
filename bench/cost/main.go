// Cost is the program for the measurements of instructions and locks: a receiver, or a
// sender of n equal messages. ../instructions.sh counts its instructions; ../locks counts
// its locks.
//
//	cost receive                                  prints its address; ends with its input
//	cost send -addr ADDR [-n 10000] [-shape 1KiB] [-connections 4] [-warm n] [-mutexprofile file]
//	cost wait [-n 1000000] [-destinations 1] [-ask Stats]
//
// The shapes are 1KiB, 50KiB, 50rcpt, msg (a *mail.Msg of 1 KiB) and msgtwice
// (the same Msg, which is also written to nowhere before it is sent). wait queues messages at
// a relay that answers nothing, and asks once for Stats, Snapshot, Explain or
// Close.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime/metrics"
	"runtime/pprof"
	"time"

	"github.com/smtpace/smtpace/smtptest"
)

// patience bounds every run.
const patience = 5 * time.Minute

// profileFraction is the number of waits for each that the profile holds.
const profileFraction = 10

// writeMutexProfile writes what was waited since the profile was switched on.
func writeMutexProfile(name string) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	return errors.Join(pprof.Lookup("mutex").WriteTo(f, 0), f.Close())
}

// reset and report are replaced by ../locks in the copy that it makes.
var (
	reset  = func() {}
	report = func(messages int) {}
)

func main() {
	if len(os.Args) < 2 {
		fail(fmt.Errorf("receive, send or wait is needed"))
	}
	flags := flag.NewFlagSet(os.Args[1], flag.ExitOnError)
	var o options
	flags.StringVar(&o.addr, "addr", "", "the receiver; empty: one in this process")
	flags.IntVar(&o.n, "n", 10_000, "messages")
	flags.StringVar(&o.shape, "shape", "1KiB", "1KiB, 50KiB, 50rcpt, msg or msgtwice")
	flags.IntVar(&o.connections, "connections", 4, "connections")
	flags.StringVar(&o.profile, "mutexprofile", "", "the file for a mutex profile of send (go tool pprof -top)")
	flags.IntVar(&o.warm, "warm", 0, "messages sent before the count begins")
	flags.IntVar(&o.destinations, "destinations", 1, "destinations of the waiting messages")
	flags.StringVar(&o.ask, "ask", "Stats", "Stats, Snapshot, Explain or Close")
	flags.Parse(os.Args[2:])
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	switch os.Args[1] {
	case "receive":
		srv := smtptest.NewServer(smtptest.Config{StatsOnly: true})
		fmt.Println(srv.Addr)
		io.Copy(io.Discard, os.Stdin)
	case "send":
		fail(o.send(ctx))
	case "wait":
		fail(o.wait(ctx))
	default:
		fail(fmt.Errorf("%q: want receive, send or wait", os.Args[1]))
	}
}

type options struct {
	addr, shape, ask, profile          string
	n, warm, connections, destinations int
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "cost:", err)
		os.Exit(1)
	}
}

// mutexWait returns the time that goroutines of this process have waited for
// mutexes.
func mutexWait() time.Duration {
	sample := []metrics.Sample{{Name: "/sync/mutex/wait/total:seconds"}}
	metrics.Read(sample)
	return time.Duration(sample[0].Value.Float64() * float64(time.Second))
}
