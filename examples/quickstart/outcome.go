package main

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/smtpace/smtpace/smtptest"
)

// outcome is the end of a list, by the receiver's own count.
type outcome struct {
	name      string
	delivered int // recipients who got their message
	lost      int // recipients who did not
	copies    int // of a message, beyond the first
	refused   int // replies given because of a limit or the greylist
	took      time.Duration
}

func judge(receiver *smtptest.Server, messages int, took time.Duration) outcome {
	o := outcome{took: took, refused: receiver.Stats().Throttled}
	got := map[string]bool{}
	for _, t := range receiver.Transactions() {
		if !t.Accepted {
			continue
		}
		for _, to := range t.To() {
			if got[to] {
				o.copies++
			}
			got[to] = true
		}
	}
	o.delivered, o.lost = len(got), messages-len(got)
	return o
}

func printTable(w io.Writer, outcomes []outcome) error {
	t := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	fmt.Fprint(t, "\n\tdelivered\tlost\trefused by the receiver\ttime\n")
	for _, o := range outcomes {
		fmt.Fprintf(t, "%s\t%9d\t%4d\t%23d\t%4.1f s\n", o.name, o.delivered, o.lost, o.refused, o.took.Seconds())
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, o := range outcomes {
		if o.copies > 0 {
			fmt.Fprintf(w, "%s sent %d copies too many.\n", o.name, o.copies)
		}
	}
	return nil
}
