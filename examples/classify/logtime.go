package main

import (
	"strings"
	"time"
)

// splitTime cuts the time off the beginning of a line of a log: "Nov 23
// 10:11:12", "2026-11-23 10:11:12" or RFC 3339, with or without fractions. It is
// zero where there is none. A time without a year has the year 0.
func splitTime(line string) (time.Time, string) {
	for _, form := range []struct {
		layout string
		blanks int // within the time
	}{
		{time.RFC3339, 0},
		{"2006-01-02 15:04:05 -0700", 2},
		{"2006-01-02 15:04:05", 1},
		{time.Stamp, 2},
	} {
		n := fieldsEnd(line, form.blanks+1)
		if t, err := time.Parse(form.layout, line[:n]); err == nil {
			return t, strings.TrimPrefix(line[n:], " ")
		}
	}
	return time.Time{}, line
}

// fieldsEnd is where the n-th word of a line ends.
func fieldsEnd(line string, n int) int {
	at := 0
	for ; n > 0; n-- {
		at += len(line[at:]) - len(strings.TrimLeft(line[at:], " "))
		if i := strings.IndexByte(line[at:], ' '); i >= 0 {
			at += i
		} else {
			at = len(line)
		}
	}
	return at
}

// formatTime is the inverse of splitTime.
func formatTime(t time.Time) string {
	if t.Year() == 0 {
		return t.Format(time.Stamp)
	}
	return t.Format(time.DateTime)
}
