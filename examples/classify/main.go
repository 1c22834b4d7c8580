// Classify reads what receivers answered, from a list of replies or from the
// log of a mail server, and says which limits were hit and what to set.
//
//	classify < replies.txt
//	classify -log postfix /var/log/mail.log
//	classify -json -profiles own.toml < replies.txt
//
// A list has one reply a line, "450 4.2.1 text", and after tabs, if they are
// known, the stage of the session (connect, banner, EHLO, STARTTLS, AUTH, MAIL,
// RCPT, DATA, body, dot, RSET, idle, QUIT) and the provider: the name of a
// profile, a domain or the name of a server. The lines of a long reply stand one
// behind the other: "450-4.2.1 one 450 4.2.1 two".
//
// For each destination the report has how many answers of which class there
// were, which limit binds, since when, what to set it to, and where to ask.
// With -json there is one object for each line of the input instead, in order:
//
//	{"reply":"450 4.2.1 text","class":"recipient-rate-limited","limit":"mailbox-rate",
//	"scope":"recipient","recipient":"later","connection":"keep",
//	"retry_after_seconds":0,"rule":"google-mailbox-rate"}
//
// A line that is no reply has one as well, of class unknown, with a further key
// "error" that says why; a line of a log that tells of no answer has an empty
// reply. Lines have 64 KiB at most.
//
// The exit status is 0, 1 when reading or writing fails, and 2 for a mistake in
// the flags or in the files of -profiles and -shaping.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/smtpace/smtpace/classify"
)

// The exit statuses.
const (
	statusDone  = 0
	statusIO    = 1
	statusUsage = 2
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run is the program.
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
	in, err := openInput(o.files, stdin)
	if err == nil {
		defer in.Close()
		err = process(o, j, in, stdout)
	}
	if err != nil {
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

// process reads all lines and prints what was asked for.
func process(o options, j *judge, in io.Reader, stdout io.Writer) error {
	var sink interface {
		add(answer, classify.Verdict) error
		end() error
	}
	lines := newLineReader(in)
	if o.json {
		sink = newObjects(stdout, lines.drained)
	} else {
		sink = newReport(stdout, j.profiles)
	}
	for lines.next() {
		a := o.format.parse(lines.text, lines.err)
		a.line = lines.number
		if a.fault != nil {
			a.fault = fmt.Errorf("line %d: %w", a.line, a.fault)
		}
		if err := sink.add(j.of(a)); err != nil {
			return err
		}
	}
	if lines.failure != nil {
		return fmt.Errorf("reading: %w", lines.failure)
	}
	return sink.end()
}

// openInput returns the files one after the other, or stdin when there are
// none.
func openInput(names []string, stdin io.Reader) (io.ReadCloser, error) {
	if len(names) == 0 {
		return io.NopCloser(stdin), nil
	}
	all := &files{}
	for _, name := range names {
		f, err := os.Open(name)
		if err != nil {
			all.Close()
			return nil, err
		}
		all.open = append(all.open, f)
	}
	var readers []io.Reader
	for _, f := range all.open {
		readers = append(readers, f)
	}
	all.Reader = io.MultiReader(readers...)
	return all, nil
}

// files are read one after the other.
type files struct {
	io.Reader
	open []*os.File
}

func (f *files) Close() error {
	for _, file := range f.open {
		file.Close()
	}
	return nil
}
