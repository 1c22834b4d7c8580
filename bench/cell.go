package main

import (
	"fmt"
	"time"
)

// connections is the number of connections that every sender may have open.
const connections = 4

// cell holds the circumstances of a measurement.
type cell struct {
	size       int // of the text, in bytes
	recipients int
	trip       time.Duration // round trip
}

// cells returns all combinations, in the order of the table.
func cells(sizes, recipients []int, trips []time.Duration) []cell {
	var all []cell
	for _, trip := range trips {
		for _, size := range sizes {
			for _, n := range recipients {
				all = append(all, cell{size: size, recipients: n, trip: trip})
			}
		}
	}
	return all
}

func (c cell) String() string {
	return fmt.Sprintf("%s, %d rcpt, %s", formatSize(c.size), c.recipients, formatTrip(c.trip))
}

func formatSize(n int) string {
	if n%1024 != 0 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%d KiB", n/1024)
}

func formatTrip(d time.Duration) string {
	if d%time.Millisecond != 0 {
		return d.String()
	}
	return fmt.Sprintf("%d ms", d.Milliseconds())
}
