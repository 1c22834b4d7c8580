package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/smtpace/smtpace/preflight"
)

// colours are the control sequences (ECMA-48 8.3.117) for each level; none where they
// are not wanted.
type colours map[preflight.Level]string

const plain = "\x1b[0m"

// newColours returns colours for a terminal that has them, unless NO_COLOR is set.
func newColours(w io.Writer) colours {
	if !isTerminal(w) || os.Getenv("NO_COLOR") != "" {
		return nil
	}
	return colours{preflight.OK: "\x1b[32m", preflight.Warn: "\x1b[33m", preflight.Fail: "\x1b[31m", preflight.Unknown: "\x1b[36m"}
}

// isTerminal reports whether w is a terminal that knows control sequences.
func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb"
}

// paint returns a text in the colour of a level.
func (c colours) paint(l preflight.Level, text string) string {
	if c[l] == "" {
		return text
	}
	return c[l] + text + plain
}

// printFindings prints a line for each finding, what to do below it, and a summary.
func printFindings(w io.Writer, found []preflight.Finding, c colours) {
	counts := map[preflight.Level]int{}
	for _, f := range found {
		counts[f.Level]++
		what := f.Why
		if f.Subject != "" {
			what = f.Subject + ": " + what
		}
		fmt.Fprintf(w, "%s %-17s  %s\n", c.paint(f.Level, fmt.Sprintf("%-7s", f.Level)), f.ID, what)
		if f.Mend != "" {
			fmt.Fprintf(w, "%8sdo:      %s\n", "", f.Mend)
		}
		if f.Record != "" {
			fmt.Fprintf(w, "%8spublish: %s\n", "", f.Record)
		}
		if f.Mend != "" {
			fmt.Fprintf(w, "%8ssee:     %s\n", "", f.Reference)
		}
	}
	fmt.Fprintf(w, "\n%d ok, %d warnings, %d failures, %d unknown\n",
		counts[preflight.OK], counts[preflight.Warn], counts[preflight.Fail], counts[preflight.Unknown])
}

// printLimits prints the limits of a domain, those that are overridden in brackets.
func printLimits(w io.Writer, d preflight.DomainLimits, c colours) {
	fmt.Fprintf(w, "\n%s", d.Domain)
	if d.Destination != d.Domain {
		fmt.Fprintf(w, ", with all of %s", d.Destination)
	}
	fmt.Fprintln(w)
	for _, b := range d.Bounds {
		value, level := b.Value, preflight.OK
		if !b.Binds {
			value, level = "("+value+")", preflight.Unknown
		}
		source := b.Source
		if b.Customary {
			source += " (a rule of thumb)"
		}
		if b.Note != "" {
			source += ": " + b.Note
		}
		scope := b.Scope
		if scope == "relay" {
			scope += " " + b.Name
		}
		fmt.Fprintf(w, "  %-12s %-16s %s %-8s %s\n", scope, b.Key, c.paint(level, fmt.Sprintf("%-18s", value)), b.Origin, source)
	}
	if len(d.Help) > 0 {
		fmt.Fprintf(w, "  ask: %s\n", strings.Join(d.Help, ", "))
	}
}

// progress is a line on a terminal that says what is waited for.
type progress struct {
	w  io.Writer
	on bool
}

func newProgress(w io.Writer) progress { return progress{w, isTerminal(w)} }

// maxProgress is the width of the line.
const maxProgress = 78

// show replaces the line.
func (p progress) show(now preflight.Progress) {
	if !p.on {
		return
	}
	line := fmt.Sprintf("%d of %d, waiting for %s", now.Done, now.Total, strings.Join(now.Waiting, ", "))
	if len(line) > maxProgress {
		line = line[:maxProgress-3] + "..."
	}
	fmt.Fprintf(p.w, "\r\x1b[K%s", line)
}

// clear erases the line.
func (p progress) clear() {
	if p.on {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}

const usage = `Usage:
  preflight -from ADDRESS [-relay HOST:PORT] [-source IP] [-message FILE] [flags]
  preflight -limits DOMAIN,DOMAIN [-profiles FILE] [-memory FILE]

Says what receivers will find wrong with mail of a sender, and how to mend it; or
which limits hold for mail to a domain. It sends no mail.

`

// printUsage explains the flags.
func printUsage(w io.Writer) {
	io.WriteString(w, usage)
	fs := (&options{}).flags()
	fs.VisitAll(func(f *flag.Flag) {
		name, text := flag.UnquoteUsage(f)
		fmt.Fprintf(w, "  -%s\n      %s\n", strings.TrimSpace(f.Name+" "+name), text)
	})
	io.WriteString(w, "\nExit status: 0 nothing wrong, 1 warnings (with -strict), 2 failures, 3 a mistake in the flags.\n")
}
