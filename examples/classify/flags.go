package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

const usage = `Usage:
  classify [flags] [FILE ...]

Says which limits of receivers were hit, and what to set, by the replies in the
files, or on the standard input: one a line, "REPLY<TAB>STAGE<TAB>PROVIDER", of
which the last two may be left out. With -log it reads the log of a mail server.

`

// options is the command line.
type options struct {
	json     bool
	format   format
	profiles string
	shaping  string
	files    []string
}

// format reads the lines of a kind of input.
type format struct {
	// read returns the answer that a line has; the zero answer when it has
	// none.
	read func(line string) answer
}

// formats are the values of -log.
var formats = map[string]format{"postfix": {parsePostfix}, "exim": {parseExim}, "jsonl": {parseJSONL}}

// parse takes a line, or the reason why it cannot be read.
func (f format) parse(line string, err error) answer {
	if err != nil {
		return answer{fault: err}
	}
	return f.read(line)
}

// parseOptions reads the command line; -h gives flag.ErrHelp.
func parseOptions(args []string) (options, error) {
	o := options{format: format{parsePlain}}
	fs := o.flags()
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	o.files = fs.Args()
	return o, nil
}

func (o *options) flags() *flag.FlagSet {
	fs := flag.NewFlagSet("classify", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.Usage = func() {}
	fs.BoolVar(&o.json, "json", false, "print one JSON object for each line of the input")
	fs.Func("log", "read a mail log: postfix, exim, or jsonl, the report of bulk (`FORMAT`)", o.setLog)
	fs.Func("profiles", "what you know of receivers, `FILE` in the format of package profile", nonEmpty(&o.profiles))
	fs.Func("shaping", "KumoMTA's shaping.toml, `FILE`", nonEmpty(&o.shaping))
	return fs
}

func (o *options) setLog(s string) error {
	f, ok := formats[s]
	if !ok {
		return fmt.Errorf("must be one of %s", strings.Join(slices.Sorted(maps.Keys(formats)), ", "))
	}
	o.format = f
	return nil
}

func nonEmpty(to *string) func(string) error {
	return func(s string) error {
		if s == "" {
			return errors.New("must be the name of a file")
		}
		*to = s
		return nil
	}
}

func printUsage(w io.Writer) {
	io.WriteString(w, usage)
	fs := new(options).flags()
	fs.SetOutput(w)
	fs.PrintDefaults()
}
