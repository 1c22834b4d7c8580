package main

import (
	"io"
	"os"
	"strings"
	"testing"
	"time"
)

// TestMain lets the test binary be the receiver's process, too.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == receiverArg {
		exit(receive(os.Args[2]))
	}
	os.Exit(m.Run())
}

func TestParse(t *testing.T) {
	for _, test := range []struct {
		name, args string
		want       string // in the error; "" is none
	}{
		{"defaults", "", ""},
		{"all flags", "-quick -rtt 1ms,2ms -only smtpace -n 8 -rounds 2 -cpuprofile /", ""},
		{"unknown flag", "-slow", "-slow"},
		{"argument", "quick", `"quick"`},
		{"negative messages", "-n -1", "-n"},
		{"negative rounds", "-rounds -1", "-rounds"},
		{"round trip without unit", "-rtt 20", `-rtt: round trip "20"`},
		{"negative round trip", "-rtt -1ms", `-rtt: round trip "-1ms"`},
		{"round trip twice", "-rtt 0,0ms", "twice"},
		{"bad pattern", "-only (", "-only"},
		{"no row", "-only sendmail", `no row matches "sendmail"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := parse(strings.Fields(test.args), io.Discard)
			switch {
			case test.want == "" && err != nil:
				t.Errorf("parse: %v", err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Errorf("error %v, want one with %q", err, test.want)
			}
		})
	}
}

func TestParseDefaults(t *testing.T) {
	s, err := parse(nil, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	all := cells(s.sizes, []int{1, 10}, s.trips)
	if len(all) != 8 || s.plan.rounds != 3 {
		t.Errorf("%d cells, %d rounds; want 8 and 3", len(all), s.plan.rounds)
	}
	for _, g := range goals {
		if s.trips[0] != near.trip || s.trips[1] != g.in.trip && g.in.trip != 0 {
			t.Errorf("round trips %v do not include that of %v", s.trips, g.in)
		}
	}
}

// TestRun is a run of everything that sends at once, so that it takes a second.
func TestRun(t *testing.T) {
	var stdout, stderr strings.Builder
	err := run(strings.Fields("-n 16 -rounds 1 -rtt 0,2ms -only smtpace|bound -cpuprofile "+t.TempDir()), &stdout, &stderr)
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	for _, want := range []string{
		"| 50 KiB, 10 rcpt, 2 ms |", "| " + goalRow + " |", boundRow + ", 1 KiB, 1 rcpt, 0 ms: goal >= 0.7x: measured ",
		sourceRow + ", 1 KiB, 1 rcpt, 0 ms: goal >= 0.7x: not measured", "allocations", time.Now().Format("2006-"),
	} {
		if !strings.Contains(stdout.String(), want) {
			t.Errorf("the report has no %q:\n%s", want, stdout.String())
		}
	}
}
