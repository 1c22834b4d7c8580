package main

import (
	"fmt"
	"io"
)

// report prints the survivors, and a table of killed and total by package.
func report(w io.Writer, drawn []mutant, outcomes map[string]outcome, judgements []judgement) {
	type count struct{ total, killed, harmless int }
	var folders []string
	counts := map[string]*count{}
	sum := &count{}
	for _, m := range drawn {
		c := counts[m.Package]
		if c == nil {
			c = &count{}
			counts[m.Package] = c
			folders = append(folders, m.Package)
		}
		c.total++
		sum.total++
		if outcomes[m.key()].Result == killed {
			c.killed++
			sum.killed++
			continue
		}
		fmt.Fprintf(w, "\nsurvived: %s", m)
		if j := harmless(judgements, m); j != nil {
			c.harmless++
			sum.harmless++
			fmt.Fprintf(w, "harmless: %s\n", j.why)
		}
	}
	fmt.Fprintln(w, "\n| package | killed | of | | survivors judged harmless |\n| --- | ---: | ---: | ---: | ---: |")
	row := func(name string, c *count) {
		fmt.Fprintf(w, "| %s | %d | %d | %.1f %% | %d of %d |\n", name, c.killed, c.total, 100*float64(c.killed)/float64(c.total), c.harmless, c.total-c.killed)
	}
	for _, folder := range folders {
		row(folder, counts[folder])
	}
	row("all", sum)
}
