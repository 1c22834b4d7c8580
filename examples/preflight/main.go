// Preflight says whether a sender is fit to send mail in bulk: what receivers will find
// wrong with its DNS, its addresses, its relay and its message, and how to mend it.
//
//	preflight -from news@example.com -relay mail.example.com:587 -user news -password-env SMTP_PASSWORD \
//	          -source 192.0.2.10 -dkim-selector 2026 -message news.eml
//	preflight -limits gmail.com,outlook.com -profiles builtin
//
// It sends no mail. "preflight -h" explains the flags.
//
// The exit status is 0 if nothing is wrong, 1 for warnings if -strict is given, 2 for a
// failure, and 3 for a mistake in the flags or files, or an interrupt. What nobody knows,
// because DNS or a server does not answer, changes nothing.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/smtpace/smtpace/preflight"
)

// The exit statuses.
const (
	statusOK    = 0
	statusWarn  = 1 // with -strict
	statusFail  = 2
	statusUsage = 3
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr, nil))
}

// run runs the program and returns its exit status. change, if it is not nil, changes the options of Check.
func run(ctx context.Context, args []string, stdout, stderr io.Writer, change func(*preflight.Options)) int {
	o, err := parseOptions(args)
	if errors.Is(err, flag.ErrHelp) {
		printUsage(stdout)
		return statusOK
	}
	if err != nil {
		fmt.Fprintf(stderr, "preflight: %s\npreflight: -h explains the flags\n", strings.ReplaceAll(err.Error(), "\n", "\npreflight: "))
		return statusUsage
	}
	if change != nil {
		change(&o.check)
	}
	r := report{strict: o.strict}
	if o.checks() {
		progress := newProgress(stderr)
		o.check.Progress = progress.show
		r.Findings = preflight.Check(ctx, o.sender, o.check)
		progress.clear()
	}
	if len(o.limits) > 0 {
		if r.Limits, err = preflight.Limits(o.config(), o.limits...); err != nil {
			for line := range strings.SplitSeq(err.Error(), "\n") {
				fmt.Fprintf(stderr, "preflight: -limits: %s\n", strings.TrimPrefix(line, "preflight: "))
			}
			return statusUsage
		}
	}
	if err := r.print(stdout, o.json, newColours(stdout)); err != nil {
		fmt.Fprintf(stderr, "preflight: standard output: %v\n", err)
		return statusUsage
	}
	if ctx.Err() != nil {
		fmt.Fprintln(stderr, "preflight: interrupted")
		return statusUsage
	}
	return r.status()
}

// report is the findings.
type report struct {
	Findings []preflight.Finding      `json:"findings,omitempty"`
	Limits   []preflight.DomainLimits `json:"limits,omitempty"`
	strict   bool
}

// status returns the exit status.
func (r report) status() int {
	switch worst := preflight.Worst(r.Findings); {
	case worst == preflight.Fail:
		return statusFail
	case worst == preflight.Warn && r.strict:
		return statusWarn
	}
	return statusOK
}

// print prints the report as JSON or for people.
func (r report) print(w io.Writer, asJSON bool, c colours) error {
	if asJSON {
		out := json.NewEncoder(w)
		out.SetEscapeHTML(false)
		out.SetIndent("", "  ")
		return out.Encode(r)
	}
	var b strings.Builder
	if len(r.Findings) > 0 {
		printFindings(&b, r.Findings, c)
	}
	for _, d := range r.Limits {
		printLimits(&b, d, c)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
