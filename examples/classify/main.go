// Classify reads what receivers answered, from a list of replies or from the log of a
// mail server, and says which limits were hit and what to set.
//
//	classify /var/log/mail.log*
//	journalctl -u postfix | classify
//	classify -json -profiles own.toml < replies.txt
//
// It finds the format by itself; -h names those that it knows, and -log gives one. The
// files may be packed by gzip or bzip2, and be UTF-16. Those of a rotated log, as
// mail.log, mail.log.1 and mail.log.2.gz, are read in the order in which they were
// written. What containers, journald and syslog have put around the lines is taken off.
// A file of another format is an error, which names the nearest format and the first
// line that does not fit; the other files are read all the same.
//
// A list has one reply a line, "450 4.2.1 text", and after tabs, if they are
// known, the stage of the session (connect, banner, EHLO, STARTTLS, AUTH, MAIL,
// RCPT, DATA, body, dot, RSET, idle, QUIT) and the provider: the name of a
// profile, a domain or the name of a server. The lines of a long reply stand one
// behind the other: "450-4.2.1 one 450 4.2.1 two". The standard input is a list if it
// has no other format.
//
// For each destination the report has how many answers of which class there were, when,
// which limit binds, what to set it to, where to ask, and what to write there. What a
// relay has answered is the relay's, whoever the recipients are. What the mail server
// has decided by itself, for instance that a host cannot be reached, is counted apart,
// and mail to a content filter on the same machine not at all. A reply that the log has
// once for each recipient is one. Lines without an answer are counted, and one of each
// kind is shown.
//
// With -json there is one object for each answer instead, in order, and one for each
// line that has none:
//
//	{"reply":"450 4.2.1 text","class":"recipient-rate-limited","limit":"mailbox-rate",
//	"scope":"recipient","recipient":"later","connection":"keep",
//	"retry_after_seconds":0,"rule":"google-mailbox-rate"}
//
// A line that is no reply has one of class unknown, with a further key "error" that says
// why; a line of a log that tells of no answer has an empty reply. Answers of a log have
// the keys "destination" and "time" as well, and "whose" is "relay" or "own" if they are
// not the receiver's. Lines have 64 KiB at most.
//
// The exit status is 0, 1 when reading or writing fails or a file has another format,
// and 2 for a mistake in the flags or in the files of -profiles and -shaping.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime/debug"
)

// The exit statuses.
const (
	statusDone  = 0
	statusIO    = 1
	statusUsage = 2
)

// heapLimit is the size of the heap, in bytes, before it is collected more often. What the
// report needs is bounded, and less.
const heapLimit = 72 << 20

func main() {
	debug.SetGCPercent(400)
	debug.SetMemoryLimit(heapLimit)
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run runs the program and returns its exit status.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	o, err := parseOptions(args)
	if errors.Is(err, flag.ErrHelp) {
		printUsage(stdout)
		return statusDone
	}
	if err != nil {
		fmt.Fprintf(stderr, "classify: %v\n\n", err)
		printUsage(stderr)
		return statusUsage
	}
	j, err := newJudge(o, stderr)
	if err != nil {
		fmt.Fprintf(stderr, "classify: %v\n", err)
		return statusOf(err)
	}
	if err := process(o, j, stdin, stdout); err != nil {
		fmt.Fprintf(stderr, "classify: %v\n", err)
		return statusIO
	}
	return statusDone
}

// statusOf tells a file that cannot be read from one with mistakes in it.
func statusOf(err error) int {
	if _, ok := errors.AsType[*os.PathError](err); ok {
		return statusIO
	}
	return statusUsage
}
