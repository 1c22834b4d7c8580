package main

import (
	"errors"
	"strings"
	"testing"
)

func TestMedian(t *testing.T) {
	for _, test := range []struct {
		name   string
		values []float64
		want   float64
	}{
		{"none", nil, 0},
		{"one", []float64{3}, 3},
		{"two", []float64{4, 1}, 2.5},
		{"three", []float64{9, 1, 2}, 2},
		{"four", []float64{9, 1, 2, 4}, 3},
		{"an outlier", []float64{10, 11, 9, 10_000, 10}, 10},
	} {
		if got := median(test.values); got != test.want {
			t.Errorf("%s: median %v, want %v", test.name, got, test.want)
		}
	}
	values := []float64{3, 1, 2}
	if median(values); values[0] != 3 {
		t.Error("median has sorted its argument")
	}
}

// sample returns a report in which smtpace reaches 6,000 a second, and 190 far
// away.
func sample() *report {
	rep := newReport([]row{{name: goMailKept}, {name: boundRow}, {name: goalRow}}, []cell{near, far})
	set := func(row string, c cell, rates ...float64) { rep.figure(row, c).rates = rates }
	set(goalRow, near, 5_000, 6_000, 60_000)
	set(goalRow, far, 180, 190, 200)
	set(goMailKept, near, 2_000)
	set(goMailKept, far, 28, 27.5, 29)
	set(boundRow, near, 12_000)
	set(boundRow, far, 200)
	for _, f := range rep.figures {
		f.connections = connections
	}
	return rep
}

func TestRatio(t *testing.T) {
	rep := sample()
	rep.figure(smtppoolRow, near).rates = []float64{1, 2}
	rep.figure(smtppoolRow, near).err = errors.New("stored too few")
	for _, test := range []struct {
		against string
		in      cell
		want    float64
	}{
		{goMailKept, near, 3},
		{boundRow, near, 0.5},
		{boundRow, far, 0.95},
		{goalRow, far, 1},
		{goMailKept, farMany, 0}, // not measured
		{sourceRow, near, 0},     // no such row
		{smtppoolRow, near, 0},   // an error
	} {
		if got := rep.ratio(test.against, test.in); got != test.want {
			t.Errorf("%s, %v: ratio %v, want %v", test.against, test.in, got, test.want)
		}
	}
}

func TestVerdict(t *testing.T) {
	g := goal{against: goMailKept, in: far, atLeast: 6.5}
	for ratio, want := range map[float64]string{
		0:     "goal >= 6.5x: not measured",
		6.496: "goal >= 6.5x: measured 6.50x missed",
		6.5:   "goal >= 6.5x: measured 6.50x ok",
		16.94: "goal >= 6.5x: measured 16.9x ok",
	} {
		if got := g.verdict(ratio); got != goMailKept+", 1 KiB, 1 rcpt, 20 ms: "+want {
			t.Errorf("%v: %q, want %q", ratio, got, want)
		}
	}
}

func TestFormatRate(t *testing.T) {
	for rate, want := range map[float64]string{
		9.46: "9.5", 99.94: "99.9", 100.4: "100", 999.6: "1,000", 12345: "12,345", 1234567: "1,234,567",
	} {
		if got := formatRate(rate); got != want {
			t.Errorf("%v: %q, want %q", rate, got, want)
		}
	}
}

func TestErrorsAndFewer(t *testing.T) {
	rep := sample()
	var out strings.Builder
	if rep.fewer(&out); rep.errors(&out) || out.Len() > 0 {
		t.Errorf("a clean report says %q", out.String())
	}
	rep.figure(boundRow, far).err = errors.New("stored too few")
	rep.figure(goalRow, near).connections = 3
	if rep.fewer(&out); !rep.errors(&out) {
		t.Error("no error is reported")
	}
	want := goalRow + ", 1 KiB, 1 rcpt, 0 ms: used 3 connections at the same time\n" +
		"error: " + boundRow + ", 1 KiB, 1 rcpt, 20 ms: stored too few\n"
	if out.String() != want {
		t.Errorf("said %q, want %q", out.String(), want)
	}
}
