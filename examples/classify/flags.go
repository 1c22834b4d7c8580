package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
)

const usage = `Usage:
  classify [flags] [FILE ...]

Says which limits of receivers were hit, and what to set, by the logs of a mail
server or a list of replies in the files, or on the standard input, which "-" is
among files. The files of a rotated log are read in their order; gzip, bzip2 and
UTF-16 are unpacked. A list has one reply a line, "REPLY<TAB>STAGE<TAB>PROVIDER",
of which the last two may be left out.

The formats of -log are:
`

// options is the command line.
type options struct {
	json     bool
	format   *format // nil to find it
	auto     bool    // -log auto: the standard input is no list unless it looks like one
	profiles string
	shaping  string
	files    []string
}

// parseOptions reads the command line; -h gives flag.ErrHelp.
func parseOptions(args []string) (options, error) {
	o := options{}
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
	fs.BoolVar(&o.json, "json", false, "print one JSON object for each answer")
	fs.Func("log", "the `FORMAT` of the input (default auto)", o.setLog)
	fs.Func("profiles", "what you know of receivers, `FILE` in the format of package profile", nonEmpty(&o.profiles))
	fs.Func("shaping", "KumoMTA's shaping.toml, `FILE`", nonEmpty(&o.shaping))
	return fs
}

func (o *options) setLog(s string) error {
	o.auto = s == "auto"
	if o.format = formatNamed(s); o.format == nil && !o.auto {
		names := []string{"auto"}
		for _, f := range formats {
			names = append(names, f.name)
		}
		return fmt.Errorf("must be one of %s, %s", strings.Join(names, ", "), anySyslog.name)
	}
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
	fmt.Fprintf(w, "  %-10s found by itself\n", "auto")
	for _, f := range append(formats, anySyslog) {
		fmt.Fprintf(w, "  %-10s %s\n", f.name, f.what)
	}
	io.WriteString(w, "\n")
	fs := new(options).flags()
	fs.SetOutput(w)
	fs.PrintDefaults()
}
