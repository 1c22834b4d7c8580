// Chunking measures what BDAT (CHUNKING, RFC 3030) would gain over DATA as
// package pool writes it, and what it would cost. All senders are bare loops,
// which write bytes made beforehand and look at the first digit of each reply:
//
//   - DATA: the envelope of a message goes out behind the final dot of the one
//     before (RFC 2920 3.1), so that a busy connection spends one round trip a
//     message, and a single message on one that rests takes two;
//   - BDAT 1: a transaction is one write, and one is unanswered at a time: one
//     round trip in either case;
//   - BDAT 2, 4, 8: so many are unanswered. Each begins with a RSET, for what
//     a refused BDAT leaves is indeterminate (RFC 3030 2), and whether the one
//     before is refused is not known yet.
//
// The receivers are a real Postfix, where one is installed and the user is
// root, and one of this program that accepts all mail and keeps nothing. The
// first table has rates and latencies; the second what is ambiguous when a
// connection is lost; the third what is sent in vain when mail is refused.
//
// Postfix sends its replies by Nagle's algorithm, and what it says of MAIL and
// RCPT before it has read a message of more than 4 KiB: then its last reply
// waits until the first is acknowledged, which a client with nothing to write
// puts off for 40 ms. -quickack shows what BDAT would be without.
//
//	go run ./chunking [-rounds 3] [-runs 1000] [-quickack]
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"time"
)

func main() {
	err := run(os.Args[1:], os.Stdout, os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "chunking:", err)
		os.Exit(1)
	}
}

// settings are the values of the flags.
type settings struct {
	rounds int // measurements of each rate
	runs   int // connections lost for each count
	quick  bool
}

func parse(args []string, stderr io.Writer) (s settings, err error) {
	flags := flag.NewFlagSet("chunking", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.IntVar(&s.rounds, "rounds", 3, "measurements of each rate, of which the median counts")
	flags.IntVar(&s.runs, "runs", 1000, "connections that are lost for each count")
	flags.BoolVar(&s.quick, "quickack", false, "acknowledge at once what the server says (Linux)")
	if err := flags.Parse(args); err != nil {
		return s, err
	}
	if flags.NArg() > 0 {
		return s, fmt.Errorf("%q: there are no arguments besides flags", flags.Arg(0))
	}
	if s.rounds < 1 || s.runs < 1 {
		return s, fmt.Errorf("-rounds %d, -runs %d: want 1 or more", s.rounds, s.runs)
	}
	return s, nil
}

func run(args []string, stdout, stderr io.Writer) error {
	s, err := parse(args, stderr)
	if err != nil {
		return err
	}
	start, load := time.Now(), loadAverage()
	if err := speed(s, stdout, stderr); err != nil {
		return err
	}
	fmt.Fprintln(stderr, "losing connections")
	if err := ambiguity(s.runs, stdout); err != nil {
		return err
	}
	fmt.Fprintln(stderr, "refusing mail")
	if err := vain(stdout); err != nil {
		return err
	}
	if s.quick {
		fmt.Fprint(stdout, "\nReplies were acknowledged at once (-quickack).\n")
	}
	fmt.Fprintf(stdout, "\n%s, %d CPUs, load average %s before, %s %s/%s, %v in all\n", start.Format(time.DateOnly),
		runtime.NumCPU(), load, runtime.Version(), runtime.GOOS, runtime.GOARCH, time.Since(start).Round(time.Second))
	return nil
}

// loadAverage returns the load of the last minute as Linux counts it: a busy
// machine measures its other work, too.
func loadAverage() string {
	text, err := os.ReadFile("/proc/loadavg")
	load, _, ok := strings.Cut(string(text), " ")
	if err != nil || !ok {
		return "unknown"
	}
	return load
}
