package main

import (
	"flag"
	"fmt"
	"io"
	"strings"
)

const usage = `Usage:
  bulk -relay HOST:PORT -from ADDRESS -to FILE -message FILE -report FILE [flags]

Sends one mail to each recipient of a list, as fast as the relay and the
receivers behind it allow. Everything is checked before the first mail goes out.
If the run was interrupted, the same command with -resume goes on.
`

// usageGroups are the flags by what they are about.
var usageGroups = []struct{ title, names string }{
	{"Whom and what", "to column charset message from dkim-selector dkim-key dkim-domain preflight"},
	{"Through which server", "relay user password-env auth tls ca cert cert-key helo"},
	{"How fast", "connections rate domain-limit profiles memory expire"},
	{"What became of it", "report resume unknown changed overwrite progress"},
}

// usageWidth is the width of the lines of the help.
const usageWidth = 80

// printUsage explains the flags.
func printUsage(w io.Writer, flags *flag.FlagSet) {
	io.WriteString(w, usage)
	for _, group := range usageGroups {
		fmt.Fprintf(w, "\n%s:\n", group.title)
		for name := range strings.FieldsSeq(group.names) {
			value, text := flag.UnquoteUsage(flags.Lookup(name))
			fmt.Fprintf(w, "  -%s\n", strings.TrimSpace(name+" "+value))
			for _, line := range wrapped(text, usageWidth-6) {
				fmt.Fprintf(w, "      %s\n", line)
			}
		}
	}
	io.WriteString(w, "\nExit status: 0 all delivered, 1 some not, 2 nothing was sent because of a mistake.\n")
}

// wrapped breaks a text into lines of at most width characters.
func wrapped(text string, width int) (lines []string) {
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && len([]rune(line))+1+len([]rune(word)) > width {
			lines, line = append(lines, line), ""
		}
		line = strings.TrimSpace(line + " " + word)
	}
	return append(lines, line)
}
